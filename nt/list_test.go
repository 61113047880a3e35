package nt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
)

const (
	amd64, i386 = 0x8664, 0x14c
	head64      = 0xfffff80002c01010
)

var le = binary.LittleEndian

// memory is what the tests build lists in: whole pages, some of them out.
type memory struct {
	bits  int
	pages map[uint64][]byte
	out   map[uint64]memsource.Fault
}

func newMemory(bits int) *memory {
	return &memory{bits: bits, pages: map[uint64][]byte{}, out: map[uint64]memsource.Fault{}}
}

func (m *memory) write(addr uint64, b []byte) {
	for i, c := range b {
		at := addr + uint64(i)
		if m.pages[at>>12] == nil {
			m.pages[at>>12] = make([]byte, 4096)
		}
		m.pages[at>>12][at&0xfff] = c
	}
}

func (m *memory) u16(addr uint64, v uint16) { m.write(addr, le.AppendUint16(nil, v)) }
func (m *memory) u32(addr uint64, v uint32) { m.write(addr, le.AppendUint32(nil, v)) }

func (m *memory) ptr(addr, v uint64) {
	if m.bits == 32 {
		m.u32(addr, uint32(v))
	} else {
		m.write(addr, le.AppendUint64(nil, v))
	}
}

// pageOut takes the page of addr out, to a paging file.
func (m *memory) pageOut(addr uint64) {
	m.out[addr>>12] = memsource.Fault{Reason: memsource.ReasonPagedOut, PageFileOffset: 0x1234000}
}

func (m *memory) source() *memsource.Sparse {
	s := &memsource.Sparse{Missing: memsource.ReasonNotMapped}
	for n, b := range m.pages {
		if err := s.Add(n<<12, b); err != nil {
			panic(err)
		}
	}
	for n, f := range m.out {
		s.AddFault(n<<12, 4096, f)
	}
	return s
}

// name writes a UNICODE_STRING at addr whose text is at buf.
func (m *memory) name(addr, buf uint64, s string) {
	text := utf16.Encode([]rune(s))
	m.u16(addr, uint16(2*len(text)))
	m.u16(addr+2, uint16(2*len(text)+2))
	m.ptr(addr+uint64(m.bits/8), buf)
	for i, u := range text {
		m.u16(buf+2*uint64(i), u)
	}
}

// entry is a loader entry to be written; its names go to the page behind it.
type entry struct {
	addr       uint64
	name, path string
	base       uint64
	size       uint32
}

// entries64 are n drivers, each entry on a page of its own and the names of
// each on the next page.
func entries64(n int) (list []entry) {
	for i := range n {
		list = append(list, entry{
			addr: 0xfffffa8000010080 + uint64(i)*0x2000, name: fmt.Sprintf("drv%d.sys", i),
			path: fmt.Sprintf(`\SystemRoot\system32\drv%d.sys`, i),
			base: 0xfffff80003000000 + uint64(i)*0x100000, size: 0x9000,
		})
	}
	return list
}

// list links the entries behind head and writes them with the x64 Windows 10
// layout (KLDR_DATA_TABLE_ENTRY of the public structure dumps).
func list64(head uint64, list []entry) *memory {
	m, prev := newMemory(64), head
	for i, e := range list {
		m.ptr(prev, e.addr)
		m.ptr(e.addr+8, prev)
		m.ptr(e.addr+0x28, 0xfffffa80000f0000)
		m.ptr(e.addr+0x30, e.base)
		m.ptr(e.addr+0x38, e.base+0x1234)
		m.u32(e.addr+0x40, e.size)
		buf := e.addr&^0xfff + 0x1000
		m.name(e.addr+0x48, buf, e.path)
		m.name(e.addr+0x58, buf+0x800, e.name)
		m.u32(e.addr+0x78, uint32(0xc0000+i))
		m.u32(e.addr+0x98, e.size-0x123)
		m.u32(e.addr+0x9c, uint32(0x50000000+i))
		prev = e.addr
	}
	m.ptr(prev, head)
	m.ptr(head+8, prev)
	return m
}

