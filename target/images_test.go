package target_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

var le = binary.LittleEndian

// machine is the physical memory of a system, by pages.
type machine struct {
	header []byte // of a dump of it
	facts  *dumpbuild.Facts
	pages  map[uint64][]byte
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	s, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Bitmap)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Modules {
		s.Modules[i].Pages, s.Modules[i].Large = nil, false
	}
	b, facts, err := dumpbuild.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return &machine{b[:0x2000], facts, facts.Memory}
}

const fourGB = 4 << 30

// raise moves the pages of virtual addresses that are wanted to 4 GB and above.
func (m *machine) raise(wanted func(va uint64) bool) {
	moved := map[uint64]bool{}
	var walk func(table, va uint64, shift uint)
	walk = func(table, va uint64, shift uint) {
		page := m.pages[table]
		for i := range uint64(len(page) / 8) {
			e := le.Uint64(page[8*i:])
			at, to := va|i<<shift, e&0xffffffffff000
			if shift == 39 && i >= 256 {
				at |= 0xffff << 48
			}
			switch {
			case e&1 == 0 || shift == 39 && to == table || m.pages[to&(fourGB-1)] == nil && m.pages[to] == nil:
			case shift > 12 && e&0x80 == 0:
				walk(to, at, shift-9)
			case shift == 12 && to < fourGB && wanted(at):
				le.PutUint64(page[8*i:], e+fourGB)
				moved[to] = true
			}
		}
	}
	walk(m.facts.Root, 0, 39)
	for pa := range moved {
		m.pages[fourGB+pa] = m.pages[pa]
		delete(m.pages, pa)
	}
}

// all wants the kernel's half, drivers all but the kernel itself.
func all(va uint64) bool { return va>>63 == 1 }

func (m *machine) drivers(va uint64) bool {
	return slices.ContainsFunc(m.facts.Modules[1:], func(d dumpbuild.ModuleFacts) bool { return va-d.Base < d.Size })
}

