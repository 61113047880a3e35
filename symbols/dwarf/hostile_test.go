package dwarf_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/dwarf"
)

var le = binary.LittleEndian

// unitOf is a unit of DWARF 4 with these entries.
func unitOf(abbrevs int, entries ...[]byte) []byte {
	body := bytes.Join(entries, nil)
	u := le.AppendUint32(nil, uint32(7+len(body)))
	u = le.AppendUint16(u, 4)
	u = append(le.AppendUint32(u, uint32(abbrevs)), 8)
	return append(u, body...)
}

// entry is one of abbreviation code: its values are bytes, texts, and integers of
// 4 and 8 bytes.
func entry(code byte, values ...any) []byte {
	b := []byte{code}
	for _, v := range values {
		switch v := v.(type) {
		case byte:
			b = append(b, v)
		case uint32:
			b = le.AppendUint32(b, v)
		case uint64:
			b = le.AppendUint64(b, v)
		case string:
			b = append(append(b, v...), 0)
		}
	}
	return b
}

const code = symtest.Base + 0x1000

// repeated are n entries made by make.
func repeated(n int, make func(i int) []byte) []byte {
	var b []byte
	for i := range n {
		b = append(b, make(i)...)
	}
	return append(b, 0)
}

// Abbreviations of the entries below, in the encoding of DWARF.
const (
	abbrevUnit   = "\x01\x11\x01\x11\x01\x00\x00"                         // low_pc
	abbrevRanges = "\x02\x2e\x00\x55\x17\x00\x00"                         // ranges
	abbrevForks  = "\x03\x2e\x00\x31\x13\x47\x13\x11\x01\x12\x06\x00\x00" // two references, low_pc, high_pc
	abbrevLines  = "\x04\x11\x00\x10\x17\x00\x00"                         // stmt_list
	abbrevNamed  = "\x05\x2e\x00\x11\x01\x12\x06\x03\x0e\x00\x00"         // low_pc, high_pc, name in .debug_str
	abbrevLoose  = "\x06\x11\x01\x00\x00"
	abbrevRanged = "\x07\x11\x00\x55\x17\x00\x00"                 // a unit of ranges
	abbrevNested = "\x08\x39\x01\x03\x0e\x00\x00"                 // a namespace
	abbrevFlags  = "\x09\x34\x00"                                 // a variable of many flags
	abbrevLined  = "\x0a\x11\x01\x11\x01\x12\x06\x10\x17\x00\x00" // low_pc, high_pc, stmt_list
	abbrevOuter  = "\x0b\x2e\x01\x11\x01\x12\x06\x00\x00"         // a function with others in it
	abbrevInner  = "\x0c\x1d\x01\x31\x13\x11\x01\x12\x06\x00\x00" // one inlined: origin, low_pc, high_pc
	endOfAbbrevs = "\x00"
	allAbbrevs   = abbrevUnit + abbrevRanges + abbrevForks + abbrevLines + abbrevNamed + abbrevLoose + abbrevRanged + abbrevNested +
		abbrevLined + abbrevOuter + abbrevInner + endOfAbbrevs
)

func sharedLines(units, rows int) map[string][]byte {
	header := "\x01\x01\x01\xfb\x0e\x0d\x00\x01\x01\x01\x01\x00\x00\x00\x01\x00\x00\x01\x00a\x00\x00\x00\x00\x00"
	program := append([]byte{0, 9, 2}, make([]byte, 8)...)
	le.PutUint64(program[3:], code)
	program = append(append(program, bytes.Repeat([]byte{0x20}, rows)...), 0, 1, 1)
	line := le.AppendUint32(nil, uint32(6+len(header)+len(program)))
	line = le.AppendUint32(le.AppendUint16(line, 4), uint32(len(header)))
	info := repeated(units, func(int) []byte { return unitOf(0, entry(4, uint32(0))) })
	return map[string][]byte{".debug_info": info[:len(info)-1], ".debug_abbrev": []byte(allAbbrevs), ".debug_line": append(append(line, header...), program...)}
}

