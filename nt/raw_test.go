package nt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/nt"
)

// rawImage is the physical memory of a dump, to be changed.
type rawImage struct {
	facts *dumpbuild.Facts
	pages map[uint64][]byte // by physical address
}

func raw(t testing.TB, s dumpbuild.Spec) *rawImage {
	t.Helper()
	_, facts, err := dumpbuild.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return &rawImage{facts, facts.Memory}
}

// lowStub puts in the first megabyte what the kernel starts processors by.
func (r *rawImage) lowStub() {
	stub := make([]byte, 4096)
	le.PutUint64(stub, 0x00000001000600e9|0x4d00)
	le.PutUint64(stub[0x70:], r.facts.Modules[0].Base+0x1040)
	le.PutUint64(stub[0xa0:], r.facts.Root)
	r.pages[0x13000] = stub
}

func (r *rawImage) source() *memsource.Sparse {
	s := &memsource.Sparse{Missing: memsource.ReasonNotInDump}
	for pa, page := range r.pages {
		if err := s.Add(pa, page); err != nil {
			panic(err)
		}
	}
	return s
}

// at is the memory behind an address of the kernel.
func (r *rawImage) at(t testing.TB, addr uint64) []byte {
	t.Helper()
	space, err := paging.New(r.source(), paging.Config{Mode: paging.ModeX64, Root: r.facts.Root})
	if err != nil {
		t.Fatal(err)
	}
	page, err := space.Translate(addr)
	if err != nil {
		t.Fatal(err)
	}
	return r.pages[page.Physical&^0xfff][page.Physical&0xfff:]
}

