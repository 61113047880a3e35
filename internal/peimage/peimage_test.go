package peimage_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/peimage"
)

// holes is a reader some of whose byte ranges cannot be read.
type holes struct {
	data   []byte
	ranges [][2]int64
}

var errHole = errors.New("paged out")

func (h holes) ReadAt(p []byte, off int64) (int, error) {
	end := off + int64(len(p))
	for _, r := range h.ranges {
		if off < r[1] && end > r[0] {
			end = max(r[0], off)
		}
	}
	n, err := bytes.NewReader(h.data).ReadAt(p[:end-off], off)
	if err == nil && n < len(p) {
		err = errHole
	}
	return n, err
}

func image(t testing.TB, name string) []byte { return fixture.Bytes(t, "fs_rec/"+name+"/fs_rec.sys") }

func lfanew(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b[0x3c:])) }

func TestReadHeaders(t *testing.T) {
	for _, c := range []struct {
		name    string
		machine uint16
		is64    bool
	}{{"x86/good", 0x14c, false}, {"x64/good", 0x8664, true}} {
		h := peimage.ReadHeaders(bytes.NewReader(image(t, c.name)))
		if err := errors.Join(h.DOSErr, h.NTErr, h.DirErr, h.SectionErr); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if h.Machine != c.machine || h.Is64() != c.is64 || h.TimeDateStamp != 973036800 || h.CheckSum == 0 {
			t.Errorf("%s: got %+v", c.name, h)
		}
	}
}

func TestReadHeaders_parts_in_missing_pages(t *testing.T) {
	b := image(t, "x64/good")
	nt := lfanew(b)
	opt := nt + 24
	sections := opt + int64(binary.LittleEndian.Uint16(b[nt+20:]))
	for _, c := range []struct {
		name              string
		from              int64
		nt, dirs, section bool // whether the part survives
		stamp             uint32
	}{
		{"all out", 0, false, false, false, 0},
		{"NT headers out", nt, false, false, false, 0},
		{"optional header out", opt, false, false, false, 973036800},
		{"directories out", opt + 112, true, false, false, 973036800},
		{"section table out", sections, true, true, false, 973036800},
		{"second section out", sections + 40, true, true, false, 973036800},
	} {
		h := peimage.ReadHeaders(holes{b, [][2]int64{{c.from, int64(len(b))}}})
		if (h.NTErr == nil) != c.nt || (h.DirErr == nil) != c.dirs || (h.SectionErr == nil) != c.section {
			t.Errorf("%s: NT %v, directories %v, sections %v", c.name, h.NTErr, h.DirErr, h.SectionErr)
		}
		if h.TimeDateStamp != c.stamp {
			t.Errorf("%s: stamp %#x, want %#x", c.name, h.TimeDateStamp, c.stamp)
		}
		if !errors.Is(h.SectionErr, errHole) {
			t.Errorf("%s: %v does not wrap the reader's error", c.name, h.SectionErr)
		}
	}
}

func TestReadHeaders_any_machine(t *testing.T) {
	for _, machine := range []uint16{0x200, 0x1c4, 0xaa64, 0xa641, 0x184, 0xffff} {
		b := bytes.Clone(image(t, "x64/good"))
		binary.LittleEndian.PutUint16(b[lfanew(b)+4:], machine)
		if h := peimage.ReadHeaders(bytes.NewReader(b)); h.Machine != machine || h.NTErr != nil {
			t.Errorf("machine %#x: got %#x, %v", machine, h.Machine, h.NTErr)
		}
	}
}

func TestReadHeaders_not_an_image(t *testing.T) {
	good := image(t, "x64/good")
	for name, change := range map[string]func(b []byte){
		"no MZ":           func(b []byte) { b[0] = 'X' },
		"e_lfanew high":   func(b []byte) { binary.LittleEndian.PutUint32(b[0x3c:], 1<<31) },
		"no PE signature": func(b []byte) { b[lfanew(b)] = 0 },
		"odd magic":       func(b []byte) { b[lfanew(b)+24] = 7 },
	} {
		b := bytes.Clone(good)
		change(b)
		if h := peimage.ReadHeaders(bytes.NewReader(b)); !errors.Is(h.NTErr, peimage.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, h.NTErr)
		}
	}
}

// onDisk reads the CodeView record of an image file.
func onDisk(b []byte) (peimage.CodeView, []peimage.DebugEntry, error) {
	r := bytes.NewReader(b)
	h := peimage.ReadHeaders(r)
	l := peimage.OnDisk{Headers: h}
	entries, err := peimage.ReadDebug(r, h, l)
	if err != nil {
		return peimage.CodeView{}, entries, err
	}
	cv, err := peimage.FindCodeView(r, entries, l)
	return cv, entries, err
}

func TestFindCodeView(t *testing.T) {
	for _, name := range []string{"x86/good", "x64/good", "x64/samets"} {
		cv, _, err := onDisk(image(t, name))
		if err != nil || cv.Kind != peimage.CodeViewRSDS || cv.Age != 1 || cv.Path != "fs_rec.pdb" || cv.GUID.IsZero() {
			t.Errorf("%s: %+v, %v", name, cv, err)
		}
	}
	if _, _, err := onDisk(image(t, "x64/nodebug")); !errors.Is(err, peimage.ErrNone) {
		t.Errorf("no debug directory: %v, want ErrNone", err)
	}
}

