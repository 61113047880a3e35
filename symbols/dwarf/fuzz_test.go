package dwarf_test

import (
	"debug/pe"
	"os"
	"testing"

	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols/dwarf"
)

// fuzzed are the sections that are fuzzed.
func fuzzed() [8]string {
	return [...]string{".debug_info", ".debug_abbrev", ".debug_line", ".debug_ranges", ".debug_rnglists", ".debug_addr", ".debug_str", ".debug_str_offsets"}
}

// FuzzTable: whatever is in the sections, the table ends and gives the same answers
// both ways, in either order.
func FuzzTable(f *testing.F) {
	for _, version := range []string{"-gdwarf-2", "-gdwarf-4", "-gdwarf-5"} {
		seed(f, compile(f, "x86_64-w64-windows-gnu", "i386pep", "-O2", version))
	}
	for _, sections := range []map[string][]byte{sharedLines(3, 20), overlapping(5), expanding(10, 10)} {
		add(f, func(name string) []byte { return sections[name] })
	}
	f.Fuzz(func(t *testing.T, rva uint32, info, abbrev, line, ranges, lists, addrs, strs, offsets []byte) {
		sections := map[string][]byte{}
		for i, b := range [][]byte{info, abbrev, line, ranges, lists, addrs, strs, offsets} {
			sections[fuzzed()[i]] = b
		}
		b := symtest.WithSections(sections)
		table, err := dwarf.New(symtest.Image(b))
		if err != nil {
			t.Fatal(err)
		}
		before, _ := table.Frames(rva)
		symtest.Check(t, table)
		again, _ := dwarf.New(symtest.Image(b))
		_ = all(again) // whatever it says
		after, _ := again.Frames(rva)
		if len(before) != len(after) {
			t.Fatalf("%x: %+v, then %+v", rva, before, after)
		}
		for i := range before {
			if before[i] != after[i] || before[i].Inlined && i == len(before)-1 && before[i].Function == "" {
				t.Fatalf("%x: %+v, then %+v", rva, before, after)
			}
		}
	})
}

// seed adds the sections of a program.
func seed(f *testing.F, exe string) {
	b, err := os.Open(exe)
	if err != nil {
		f.Fatal(err)
	}
	defer b.Close()
	image, err := pe.NewFile(b)
	if err != nil {
		f.Fatal(err)
	}
	add(f, func(name string) []byte {
		s := image.Section(name)
		if s == nil {
			return nil
		}
		data, err := s.Data()
		if err != nil {
			f.Fatal(err)
		}
		return data[:min(len(data), int(s.VirtualSize))]
	})
}

func add(f *testing.F, section func(name string) []byte) {
	var s [8][]byte
	for i, name := range fuzzed() {
		s[i] = section(name)
	}
	f.Add(uint32(0x1010), s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7])
}