func TestFromPhysical(t *testing.T) {
	s := userSpec(t)
	s.Modules[0].Pages = nil // a raw image has every page
	for name, c := range map[string]struct {
		change func(r *rawImage, p *nt.Physical)
		says   string // what the error tells when it fails
	}{
		"low_stub": {func(r *rawImage, _ *nt.Physical) { r.lowStub() }, ""},
		"idt":      {func(r *rawImage, p *nt.Physical) { p.Root, p.IDT = r.facts.Root, r.gate(t) }, ""},
		"pcr": {func(r *rawImage, p *nt.Physical) {
			p.Root, p.PCRs = r.facts.Root, []uint64{0x7ff00000, r.control(t)}
		}, ""},
		"pcr_of_nobody": {func(r *rawImage, p *nt.Physical) {
			p.Root, p.PCRs = r.facts.Root, []uint64{r.control(t) + 8, 1<<64 - 1}
		}, "no control region of a processor where the registers point"},
		"arm64":      {func(_ *rawImage, p *nt.Physical) { p.Mode, p.Scan = paging.ModeARM64, 64<<20 }, "page tables (arm64)"},
		"other_mode": {func(_ *rawImage, p *nt.Physical) { p.Mode, p.Scan = paging.ModePAE, 64<<20 }, " 0 page tables"},
		"record":     {func(_ *rawImage, p *nt.Physical) { p.Scan = 64 << 20 }, ""},
		"nothing":    {func(*rawImage, *nt.Physical) {}, "low stub: none in the first megabyte"},
		"short_scan": {func(_ *rawImage, p *nt.Physical) { p.Scan = 0x1000 }, "0 records and 0 page tables"},
		"stub_lies": {func(r *rawImage, _ *nt.Physical) {
			r.lowStub()
			le.PutUint64(r.pages[0x13000][0x70:], 0xfffff90000000000)
		}, "low stub: no kernel image below fffff900`00000000"},
	} {
		t.Run(name, func(t *testing.T) {
			r := raw(t, s)
			p := nt.Physical{}
			c.change(r, &p)
			p.Memory = r.source()
			k, err := nt.FromPhysical(p)
			if c.says != "" {
				if !errors.Is(err, nt.ErrNoKernel) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if base, err := k.Base(); err != nil || base != r.facts.Modules[0].Base || k.Build() != 19041 || k.Machine() != amd64 || k.Bits() != 64 {
				t.Errorf("base %x, %v; build %d", base, err, k.Build())
			}
			if list := modules(t, k); len(list) != len(s.Modules) {
				t.Errorf("%d modules", len(list))
			}
			if p := process(t, k, "notepad.exe"); p.PID != 0xc24 {
				t.Errorf("%+v", p)
			}
		})
	}
}

// control writes a control region of a processor that says where the interrupt
// table of gate is, and returns its address.
func (r *rawImage) control(t *testing.T) uint64 {
	idt, at := r.gate(t), r.facts.Modules[0].Base+0xe00
	pcr := r.at(t, at)
	le.PutUint64(pcr[0x18:], at)
	le.PutUint64(pcr[0x38:], idt)
	return at
}

// TestFromPhysical_x86 finds the kernel of 32-bit Windows by its interrupt table
// and by reading through memory.
func TestFromPhysical_x86(t *testing.T) {
	s, err := dumpbuild.Seed32(fixture.Read, dumpbuild.Bitmap)
	if err != nil {
		t.Fatal(err)
	}
	s.Modules[0].Pages = nil
	r := raw(t, s)
	base, root := r.facts.Modules[0].Base, r.facts.Root
	for name, p := range map[string]nt.Physical{
		"record": {Scan: 64 << 20},
		"mode":   {Mode: paging.ModeX86, Scan: 64 << 20},
		"idt":    {Root: root, IDT: base + 0xf00},
		"pcr":    {Root: root, Mode: paging.ModeX86, PCRs: []uint64{base + 0xe00}},
	} {
		t.Run(name, func(t *testing.T) {
			header := r.pages[r.facts.Modules[0].Pages[0].Frame<<12]
			le.PutUint32(header[0xe1c:], uint32(base)+0xe00)
			le.PutUint32(header[0xe38:], uint32(base)+0xf00)
			handler := base + 0x1010
			le.PutUint16(header[0xf00:], uint16(handler))
			le.PutUint16(header[0xf06:], uint16(handler>>16))
			p.Memory = r.source()
			k, err := nt.FromPhysical(p)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.Base(); err != nil || got != base || k.Build() != 2600 || k.Machine() != 0x14c || k.Bits() != 32 {
				t.Errorf("base %x, %v; build %d", got, err, k.Build())
			}
			if list := modules(t, k); len(list) != len(s.Modules) {
				t.Errorf("%d modules", len(list))
			}
			if p := process(t, k, "notepad.exe"); p.PID == 0 {
				t.Errorf("%+v", p)
			}
		})
	}
}

// TestFromPhysical_other_tables reads through memory whose page tables have PAE,
// or five levels.
func TestFromPhysical_other_tables(t *testing.T) {
	for name, seed := range map[string]func(dumpbuild.Reader, uint32) (dumpbuild.Spec, error){
		"pae": dumpbuild.SeedPAE, "la57": dumpbuild.SeedLA57,
	} {
		s, err := seed(fixture.Read, dumpbuild.Bitmap)
		if err != nil {
			t.Fatal(err)
		}
		s.Modules[0].Pages = nil
		for _, large := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/large_%v", name, large), func(t *testing.T) {
				s.Modules[0].Large = large
				r := raw(t, s)
				k, err := nt.FromPhysical(nt.Physical{Memory: r.source(), Scan: 64 << 20})
				if err != nil {
					t.Fatal(err)
				}
				if base, err := k.Base(); err != nil || base != r.facts.Modules[0].Base {
					t.Errorf("base %x, %v", base, err)
				}
				if list := modules(t, k); len(list) != len(s.Modules) {
					t.Errorf("%d modules", len(list))
				}
				if p := process(t, k, "notepad.exe"); p.PID == 0 {
					t.Errorf("%+v", p)
				}
			})
		}
	}
}