// walked is the outcome of a walk: the modules by name, in the order they came,
// with the errors between them as text, "!" in front.
type walked struct {
	modules []nt.Module
	trail   []string
	errs    []error
}

func walkAll(src memsource.Source, l nt.ModuleLayout, head uint64) (w walked) {
	for m, err := range nt.Modules(src, l, head) {
		if err != nil {
			w.errs, w.trail = append(w.errs, err), append(w.trail, "!")
			continue
		}
		w.modules, w.trail = append(w.modules, m), append(w.trail, strings.TrimSuffix(m.Name, ".sys"))
	}
	return w
}

func (w walked) String() string { return strings.Join(w.trail, " ") }

func (w walked) broken(t *testing.T) *nt.ListBreak {
	t.Helper()
	b, ok := errors.AsType[*nt.ListBreak](errors.Join(w.errs...))
	if !ok {
		t.Fatalf("no ListBreak in %v", w.errs)
	}
	return b
}

func win10() nt.ModuleLayout { return nt.ModuleLayoutFor(amd64, 19041) }

func TestModules64(t *testing.T) {
	list := entries64(3)
	src := list64(head64, list).source()
	w := walkAll(src, win10(), head64)
	if w.String() != "drv0 drv1 drv2" {
		t.Fatalf("walk: %v, %v", w, w.errs)
	}
	want := nt.Module{
		Name: "drv1.sys", Path: `\SystemRoot\system32\drv1.sys`, Base: list[1].base, Size: 0x9000, SizeNotRounded: 0x8edd,
		EntryPoint: list[1].base + 0x1234, CheckSum: 0xc0001, TimeDateStamp: 0x50000001, Entry: list[1].addr,
		DebugInfo: 0xfffffa80000f0000, Origin: "loaded-module list (embedded: 64-bit, Windows 10 and later)",
	}
	if w.modules[1] != want {
		t.Errorf("module\n%+v, want\n%+v", w.modules[1], want)
	}
	old := walkAll(src, nt.ModuleLayoutFor(amd64, 7601), head64).modules
	if len(old) != 3 || old[1].TimeDateStamp != 0 || old[1].SizeNotRounded != 0 || old[1].CheckSum != 0xc0001 {
		t.Errorf("with the layout of Windows 7: %+v", old)
	}
}

// list32 writes one entry with the offsets of the XP and Windows 10 kernels.
func TestModules32(t *testing.T) {
	const head, at, base = 0x8055a420, 0x81000100, 0xfe0c8000
	m := newMemory(32)
	m.ptr(head, at)
	m.ptr(head+4, at)
	m.ptr(at, head)
	m.ptr(at+4, head)
	m.ptr(at+0x14, 0x81100000)
	m.ptr(at+0x18, base)
	m.ptr(at+0x1c, base+0x400)
	m.u32(at+0x20, 0x2000)
	m.name(at+0x24, 0xe1000000, `\SystemRoot\System32\Drivers\Fs_Rec.SYS`)
	m.name(at+0x2c, 0xe1000100, "Fs_Rec.SYS")
	m.u32(at+0x40, 0x4bbb)
	m.u32(at+0x44, 0xfffffffe) // LoadedImports, no stamp
	m.u32(at+0x54, 0x1f00)
	m.u32(at+0x58, 0x41107b3d)
	want := nt.Module{
		Name: "Fs_Rec.SYS", Path: `\SystemRoot\System32\Drivers\Fs_Rec.SYS`, Base: base, Size: 0x2000,
		EntryPoint: base + 0x400, CheckSum: 0x4bbb, Entry: at, DebugInfo: 0x81100000,
		Origin: "loaded-module list (embedded: 32-bit, before Windows 10)",
	}
	if w := walkAll(m.source(), nt.ModuleLayoutFor(i386, 2600), head); len(w.modules) != 1 || w.modules[0] != want {
		t.Errorf("XP: %+v, %v; want\n%+v", w.modules, w.errs, want)
	}
	want.Origin, want.SizeNotRounded, want.TimeDateStamp = "loaded-module list (embedded: 32-bit, Windows 10)", 0x1f00, 0x41107b3d
	if w := walkAll(m.source(), nt.ModuleLayoutFor(i386, 19041), head); len(w.modules) != 1 || w.modules[0] != want {
		t.Errorf("Windows 10: %+v, %v; want\n%+v", w.modules, w.errs, want)
	}
}