// manyNames are a line table with n folders or, behind one, files.
func manyNames(folders, files int) map[string][]byte {
	names := "\x01\x01\x01\xfb\x0e\x0d\x00\x01\x01\x01\x01\x00\x00\x00\x01\x00\x00\x01" + strings.Repeat("b\x00", folders) + "\x00" +
		strings.Repeat("a\x00\x00\x00\x00", files) + "\x00"
	line := le.AppendUint32(nil, uint32(6+len(names)))
	line = le.AppendUint32(le.AppendUint16(line, 4), uint32(len(names)))
	info := unitOf(0, entry(10, uint64(code), uint32(0x1000), uint32(0)), []byte{0})
	return map[string][]byte{".debug_info": info, ".debug_abbrev": []byte(allAbbrevs), ".debug_line": append(line, names...)}
}

// inlined are n functions inlined into each other.
func inlined(n int) map[string][]byte {
	whole := func(c byte, values ...any) []byte { return entry(c, append(values, uint64(code), uint32(0x1000))...) }
	body := slices.Concat(whole(10), make([]byte, 4), whole(11), bytes.Repeat(whole(12, uint32(0)), n), make([]byte, n+2))
	return map[string][]byte{".debug_info": unitOf(0, body), ".debug_abbrev": []byte(allAbbrevs)}
}

func rangeList(n int) []byte {
	var b []byte
	for i := range n {
		b = le.AppendUint64(le.AppendUint64(b, uint64(4*i)), uint64(4*i+2))
	}
	return append(b, make([]byte, 16)...)
}

// overlapping are units each of whose abbreviations begin in those of the one in
// front of it.
func overlapping(n int) map[string][]byte {
	var info, abbrevs []byte
	for i := range n {
		info = append(info, unitOf(len(abbrevs), []byte{0})...)
		abbrevs = append(binary.AppendUvarint(abbrevs, uint64(i+1)), 0x2e, 0, 0, 0)
	}
	return map[string][]byte{".debug_info": info, ".debug_abbrev": append(abbrevs, 0)}
}

// compressed is a section that claims to expand to so many bytes.
func compressed(b []byte, claim uint64) []byte {
	z := bytes.NewBuffer(binary.BigEndian.AppendUint64([]byte("ZLIB"), claim))
	w := zlib.NewWriter(z)
	_, _ = w.Write(b) // into memory
	_ = w.Close()
	return z.Bytes()
}

func expanding(size int, claim uint64) map[string][]byte {
	info := unitOf(0, entry(1, uint64(code)), entry(5, uint64(code), uint32(16), uint32(7)), []byte{0})
	return map[string][]byte{".debug_info": info, ".debug_abbrev": []byte(allAbbrevs), ".zdebug_str": compressed(make([]byte, size), claim)}
}

// squeezed are units in few bytes.
func squeezed(info []byte) map[string][]byte {
	return map[string][]byte{".zdebug_info": compressed(info, uint64(len(info))), ".debug_abbrev": []byte(allAbbrevs), ".debug_str": []byte("name\x00")}
}

// shared are images whose parts refer to others many times, small ones that ask for
// much work.
func shared() map[string]map[string][]byte {
	info := func(unit ...[]byte) map[string][]byte {
		return map[string][]byte{".debug_info": unitOf(0, unit...), ".debug_abbrev": []byte(allAbbrevs), ".debug_ranges": rangeList(4000),
			".debug_str": append(bytes.Repeat([]byte{'a'}, 16000), 0)}
	}
	first := uint32(11 + 9)
	fork := func(int) []byte { return entry(3, first, first, uint64(code), uint32(4)) }
	long := func(i int) []byte { return entry(5, code+4*uint64(i), uint32(4), uint32(0)) }
	units := info()
	units[".debug_info"] = nil
	for range 4000 {
		units[".debug_info"] = append(units[".debug_info"], unitOf(0, entry(7, uint32(0)))...)
	}
	deep := bytes.Repeat(entry(8, uint32(0)), 30000)
	deep = append(append(deep, long(0)...), make([]byte, 30001)...)
	flags := info(entry(1, uint64(code)), repeated(100_000, func(int) []byte { return []byte{9} }))
	flags[".debug_abbrev"] = append([]byte(abbrevUnit+abbrevFlags), append(bytes.Repeat([]byte{0x3f, 0x19}, 5000), 0, 0, 0)...)
	return map[string]map[string][]byte{
		"lines":         sharedLines(4000, 80_000),
		"ranges":        info(entry(1, uint64(code)), repeated(8000, func(int) []byte { return entry(2, uint32(0)) })),
		"units' ranges": units,
		"abbreviations": overlapping(5000),
		"references":    info(entry(1, uint64(code)), repeated(6000, fork)),
		"long names":    info(entry(1, uint64(code)), repeated(100_000, long)),
		"long scopes":   info(entry(1, uint64(code)), append(deep, 0)),
		"attributes":    flags,
		"folders":       manyNames(900_000, 1),
		"files":         manyNames(1, 400_000),
		"inlined":       inlined(60_000),
		"functions":     squeezed(unitOf(0, entry(1, uint64(code)), repeated(850_000, long))),
		"small units":   squeezed(bytes.Repeat(unitOf(0, entry(1, uint64(code)), long(0), []byte{0}), 200_000)),
		"expanding":     expanding(150<<20, 150<<20),
		"claiming":      expanding(100, 1<<62),
		"cut":           expanding(100, 1<<20),
	}
}

