package nt_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pdb"
)

func fixturePDB(tb testing.TB, name string) *pdb.File {
	tb.Helper()
	b := fixture.Bytes(tb, name)
	f, err := pdb.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

// TestPageLayout reads the positions out of type records and compares them with
// the embedded rows, which were taken from elsewhere.
func TestPageLayout(t *testing.T) {
	for _, c := range []struct {
		name, pdb string
		mode      paging.Mode
		build     uint32 // of the row that the types are of
		other     uint32 // of a row they are not of
	}{
		{"x86 XP", "nt/x86/ntkrnlmp.pdb", paging.ModeX86, 2600, 2600},
		{"x86 7", "pte/x86-7/pte.pdb", paging.ModeX86, 7601, 2600},
		{"PAE XP", "pte/pae-xp/pte.pdb", paging.ModePAE, 2600, 2600},
		{"x64 7", "pte/x64-7/pte.pdb", paging.ModeX64, 7601, 19041},
		{"x64 2004", "nt/x64/ntkrnlmp.pdb", paging.ModeX64, 19041, 7601},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := paging.LayoutFor(c.mode, c.build)
			got, err := nt.PageLayout(fixturePDB(t, c.pdb), paging.LayoutFor(c.mode, c.other))
			if err != nil {
				t.Fatal(err)
			}
			if got.Origin == want.Origin {
				t.Errorf("Origin is %q", got.Origin)
			}
			if got.Origin = want.Origin; got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// TestPageLayoutKeeps: what types do not tell stays.
func TestPageLayoutKeeps(t *testing.T) {
	base := paging.LayoutFor(paging.ModeX86, 2600)
	base.Proto.Base, base.Subsection.Base, base.Subsection.Top = 0xe1234000, 0x81234000, 0xffb00000
	got, err := nt.PageLayout(fixturePDB(t, "nt/x86/ntkrnlmp.pdb"), base)
	if err != nil || got.Proto != base.Proto || got.Subsection != base.Subsection {
		t.Errorf("got %+v, %v", got, err)
	}
	base = paging.LayoutFor(paging.ModeX64, 22621)
	base.InvalidMask, base.MaskKnown = 1<<45, true
	got, err = nt.PageLayout(fixturePDB(t, "nt/x64/ntkrnlmp.pdb"), base)
	if err != nil || got.FileMask != base.FileMask || got.InvalidMask != 1<<45 || !got.MaskKnown {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestPageLayoutMissing: a PDB without the types changes nothing.
func TestPageLayoutMissing(t *testing.T) {
	base := paging.LayoutFor(paging.ModeX64, 19041)
	got, err := nt.PageLayout(fixturePDB(t, "wide/x64/wide.pdb"), base)
	if !errors.Is(err, pdb.ErrNotFound) || got != base {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := nt.InvalidPTEMask(fixturePDB(t, "pte/x64-7/pte.pdb"), &memsource.Sparse{}, 0); !errors.Is(err, pdb.ErrNotFound) {
		t.Errorf("mask of a kernel without one: %v", err)
	}
}

// The mask is where MiState is, by the symbols, and its field, by the types.
func ExampleInvalidPTEMask() {
	const base, mask = 0xfffff80002c00000, 1 << 45
	b, err := fixture.Read("nt/x64/ntkrnlmp.pdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	kernel, err := pdb.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer kernel.Close()
	state, err := kernel.ByName("MiState")
	if err != nil || len(state) != 1 {
		fmt.Println(state, err)
		return
	}
	mem := &memsource.Sparse{}
	mem.Add(base+uint64(state[0].RVA)+0x50, []byte{0, 0, 0, 0, 0, 0x20, 0, 0}) // Hardware is at 40, the mask at 10 of it

	got, err := nt.InvalidPTEMask(kernel, mem, base)
	fmt.Printf("%x %v %v\n", got, got == mask, err)
	_, err = nt.InvalidPTEMask(kernel, &memsource.Sparse{Missing: memsource.ReasonPagedOut}, base)
	fmt.Println(errors.Is(err, memsource.ErrPagedOut))
	// Output:
	// 200000000000 true <nil>
	// true
}

// FuzzPageLayout: a PDB with any damage gives a layout that differs from the
// base in nothing, or positions inside an entry.
func FuzzPageLayout(f *testing.F) {
	b, err := fixture.Read("pte/x86-7/pte.pdb")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0x2000), uint64(0x1234))
	f.Add(uint32(0x5000), uint64(1<<63))
	f.Fuzz(func(t *testing.T, at uint32, v uint64) {
		damaged := bytes.Clone(b)
		for i := range 8 {
			damaged[(int(at)%len(damaged)+i)%len(damaged)] ^= byte(v >> (8 * i))
		}
		p, err := pdb.New(bytes.NewReader(damaged), int64(len(damaged)))
		if err != nil {
			return
		}
		defer p.Close()
		base := paging.LayoutFor(paging.ModeX86, 2600)
		l, err := nt.PageLayout(p, base)
		if err != nil {
			if l != base {
				t.Fatalf("with %v the layout is %+v", err, l)
			}
			return
		}
		for _, field := range []paging.Field{l.PageFile, l.PageFileOffset, l.Protection, l.TransitionFrame, l.VADMarker} {
			if field.Width == 0 || int(field.Shift)+int(field.Width) > 64 {
				t.Fatalf("field %+v", field)
			}
		}
		for _, m := range []paging.Move{l.Proto.High, l.Subsection.High} {
			if m.Width == 0 || int(m.From)+int(m.Width) > 64 || int(m.To)+int(m.Width) > 64 {
				t.Fatalf("move %+v", m)
			}
		}
	})
}
