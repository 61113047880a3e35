package pdb_test

import (
	"fmt"
	"log"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestCorpusSites: the code of every inline site lies inside the code of the
// one around it. That holds in real files under the right reading of their
// annotations only.
func TestCorpusSites(t *testing.T) {
	total := 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			n, err := open(t, c[1]).CheckSites()
			if err != nil {
				t.Error(err)
			}
			total += n
		})
	}
	if total < 4000 {
		t.Errorf("only %d inline sites in the corpus", total)
	}
}

// TestCorpusInlineNames: every inlined function has a name, those of other
// modules too.
func TestCorpusInlineNames(t *testing.T) {
	foreign := 0
	paths := map[string]bool{}
	for _, c := range corpusPDBs(t) {
		paths[c[1]] = true
	}
	for _, path := range dbghelpPDBs(t) {
		paths[path] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			err := open(t, path).InlineNames(func(id uint32, name string) {
				if name == "" {
					t.Errorf("id %#x has no name", id)
				}
				if id>>31 != 0 {
					foreign++
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	if foreign < 100 {
		t.Errorf("only %d functions inlined from other modules", foreign)
	}
}

// TestSeparatedPieces: code that the linker moved away from its function has the
// name and the inlined functions of it.
func TestSeparatedPieces(t *testing.T) {
	for name, inside := range map[string]bool{"behind_its_function": false, "inside_its_function": true} {
		t.Run(name, func(t *testing.T) {
			p := samplePDB()
			names, at := testStrings(1, `c:\hot.c`)
			p.named["/names"] = names
			c := newTestCode()
			file := c.file(at[0], 0, "")
			c.proc(pdb.KindGProc32, "hot", 1, 0x10, 0x20)
			// In the function, in its first piece and in its second one.
			c.site(0x1001, ops(12, 4, 8, 2, 1, 12, 4, 2, 2, 2, 6, 2, 12, 4, 1))
			c.end()
			if inside {
				c.cold(1, 0x840, 0x10, 0x10)
				c.cold(1, 0x900, 0x10, 0x10)
			}
			c.end()
			if !inside {
				c.cold(1, 0x840, 0x10, 0x10)
				c.cold(1, 0x900, 0x10, 0x10)
			}
			c.cold(1, 0x940, 0x10, 0x700) // of no function
			for i, off := range []uint32{0x10, 0x840, 0x900, 0x940} {
				c.block(1, off, 0x20, false, testRun{file, [][3]uint32{{0, uint32(i) + 1, 0}}})
			}
			c.inlinee(0x1001, file, 50)
			c.addTo(p)
			p.contribMods = []uint16{0, 0, 0, 0}
			f := openImage(t, p.write())
			for rva, want := range map[uint32]string{
				0x1017: "hot:1", 0x1018: ":50 hot:1", 0x1841: "hot:2", 0x1842: ":50 hot:2", 0x1846: "hot:2",
				0x1900: "hot:3", 0x1901: ":51 hot:3", 0x1905: "hot:3", 0x1910: ":3", 0x1940: ":4",
			} {
				list, err := f.Frames(rva)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, fr := range list {
					got = append(got, fmt.Sprintf("%s:%d", fr.Function, fr.Line))
				}
				if strings.Join(got, " ") != want {
					t.Errorf("Frames(%#x) = %q, want %q", rva, got, want)
				}
			}
		})
	}
}

func ExampleFile_Frames() {
	f, err := pdb.Open("../testdata/demo/x64/fs_rec.pdb")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	frames, err := f.Frames(0x1010)
	if err != nil {
		log.Fatal(err)
	}
	for _, fr := range frames { // inlined functions first
		fmt.Printf("%s %s:%d\n", fr.Function, fr.File, fr.Line)
	}
	// Output:
	// FsRecLoadFileSystem c:\fixture\fs_rec.c:49
}

// With an index functions are found by it, and the answers are the same.
func TestCorpusFrames_indexed(t *testing.T) {
	compared := 0
	for _, c := range corpusPDBs(t) {
		plain, indexed := open(t, c[1]), open(t, c[1])
		if _, err := indexed.Index(); err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		ranges, err := plain.CodeRanges()
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
		}
		for i, r := range ranges {
			if i%(1+len(ranges)/500) != 0 {
				continue
			}
			for _, rva := range []uint32{r[0] - 1, r[0], r[0] + r[1]/2, r[0] + r[1] - 1, r[0] + r[1]} {
				want, err1 := plain.Frames(rva)
				got, err2 := indexed.Frames(rva)
				if !slices.Equal(got, want) || (err1 == nil) != (err2 == nil) {
					t.Fatalf("%s, RVA %x: %v, %v with an index; %v, %v without", c[0], rva, got, err2, want, err1)
				}
				compared++
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d addresses were compared", compared)
	}
}
