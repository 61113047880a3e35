package symbols_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/symbols"
)

// list is a table of symbols sorted by address.
type list struct {
	source symbols.Source
	all    []symbols.Symbol
}

func (l list) Source() symbols.Source { return l.source }

func (l list) All() iter.Seq2[symbols.Symbol, error] {
	return func(yield func(symbols.Symbol, error) bool) {
		for _, s := range l.all {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func (l list) Named(raw string) (found []symbols.Symbol, err error) {
	for _, s := range l.all {
		if s.Raw == raw {
			found = append(found, s)
		}
	}
	return found, nil
}

func (l list) Nearest(rva uint32) (near []symbols.Symbol, err error) {
	for _, s := range l.all {
		switch {
		case s.RVA > rva:
		case len(near) > 0 && near[0].RVA == s.RVA:
			near = append(near, s)
		default:
			near = []symbols.Symbol{s}
		}
	}
	return near, nil
}

// Below implements [symbols.Bounds]: a symbol called after another is a part of it.
func (l list) Below(rva uint32) (symbols.Function, bool, error) {
	near, err := l.Nearest(rva)
	if len(near) == 0 {
		return symbols.Function{}, false, err
	}
	f := symbols.Function{Start: near[0].RVA, End: near[0].RVA + near[0].Size, Parent: near[0].RVA}
	if _, err := fmt.Sscanf(near[0].Raw, "part of %x", &f.Parent); err != nil {
		f.Parent = f.Start
	}
	return f, true, nil
}

func code(source symbols.Source, raw string, rva, size uint32) symbols.Symbol {
	return symbols.Symbol{Raw: raw, RVA: rva, Size: size, Source: source, Code: true}
}

// set has a program of three functions: 1000 (known to all tables), 1100 (known
// by its bounds alone) and 1200 (an export), with a part of 1000 at 1300.
func set(tb testing.TB) *symbols.Set {
	tb.Helper()
	b := fixture.Bytes(tb, "fs_rec/x64/good/fs_rec.sys")
	im, err := symbols.NewImage(nil, bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	im.Sections[0].VirtualAddress, im.Sections[0].VirtualSize = 0x1000, 0x1000
	im.Sections = im.Sections[:1]
	return &symbols.Set{
		Image: im,
		Tables: []symbols.Table{
			list{symbols.SourceDWARF, []symbols.Symbol{code(symbols.SourceDWARF, "main", 0x1000, 0x80)}},
			list{symbols.SourceCOFF, []symbols.Symbol{code(symbols.SourceCOFF, "main", 0x1000, 0), code(symbols.SourceCOFF, "loop", 0x1040, 0)}},
			list{symbols.SourceExport, []symbols.Symbol{code(symbols.SourceExport, "Start", 0x1000, 0), code(symbols.SourceExport, "Go", 0x1200, 0)}},
		},
		Bounds: list{symbols.SourceBounds, []symbols.Symbol{
			code(symbols.SourceBounds, "sub_1000", 0x1000, 0x80), code(symbols.SourceBounds, "sub_1100", 0x1100, 0x40),
			code(symbols.SourceBounds, "sub_1200", 0x1200, 0x40), code(symbols.SourceBounds, "part of 1000", 0x1300, 0x10),
		}},
	}
}

// TestSet_nearest wants the best name of an address, and none of another function.
func TestSet_nearest(t *testing.T) {
	s := set(t)
	for rva, want := range map[uint32]string{
		0x0fff: "",
		0x1000: "main dwarf 80",     // the others are not asked
		0x1050: "main dwarf 80",     // loop is nearer, but a poorer source
		0x1090: "loop coff 40",      // behind main, where nobody knows a function
		0x1120: "sub_1100 pdata 40", // loop and main are other functions
		0x1210: "Go export 40",      // with the size of the bounds
		0x1250: "Go export 40",      // behind it: past its end
		0x1304: "main dwarf 80",     // a part of main
		0x2800: "",                  // another section
	} {
		near, err := s.Nearest(rva)
		got := ""
		if len(near) > 0 {
			got = fmt.Sprintf("%s %v %x", near[0].Raw, near[0].Source, near[0].Size)
		}
		if err != nil || got != want {
			t.Errorf("%x: %q, %v, not %q", rva, got, err, want)
		}
	}
}

// TestSet_all wants each name of an address once.
func TestSet_all(t *testing.T) {
	var got []string
	for s, err := range set(t).All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%x %s %v", s.RVA, s.Raw, s.Source))
	}
	const want = "1000 main dwarf,1040 loop coff,1000 Start export,1200 Go export"
	if strings.Join(got, ",") != want {
		t.Errorf("%s\nnot %s", strings.Join(got, ","), want)
	}
}

// TestSource wants a word for each source, in the order of their worth.
func TestSource(t *testing.T) {
	var words []string
	for s := symbols.SourceUnknown; s <= symbols.SourceDWARF; s++ {
		words = append(words, s.String())
	}
	if got := strings.Join(words, " "); got != "unknown pdata import export coff go dwarf" || (symbols.SourceDWARF+1).String() != "unknown" {
		t.Errorf("%s, %v", got, symbols.SourceDWARF+1)
	}
}

// TestAll_small: an image whose symbol table is larger than what is mapped of it has room
// for all of that.
func TestAll_small(t *testing.T) {
	im := *set(t).Image
	headers := *im.Headers
	headers.SizeOfImage = 0x2000
	im.Headers, im.FileSize = &headers, 30_000*(1+18) // functions of one byte, and a COFF record for each
	all := make([]symbols.Symbol, 30_000)
	for i := range all {
		all[i] = code(symbols.SourceCOFF, fmt.Sprint("f", i), uint32(i), 0)
	}
	listed := 0
	for _, err := range (&symbols.Set{Image: &im, Tables: []symbols.Table{list{symbols.SourceCOFF, all}}}).All() {
		if err != nil {
			t.Fatalf("after %d symbols: %v", listed, err)
		}
		listed++
	}
	if listed != len(all) {
		t.Errorf("%d of %d symbols are listed", listed, len(all))
	}
}

// TestAll_limit: more symbols than an image has bytes for are cut off.
func TestAll_limit(t *testing.T) {
	s := set(t)
	most := 1024 + int(s.Image.FileSize/18)
	for _, n := range []int{most, most + 1} {
		all := make([]symbols.Symbol, n)
		for i := range all {
			all[i] = code(symbols.SourceExport, fmt.Sprint("f", i), uint32(i), 0)
		}
		one := &symbols.Set{Image: s.Image, Tables: []symbols.Table{list{symbols.SourceExport, all}}}
		listed := 0
		var failed error
		for _, err := range one.All() {
			if failed = err; err == nil {
				listed++
			}
		}
		if listed != most || errors.Is(failed, symbols.ErrLimit) != (n > most) {
			t.Errorf("%d of %d symbols listed, %v", listed, n, failed)
		}
	}
}