// gate writes an interrupt table whose first handler is in the kernel into the
// slack behind its headers, and returns its address.
func (r *rawImage) gate(t *testing.T) uint64 {
	at, handler := r.facts.Modules[0].Base+0xf00, r.facts.Modules[0].Base+0x1010
	g := r.at(t, at)
	le.PutUint16(g, uint16(handler))
	le.PutUint16(g[6:], uint16(handler>>16))
	le.PutUint32(g[8:], uint32(handler>>32))
	return at
}

// TestFromPhysical_encoded_block encodes the debugger data block as a live
// kernel has it: without the PDB there are no lists.
func TestFromPhysical_encoded_block(t *testing.T) {
	s := userSpec(t)
	s.Modules[0].Pages = nil
	r := raw(t, s)
	r.lowStub()
	pdb, base := kernelPDB(t, amd64, 19041), r.facts.Modules[0].Base
	addr := func(name string) uint64 {
		list, err := pdb.ByName(name)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", name, list, err)
		}
		return base + uint64(list[0].RVA)
	}
	const never, always = 0x8123456789abcdef, 0xfedcba9876543210
	flag := addr("KdpDataBlockEncoded")
	le.PutUint64(r.at(t, addr("KiWaitNever")), never)
	le.PutUint64(r.at(t, addr("KiWaitAlways")), always)
	r.at(t, flag)[0] = 1
	block := r.at(t, r.facts.DebuggerBlock)[:0x380]
	for i := 0; i < len(block); i += 8 {
		v := bits.ReverseBytes64(binary.LittleEndian.Uint64(block[i:])^always) ^ flag
		le.PutUint64(block[i:], bits.RotateLeft64(v, -int(never&63))^never)
	}
	k, err := nt.FromPhysical(nt.Physical{Memory: r.source()})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range k.Processes() {
		if !errors.Is(err, nt.ErrMalformed) {
			t.Errorf("without the PDB: %v", err)
		}
	}
	if k, err = k.WithTypes(pdb); err != nil {
		t.Fatal(err)
	}
	if p := process(t, k, "notepad.exe"); p.PID != 0xc24 {
		t.Errorf("%+v", p)
	}
	if list := modules(t, k); len(list) != len(s.Modules) {
		t.Errorf("%d modules", len(list))
	}
	checkUnloaded(t, k)
	r.at(t, flag)[0] = 2
	if k, err = nt.FromPhysical(nt.Physical{Memory: r.source()}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.WithTypes(pdb); !errors.Is(err, nt.ErrMalformed) {
		t.Errorf("a flag of 2: %v", err)
	}
}

func checkUnloaded(t *testing.T, k *nt.Kernel) {
	t.Helper()
	var got []string
	for u, err := range k.Unloaded() {
		if err != nil {
			t.Error(err)
			continue
		}
		got = append(got, fmt.Sprintf("%s %x-%x %d", u.Name, u.Start, u.End, u.Time.Year()))
	}
	want := []string{"dump_storport.sys fffff80005100000-fffff8000510c000 2000", "kbdclass.sys fffff80005000000-fffff80005008000 2000"}
	if !slices.Equal(got, want) {
		t.Errorf("unloaded %q, want %q", got, want)
	}
}

func TestUnloaded(t *testing.T) {
	k, _ := typed(t, userSpec(t))
	checkUnloaded(t, k)
}

