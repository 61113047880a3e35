package memsource_test

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/symres/symres/memsource"
)

func TestFaultText(t *testing.T) {
	for _, c := range []struct {
		f    memsource.Fault
		want string
	}{
		{memsource.Fault{Addr: 0xfe0c8000}, "fe0c8000: unreadable"},
		{memsource.Fault{Addr: 0xfe0c8000, Reason: memsource.ReasonPagedOut, PageFile: 1, PageFileOffset: 0x1234000},
			"fe0c8000: paged out: pagefile 1 offset 0x1234000"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonCompressed, PageFile: 2, PageFileOffset: 0x5000},
			"00001000: compressed: pagefile 2 offset 0x5000"},
		{memsource.Fault{Addr: 0xfffff80003b00000, Reason: memsource.ReasonFileBacked, File: `\Windows\System32\drivers\null.sys`},
			"fffff800`03b00000: not resident: \\Windows\\System32\\drivers\\null.sys at offset 0x0"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonFileBacked, File: "a\x1b[2J\n.sys", FileOffset: 0x400},
			`00001000: not resident: a\x1b[2J\n.sys at offset 0x400`},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonFileBacked, File: "gnp.\u202eexe"},
			`00001000: not resident: gnp.\u202eexe at offset 0x0`},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonFileBacked, File: "\xff.sys"},
			`00001000: not resident: \xff.sys at offset 0x0`},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonFileBacked, Err: errors.New("name is paged out")},
			"00001000: not resident: in a file whose name is not known: name is paged out"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonNotInDump, Physical: 0x2c07123}, "00001000: page 2c07 is not in the dump"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonNotInDump}, "00001000: not in the dump"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonTableNotInDump, Physical: 0x2c07123}, "00001000: page table page 2c07 is not in the dump"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonTableNotInDump}, "00001000: page table not available"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonDemandZero}, "00001000: demand zero"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonNotMapped}, "00001000: not mapped"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonWrongContext}, "00001000: belongs to another session or process"},
		{memsource.Fault{Addr: 1 << 47, Reason: memsource.ReasonNonCanonical}, "00008000`00000000: not a valid address"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonNoAccess}, "00001000: no access"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonTruncated}, "00001000: the dump file ends before this page"},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonIO, Err: errors.New("disk\r\ngone")}, `00001000: read error: disk\r\ngone`},
		{memsource.Fault{Addr: 0x1000, Reason: memsource.ReasonCanceled, Err: context.Canceled}, "00001000: canceled: context canceled"},
	} {
		if got := c.f.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestReasons holds the whole table of what a reason means to a caller.
func TestReasons(t *testing.T) {
	notPresent, pagedOut, notInDump := memsource.ErrNotPresent, memsource.ErrPagedOut, memsource.ErrNotInDump
	all := []error{notPresent, pagedOut, notInDump, memsource.ErrNotMapped, memsource.ErrDemandZero,
		memsource.ErrWrongContext, memsource.ErrNonCanonical, memsource.ErrNoAccess,
		memsource.ErrTruncated, memsource.ErrCanceled, memsource.ErrIO}
	for _, c := range []struct {
		r      memsource.Reason
		status string
		is     []error
	}{
		{memsource.ReasonUnknown, "0xC0000001", nil},
		{memsource.ReasonPagedOut, "0xC0000006", []error{notPresent, pagedOut}},
		{memsource.ReasonFileBacked, "0xC0000006", []error{notPresent, pagedOut}},
		{memsource.ReasonCompressed, "0xC0000006", []error{notPresent, pagedOut}},
		{memsource.ReasonDemandZero, "0xC0000005", []error{notPresent, memsource.ErrDemandZero}},
		{memsource.ReasonNotMapped, "0xC0000005", []error{notPresent, memsource.ErrNotMapped}},
		{memsource.ReasonNotInDump, "0xC0000001", []error{notPresent, notInDump}},
		{memsource.ReasonTableNotInDump, "0xC0000001", []error{notPresent, notInDump}},
		{memsource.ReasonWrongContext, "0xC0000141", []error{notPresent, memsource.ErrWrongContext}},
		{memsource.ReasonNonCanonical, "0xC0000141", []error{memsource.ErrNonCanonical}},
		{memsource.ReasonNoAccess, "0xC0000022", []error{memsource.ErrNoAccess}},
		{memsource.ReasonTruncated, "0xC0000185", []error{notPresent, notInDump, memsource.ErrTruncated}},
		{memsource.ReasonCanceled, "0xC0000120", []error{memsource.ErrCanceled}},
		{memsource.ReasonIO, "0xC0000185", []error{memsource.ErrIO}},
		{memsource.Reason(200), "0xC0000001", nil},
	} {
		f := memsource.NewFault(c.r, 0x1000, 1)
		if f.Status.String() != c.status {
			t.Errorf("%v: status %v, want %s", c.r, f.Status, c.status)
		}
		for _, sentinel := range all {
			want := false
			for _, is := range c.is {
				want = want || is == sentinel
			}
			if got := errors.Is(f, sentinel); got != want {
				t.Errorf("%v: errors.Is(%v) = %v, want %v", c.r, sentinel, got, want)
			}
		}
	}
}

func TestFaultUnwraps(t *testing.T) {
	f := memsource.NewFault(memsource.ReasonIO, 0, 0)
	f.Err = io.ErrClosedPipe
	if !errors.Is(f, io.ErrClosedPipe) {
		t.Error("the cause is lost")
	}
}

func TestFaultAt(t *testing.T) {
	paged := memsource.Fault{Addr: 0x1800, Len: 0x2800, Reason: memsource.ReasonPagedOut, PageFileOffset: 0x7000}
	file := memsource.Fault{Addr: 0x1000, Len: 0x3000, Reason: memsource.ReasonFileBacked, FileOffset: 0x400}
	phys := memsource.Fault{Addr: 0x1000, Len: 0x3000, Reason: memsource.ReasonNotInDump, Physical: 0x9000}
	top := memsource.Fault{Addr: 0, Len: math.MaxUint64, Reason: memsource.ReasonNotMapped}
	for _, c := range []struct {
		name                         string
		f                            memsource.Fault
		at, size, page, offset, phys uint64
	}{
		{"same address", paged, 0x1800, 0x2800, 0x7000, 0, 0},
		{"same page", paged, 0x1fff, 0x2001, 0x7000, 0, 0},
		{"next page", paged, 0x2000, 0x2000, 0x8000, 0, 0},
		{"last byte", paged, 0x3fff, 1, 0x9000, 0, 0},
		{"outside", paged, 0x4000, 0, 0x7000, 0, 0},
		{"before", paged, 0x1000, 0, 0x7000, 0, 0},
		{"file", file, 0x3001, 0xfff, 0, 0x2400, 0},
		{"physical", phys, 0x1234, 0x2dcc, 0, 0, 0x9234},
		{"top", top, math.MaxUint64 - 1, 1, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.f.At(c.at)
			if got.Addr != c.at || got.Len != c.size || got.PageFileOffset != c.page ||
				got.FileOffset != c.offset || got.Physical != c.phys || got.Reason != c.f.Reason {
				t.Errorf("At(%#x) = %+v", c.at, *got)
			}
		})
	}
}