// file writes the pages where offset says, as a sparse file.
func (m *machine) file(t *testing.T, name string, size int64, offset func(pa uint64) int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Skipf("NO SPARSE FILES here, so an image of %d MB is not tried: %v", size>>20, err)
	}
	for pa, page := range m.pages {
		if _, err := f.WriteAt(page, offset(pa)); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// holed is the place in a file whose memory behind 3 GB is that from 4 GB on.
func holed(pa uint64) int64 {
	if pa >= fourGB {
		pa -= 1 << 30
	}
	return int64(pa)
}

const holedSize = 3<<30 + 64<<20

// check opens a file and looks at the modules, and at what was warned of.
func (m *machine) check(t *testing.T, path, warning string) {
	t.Helper()
	var warnings []string
	tg, err := target.Open(t.Context(), path, target.Options{
		Symbols: sympath.Chain(), Warn: func(err error) { warnings = append(warnings, err.Error()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if tg.Kind() != target.KindPhysical || len(tg.Modules()) != len(m.facts.Modules) {
		t.Errorf("%d modules of a %v", len(tg.Modules()), tg.Kind())
	}
	for _, mod := range tg.Modules() {
		if v, err := memsource.U16(tg.Memory(), mod.Base); !errors.Is(err, memsource.ErrWrongContext) && (err != nil || v != 'M'|'Z'<<8) {
			t.Errorf("%s: %#x, %v", mod.Image, v, err)
		}
	}
	if got := strings.Join(warnings, "; "); (warning == "") != (got == "") || !strings.Contains(got, warning) {
		t.Errorf("warnings %q, want %q", got, warning)
	}
}

// TestOpen_PCIHole opens raw images of more than 3 GB whose memory behind 3 GB is
// that from 4 GB on, with all of the kernel up there, or only the drivers.
func TestOpen_PCIHole(t *testing.T) {
	for name, wanted := range map[string]func(m *machine) func(uint64) bool{
		"all": func(*machine) func(uint64) bool { return all }, "drivers": func(m *machine) func(uint64) bool { return m.drivers },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.raise(wanted(m))
			m.check(t, m.file(t, "memory.vmem", holedSize, holed), "assuming that what lies behind 0xc0000000 of the file is the memory from 4 GB on")
		})
	}
	t.Run("as_it_stands", func(t *testing.T) {
		m := newMachine(t)
		m.raise(m.drivers)
		m.check(t, m.file(t, "memory.raw", fourGB+64<<20, func(pa uint64) int64 { return int64(pa) }), "")
	})
	for name, c := range map[string]struct{ data, says string }{
		"nothing": {"", "0 debugger data blocks"}, "marks": {"RSDS0123456789abcdef\x01\x00\x00\x00ntkrnlmp.pdb\x00", "goes on at 4 GB"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &machine{pages: map[uint64][]byte{0x200000: append([]byte(c.data), make([]byte, 4096-len(c.data))...)}}
			_, err := target.Open(t.Context(), m.file(t, "memory.vmem", holedSize, holed), target.Options{Symbols: sympath.Chain()})
			if !errors.Is(err, nt.ErrNoKernel) || !strings.HasSuffix(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// state is a saved state of VMware with a region below 3 GB and one from 4 GB on.
func state(m *machine) []byte {
	b := le.AppendUint32(nil, 0xbed2bed2)
	b = le.AppendUint32(le.AppendUint32(b, 8), 1)
	b = append(b, make([]byte, 80)...)
	copy(b[12:], "memory")
	le.PutUint64(b[12+64:], uint64(len(b)))
	add := func(name string, index, v uint32) {
		b = append(b, 4|1<<6, byte(len(name)))
		b = append(b, name...)
		b = le.AppendUint32(le.AppendUint32(b, index), v)
	}
	for i, r := range [][3]uint32{{0, 0, 3 << 18}, {4 << 18, 3 << 18, 64 << 8}} {
		add("regionPPN", uint32(i), r[0])
		add("regionPageNum", uint32(i), r[1])
		add("regionSize", uint32(i), r[2])
	}
	return append(b, 0, 0)
}

// TestOpen_VMware opens the memory and the saved state of a machine, by the name of
// either; a state that does not fit is told of, and the hole assumed.
func TestOpen_VMware(t *testing.T) {
	m := newMachine(t)
	m.raise(all)
	for _, ext := range []string{".vmss", ".vmsn"} {
		memory := m.file(t, "Machine-Snapshot1.vmem", holedSize, holed)
		saved := strings.TrimSuffix(memory, ".vmem") + ext
		if err := os.WriteFile(saved, state(m), 0o600); err != nil {
			t.Fatal(err)
		}
		m.check(t, memory, "")
		m.check(t, saved, "")
		// A state that says nothing of regions.
		if err := os.WriteFile(saved, append(state(m)[:92], 0, 0), 0o600); err != nil {
			t.Fatal(err)
		}
		m.check(t, memory, "assuming that what lies behind 0xc0000000")
		m.check(t, saved, "assuming that what lies behind 0xc0000000")
		if err := os.WriteFile(saved, state(m)[:100], 0o600); err != nil {
			t.Fatal(err)
		}
		m.check(t, memory, ext+": not used")
		if err := os.Remove(memory); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(saved, state(m), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := target.Open(t.Context(), saved, target.Options{}); !errors.Is(err, physmem.ErrApart) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("without its memory: %v", err)
		}
	}
}

// TestOpen_AVML opens memory in AVML's compressed blocks.
func TestOpen_AVML(t *testing.T) {
	m := newMachine(t)
	m.raise(m.drivers)
	var b []byte
	for _, pa := range slices.Sorted(maps.Keys(m.pages)) {
		b = append(b, "AVML\x02\x00\x00\x00"...)
		b = le.AppendUint64(le.AppendUint64(b, pa), pa+4095)
		b = append(b, make([]byte, 8)...)
		var packed bytes.Buffer
		w := snappy.NewBufferedWriter(&packed)
		if _, err := w.Write(m.pages[pa]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b = le.AppendUint64(append(b, packed.Bytes()...), uint64(packed.Len()))
	}
	m.check(t, write(t, "memory.avml", b), "")
}

// TestOpen_split opens images that were split into numbered files, by the first of
// them; one whose last part is missing is told of.
func TestOpen_split(t *testing.T) {
	m := newMachine(t)
	dump := m.rows(8, nil)
	raw := make([]byte, slices.Max(slices.Collect(maps.Keys(m.pages)))+4096)
	for pa, page := range m.pages {
		copy(raw[pa:], page)
	}
	for name, b := range map[string][]byte{"memory.raw": raw, "memory.dmp": dump, "memory.raw.gz": pack(t, "gz", raw)} {
		dir := t.TempDir()
		pieces := slices.Collect(slices.Chunk(b, len(b)/3))
		for i, piece := range pieces {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.%03d", name, i+1)), piece, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name+".001")
		tg, warnings := opened(t, path, target.Options{Symbols: sympath.Chain()})
		if len(tg.Modules()) != len(m.facts.Modules) || len(*warnings) != 0 {
			t.Errorf("%s: %d modules, warnings %v", name, len(tg.Modules()), *warnings)
		}
		if err := os.Remove(filepath.Join(dir, fmt.Sprintf("%s.%03d", name, len(pieces)))); err != nil {
			t.Fatal(err)
		}
		if name == "memory.dmp" {
			_, warnings := opened(t, path, target.Options{Symbols: sympath.Chain()})
			if !strings.Contains(fmt.Sprint(*warnings), "the file ends before") {
				t.Errorf("%s: without the last part: %v", name, *warnings)
			}
		}
	}
}

// rows is a dump of type 8, 9 or 10 of a machine: rows of pages, a tail behind the
// last of them in the metadata, then the pages.
func (m *machine) rows(typ uint32, tail []byte) []byte {
	var meta, data []byte
	n, last := uint32(0), uint64(0)
	for _, pa := range slices.Sorted(maps.Keys(m.pages)) {
		if n == 0 || pa>>12 != last+1 {
			meta = le.AppendUint64(le.AppendUint64(meta, pa>>12), 0)
			n++
		}
		last = pa >> 12
		le.PutUint64(meta[len(meta)-8:], le.Uint64(meta[len(meta)-8:])+1)
		data = append(data, m.pages[pa]...)
	}
	meta = append(meta, tail...)
	meta = append(meta, make([]byte, -(0x2030+len(meta))&0xfff)...)
	head := make([]byte, 0x30)
	le.PutUint32(head, 0x40)
	copy(head[4:], "RDMPDUMP")
	le.PutUint64(head[0x10:], uint64(len(meta)+0x10))
	le.PutUint64(head[0x18:], uint64(0x2030+len(meta)))
	if typ == 10 {
		le.PutUint32(head[0x20:], n)
		le.PutUint64(head[0x28:], uint64(len(m.pages)))
	}
	header := slices.Clone(m.header)
	le.PutUint32(header[0xf98:], typ)
	return slices.Concat(header, head, meta, data)
}

// TestOpen_rows opens dumps of types 8, 9 and 10, whose metadata ends with the
// last row or reaches beyond it, with a sound header and with one that was hardly
// written, and compressed.
func TestOpen_rows(t *testing.T) {
	m := newMachine(t)
	for _, typ := range []uint32{8, 9, 10} {
		for name, tail := range map[string][]byte{"exact": nil, "zeros": make([]byte, 0x3000), "noise": bytes.Repeat([]byte{9, 0, 0, 0, 0, 0, 0, 0}, 999)} {
			t.Run(fmt.Sprint(typ, "_", name), func(t *testing.T) {
				b := m.rows(typ, tail)
				m.checkDump(t, b, "")
				m.checkDump(t, pack(t, "zst", b), "")
				for at := 8; at < 0x60; at += 4 {
					copy(b[at:], "PAGE")
				}
				m.checkDump(t, b, "leads to no kernel; taking the page tables at")
			})
		}
	}
}

// checkDump opens a dump and looks at the modules, and at what was warned of.
func (m *machine) checkDump(t *testing.T, b []byte, warning string) {
	t.Helper()
	tg, warnings := opened(t, write(t, "memory.dmp", b), target.Options{Symbols: sympath.Chain()})
	if tg.Kind() != target.KindCrashDump || len(tg.Modules()) != len(m.facts.Modules) || tg.Bits() != 64 {
		t.Errorf("%d modules of a %v", len(tg.Modules()), tg.Kind())
	}
	text := fmt.Sprint(*warnings)
	if (warning == "") != (len(*warnings) == 0) || !strings.Contains(text, warning) {
		t.Errorf("warnings %s, want %q", text, warning)
	}
}
