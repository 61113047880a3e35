package physmem_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/memsource/physmem"
)

// vmTag is a tag of a saved state.
type vmTag struct {
	name    string
	indices []uint32
	value   []byte
	block   byte // 62 or 63; 0: a plain value
	pad     int
}

func number(name string, v uint64, size int, indices ...uint32) vmTag {
	return vmTag{name: name, indices: indices, value: le.AppendUint64(nil, v)[:size]}
}

// vmState is a saved state: groups of tags behind the header.
func vmState(magic uint32, groups map[string][]vmTag) []byte {
	word := 8
	if magic&0xf == 0 {
		word = 4
	}
	names := []string{"Checkpoint", "cpu", "memory"}
	b := le.AppendUint32(nil, magic)
	b = le.AppendUint32(b, 8)
	b = le.AppendUint32(b, uint32(len(names)))
	heads := len(b)
	b = append(b, make([]byte, 80*len(names))...)
	for i, name := range names {
		g := b[heads+80*i:]
		copy(g, name)
		le.PutUint64(g[64:], uint64(len(b)))
		for _, t := range groups[name] {
			size := byte(len(t.value))
			if t.block != 0 {
				size = t.block
			}
			b = append(b, size|byte(len(t.indices))<<6, byte(len(t.name)))
			b = append(b, t.name...)
			for _, n := range t.indices {
				b = le.AppendUint32(b, n)
			}
			if t.block != 0 {
				for range 2 {
					b = append(b, le.AppendUint64(nil, uint64(len(t.value)))[:word]...)
				}
				b = le.AppendUint16(b, uint16(t.pad))
				b = append(b, make([]byte, t.pad)...)
			}
			b = append(b, t.value...)
		}
		b = append(b, 0, 0)
	}
	return b
}

// regions are the tags of two regions: one page of the file at 0, two at 4 GB.
func regions() []vmTag {
	return []vmTag{
		number("align_mask", 0xffff, 4), number("regionsCount", 2, 4),
		number("regionPPN", 0, 4, 0), number("regionPageNum", 0, 4, 0), number("regionSize", 1, 4, 0),
		number("regionPPN", 0x100000, 4, 1), number("regionPageNum", 1, 4, 1), number("regionSize", 2, 4, 1),
	}
}

func vmMemory() []byte {
	return append(fill('a', 0x1000), append(fill('b', 0x1000), fill('c', 0x1000)...)...)
}

// TestVMware reads the memory of a machine in a file of its own, and in the saved
// state, by its regions or in one piece, and the registers of its processors.
func TestVMware(t *testing.T) {
	cr := func(values ...uint64) []byte {
		var b []byte
		for _, v := range values {
			b = le.AppendUint64(b, v)
		}
		return append(b, make([]byte, 72-len(b))...)
	}
	cpus := []vmTag{
		number("cpu:numVCPUs", 2, 4),
		{name: "CR64", indices: []uint32{0}, value: cr(1<<31, 0, 0, 0x1aa000, 0x20), block: 63},
		{name: "IDTR", indices: []uint32{0}, value: append([]byte{0xff, 0x0f}, le.AppendUint64(nil, 0xfffff80000001000)...), block: 63},
		number("CR64", 1<<31, 8, 1, 0), number("CR64", 0x39000, 8, 1, 3), number("CR64", 0, 8, 1, 4),
		number("IDTR", 0x7ff, 2, 1, 0), number("IDTR", 0x8003f400, 4, 1, 1), number("IDTR", 0, 4, 1, 2),
	}
	for _, magic := range []uint32{0xbed2bed2, 0xbed2bed0, 0xbad1bad1, 0xbed3bed3, 0xbed0bed0} {
		state := vmState(magic, map[string][]vmTag{"memory": regions(), "cpu": cpus})
		if physmem.Sniff(state) != physmem.FormatVMware {
			t.Fatalf("%x: %v", magic, physmem.Sniff(state))
		}
		if _, err := physmem.New(bytes.NewReader(state), int64(len(state))); !errors.Is(err, physmem.ErrApart) || !errors.Is(err, physmem.ErrUnsupported) {
			t.Errorf("%x: without memory: %v", magic, err)
		}
		memory := vmMemory()
		f, err := physmem.NewVMware(bytes.NewReader(memory), int64(len(memory)), bytes.NewReader(state), int64(len(state)))
		if err != nil {
			t.Fatalf("%x: %v", magic, err)
		}
		checkVMware(t, f, true)
		if c := f.CPUs(); len(c) != 2 || c[0].Mode != paging.ModeX64 || c[0].CR3 != 0x1aa000 || c[0].IDT != 0xfffff80000001000 ||
			c[1].Mode != paging.ModeX86 || c[1].CR3 != 0x39000 || c[1].IDT != 0x8003f400 {
			t.Errorf("%x: processors %+v", magic, c)
		}
		inside := append(regions(), vmTag{name: "Memory", indices: []uint32{0, 0}, value: memory, block: 63, pad: 77})
		state = vmState(magic, map[string][]vmTag{"memory": inside, "cpu": cpus})
		checkVMware(t, open(t, state), true)
		state = vmState(magic, map[string][]vmTag{"memory": {{name: "Memory", indices: []uint32{0, 0}, value: memory, block: 62, pad: 3}}})
		checkVMware(t, open(t, state), false)
	}
}