// TestModulesHole: one entry is paged out, then two.
func TestModulesHole(t *testing.T) {
	for _, c := range []struct {
		out       []int
		want      string
		at, end   int
		recovered int
	}{
		{[]int{2}, "drv0 drv1 ! drv3 drv4 drv5", 2, 2, 3},
		{[]int{0}, "! drv1 drv2 drv3 drv4 drv5", 0, 0, 5},
		{[]int{5}, "drv0 drv1 drv2 drv3 drv4 !", 5, 5, 0},
		{[]int{1, 4}, "drv0 ! drv5", 1, 4, 1},
		{[]int{0, 1, 2, 3, 4, 5}, "!", 0, 5, 0},
	} {
		list := entries64(6)
		m := list64(head64, list)
		for _, i := range c.out {
			m.pageOut(list[i].addr)
		}
		w := walkAll(m.source(), win10(), head64)
		b := w.broken(t)
		if w.String() != c.want || b.At != list[c.at].addr || b.End != list[c.end].addr || b.Recovered != c.recovered {
			t.Errorf("out %v: %v, broken at %#x until %#x, %d recovered", c.out, w, b.At, b.End, b.Recovered)
		}
		if !errors.Is(b, memsource.ErrPagedOut) || !strings.Contains(b.Error(), "pagefile 0 offset 0x1234000") {
			t.Errorf("out %v: %v", c.out, b)
		}
	}
}

func TestModulesBroken(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *memory, l []entry)
		want   string
		says   string
	}{
		"loop":            {func(m *memory, l []entry) { m.ptr(l[2].addr, l[1].addr) }, "drv0 drv1 drv2 ! drv3 drv4", "circle"},
		"self":            {func(m *memory, l []entry) { m.ptr(l[0].addr, l[0].addr) }, "drv0 ! drv1 drv2 drv3 drv4", "circle"},
		"null":            {func(m *memory, l []entry) { m.ptr(l[1].addr, 0) }, "drv0 drv1 ! drv2 drv3 drv4", "no address"},
		"misaligned":      {func(m *memory, l []entry) { m.ptr(l[1].addr, l[2].addr+1) }, "drv0 drv1 ! drv2 drv3 drv4", "no address"},
		"wild":            {func(m *memory, l []entry) { m.ptr(l[1].addr, 0x1000) }, "drv0 drv1 ! drv2 drv3 drv4", "not mapped"},
		"both_links_loop": {func(m *memory, l []entry) { m.ptr(l[1].addr, l[0].addr); m.ptr(l[3].addr+8, l[4].addr) }, "drv0 drv1 ! drv3 drv4", "circle"},
		"backward_only":   {func(m *memory, l []entry) { m.ptr(l[2].addr+8, 0) }, "drv0 drv1 drv2 drv3 drv4", ""},
		"head_out":        {func(m *memory, _ []entry) { m.pageOut(head64) }, "!", "paged out"},
		"empty":           {func(m *memory, _ []entry) { m.ptr(head64, head64); m.ptr(head64+8, head64) }, "", ""},
		"base":            {func(m *memory, l []entry) { m.ptr(l[1].addr+0x30, l[1].base+8) }, "drv0 ! drv2 drv3 drv4", "fffff800`03100008"},
		"base_zero":       {func(m *memory, l []entry) { m.ptr(l[1].addr+0x30, 0) }, "drv0 ! drv2 drv3 drv4", "base 00000000"},
		"size_zero":       {func(m *memory, l []entry) { m.u32(l[1].addr+0x40, 0) }, "drv0 ! drv2 drv3 drv4", "size 0x0"},
		"size_huge":       {func(m *memory, l []entry) { m.u32(l[1].addr+0x40, 0x40000000) }, "drv0 ! drv2 drv3 drv4", "size 0x40000000"},
		"beyond_top":      {func(m *memory, l []entry) { m.ptr(l[1].addr+0x30, ^uint64(0xfff)) }, "drv0 ! drv2 drv3 drv4", "size 0x9000"},
	} {
		t.Run(name, func(t *testing.T) {
			list := entries64(5)
			m := list64(head64, list)
			c.change(m, list)
			w := walkAll(m.source(), win10(), head64)
			if w.String() != c.want {
				t.Errorf("walk: %v, want %v", w, c.want)
			}
			if err := errors.Join(w.errs...); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("errors: %v, want %q", err, c.says)
			}
		})
	}
}

