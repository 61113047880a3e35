package vadmath

import "fmt"

// Region is the region of an IA-64 address: its bits 63 to 61 (Intel Itanium
// Architecture Software Developer's Manual, volume 2). Page numbers of VADs
// belong to region 0, with pages of 8 KB. With three levels of 1024 entries,
// which a page of 8 KB holds, a region has 43 bits; that is computed, and
// agrees with user addresses seen.
type Region uint8

// The regions Windows uses.
const (
	RegionUser    Region = 0
	RegionSession Region = 1 // session space
	RegionKernel  Region = 7
)

// RegionOf returns the region of an address.
func RegionOf(addr uint64) Region { return Region(addr >> 61) }

// String returns "user", "session", "kernel", or the region's number.
func (r Region) String() string {
	switch r {
	case RegionUser:
		return "user"
	case RegionSession:
		return "session"
	case RegionKernel:
		return "kernel"
	}
	return fmt.Sprintf("region %d", uint8(r))
}