// TestSharedParts wants every question of an image whose parts are shared answered
// within the memory of the smallest budget and what is kept.
func TestSharedParts(t *testing.T) {
	const most = 300 << 20 // bytes allocated; what is alive at a time is a part of it
	cut := 0
	for name, sections := range shared() {
		b := symtest.WithSections(sections)
		if len(b) > 1<<21 {
			t.Fatalf("%s: %d bytes", name, len(b))
		}
		for question, ask := range map[string]func(*dwarf.Table) error{
			"all": all,
			"frames": func(t *dwarf.Table) error {
				_, err := t.Frames(0x1001)
				return err
			},
			"nearest": func(t *dwarf.Table) error {
				_, err := t.Nearest(0x9001)
				return err
			},
			"line": func(t *dwarf.Table) error {
				_, err := t.LineAddresses("a", 1)
				return err
			},
		} {
			table, err := dwarf.New(symtest.Image(b))
			if err != nil {
				t.Fatal(err)
			}
			before := allocated()
			err = ask(table)
			if errors.Is(err, symbols.ErrLimit) {
				cut++
			} else if err != nil && !errors.Is(err, symbols.ErrFormat) {
				t.Errorf("%s, %s: %v", name, question, err)
			}
			if n := allocated() - before; n > most {
				t.Errorf("%s, %s: %d MB allocated", name, question, n>>20)
			}
		}
	}
	if cut < 6 {
		t.Errorf("%d questions were cut off", cut)
	}
}

func all(t *dwarf.Table) (failed error) {
	for _, err := range t.All() {
		failed = errors.Join(failed, err)
	}
	return failed
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestFrames_inlined: functions inlined into each other beyond what compilers do are
// cut off, and it is said.
func TestFrames_inlined(t *testing.T) {
	for n, cut := range map[int]bool{100: false, 1023: false, 1024: true, 60_000: true} {
		table, err := dwarf.New(symtest.Image(symtest.WithSections(inlined(n))))
		if err != nil {
			t.Fatal(err)
		}
		frames, err := table.Frames(0x1001)
		if len(frames) != min(n+1, 1024) || errors.Is(err, symbols.ErrLimit) != cut {
			t.Errorf("%d inlined: %d frames, %v", n, len(frames), err)
		}
	}
}

// TestUnits_place wants addresses found in units that lie in each other, that do
// not say what they cover, and in functions that are entered above another part.
func TestUnits_place(t *testing.T) {
	named := func(at, size uint32, name uint32) []byte { return entry(5, code+uint64(at), size, name) }
	outer := unitOf(0, []byte{1}, le.AppendUint64(nil, code), named(0x800, 0x100, 0), []byte{0})
	inner := unitOf(0, entry(6), named(0x100, 0x10, 6), []byte{0})
	covered := unitOf(0, entry(7, uint32(0)))
	info := slices.Concat(outer, inner, covered)
	b := symtest.WithSections(map[string][]byte{".debug_info": info, ".debug_abbrev": []byte(allAbbrevs),
		".debug_ranges": rangeList(1), ".debug_str": []byte("outer\x00inner\x00")})
	table, err := dwarf.New(symtest.Image(b))
	if err != nil {
		t.Fatal(err)
	}
	for rva, want := range map[uint32]string{0x1805: "outer", 0x1105: "inner"} {
		frames, err := table.Frames(rva)
		if err != nil || len(frames) != 1 || frames[0].Function != want {
			t.Errorf("%x: %+v, %v", rva, frames, err)
		}
		near, err := table.Nearest(rva)
		if err != nil || len(near) != 1 || near[0].Raw != want {
			t.Errorf("%x: %+v, %v", rva, near, err)
		}
	}
	symtest.Check(t, table)
}