func TestModulesNames(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(m *memory, e entry)
		name, path string
		nameErr    error
		pathErr    error
	}{
		"name_out": {func(m *memory, e entry) { m.ptr(e.addr+0x60, 0xfffff8a000001000); m.pageOut(0xfffff8a000001000) },
			"drv0.sys", `\SystemRoot\system32\drv0.sys`, nil, nil},
		"path_out": {func(m *memory, e entry) { m.ptr(e.addr+0x50, 0xfffff8a000001000); m.pageOut(0xfffff8a000001000) },
			"drv0.sys", "", nil, memsource.ErrPagedOut},
		"both_out": {func(m *memory, e entry) { m.pageOut(e.addr + 0x1000) },
			"", "", memsource.ErrPagedOut, memsource.ErrPagedOut},
		"odd_length": {func(m *memory, e entry) { m.u16(e.addr+0x58, 7) },
			"drv0.sys", `\SystemRoot\system32\drv0.sys`, nil, nil},
		"absurd_lengths": {func(m *memory, e entry) { m.u16(e.addr+0x58, 0x1000); m.u16(e.addr+0x48, 0xfffe) },
			"", "", nt.ErrMalformed, nt.ErrMalformed},
		"no_name": {func(m *memory, e entry) { m.u16(e.addr+0x58, 0) },
			"drv0.sys", `\SystemRoot\system32\drv0.sys`, nil, nil},
		"unprintable": {func(m *memory, e entry) { m.name(e.addr+0x58, e.addr+0x1800, "a\x1b[2J\n.sys") },
			"a\uFFFD[2J\uFFFD.sys", `\SystemRoot\system32\drv0.sys`, nil, nil},
		"crosses_page": {func(m *memory, e entry) { m.name(e.addr+0x58, e.addr&^0xfff+0x1ff8, "crossing.sys") },
			"crossing.sys", `\SystemRoot\system32\drv0.sys`, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			list := entries64(1)
			m := list64(head64, list)
			c.change(m, list[0])
			w := walkAll(m.source(), win10(), head64)
			if len(w.modules) != 1 || len(w.errs) != 0 {
				t.Fatalf("%+v, %v: a name must not cost the module", w.modules, w.errs)
			}
			got := w.modules[0]
			if got.Name != c.name || got.Path != c.path || !errors.Is(got.NameErr, c.nameErr) || !errors.Is(got.PathErr, c.pathErr) {
				t.Errorf("name %q, %v; path %q, %v", got.Name, got.NameErr, got.Path, got.PathErr)
			}
		})
	}
}

// TestModulesTailOut: an entry whose end is on a page that is out keeps what is
// in front; one that ends before its names is an error of its own.
func TestModulesTailOut(t *testing.T) {
	list := entries64(3)
	list[1].addr = 0xfffffa8000020f80 // checksum at ff8, stamp on the next page
	m := list64(head64, list)
	m.pageOut(0xfffffa8000021000)
	m.name(list[1].addr+0x48, 0xfffffa8000030000, `\a\b.sys`)
	m.name(list[1].addr+0x58, 0xfffffa8000030100, `b.sys`)
	w := walkAll(m.source(), win10(), head64)
	if w.String() != "drv0 b drv2" || w.modules[1].CheckSum != 0xc0001 || w.modules[1].TimeDateStamp != 0 {
		t.Errorf("tail out: %v, %+v, %v", w, w.modules, w.errs)
	}
	list[1].addr = 0xfffffa8000020fc0 // names on the next page
	m = list64(head64, list)
	m.pageOut(0xfffffa8000021000)
	w = walkAll(m.source(), win10(), head64)
	if w.String() != "drv0 ! drv2" || !errors.Is(w.errs[0], memsource.ErrPagedOut) {
		t.Errorf("names out: %v, %v", w, w.errs)
	}
}

