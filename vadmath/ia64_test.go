package vadmath_test

import (
	"fmt"
	"testing"

	"github.com/symres/symres/vadmath"
)

func TestRegion(t *testing.T) {
	for addr, want := range map[uint64]vadmath.Region{
		0:                  vadmath.RegionUser,
		0x6fb37a60000:      vadmath.RegionUser, // the example on Microsoft's page
		0x1fffffffffffffff: vadmath.RegionUser,
		0x2000000000001000: vadmath.RegionSession,
		0x8000000000000000: 4,
		0xe000012601a35e70: vadmath.RegionKernel, // its descriptor
		0xffffffffffffffff: vadmath.RegionKernel,
	} {
		if got := vadmath.RegionOf(addr); got != want {
			t.Errorf("%#x: %v, want %v", addr, got, want)
		}
	}
	if got := fmt.Sprint(vadmath.RegionSession, vadmath.Region(4)); got != "session region 4" {
		t.Errorf("names are %s", got)
	}
}

func ExampleRegionOf() {
	fmt.Println(vadmath.RegionOf(0x6fb37a60000), vadmath.RegionOf(0xe000000082800000), vadmath.RegionOf(0xa000000000000000))
	// Output: user kernel region 5
}
