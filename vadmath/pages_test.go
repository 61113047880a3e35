package vadmath_test

import (
	"errors"
	"testing"

	"github.com/symres/symres/vadmath"
)

func TestPagesBytes(t *testing.T) {
	for _, c := range []struct {
		pages      vadmath.Pages
		page       vadmath.PageSize
		base, size uint64
	}{
		{vadmath.Pages{Start: 0x3fff0, End: 0x3fff7}, vadmath.Page8K, 0x7ffe0000, 0x10000},
		{vadmath.Pages{Start: 0x37d9bd30, End: 0x37d9bd3e}, vadmath.Page8K, 0x6fb37a60000, 0x1e000},
		{vadmath.Pages{Start: 0x37d9bec0, End: 0x37d9bece}, vadmath.Page8K, 0x6fb37d80000, 0x1e000},
		{vadmath.Pages{Start: 0x37d9c910, End: 0x37d9c924}, vadmath.Page8K, 0x6fb39220000, 0x2a000},
		{vadmath.Pages{Start: 0x7ffdc7590, End: 0x7ffdc7787}, vadmath.Page4K, 0x7ffdc7590000, 0x1f8000},
		{vadmath.Pages{Start: 0x78000, End: 0x78045}, vadmath.Page4K, 0x78000000, 0x46000},
		{vadmath.Pages{Start: 0x7ff71aea0, End: 0x7ff71aee8}, vadmath.Page4K, 0x7ff71aea0000, 0x49000},
		{vadmath.Pages{Start: 0x7f78e9e0, End: 0x7f78ea11}, vadmath.Page4K, 0x7f78e9e0000, 0x32000},
		{vadmath.Pages{Start: 1<<52 - 1, End: 1<<52 - 1}, vadmath.Page4K, 0xfffffffffffff000, 0x1000},
		{vadmath.Pages{Start: 1, End: 1<<52 - 1}, vadmath.Page4K, 0x1000, 0xfffffffffffff000},
	} {
		base, size, err := c.pages.Bytes(c.page)
		if err != nil || base != c.base || size != c.size {
			t.Errorf("%x in %#x pages = %x,%x, %v; want %x,%x", c.pages, c.page, base, size, err, c.base, c.size)
		}
	}
}

func TestPagesBytes_refused(t *testing.T) {
	for _, c := range []struct {
		pages vadmath.Pages
		page  vadmath.PageSize
		want  error
	}{
		{vadmath.Pages{Start: 2, End: 1}, vadmath.Page4K, vadmath.ErrReversed},
		{vadmath.Pages{Start: 1 << 52, End: 1 << 52}, vadmath.Page4K, vadmath.ErrOverflow},
		{vadmath.Pages{Start: 0, End: 1 << 51}, vadmath.Page8K, vadmath.ErrOverflow},
		{vadmath.Pages{Start: 0, End: 1<<52 - 1}, vadmath.Page4K, vadmath.ErrOverflow}, // 2^64 bytes
		{vadmath.Pages{Start: 0, End: ^vadmath.VPN(0)}, 1, vadmath.ErrOverflow},
		{vadmath.Pages{Start: 1, End: 1}, 0, vadmath.ErrPageSize},
		{vadmath.Pages{Start: 1, End: 1}, 0x1800, vadmath.ErrPageSize},
	} {
		if base, size, err := c.pages.Bytes(c.page); !errors.Is(err, c.want) || base != 0 || size != 0 {
			t.Errorf("%x in %#x pages = %x,%x, %v; want %v", c.pages, c.page, base, size, err, c.want)
		}
	}
}

func TestPageSizeOf(t *testing.T) {
	for machine, want := range map[uint16]vadmath.PageSize{
		0x14c: 0x1000, 0x8664: 0x1000, 0x1c0: 0x1000, 0x1c2: 0x1000, 0x1c4: 0x1000, 0xaa64: 0x1000,
		0x200: 0x2000, 0x184: 0x2000, 0x284: 0x2000,
	} {
		if got, err := vadmath.PageSizeOf(machine); got != want || err != nil {
			t.Errorf("machine %#x = %#x, %v; want %#x", machine, got, err, want)
		}
	}
	if got, err := vadmath.PageSizeOf(0x266); got != 0 || !errors.Is(err, vadmath.ErrPageSize) {
		t.Errorf("unknown machine = %#x, %v", got, err)
	}
}

func TestFormatAddr(t *testing.T) {
	for _, c := range []struct {
		addr uint64
		bits int
		want string
	}{
		{0xfe0c8000, 32, "fe0c8000"},
		{0xfffffffffe0c8000, 32, "fe0c8000"},
		{0xfffffffffe0c8000, 64, "ffffffff`fe0c8000"},
		{0xfffffffffe0c8000, 0, "ffffffff`fe0c8000"},
		{0xfe0c8000, 64, "00000000`fe0c8000"},
		{0x6fb37a60000, 64, "000006fb`37a60000"},
		{0x6fb37a60000, 0, "000006fb`37a60000"},
		{0x6fb37a60000, 32, "000006fb`37a60000"}, // never cut short
		{0xffffffff7e0c8000, 32, "ffffffff`7e0c8000"},
		{0x42, 0, "00000042"},
	} {
		if got := vadmath.FormatAddr(c.addr, c.bits); got != c.want {
			t.Errorf("FormatAddr(%#x, %d) = %s, want %s", c.addr, c.bits, got, c.want)
		}
		if back, err := vadmath.ParseAddr(c.want); err != nil || uint32(back) != uint32(c.addr) {
			t.Errorf("ParseAddr(%s) = %#x, %v", c.want, back, err)
		}
	}
}

func TestParseAddr(t *testing.T) {
	for s, want := range map[string]uint64{
		"fe0c8000": 0xfe0c8000, "0xFE0C8000": 0xfe0c8000, "0Xfe": 0xfe, "fe0c8000h": 0xfe0c8000,
		"6fb`37a60000": 0x6fb37a60000, "000006fb`37a60000": 0x6fb37a60000, "0x6fb`37a60000": 0x6fb37a60000,
		"0`EEAA1122": 0xeeaa1122, "0n10": 10, "0t17": 15, "0y101": 5, " 10\n": 16, "0": 0, "b0": 0xb0,
		"ffffffffffffffff": ^uint64(0), "00000000000000000001": 1,
	} {
		if got, err := vadmath.ParseAddr(s); got != want || err != nil {
			t.Errorf("ParseAddr(%q) = %#x, %v; want %#x", s, got, err, want)
		}
	}
	for s, want := range map[string]error{
		"": vadmath.ErrSyntax, "0x": vadmath.ErrSyntax, "h": vadmath.ErrSyntax, "xyz": vadmath.ErrSyntax,
		"1`2": vadmath.ErrSyntax, "`37a60000": vadmath.ErrSyntax, "6`fb`37a60000": vadmath.ErrSyntax,
		"-1": vadmath.ErrSyntax, "+1": vadmath.ErrSyntax, "1_0": vadmath.ErrSyntax, "0n1f": vadmath.ErrSyntax,
		"0n1`00000000": vadmath.ErrSyntax, "10000000000000000": vadmath.ErrOverflow, "1 2": vadmath.ErrSyntax,
	} {
		if got, err := vadmath.ParseAddr(s); got != 0 || !errors.Is(err, want) {
			t.Errorf("ParseAddr(%q) = %#x, %v; want %v", s, got, err, want)
		}
	}
}