// endless is memory in which every entry links to the next without end.
type endless struct{ reads int }

func (s *endless) ReadMemory(b []byte, addr uint64) (int, error) {
	s.reads++
	clear(b)
	if len(b) >= 8 {
		le.PutUint64(b, addr+0x100)
	}
	if len(b) > 0x58 {
		le.PutUint64(b[0x30:], 0x10000)
		le.PutUint32(b[0x40:], 0x1000)
	}
	return len(b), nil
}

func TestModulesBounded(t *testing.T) {
	src := &endless{}
	w := walkAll(src, win10(), 0xffffa00000000000)
	if len(w.modules) != 10000 || !strings.Contains(errors.Join(w.errs...).Error(), "more than 10000") {
		t.Errorf("%d modules, %v", len(w.modules), w.errs)
	}
	if src.reads > 40000 {
		t.Errorf("%d reads", src.reads)
	}
}

func TestModulesStop(t *testing.T) {
	m := list64(head64, entries64(4))
	n := 0
	for range nt.Modules(m.source(), win10(), head64) {
		if n++; n == 2 {
			break
		}
	}
	for _, err := range nt.Modules(m.source(), nt.ModuleLayoutFor(0x166, 1), head64) {
		if err == nil {
			t.Error("a machine without a layout has modules")
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d values, want 2 and one error", n)
	}
}

func FuzzModules(f *testing.F) {
	f.Add([]byte{}, uint16(0), uint8(0), false)
	f.Add(list64(0x1000, entriesAt(0x1100, 3)).pages[1], uint16(0), uint8(1), true)
	f.Add(list64(0x1000, entriesAt(0x1100, 3)).pages[1], uint16(0x1100-0x1000), uint8(0x40), true)
	f.Fuzz(func(t *testing.T, page []byte, off uint16, link uint8, wide bool) {
		l := nt.ModuleLayoutFor(i386, 10240)
		if wide {
			l = win10()
		}
		if len(page) > int(off)+1 {
			page[off] = link // a chance to bend a link
		}
		src := &memsource.Sparse{}
		if err := src.Add(0x1000, page); err != nil {
			t.Fatal(err)
		}
		var seen []uint64
		values := 0
		for m, err := range nt.Modules(src, l, 0x1000) {
			if values++; values > 2*len(page)+2 {
				t.Fatalf("%d values out of %d bytes", values, len(page))
			}
			if err != nil {
				if m != (nt.Module{}) {
					t.Fatalf("a module %+v beside an error %v", m, err)
				}
				continue
			}
			if m.Base%0x1000 != 0 || m.Size == 0 || m.Base+m.Size-1 < m.Base || slices.Contains(seen, m.Entry) {
				t.Fatalf("%+v after %#x", m, seen)
			}
			seen = append(seen, m.Entry)
		}
	})
}

// entriesAt are n entries in a row, small enough to share a page.
func entriesAt(addr uint64, n int) (list []entry) {
	for i := range n {
		list = append(list, entry{addr: addr + uint64(i)*0x100, base: 0x10000, size: 0x1000})
	}
	return list
}

// TestModules_entry_paged_out: the list goes on from its other end.
func TestModules_entry_paged_out(t *testing.T) {
	mem := list64(head64, entries64(3))
	mem.pageOut(entries64(3)[1].addr) // the second driver's entry
	var got []string
	for m, err := range nt.Modules(mem.source(), nt.ModuleLayoutFor(0x8664, 19041), head64) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, fmt.Sprintf("%x %x %s", m.Base, m.Size, m.Name))
	}
	want := []string{
		"fffff80003000000 9000 drv0.sys",
		"loaded-module list broken at fffffa80`00012080, 1 entries recovered from the other end: fffffa80`00012080: paged out: pagefile 0 offset 0x1234000",
		"fffff80003200000 9000 drv2.sys",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