// checkVMware checks what is where, with and without a hole behind the first page.
func checkVMware(t *testing.T, f *physmem.File, hole bool) {
	t.Helper()
	second := uint64(0x1000)
	if hole {
		second = 4 << 30
		if _, err := memsource.U8(f, 0x1000); !errors.Is(err, memsource.ErrNotInDump) {
			t.Errorf("in the hole: %v", err)
		}
	}
	for at, want := range map[uint64]byte{0: 'a', 0xfff: 'a', second: 'b', second + 0x1fff: 'c'} {
		if got, err := memsource.U8(f, at); err != nil || got != want {
			t.Errorf("%#x: %q, %v", at, got, err)
		}
	}
	if f.Format() != physmem.FormatVMware || len(f.Problems()) != 0 {
		t.Errorf("%v, problems %v", f.Format(), f.Problems())
	}
}

// TestVMware_broken: states that lie or are cut are told of.
func TestVMware_broken(t *testing.T) {
	memory := vmMemory()
	sound := vmState(0xbed2bed2, map[string][]vmTag{"memory": regions()})
	for name, c := range map[string]struct {
		state []byte
		says  string
	}{
		"cut":          {sound[:len(sound)-20], "a tag is cut"},
		"many_groups":  {append(append([]byte(nil), sound[:8]...), 0xff, 0xff, 0xff, 0xff), "groups"},
		"beyond":       {vmState(0xbed2bed2, map[string][]vmTag{"memory": {number("regionPPN", 0, 4, 0), number("regionPageNum", 2, 4, 0), number("regionSize", 9, 4, 0)}}), "the file ends before"},
		"huge":         {vmState(0xbed2bed2, map[string][]vmTag{"memory": {number("regionPPN", 1<<60, 8, 0), number("regionSize", 1<<60, 8, 0)}}), ""},
		"no_state":     {memory, "no saved state"},
		"only_a_magic": {sound[:12], "group"},
	} {
		f, err := physmem.NewVMware(bytes.NewReader(memory), int64(len(memory)), bytes.NewReader(c.state), int64(len(c.state)))
		text := ""
		if err != nil {
			text = err.Error()
		} else if problems := errors.Join(f.Problems()...); problems != nil {
			text = problems.Error()
		}
		if !strings.Contains(text, c.says) || (text == "") != (c.says == "") {
			t.Errorf("%s: %q, want %q", name, text, c.says)
		}
	}
	packed := vmState(0xbed2bed2, map[string][]vmTag{"memory": {{name: "Memory", value: memory, block: 62}}})
	at := bytes.Index(packed, []byte("Memory"))
	packed[at+6+8]++ // it has another length in memory
	if _, err := physmem.New(bytes.NewReader(packed), int64(len(packed))); !errors.Is(err, physmem.ErrUnsupported) || !strings.Contains(err.Error(), "compressed") {
		t.Errorf("compressed memory: %v", err)
	}
}

// FuzzVMware lays a memory out by arbitrary states: what is read at an address is
// what the memory has at the offset the ranges say.
func FuzzVMware(f *testing.F) {
	f.Add(vmState(0xbed2bed2, map[string][]vmTag{"memory": regions()}))
	f.Add(vmState(0xbed2bed0, map[string][]vmTag{"memory": append(regions(), vmTag{name: "Memory", value: vmMemory(), block: 63, pad: 5})}))
	memory := noise(0x5000)
	f.Fuzz(func(t *testing.T, state []byte) {
		m, err := physmem.NewVMware(bytes.NewReader(memory), int64(len(memory)), bytes.NewReader(state), int64(len(state)))
		if err != nil {
			if !errors.Is(err, physmem.ErrFormat) && !errors.Is(err, physmem.ErrUnsupported) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		ranges := m.Ranges()
		for i, r := range ranges {
			last := r.Address + r.Size - 1
			alone := (i == 0 || ranges[i-1].Address+ranges[i-1].Size-1 < r.Address) && (i+1 == len(ranges) || ranges[i+1].Address > last)
			got, err := memsource.U8(m, r.Address)
			if inFile := r.Offset < int64(len(memory)); alone && (inFile != (err == nil) || inFile && got != memory[r.Offset]) {
				t.Fatalf("range %+v: %#x, %v", r, got, err)
			}
		}
	})
}