func TestReadDebug_points_outside(t *testing.T) {
	b := bytes.Clone(image(t, "x64/good"))
	dir := lfanew(b) + 24 + 112 + 6*8
	binary.LittleEndian.PutUint32(b[dir:], 0x7fffff00)
	if _, _, err := onDisk(b); !errors.Is(err, peimage.ErrFormat) {
		t.Errorf("%v, want ErrFormat", err)
	}
}

// record builds a CodeView record whose claimed size is the record's own.
func record(kind string, path string) []byte {
	b := []byte(kind)
	if kind == "RSDS" {
		b = append(b, "0123456789abcdef\x02\x00\x00\x00"...)
	} else {
		b = append(b, "\x00\x00\x00\x00\x78\x56\x34\x12\x05\x00\x00\x00"...)
	}
	return append(b, path...)
}

func TestReadCodeView(t *testing.T) {
	for _, c := range []struct {
		name    string
		rec     []byte
		size    uint32
		path    string
		age     uint32
		partial bool
		err     error
	}{
		{"RSDS", record("RSDS", "a.pdb\x00"), 30, "a.pdb", 2, false, nil},
		{"RSDS without NUL inside its size", record("RSDS", "a.pdbXXXX"), 29, "a.pdb", 2, false, nil},
		{"NB10", record("NB10", `c:\x\a.pdb`+"\x00"), 27, `c:\x\a.pdb`, 5, false, nil},
		{"size of 24 and no path", record("RSDS", ""), 24, "", 2, false, nil},
		{"size below the fixed part", record("RSDS", ""), 23, "", 0, false, peimage.ErrFormat},
		{"size 0", record("RSDS", ""), 0, "", 0, false, peimage.ErrFormat},
		{"size of 4 GiB", record("RSDS", "a.pdb\x00"), 0xffffffff, "a.pdb", 2, false, nil},
		{"path cut by the end", record("RSDS", "fs_"), 35, "fs_", 2, true, nil},
		{"NB11", record("NB11", ""), 16, "", 0, false, errors.ErrUnsupported},
		{"unknown", record("ABCD", ""), 16, "", 0, false, peimage.ErrFormat},
		{"bytes end in the GUID", record("RSDS", "")[:12], 30, "", 0, false, io.ErrUnexpectedEOF},
	} {
		cv, err := peimage.ReadCodeView(bytes.NewReader(c.rec), 0, c.size)
		if !errors.Is(err, c.err) || cv.Path != c.path || cv.Age != c.age || cv.Partial != c.partial {
			t.Errorf("%s: %+v, %v; want path %q age %d partial %v error %v", c.name, cv, err, c.path, c.age, c.partial, c.err)
		}
	}
}

func TestFindCodeView_prefers_RSDS(t *testing.T) {
	b := append(record("NB10", "old.pdb\x00"), record("RSDS", "new.pdb\x00")...)
	entries := []peimage.DebugEntry{
		{Type: 4, RVA: 1, Size: 9}, {Type: peimage.DebugTypeCodeView, RVA: 0x100, Size: 24},
		{Type: peimage.DebugTypeCodeView, RVA: 0x100, Size: 24},
		{Type: peimage.DebugTypeCodeView, RVA: 0x118, Size: 32},
	}
	mem := append(make([]byte, 0x100), b...)
	cv, err := peimage.FindCodeView(bytes.NewReader(mem), entries, peimage.Memory{})
	if err != nil || cv.Kind != peimage.CodeViewRSDS || cv.Path != "new.pdb" {
		t.Errorf("got %+v, %v; want the RSDS record", cv, err)
	}
	cv, err = peimage.FindCodeView(bytes.NewReader(mem), entries[:2], peimage.Memory{})
	if err != nil || cv.Kind != peimage.CodeViewNB10 || cv.Signature != 0x12345678 {
		t.Errorf("got %+v, %v; want the NB10 record", cv, err)
	}
}

func TestFileOffset_low_alignment(t *testing.T) {
	h := peimage.ReadHeaders(bytes.NewReader(image(t, "x86/good")))
	if !h.LowAligned() {
		t.Fatalf("SectionAlignment %#x: the fixture should be low-aligned", h.SectionAlignment)
	}
	if off, ok := h.FileOffset(0x1234); !ok || off != 0x1234 {
		t.Errorf("FileOffset = %#x, %v; want the RVA itself", off, ok)
	}
}

// FuzzImage checks that what is there is read the same whether or not bytes
// after it are missing: cutting the image never changes a field that both
// readings have.
func FuzzImage(f *testing.F) {
	f.Add(image(f, "x64/good"), uint16(0x200))
	f.Add(image(f, "x86/good")[:0x400], uint16(0x90))
	f.Add([]byte("MZ"), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		whole := peimage.ReadHeaders(bytes.NewReader(b))
		part := peimage.ReadHeaders(holes{b, [][2]int64{{int64(cut), int64(len(b))}}})
		if part.NTErr == nil && (part.TimeDateStamp != whole.TimeDateStamp || part.SizeOfImage != whole.SizeOfImage) {
			t.Fatalf("cut at %#x: %+v, whole %+v", cut, part, whole)
		}
		if len(part.Sections) > len(whole.Sections) {
			t.Fatalf("%d sections of a part, %d of the whole", len(part.Sections), len(whole.Sections))
		}
		if cv, entries, err := onDisk(b); err == nil && (cv.Kind == peimage.CodeViewUnknown || len(cv.Path) > len(b) || len(entries) == 0) {
			t.Fatalf("record %+v from %d entries without an error", cv, len(entries))
		}
	})
}
