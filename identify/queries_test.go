package identify_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

func asked(queries []sympath.Query) (all []string) {
	for _, q := range queries {
		all = append(all, q.File+"/"+q.ID.Key())
	}
	return all
}

// TestFacts_ImageQueries: the listed size makes a key where nothing better is
// known, and the image is asked for by every name the target has for it.
func TestFacts_ImageQueries(t *testing.T) {
	cv := func(name string) *pe.CodeView {
		return &pe.CodeView{Kind: pe.CodeViewRSDS, GUID: guid.GUID{1}, Age: 1, Path: name}
	}
	for name, c := range map[string]struct {
		m    identify.Module
		want []string
	}{
		"listed size":     {identify.Module{Image: "a.sys", Size: 0x3000, TimeDateStamp: 0x12}, []string{"a.sys/000000123000", "a.sys/"}},
		"not rounded":     {identify.Module{Image: "a.sys", Size: 0x3000, SizeOfImage: 0x2e80, TimeDateStamp: 0x12}, []string{"a.sys/000000122e80", "a.sys/000000123000"}},
		"both sizes same": {identify.Module{Image: "a.sys", Size: 0x3000, SizeOfImage: 0x3000, TimeDateStamp: 0x12}, []string{"a.sys/000000123000"}},
		"no stamp":        {identify.Module{Image: "a.sys", Size: 0x3000}, []string{"a.sys/"}},
		"too large":       {identify.Module{Image: "a.sys", Size: 1 << 33, TimeDateStamp: 0x12}, []string{"a.sys/"}},
		"full path":       {identify.Module{Image: "a.sys", Path: `\d\b.sys`, Size: 0x3000, SizeOfImage: 0x3000, TimeDateStamp: 0x12}, []string{"a.sys/000000123000", "b.sys/000000123000"}},
		"kernel": {identify.Module{Image: "ntoskrnl.exe", Path: `\WINDOWS\system32\ntkrnlpa.exe`, CodeView: cv("ntkrpamp.pdb"), Size: 0x3000, SizeOfImage: 0x3000, TimeDateStamp: 0x12},
			[]string{"ntoskrnl.exe/000000123000", "ntkrnlpa.exe/000000123000", "ntkrpamp.exe/000000123000"}},
		"record of another": {identify.Module{Image: "a.sys", CodeView: cv("ntkrpamp.pdb"), Size: 0x3000, SizeOfImage: 0x3000, TimeDateStamp: 0x12}, []string{"a.sys/000000123000"}},
		"dump driver":       {identify.Module{Image: "dump_a.sys", Size: 0x3000, SizeOfImage: 0x3000, TimeDateStamp: 0x12}, []string{"a.sys/000000123000", "dump_a.sys/000000123000"}},
		"hibernation":       {identify.Module{Image: "HIBER_a.SYS", Size: 0x3000, SizeOfImage: 0x3000, TimeDateStamp: 0x12}, []string{"a.SYS/000000123000", "HIBER_a.SYS/000000123000"}},
		"no driver":         {identify.Module{Image: "dump_syms.exe", Size: 0x3000, SizeOfImage: 0x3000, TimeDateStamp: 0x12}, []string{"dump_syms.exe/000000123000"}},
		"no file's name":    {identify.Module{Image: "con.sys", Path: `C:\real.sys`}, []string{"real.sys/"}},
	} {
		f := identify.Gather(t.Context(), identify.Target{Module: c.m, Memory: new(memsource.Sparse)})
		if got := asked(f.ImageQueries()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestPDBQueries: a recorded name that no file can have is mended or falls back
// to the image's.
func TestPDBQueries(t *testing.T) {
	for path, want := range map[string][]string{
		`C:\o\x.pdb`: {"x.pdb"}, "": {"m.pdb"}, `"C:\o\x.pdb"`: {"x.pdb"}, "x.pdb ": {"x.pdb"}, "x.pdb:s": {"x.pdb"}, "bad:name.pdb": {"m.pdb"},
		"x": {"x", "m.pdb"}, "nul.pdb": {"m.pdb"}, "..": {"m.pdb"}, "file.ptr": {"m.pdb"}, "a\x1b.pdb": {"m.pdb"}, " ": {"m.pdb"}, "x.pdb.": {"x.pdb"},
	} {
		cv := &pe.CodeView{Kind: pe.CodeViewRSDS, GUID: guid.GUID{1}, Age: 1, Path: path}
		var got []string
		for _, q := range identify.PDBQueries(`C:\w\m.sys`, cv) {
			if got = append(got, q.File); q.ID != cv.ID() || q.ImageExt != "sys" {
				t.Errorf("%q: %+v", path, q)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

// TestSearch_once: what two queries lead to comes once, and the last word is
// about the first.
func TestSearch_once(t *testing.T) {
	asks := 0
	store := sympath.NewStore("s", func(context.Context, sympath.Query) iter.Seq2[sympath.Candidate, error] {
		asks++
		return func(yield func(sympath.Candidate, error) bool) {
			yield(sympath.NewCandidate("s/a.sys", sympath.OriginCustom, nil), nil)
		}
	})
	s := &identify.Search{Images: store}
	found, last := 0, error(nil)
	for f, err := range s.Image(t.Context(), sympath.Query{File: "a.sys", ID: sympath.Image(1, 2)}, sympath.Query{File: "a.sys"}) {
		if last = err; f != nil {
			found++
		}
	}
	miss, ok := errors.AsType[*sympath.NotFoundError](last)
	if asks != 2 || found != 1 || len(s.Attempts()) != 1 || !ok || miss.Query.ID != sympath.Image(1, 2) {
		t.Errorf("%d asks, %d found, %v, %v", asks, found, s.Attempts(), last)
	}
}
