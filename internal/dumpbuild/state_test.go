package dumpbuild_test

import (
	"bytes"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// pages checks what every module's page tables lead to.
func (b built) pages(t *testing.T) {
	b = b.in(t)
	seen := map[dumpbuild.State]int{}
	for i, m := range b.facts.Modules {
		for n, p := range m.Pages {
			if want := b.spec.Modules[i].Pages[n].State; p.State != want || p.Addr != m.Base+uint64(n)*0x1000 {
				t.Fatalf("%s page %d: facts %+v, want state %d", m.Name, n, p, want)
			}
			seen[p.State]++
			b.page(m, n, p)
		}
	}
	if len(b.facts.Modules) > 4 && len(seen) != 10 {
		t.Errorf("states seen: %v, want all ten", seen)
	}
}

func (b built) page(m dumpbuild.ModuleFacts, n int, p dumpbuild.PageFacts) {
	pte, frame, large, err := b.walk(b.root, p.Addr)
	if err != nil && p.State != dumpbuild.NotMapped {
		b.t.Errorf("%s page %d: %v", m.Name, n, err)
		return
	}
	if !large && pte != p.PTE {
		b.t.Errorf("%s page %d: PTE %x, facts say %x", m.Name, n, pte, p.PTE)
	}
	content := m.Memory[n*0x1000:][:0x1000]
	switch p.State {
	case dumpbuild.Resident:
		if got := b.read(b.root, p.Addr, 0x1000); !bytes.Equal(got, content) {
			b.t.Errorf("%s page %d: %d bytes differ from the image", m.Name, n, len(got))
		}
	case dumpbuild.NotInDump:
		if pte&1 == 0 || b.frame(frame) != nil {
			b.t.Errorf("%s page %d: PTE %x, frame %x is there: %v", m.Name, n, pte, frame, b.frame(frame) != nil)
		}
	case dumpbuild.NotMapped:
		if pte != 0 {
			b.t.Errorf("%s page %d: PTE %x", m.Name, n, pte)
		}
	default:
		b.invalid(m, n, p, pte, content)
	}
}

// decode returns what an invalid PTE other than a prototype one says.
func (b built) decode(pte uint64) (s dumpbuild.State, number int, offset uint64) {
	high, low := pte>>12, pte>>1&0xf
	if b.wide {
		high = pte >> 32
		if b.spec.Build >= 17134 {
			low = pte >> 12 & 0xf
		}
	}
	switch {
	case pte>>11&1 == 1:
		return dumpbuild.Transition, 0, 0
	case high == 0 && low == 0 && pte>>5&0x1f != 0:
		return dumpbuild.DemandZero, 0, 0
	}
	return dumpbuild.PageFile, int(low), high << 12
}

// address returns what a prototype PTE leads to.
func (b built) address(pte uint64) uint64 {
	switch {
	case b.wide:
		return uint64(int64(pte) >> 16)
	case b.spec.Build < 6000:
		return b.facts.PagedPool + (pte&0xfe<<1 | pte&0xfffff800>>2)
	}
	return 0x80000000 | pte>>1&0x7ffffc00 | pte<<1&0x3ff
}

func (b built) invalid(m dumpbuild.ModuleFacts, n int, p dumpbuild.PageFacts, pte uint64, content []byte) {
	b.t.Helper()
	if p.State == dumpbuild.PrototypeFile || p.Prototype != 0 {
		if at := b.address(pte); pte&(1<<10) == 0 || at != p.Prototype {
			b.t.Fatalf("%s page %d: PTE %x leads to %x, not %x", m.Name, n, pte, at, p.Prototype)
		}
		pte = b.ptrAt(p.Prototype)
	}
	if p.State == dumpbuild.PrototypeFile {
		b.subsection(m, n, p, pte)
		return
	}
	if p.State == dumpbuild.PrototypeValid {
		if got := b.frame(pte >> 12); pte&1 == 0 || !bytes.Equal(got, content) {
			b.t.Errorf("%s page %d: prototype PTE %x leads to %d other bytes", m.Name, n, pte, len(got))
		}
		return
	}
	want := map[dumpbuild.State]dumpbuild.State{dumpbuild.PrototypeTransition: dumpbuild.Transition,
		dumpbuild.PrototypePageFile: dumpbuild.PageFile}[p.State]
	if want == 0 {
		want = p.State
	}
	state, number, offset := b.decode(pte)
	if state != want || number != p.PageFile || offset != p.Offset || pte&1 != 0 {
		b.t.Errorf("%s page %d: PTE %x says state %d pagefile %d offset %x, want %+v", m.Name, n, pte, state, number, offset, p)
	}
	if frame := pte >> 12 & 0xfffffffff; state == dumpbuild.Transition && (frame != p.Frame || !bytes.Equal(b.frame(frame), content)) {
		b.t.Errorf("%s page %d: transition frame %x has other bytes", m.Name, n, frame)
	}
}

// subsection follows a subsection PTE to the file's name and offset, and
// compares the bytes there with the image in memory.
func (b built) subsection(m dumpbuild.ModuleFacts, n int, p dumpbuild.PageFacts, pte uint64) {
	at := uint64(int64(pte) >> 16)
	if !b.wide {
		at = b.facts.Subsections + (pte&0x1e<<2 | pte&0x7ffff800>>4)
	}
	if tag := string(b.bytes(b.ptrAt(at)-b.field(4, 12), 4)); tag != "MmCi" || pte&(1<<10) == 0 {
		b.t.Fatalf("%s page %d: subsection PTE %x leads to %x, and to a block with pool tag %q", m.Name, n, pte, at, tag)
	}
	area, first := b.ptrAt(at), b.ptrAt(at+b.field(0x10, 0x08))
	sector, count := b.u32At(at+b.field(0x08, 0x24)), b.u32At(at+b.field(0x18, 0x2c))
	index := (p.Prototype - first) / b.field(4, 8)
	offset := index*0x1000 + sector*512
	if index >= count || offset != p.FileOffset {
		b.t.Errorf("%s page %d: page %d of %d, file offset %x, facts say %x", m.Name, n, index, count, offset, p.FileOffset)
	}
	object := b.ptrAt(area+b.field(0x24, 0x40)) &^ b.field(0, 15)
	if name := b.text(object + b.field(0x30, 0x58)); name != p.File {
		b.t.Errorf("%s page %d: file %q, facts say %q", m.Name, n, name, p.File)
	}
	// One unit of file alignment; relocations change some bytes, never most.
	memory, same, total := m.Memory[n*0x1000:], 0, 0x200
	for k, c := range b.peOf(m)[offset:][:total] {
		if memory[k] == c {
			same++
		}
	}
	if same*2 < total {
		b.t.Errorf("%s page %d: %d of %d bytes at file offset %x equal memory", m.Name, n, same, total, offset)
	}
}

func (b built) peOf(m dumpbuild.ModuleFacts) []byte {
	for _, s := range b.spec.Modules {
		if s.Base == m.Base {
			return s.PE
		}
	}
	return nil
}

// processes checks the process list, the PEBs and the VAD trees.
func (b built) processes(t *testing.T) {
	b = b.in(t)
	links := b.ring(b.facts.PsActiveProcess)
	if len(links) != len(b.spec.Processes) {
		t.Fatalf("%d processes, want %d", len(links), len(b.spec.Processes))
	}
	for i, link := range links {
		p, f := b.spec.Processes[i], b.facts.Processes[i]
		at := link - b.field(0x88, 0x448)
		name, _, _ := bytes.Cut(b.bytes(at+b.field(0x174, 0x5a8), 15), []byte{0})
		if at != f.Address || string(name) != p.Name || b.ptrAt(at+b.field(0x84, 0x440)) != p.PID {
			t.Fatalf("process at %x: %q, facts %+v", at, name, f)
		}
		root := b.ptrAt(at + b.field(0x18, 0x28))
		if root != f.Root || b.ptrAt(at+b.field(0x1b0, 0x550)) != p.PEB {
			t.Errorf("%s: root %x, PEB %x", p.Name, root, p.PEB)
		}
		own := view{b.dump, t, root}
		if got := own.bytes(b.facts.DebuggerBlock+0x10, 4); string(got) != "KDBG" {
			t.Errorf("%s does not see the kernel", p.Name)
		}
		if p.PEB != 0 {
			pte, _, _, err := b.walk(root, p.PEB)
			if state, n, off := b.decode(pte); err != nil || state != dumpbuild.PageFile || n != f.PEBPage.PageFile || off != f.PEBPage.Offset {
				t.Errorf("%s: PEB's PTE %x (%v), facts %+v", p.Name, pte, err, f.PEBPage)
			}
		}
		if got := b.tree(b.ptrAt(at+b.field(0x11c, 0x7d8)), 0, root, f); got != len(p.VADs) {
			t.Errorf("%s: %d VADs, want %d", p.Name, got, len(p.VADs))
		}
	}
}

// tree walks a VAD tree in order; every node must be the next of the facts.
func (b built) tree(at uint64, done int, root uint64, f dumpbuild.ProcessFacts) int {
	if at == 0 {
		return done
	}
	left, right := b.ptrAt(at+b.field(0xc, 0)), b.ptrAt(at+b.field(0x10, 8))
	for _, child := range []uint64{left, right} {
		if child != 0 && b.ptrAt(child+b.field(8, 0x10))&^3 != at {
			b.t.Errorf("parent of %x is not %x", child, at)
		}
	}
	done = b.tree(left, done, root, f)
	v := f.VADs[done]
	start, end := b.u32At(at+b.field(0, 0x18)), b.u32At(at+b.field(4, 0x1c))
	flags := b.u32At(at + b.field(0x14, 0x30))
	image := flags>>20&1 == 1
	if b.wide {
		start |= uint64(b.bytes(at+0x20, 1)[0]) << 32
		end |= uint64(b.bytes(at+0x21, 1)[0]) << 32
		image = flags>>4&7 == 2
	}
	if at != v.Address || start != v.Start || end != v.End || image != (v.File != "") {
		b.t.Errorf("VAD %x: %x-%x image %v, facts %+v", at, start, end, image, v)
	}
	tag := string(b.bytes(at-b.field(4, 12), 4))
	if want := map[bool]string{true: "Vad ", false: "VadS"}[image]; tag != want {
		b.t.Errorf("VAD %x: pool tag %q", at, tag)
	}
	if image {
		area := b.ptrAt(at + b.field(0x18, 0x48))
		if b.wide {
			area = b.ptrAt(area)
		}
		if name := b.text(b.ptrAt(area+b.field(0x24, 0x40))&^b.field(0, 15) + b.field(0x30, 0x58)); name != v.File {
			b.t.Errorf("VAD %x maps %q, want %q", at, name, v.File)
		}
	}
	return b.tree(right, done+1, root, f)
}

// TestEras declares other builds, whose PTEs and loader entries differ.
func TestEras(t *testing.T) {
	t.Run("x64 16299", func(t *testing.T) {
		s := seed(t, "x64 full")
		s.Build = 16299
		build(t, s).pages(t)
	})
	era := func(t *testing.T, machine uint16, build uint32) dumpbuild.Spec {
		s, err := dumpbuild.SeedEra(fixture.Read, machine, build)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Run("x64 7601 loader entry without stamp", func(t *testing.T) {
		b := build(t, era(t, dumpbuild.X64, 7601))
		m := b.facts.Modules[0]
		if m.EntryHasTime || b.ptrAt(m.Entry+0x30) != m.Base || b.u32At(m.Entry+0x9c) == uint64(m.Stamp) {
			t.Errorf("entry has stamp %x", b.u32At(m.Entry+0x9c))
		}
	})
	t.Run("x86 7601 prototype address", func(t *testing.T) {
		s := seed(t, "demo")
		s.Build, s.Processes = 7601, nil // no page in a file for this era
		s.Modules[1].Pages = map[int]dumpbuild.Page{0: {State: dumpbuild.PrototypeValid}, 1: {State: dumpbuild.PrototypePageFile, PageFile: 3}}
		build(t, s).pages(t)
	})
	t.Run("x86 10240 loader entry with stamp", func(t *testing.T) {
		b := build(t, era(t, dumpbuild.X86, 10240))
		m := b.facts.Modules[0]
		if !m.EntryHasTime || b.u32At(m.Entry+0x58) != uint64(m.Stamp) || b.u32At(m.Entry+0x54) != uint64(m.SizeOfImage) {
			t.Errorf("entry has stamp %x, unrounded size %x", b.u32At(m.Entry+0x58), b.u32At(m.Entry+0x54))
		}
	})
	t.Run("x64 InvalidPteMask", func(t *testing.T) {
		const mask, swizzled = 1 << 45, 1 << 4
		s := seed(t, "x64 full")
		s.PTEMask = mask
		b := build(t, s)
		fs, fdc := b.facts.Modules[1].Pages[0], b.facts.Modules[3].Pages[0]
		if want := uint64(0x1234<<32 | mask | 4<<5); fs.PTE != want {
			t.Errorf("pagefile PTE %x, want %x", fs.PTE, want)
		}
		if want := fdc.Frame<<12 | mask | 1<<11 | 4<<5; fdc.PTE != want {
			t.Errorf("transition PTE %x, want %x", fdc.PTE, want)
		}
		null := b.facts.Modules[2].Pages[0] // its address has the bit under the mask set or not
		if raw := null.Prototype<<16 | 1<<10 | 4<<5; null.PTE != raw|mask && null.PTE != raw|swizzled {
			t.Errorf("prototype PTE %x of %x", null.PTE, null.Prototype)
		}
	})
}

// TestOut takes structures out of memory, not only images.
func TestOut(t *testing.T) {
	for _, name := range []string{"x86 full", "x64 bitmap"} {
		t.Run(name, func(t *testing.T) {
			s := seed(t, name)
			s.Modules[2].EntryOut, s.Modules[3].NamesOut, s.Modules[4].TableOut = true, true, true
			b := build(t, s)
			entry := b.facts.Modules[2].Entry
			pte, _, _, err := b.walk(b.root, entry)
			if state, _, off := b.decode(pte); err != nil || state != dumpbuild.PageFile || off == 0 {
				t.Errorf("entry's PTE %x, %v", pte, err)
			}
			if next := b.ptrAt(b.facts.Modules[1].Entry); next != entry {
				t.Errorf("Flink to the missing entry is %x, not %x", next, entry)
			}
			if back := b.ptrAt(b.facts.Modules[3].Entry + b.field(4, 8)); back != entry {
				t.Errorf("Blink to the missing entry is %x, not %x", back, entry)
			}
			names := b.ptrAt(b.facts.Modules[3].Entry + b.field(0x2c, 0x58) + b.field(4, 8))
			if b.read(b.root, names, 2) != nil || names == 0 {
				t.Errorf("names at %x are readable", names)
			}
			if _, _, _, err := b.walk(b.root, b.facts.Modules[4].Base); err == nil {
				t.Error("the page table is in the dump")
			}
		})
	}
}

// TestWidePagesDiffer holds the wide image to its purpose.
func TestWidePagesDiffer(t *testing.T) {
	for _, name := range []string{"x86 full", "x64 full"} {
		b := build(t, seed(t, name))
		wide := b.facts.Modules[len(b.facts.Modules)-1]
		if len(wide.Pages) < 40 {
			t.Errorf("%s: %d pages, want at least 40", name, len(wide.Pages))
		}
		seen := map[string]int{}
		for n := range wide.Pages {
			page := string(wide.Memory[n*0x1000:][:0x1000])
			if k, ok := seen[page]; ok {
				t.Errorf("%s: pages %d and %d are equal", name, k, n)
			}
			seen[page] = n
		}
	}
}

// TestTriage checks the 64-bit triage dump's own structures.
func TestTriage(t *testing.T) {
	s, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Triage)
	if err != nil {
		t.Fatal(err)
	}
	b := build(t, s)
	const at = 0x2000
	if tag := b.u32(b.u32(at + 8)); tag != 0x44475254 {
		t.Errorf("valid tag %x", tag)
	}
	if size := b.u32(at + 4); size != uint64(len(b.b)) {
		t.Errorf("SizeOfDump %x of %x", size, len(b.b))
	}
	if fields := b.u32(0x1038); fields != 0xcff { // as in real ones
		t.Errorf("MiniDumpFields %x", fields)
	}
	thread := b.facts.Processes[0].Threads[0]
	if p := b.u32(at + 0x1c); le.Uint64(b.b[p+8:]) != thread.Address { // KPRCB.CurrentThread
		t.Errorf("the KPRCB names thread %x", le.Uint64(b.b[p+8:]))
	}
	if sp := le.Uint64(b.b[at+0x48:]); sp != b.facts.Registers["Rsp"] || b.u32(at+0x2c) == 0 {
		t.Errorf("stack from %x", sp)
	}
	list, count := b.u32(at+0x30), b.u32(at+0x34)
	if count != uint64(len(s.Modules)) {
		t.Fatalf("%d drivers", count)
	}
	for i, m := range b.facts.Modules {
		d := list + 0x90*uint64(i)
		name := b.u32(d)
		if n := b.u32(name); n != uint64(len(m.Path)) || b.b[name+4] != '\\' {
			t.Errorf("%s: name of %d units", m.Name, n)
		}
		if le.Uint64(b.b[d+0x38:]) != m.Base || b.u32(d+0x48) != m.Size || b.u32(d+0x80) != uint64(m.CheckSum) || b.u32(d+0x88) != uint64(m.Stamp) {
			t.Errorf("%s: entry % x", m.Name, b.b[d:d+0x90])
		}
	}
	table := b.u32(at + 0x78)
	for i := range b.u32(at + 0x7c) {
		e := table + 16*i
		addr, off, n := le.Uint64(b.b[e:]), b.u32(e+8), b.u32(e+12)
		for _, m := range b.facts.Modules {
			if rva := addr - m.Base; rva < m.Size && !bytes.Equal(b.b[off:off+n], m.Memory[rva:rva+n]) {
				t.Errorf("block %x of %x bytes differs from %s", addr, n, m.Name)
			}
		}
	}
	if string(b.b[b.u32(at+0x70)+0x10:][:4]) != "KDBG" {
		t.Error("no debugger data")
	}
}
