package memsource_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
)

// ExampleOverlay fills the holes of a target's memory from a copy on disk.
func ExampleOverlay() {
	var target, onDisk memsource.Sparse
	target.AddFault(0x1000, 0x1000, memsource.Fault{Reason: memsource.ReasonPagedOut})
	target.Add(0x2000, []byte("changed since"))
	onDisk.Add(0x1000, []byte("header"))
	onDisk.Add(0x2000, []byte("as linked    "))

	both := memsource.Overlay(&target, &onDisk)
	for _, addr := range []uint64{0x1000, 0x2000, 0x1006} {
		b := make([]byte, 6)
		err := memsource.ReadFull(both, b, addr)
		fmt.Printf("%q %v\n", b, err)
	}
	// Output:
	// "header" <nil>
	// "change" <nil>
	// "\x00\x00\x00\x00\x00\x00" 00001006: paged out: pagefile 0 offset 0x0
}

func TestOverlayPictures(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers []string
		want   string
	}{
		{"no layers", nil, "        "},
		{"upper wins", []string{"aa", "bbbb"}, "aabb    "},
		{"upper wins again after a hole", []string{"a  aa  a", "bbbbbbb"}, "abbaabba"},
		{"three", []string{"a", " b", "cccc"}, "abcc    "},
		{"fault shows through a gap", []string{"a   a", "  !!!!"}, "a !!a!  "},
		{"gap does not hide a fault", []string{"!!!!", "  bb"}, "!!bb    "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var layers []memsource.Source
			for _, line := range c.layers {
				s := new(memsource.Sparse)
				for i := range len(line) {
					if line[i] != ' ' {
						addPicture(t, s, 0x1000+16*uint64(i), line[i:i+1])
					}
				}
				layers = append(layers, s)
			}
			if got := picture(memsource.Overlay(layers...), 0x1000); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestOverlaySuite(t *testing.T) {
	upper, lower, bottom := new(memsource.Sparse), &memsource.Sparse{Missing: memsource.ReasonNotInDump}, new(memsource.Sparse)
	text := bytes.Repeat([]byte("sixteen bytes..."), 0x300)
	for _, err := range []error{
		upper.Add(0x1000, text[:0x800]),
		upper.Add(0x3000, text[0x2000:]),
		lower.Add(0x1400, text[0x400:0x1600]),
		bottom.Add(0x2000, text[0x1000:0x2000]),
		bottom.Add(math.MaxUint64-0xfff, text[:0x1000]),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	upper.AddFault(0x800, 0x800, memsource.Fault{Reason: memsource.ReasonPagedOut})
	lower.AddFault(0x4000, 0x1000, memsource.Fault{Reason: memsource.ReasonFileBacked})
	err := memtest.TestSource(memsource.Overlay(upper, lower, memsource.Strict(bottom)),
		memtest.Hole(0x800, 0x800, memsource.ReasonPagedOut),
		memtest.Data(0x1000, text),
		memtest.Hole(0x4000, 0x1000, memsource.ReasonFileBacked),
		memtest.Hole(0x5000, 0x1000, memsource.ReasonNotInDump),
		memtest.Data(math.MaxUint64-0xfff, text[:0x1000]))
	if err != nil {
		t.Error(err)
	}
}

// TestOverlayUnknownHole: where a layer does not know how far its hole goes,
// the rest of that page comes from below and it is asked again at the next.
func TestOverlayUnknownHole(t *testing.T) {
	var asked []uint64
	upper := readerFunc(func(buf []byte, addr uint64) (int, error) {
		asked = append(asked, addr)
		if addr >= 0x2000 {
			clear(buf)
			return len(buf), nil
		}
		return 0, memsource.NewFault(memsource.ReasonUnknown, addr, 0)
	})
	lower := holding(t, 0x1000, bytes.Repeat([]byte{1}, 0x2000))
	buf := make([]byte, 0x1000)
	if err := memsource.ReadFull(memsource.Overlay(upper, lower), buf, 0x1800); err != nil {
		t.Fatal(err)
	}
	if n := bytes.IndexByte(buf, 0); n != 0x800 || fmt.Sprintf("%x", asked) != "[1800 2000]" {
		t.Errorf("upper layer begins at %#x, asked at %x", n, asked)
	}
}

// TestOverlayMostTelling puts every pair of reasons over each other.
func TestOverlayMostTelling(t *testing.T) {
	order := []memsource.Reason{
		memsource.ReasonFileBacked, memsource.ReasonPagedOut, memsource.ReasonDemandZero, memsource.ReasonNoAccess, memsource.ReasonTruncated,
		memsource.ReasonIO, memsource.ReasonNotInDump, memsource.ReasonNotMapped, memsource.ReasonNonCanonical, memsource.ReasonUnknown,
	}
	failing := func(r memsource.Reason, size uint64) memsource.Source {
		return readerFunc(func(_ []byte, addr uint64) (int, error) { return 0, memsource.NewFault(r, addr, size) })
	}
	for i, telling := range order {
		for _, dull := range order[i:] {
			a := memsource.Overlay(failing(telling, 0x20), failing(dull, 0x10))
			b := memsource.Overlay(failing(dull, 0x10), failing(telling, 0x20))
			for _, s := range []memsource.Source{a, b} {
				f := asFault(t, memsource.ReadFull(s, make([]byte, 1), 0x1000))
				if f.Reason != telling || f.Len != 0x10 {
					t.Errorf("%v and %v: %+v", telling, dull, *f)
				}
			}
		}
	}
}

func TestOverlayStopsWhenCanceled(t *testing.T) {
	canceled := readerFunc(func(_ []byte, addr uint64) (int, error) {
		return 0, memsource.NewFault(memsource.ReasonCanceled, addr, 0)
	})
	lower := holding(t, 0x1000, make([]byte, 16))
	for _, s := range []memsource.Source{memsource.Overlay(canceled, lower), memsource.Overlay(new(memsource.Sparse), canceled)} {
		if err := memsource.ReadFull(s, make([]byte, 16), 0x1000); !errors.Is(err, memsource.ErrCanceled) {
			t.Errorf("got %v, want a canceled read", err)
		}
	}
}
