package hexaddr_test

import (
	"fmt"
	"testing"

	"github.com/symres/symres/internal/hexaddr"
)

func ExampleAddr() {
	fmt.Println(hexaddr.Addr(0xfe0c8000))
	fmt.Println(hexaddr.Addr(0xfffff80003b00000))
	// Output:
	// fe0c8000
	// fffff800`03b00000
}

func ExampleWide() {
	fmt.Println(hexaddr.Wide(0x10000))
	// Output: 00000000`00010000
}

func TestAddr(t *testing.T) {
	for _, c := range []struct {
		a    uint64
		want string
	}{
		{0, "00000000"}, {0xffffffff, "ffffffff"}, {0x100000000, "00000001`00000000"},
		{0x6fb37a60000, "000006fb`37a60000"}, {^uint64(0), "ffffffff`ffffffff"},
	} {
		if got := hexaddr.Addr(c.a); got != c.want {
			t.Errorf("Addr(%#x) = %s, want %s", c.a, got, c.want)
		}
	}
}

func FuzzAppend(f *testing.F) {
	for _, n := range []uint64{0, 9, 10, 0xf, 0x10, 0x9af, 0xfe0c8000, 0x123456789abcdef, 1 << 32, 1<<64 - 1} {
		f.Add(n, 1)
		f.Add(n, 8)
		f.Add(n, 16)
	}
	f.Fuzz(func(t *testing.T, n uint64, width int) {
		width = 1 + int(uint(width)%16)
		if got, want := string(hexaddr.Append([]byte("x"), n, width)), fmt.Sprintf("x%0*x", width, n); got != want {
			t.Errorf("%#x in %d digits: %s, want %s", n, width, got, want)
		}
		var b [9]byte
		if hexaddr.Put8(b[1:], uint32(n)); string(b[1:]) != fmt.Sprintf("%08x", uint32(n)) {
			t.Errorf("%#x in eight digits: %s", uint32(n), b[1:])
		}
		if hexaddr.Put4(b[1:], uint16(n)); string(b[1:5]) != fmt.Sprintf("%04x", uint16(n)) {
			t.Errorf("%#x in four digits: %s", uint16(n), b[1:5])
		}
	})
}
