package physmem_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/memsource/physmem"
)

var le = binary.LittleEndian

// The builders here write images straight from the documented offsets; they
// share nothing with the reader.

// run is memory at an address.
type run struct {
	addr uint64
	data []byte
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func lime(runs ...run) []byte {
	var b []byte
	for _, r := range runs {
		b = append(b, "EMiL\x01\x00\x00\x00"...)
		b = le.AppendUint64(b, r.addr)
		b = le.AppendUint64(b, r.addr+uint64(len(r.data))-1)
		b = append(b, make([]byte, 8)...)
		b = append(b, r.data...)
	}
	return b
}

// core is an ELF core: its notes, then its segments, then their bytes.
func core(class int, machine uint16, notes []byte, runs ...run) []byte {
	head, phdr := 64, 56
	if class == 1 {
		head, phdr = 52, 32
	}
	b := make([]byte, head+phdr*(len(runs)+1))
	copy(b, "\x7fELF")
	b[4], b[5] = byte(class), 1
	le.PutUint16(b[16:], 4)
	le.PutUint16(b[18:], machine)
	put := func(at int, v uint64) {
		if class == 1 {
			le.PutUint32(b[at:], uint32(v))
			return
		}
		le.PutUint64(b[at:], v)
	}
	put(map[int]int{1: 28, 2: 32}[class], uint64(head))
	le.PutUint16(b[map[int]int{1: 42, 2: 54}[class]:], uint16(phdr))
	le.PutUint16(b[map[int]int{1: 44, 2: 56}[class]:], uint16(len(runs)+1))
	segment := func(n int, kind uint32, addr uint64, data []byte) {
		at := head + n*phdr
		le.PutUint32(b[at:], kind)
		for field, v := range map[[2]int]uint64{{4, 8}: uint64(len(b)), {12, 24}: addr, {16, 32}: uint64(len(data)), {20, 40}: uint64(len(data))} {
			put(at+field[class-1], v)
		}
		b = append(b, data...)
	}
	segment(0, 4, 0, notes)
	for i, r := range runs {
		segment(i+1, 1, r.addr, r.data)
	}
	return b
}

// note is one of QEMU's, with a state of a processor.
func note(cr0, cr3, cr4, ip uint64) []byte {
	b := le.AppendUint32(nil, 5)
	b = le.AppendUint32(b, 0x1b8)
	b = append(le.AppendUint32(b, 0), "QEMU\x00\x00\x00\x00"...)
	state := make([]byte, 0x1b8)
	le.PutUint32(state, 1)
	le.PutUint32(state[4:], 0x1b8)
	for at, v := range map[int]uint64{0x88: ip, 0x180: 0xfffff80000010000, 0x188: cr0, 0x1a0: cr3, 0x1a8: cr4, 0x1b0: 0xfffff80000020000} {
		le.PutUint64(state[at:], v)
	}
	return append(b, state...)
}

// other is a note that is not QEMU's, of a length that is padded.
func other() []byte {
	b := le.AppendUint32(nil, 5)
	b = le.AppendUint32(b, 3)
	return append(le.AppendUint32(b, 1), "CORE\x00\x00\x00\x00abc\x00"...)
}

func open(t testing.TB, b []byte) *physmem.File {
	t.Helper()
	f, err := physmem.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFormats runs the judge over the same memory in every format.
func TestFormats(t *testing.T) {
	runs := []run{{0, fill('a', 0x9000)}, {0x100000, fill('b', 0x3000)}, {0x1_0000_0000, fill('c', 0x1001)}}
	low := []run{runs[1], runs[0], {0xf0000000, runs[2].data}}
	for name, c := range map[string]struct {
		image   []byte
		format  physmem.Format
		machine uint16
		want    []run
	}{
		"raw":         {append(fill('a', 0x2000), fill('b', 0x800)...), physmem.FormatRaw, 0, []run{{0, fill('a', 0x2000)}, {0x2000, fill('b', 0x800)}}},
		"LiME":        {lime(runs...), physmem.FormatLiME, 0, runs},
		"LiME_padded": {append(lime(runs...), make([]byte, 64)...), physmem.FormatLiME, 0, runs},
		"ELF_64":      {core(2, 62, other(), runs...), physmem.FormatELF, 0x8664, runs},
		"ELF_32":      {core(1, 3, nil, low...), physmem.FormatELF, 0x14c, low},
		"ELF_ARM64":   {core(2, 183, nil, runs...), physmem.FormatELF, 0xaa64, runs},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, c.image)
			if f.Format() != c.format || f.Machine() != c.machine || len(f.Problems()) != 0 {
				t.Errorf("%v, machine %#x, problems %v", f.Format(), f.Machine(), f.Problems())
			}
			var want []memtest.Want
			for _, r := range c.want {
				want = append(want, memtest.Data(r.addr, r.data))
			}
			if name != "raw" {
				want = append(want, memtest.Hole(0x9000, 0xf7000, memsource.ReasonNotInDump), memtest.Hole(0x2_0000_0000, 1<<40, memsource.ReasonNotInDump))
				if got := len(f.Ranges()); got != len(c.want) || f.Ranges()[0].Address != 0 {
					t.Errorf("ranges %+v", f.Ranges())
				}
				_, err := memsource.U8(f, 0xa123)
				if fault, ok := errors.AsType[*memsource.Fault](err); !ok || fault.Physical != 0xa123 || fault.Len != 0x100000-0xa123 {
					t.Errorf("between two ranges: %+v", fault)
				}
			}
			if err := memtest.TestSource(f, want...); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTruncated: what the file no longer holds is no gap of the machine.
func TestTruncated(t *testing.T) {
	runs := []run{{0x1000, fill('a', 0x1000)}, {0x8000, fill('b', 0x3000)}}
	for name, image := range map[string][]byte{"LiME": lime(runs...), "ELF": core(2, 62, nil, runs...)} {
		f := open(t, image[:len(image)-0x1800])
		if p := f.Problems(); len(p) != 1 || !errors.Is(p[0], io.ErrUnexpectedEOF) {
			t.Errorf("%s: problems %v", name, p)
		}
		err := memtest.TestSource(f, memtest.Data(0x1000, fill('a', 0x1000)), memtest.Data(0x8000, fill('b', 0x1800)),
			memtest.Hole(0x9800, 0x1800, memsource.ReasonTruncated), memtest.Hole(0xb000, 0x1000, memsource.ReasonNotInDump))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefused(t *testing.T) {
	change := func(b []byte, at int, v ...byte) []byte { copy(b[at:], v); return b }
	one := run{0x1000, fill('a', 0x1000)}
	for name, c := range map[string]struct {
		image []byte
		want  error
		says  string
	}{
		"empty":             {nil, physmem.ErrFormat, "0 bytes"},
		"big-endian":        {change(core(2, 62, nil, one), 5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4), physmem.ErrUnsupported, "big-endian"},
		"no class":          {change(core(2, 62, nil, one), 4, 7), physmem.ErrFormat, "class 7"},
		"cut header":        {core(2, 62, nil, one)[:50], physmem.ErrFormat, "class 2 in 50 bytes"},
		"no segments":       {core(2, 62, nil), physmem.ErrFormat, "without any memory"},
		"a process":         {core(2, 62, nil, run{0, one.data}, run{0, one.data}), physmem.ErrUnsupported, "core of a process"},
		"small heads":       {change(core(2, 62, nil, one), 54, 8, 0), physmem.ErrFormat, "program headers of 8 bytes"},
		"heads nowhere":     {change(core(2, 62, nil, one), 32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), physmem.ErrFormat, "beyond the end"},
		"many heads, where": {change(core(2, 62, nil, one), 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 56, 0, 0xff, 0xff), physmem.ErrFormat, "first section header"},
		"backwards":         {change(lime(one), 8, 0, 0x30), physmem.ErrFormat, "no range header at offset 0x0"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			f, err := physmem.New(bytes.NewReader(c.image), int64(len(c.image)))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %v; want %v naming %q", f, err, c.want, c.says)
			}
		})
	}
}

// TestLiars: headers that lie are told of and what can be read stays readable.
func TestLiars(t *testing.T) {
	good := run{0x1000, fill('a', 0x1000)}
	huge := core(2, 62, nil, good, run{0x5000, fill('b', 0x1000)})
	le.PutUint64(huge[64+2*56+32:], 1<<60) // the second segment's size
	wrap := core(2, 62, nil, good, run{^uint64(0) - 5, fill('b', 0x1000)})
	long := core(2, 62, note(1, 2, 3, 4), good)
	le.PutUint32(long[64+56*2+4:], 1<<31) // the note's length
	for name, image := range map[string][]byte{
		"huge segment": huge, "wrapping segment": wrap, "long note": long,
		"garbage after": append(lime(good), "something else that is longer than a header"...),
		"tail":          append(lime(good), 1, 2, 3),
	} {
		f := open(t, image)
		if len(f.Problems()) != 1 {
			t.Errorf("%s: problems %v", name, f.Problems())
		}
		if b, err := memsource.U8(f, 0x1fff); err != nil || b != 'a' {
			t.Errorf("%s: %c, %v", name, b, err)
		}
	}
}

// TestManyHeads: 65535 and more program headers are counted in a section header.
func TestManyHeads(t *testing.T) {
	b := core(2, 62, nil, run{0x1000, []byte("hello")})
	section := make([]byte, 64)
	le.PutUint32(section[44:], 2)
	le.PutUint64(b[40:], uint64(len(b)))
	le.PutUint16(b[56:], 0xffff)
	if f := open(t, append(b, section...)); len(f.Ranges()) != 1 || len(f.Problems()) != 0 {
		t.Errorf("%+v, %v", f.Ranges(), f.Problems())
	}
	le.PutUint32(section[44:], 1<<31)
	f := open(t, append(b, section...))
	if p := f.Problems(); len(p) != 2 || !strings.Contains(p[0].Error(), "2147483648 program headers") {
		t.Errorf("problems %v", p)
	}
}

// TestCPUs: registers come from QEMU's notes, and with them how page tables
// are to be read. Notes of others are stepped over.
func TestCPUs(t *testing.T) {
	const kernel, cr3, pg = 0xfffff80012345670, 0x1aa000, 1 << 31
	common := physmem.CPU{IDT: 0xfffff80000010000, KernelGS: 0xfffff80000020000}
	with := func(m paging.Mode, cr0, cr3, cr4, ip uint64) physmem.CPU {
		c := common
		c.Mode, c.CR0, c.CR3, c.CR4, c.IP = m, cr0, cr3, cr4, ip
		return c
	}
	memory := run{0x1000, fill('a', 0x1000)}
	for name, c := range map[string]struct {
		image []byte
		want  []physmem.CPU
	}{
		"64 bits": {core(2, 62, append(append(note(pg, cr3, 0x20, kernel), other()...), append(note(pg, cr3, 0x1020, 5), note(0, 1, 0, 0)...)...), memory),
			[]physmem.CPU{with(paging.ModeX64, pg, cr3, 0x20, kernel), with(paging.ModeLA57, pg, cr3, 0x1020, 5), with(0, 0, 1, 0, 0)}},
		"32 bits": {core(1, 3, append(note(pg, cr3, 0, 7), note(pg, cr3|0x20, 0x20, 8)...), memory),
			[]physmem.CPU{with(paging.ModeX86, pg, cr3, 0, 7), with(paging.ModePAE, pg, cr3|0x20, 0x20, 8)}},
		"none": {core(2, 62, other(), memory), nil},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			if got := open(t, c.image).CPUs(); !slices.Equal(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// counter counts what is read of a file.
type counter struct {
	r     io.ReaderAt
	bytes int
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	c.bytes += len(p)
	return c.r.ReadAt(p, off)
}

// TestSparse16GB: of a raw image of 16 GB, a hole but for one page, only what
// is asked for is read.
func TestSparse16GB(t *testing.T) {
	const size = 16 << 30
	file, err := os.Create(filepath.Join(t.TempDir(), "raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		t.Skipf("NO SPARSE FILES here, so a raw image of 16 GB is not tried: %v", err)
	}
	if _, err := file.WriteAt([]byte("end"), size-3); err != nil {
		t.Fatal(err)
	}
	c := &counter{r: file}
	f, err := physmem.New(c, size)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if err := memsource.ReadFull(f, b, size-3); err != nil || string(b) != "end" {
		t.Errorf("%q, %v", b, err)
	}
	if c.bytes > physmem.ForeignLen+3 {
		t.Errorf("%d bytes read to open and read 3", c.bytes)
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory.lime")
	if _, err := physmem.Open(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, lime(run{0x1000, []byte("hello")}), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := physmem.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if err := memsource.ReadFull(f, b, 0x1000); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	for range 2 { // the second does nothing
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := memsource.ReadFull(f, b, 0x1000); err == nil {
		t.Error("read after Close")
	}
}