// manyProcesses is a raw image of 16 GB, sparse, with 300 processes.
func manyProcesses(tb testing.TB, n int) (*os.File, *dumpbuild.Facts) {
	tb.Helper()
	s := userSpec(tb)
	s.Modules, s.Type = s.Modules[:2], dumpbuild.Bitmap
	s.Modules[0].Pages = nil
	calc := s.Processes[3]
	out := map[int]dumpbuild.Page{}
	for i := range 0x32 {
		out[i] = dumpbuild.Page{State: dumpbuild.NotMapped}
	}
	calc.VADs = slices.Clone(calc.VADs)
	for i := range calc.VADs {
		if calc.VADs[i].PE != nil {
			pages := map[int]dumpbuild.Page{}
			for n := range int(calc.VADs[i].End - calc.VADs[i].Start + 1) {
				pages[n] = out[n]
			}
			calc.VADs[i].Pages = pages
		}
	}
	s.Processes = s.Processes[:1]
	for i := range n {
		p := calc
		p.Name, p.PID = fmt.Sprintf("p%d.exe", i), uint64(0x1000+4*i)
		if i%3 == 0 {
			p.PEBPage, p.Loader = dumpbuild.Page{State: dumpbuild.PageFile}, nil
		}
		s.Processes = append(s.Processes, p)
	}
	r := raw(tb, s)
	r.lowStub()
	f, err := os.Create(filepath.Join(tb.TempDir(), "memory.raw"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	if err := f.Truncate(16 << 30); err != nil {
		tb.Skipf("no sparse file of 16 GB here, run the tests where TMPDIR allows one: %v", err)
	}
	for pa, page := range r.pages {
		if _, err := f.WriteAt(page, int64(pa)); err != nil {
			tb.Fatal(err)
		}
	}
	return f, r.facts
}

// pageCounter counts the pages that are read, and the distinct ones.
type pageCounter struct {
	r io.ReaderAt

	mu    sync.Mutex
	reads int
	pages map[int64]bool
}

func (c *pageCounter) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	for at := off &^ 4095; at < off+int64(len(p)); at += 4096 {
		c.reads++
		c.pages[at] = true
	}
	c.mu.Unlock()
	return c.r.ReadAt(p, off)
}

// walkProcesses lists the modules of every process.
func walkProcesses(tb testing.TB, r io.ReaderAt, want int) {
	tb.Helper()
	phys, err := physmem.New(r, 16<<30)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := nt.FromPhysical(nt.Physical{Memory: phys})
	if err != nil {
		tb.Fatal(err)
	}
	walked := 0
	for p, err := range k.Processes() {
		if err != nil {
			tb.Fatal(err)
		}
		if p.PEB == 0 {
			continue
		}
		v, err := k.View(p)
		if err != nil {
			tb.Fatal(err)
		}
		if u := v.Modules(); len(u.Modules) != 2 || len(u.Problems) != 0 || (u.PEB != nil) != (u.Road == nt.RoadVAD) {
			tb.Fatalf("%s: %+v", p.Name, u)
		}
		walked++
	}
	if walked != want {
		tb.Fatalf("%d processes, want %d", walked, want)
	}
}

// needed bounds the pages a walk may touch: the first megabyte, the kernel's
// image and tables, and for each process its tables, PEB, lists and names.
func needed(processes int) int { return 256 + 64 + 16*processes }

// TestManyProcesses has fewer processes than the benchmark, to be quick.
func TestManyProcesses(t *testing.T) {
	const n = 60
	f, _ := manyProcesses(t, n)
	c := &pageCounter{r: f, pages: map[int64]bool{}}
	walkProcesses(t, c, n)
	if len(c.pages) > needed(n) || c.reads > 2*needed(n) {
		t.Errorf("%d reads of %d pages, want at most %d pages", c.reads, len(c.pages), needed(n))
	}
}

func BenchmarkManyProcesses(b *testing.B) {
	const most = 100 << 20
	f, _ := manyProcesses(b, 300)
	runtime.GC()
	c := &pageCounter{r: f, pages: map[int64]bool{}}
	for b.Loop() {
		c.reads = 0
		walkProcesses(b, c, 300)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if len(c.pages) > needed(300) || m.HeapAlloc > most {
		b.Errorf("%d pages touched, %d bytes held", len(c.pages), m.HeapAlloc)
	}
	b.ReportMetric(float64(len(c.pages)), "pages")
	b.ReportMetric(float64(c.reads), "pagereads/op")
}
