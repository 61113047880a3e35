package nt_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/vadmath"
)

// node is a descriptor of private memory to be written, for x64 19041.
type node struct {
	addr, left, right, start, end uint64
}

const vads = 0xffff800000100000

func nodeAt(n int) uint64 { return vads + uint64(n)*0x1000 } // each on a page of its own

func tree(nodes ...node) *memory {
	m := newMemory(64)
	for _, n := range nodes {
		m.ptr(n.addr, n.left)
		m.ptr(n.addr+8, n.right)
		m.u32(n.addr+0x18, uint32(n.start))
		m.u32(n.addr+0x1c, uint32(n.end))
		m.write(n.addr+0x20, []byte{byte(n.start >> 32), byte(n.end >> 32)})
		m.u32(n.addr+0x30, 1<<20|4<<7)
		m.u32(n.addr+0x34, 1)
		m.ptr(n.addr+0x38, 0)
	}
	return m
}

// walkVADs returns the starts of the descriptors and the errors.
func walkVADs(src memsource.Source, root uint64) (starts []uint64, errs []error) {
	for e, err := range nt.VADs(src, nt.VADLayoutFor(amd64, 19041), nt.SectionLayoutFor(amd64, 19041), root) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		starts = append(starts, uint64(e.Pages.Start))
	}
	return starts, errs
}

// full is a tree of seven nodes, in address order 1 to 7.
func full() []node {
	return []node{
		{nodeAt(4), nodeAt(2), nodeAt(6), 0x40, 0x4f}, {nodeAt(2), nodeAt(1), nodeAt(3), 0x20, 0x2f}, {nodeAt(6), nodeAt(5), nodeAt(7), 0x60, 0x6f},
		{nodeAt(1), 0, 0, 0x10, 0x1f}, {nodeAt(3), 0, 0, 0x30, 0x3f}, {nodeAt(5), 0, 0, 0x50, 0x5f}, {nodeAt(7), 0, 0, 0x6ffffffff, 0x700000003},
	}
}

func TestVADs_damage(t *testing.T) {
	all := []uint64{0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x6ffffffff}
	for name, c := range map[string]struct {
		change func(m *memory, n []node)
		want   []uint64
		at     uint64 // of the one TreeBreak; 0: none
		is     error
	}{
		"whole":         {func(*memory, []node) {}, all, 0, nil},
		"leaf_out":      {func(m *memory, _ []node) { m.pageOut(nodeAt(3)) }, slices.Delete(slices.Clone(all), 2, 3), nodeAt(3), memsource.ErrPagedOut},
		"inner_out":     {func(m *memory, _ []node) { m.pageOut(nodeAt(2)) }, all[3:], nodeAt(2), memsource.ErrPagedOut},
		"right_out":     {func(m *memory, _ []node) { m.pageOut(nodeAt(6)) }, all[:4], nodeAt(6), memsource.ErrPagedOut},
		"root_out":      {func(m *memory, _ []node) { m.pageOut(nodeAt(4)) }, nil, nodeAt(4), memsource.ErrPagedOut},
		"left_to_root":  {func(m *memory, _ []node) { m.ptr(nodeAt(1), nodeAt(4)) }, all, nodeAt(4), nt.ErrMalformed},
		"right_to_self": {func(m *memory, _ []node) { m.ptr(nodeAt(7)+8, nodeAt(7)) }, all, nodeAt(7), nt.ErrMalformed},
		"shared_child":  {func(m *memory, _ []node) { m.ptr(nodeAt(6), nodeAt(3)) }, slices.Delete(slices.Clone(all), 4, 5), nodeAt(3), nt.ErrMalformed},
		"misaligned":    {func(m *memory, _ []node) { m.ptr(nodeAt(5), nodeAt(1)+1) }, all, nodeAt(1) + 1, nt.ErrMalformed},
		"top":           {func(m *memory, _ []node) { m.ptr(nodeAt(5), ^uint64(7)) }, all, ^uint64(7), nt.ErrMalformed},
		"reversed":      {func(m *memory, _ []node) { m.u32(nodeAt(3)+0x1c, 0x2f) }, slices.Delete(slices.Clone(all), 2, 3), 0, nt.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := full()
			m := tree(nodes...)
			c.change(m, nodes)
			got, errs := walkVADs(m.source(), nodeAt(4))
			if !slices.Equal(got, c.want) {
				t.Errorf("starts %x, want %x (%v)", got, c.want, errs)
			}
			if c.is == nil {
				if len(errs) != 0 {
					t.Errorf("%v", errs)
				}
				return
			}
			if len(errs) != 1 || !errors.Is(errs[0], c.is) {
				t.Fatalf("%v, want one that is %v", errs, c.is)
			}
			b, ok := errors.AsType[*nt.TreeBreak](errs[0])
			if ok != (c.at != 0) || ok && b.Node != c.at {
				t.Errorf("%+v, want a break at %x", errs[0], c.at)
			}
		})
	}
}

// TestVADs_carry: the halves of a page number are put together before
// anything is compared or added.
func TestVADs_carry(t *testing.T) {
	src := tree(full()...).source()
	for e, err := range nt.VADs(src, nt.VADLayoutFor(amd64, 19041), nt.SectionLayoutFor(amd64, 19041), nodeAt(7)) {
		base, size, err2 := e.Pages.Bytes(vadmath.Page4K)
		if err != nil || err2 != nil || base != 0x6ffffffff000 || size != 0x5000 {
			t.Errorf("%x, %x, %v, %v", base, size, err, err2)
		}
	}
}

// TestVADs_deep: a chain is cut at a depth no balanced tree has.
func TestVADs_deep(t *testing.T) {
	var nodes []node
	for i := range 300 {
		nodes = append(nodes, node{addr: nodeAt(i), left: nodeAt(i + 1), start: uint64(300 - i), end: uint64(300 - i)})
	}
	starts, errs := walkVADs(tree(nodes...).source(), nodeAt(0))
	if len(starts) != 101 || len(errs) != 1 || !strings.Contains(errs[0].Error(), "levels") {
		t.Errorf("%d descriptors, %v", len(starts), errs)
	}
}

// TestVADs_names: descriptors that all map one file of a very long name do not
// multiply it beyond a bound.
func TestVADs_names(t *testing.T) {
	const n, area, file, buf = 6000, 0xffff800000300000, 0xffff800000301000, 0xffff800000302000
	m := newMemory(64)
	for i := range uint64(n) { // a balanced tree, by halves
		at := vads + i*0x90
		m.u32(at+0x18, uint32(i))
		m.u32(at+0x1c, uint32(i))
		m.u32(at+0x30, 2<<4|7<<7)
		m.ptr(at+0x48, area+0x100)
		m.ptr(at+0x50, 0)
	}
	var link func(low, high uint64) uint64
	link = func(low, high uint64) uint64 {
		if low == high {
			return 0
		}
		at := vads + (low+high)/2*0x90
		m.ptr(at, link(low, (low+high)/2))
		m.ptr(at+8, link((low+high)/2+1, high))
		return at
	}
	m.ptr(area+0x100, area)
	m.ptr(area+0x40, file)
	m.name(file+0x58, buf, strings.Repeat("x", 2000))
	total, unnamed := 0, 0
	for e, err := range nt.VADs(m.source(), nt.VADLayoutFor(amd64, 19041), nt.SectionLayoutFor(amd64, 19041), link(0, n)) {
		if err != nil {
			t.Fatal(err)
		}
		if total += len(e.File); e.File == "" {
			unnamed++
		}
	}
	if total > 8<<20+2000 || total < 8<<20 || unnamed == 0 {
		t.Errorf("%d bytes of names, %d without", total, unnamed)
	}
}

func TestVADs_no_layout(t *testing.T) {
	for _, err := range nt.VADs(newMemory(64).source(), nt.VADLayoutFor(0x1f0, 1), nt.SectionLayout{}, 1) {
		if !errors.Is(err, nt.ErrNoLayout) {
			t.Errorf("%v", err)
		}
	}
	for _, err := range nt.Processes(newMemory(64).source(), nt.ProcessLayoutFor(amd64, 1), 1) {
		if !errors.Is(err, nt.ErrNoLayout) {
			t.Errorf("%v", err)
		}
	}
	if _, err := nt.LoaderModules(newMemory(64).source(), nt.LoaderLayoutFor(16), 1); !errors.Is(err, nt.ErrNoLayout) {
		t.Errorf("%v", err)
	}
}

// processes links n processes behind head, each on a page of its own.
func processes(n int) (*memory, uint64) {
	const head = 0xffff800000200000
	m, prev := newMemory(64), uint64(head)
	for i := range n {
		at := uint64(0xffff800000300000) + uint64(i)*0x1000
		m.ptr(prev, at+0x448)
		m.ptr(at+0x448+8, prev)
		m.ptr(at+0x28, 0x1000*uint64(i+1))
		m.ptr(at+0x440, uint64(4*i))
		m.write(at+0x5a8, []byte(fmt.Sprintf("p%d.exe", i)))
		m.ptr(at+0x7d8, 0)
		prev = at + 0x448
	}
	m.ptr(prev, head)
	m.ptr(head+8, prev)
	return m, head
}

func TestProcesses_damage(t *testing.T) {
	const first = 0xffff800000300000
	for name, c := range map[string]struct {
		change func(m *memory)
		want   string
		is     error
	}{
		"whole":       {func(*memory) {}, "p0.exe p1.exe p2.exe p3.exe", nil},
		"one_out":     {func(m *memory) { m.pageOut(first + 0x1000) }, "p0.exe p2.exe p3.exe", memsource.ErrPagedOut},
		"two_out":     {func(m *memory) { m.pageOut(first); m.pageOut(first + 0x2000) }, "p3.exe", memsource.ErrPagedOut},
		"circle":      {func(m *memory) { m.ptr(first+0x2448, first+0x448) }, "p0.exe p1.exe p2.exe p3.exe", nt.ErrMalformed},
		"forged_pid":  {func(m *memory) { m.ptr(first+0x1440, 1<<40) }, "p0.exe p2.exe p3.exe", nt.ErrMalformed},
		"no_tables":   {func(m *memory) { m.ptr(first+0x1028, 0) }, "p0.exe p2.exe p3.exe", nt.ErrMalformed},
		"long_name":   {func(m *memory) { m.write(first+0x5a8, []byte("fifteen letters!!")) }, "fifteen letters p1.exe p2.exe p3.exe", nil},
		"binary_name": {func(m *memory) { m.write(first+0x5a8, []byte("a\x1b[2Jb\x00")) }, `a\x1b[2Jb p1.exe p2.exe p3.exe`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m, head := processes(4)
			c.change(m)
			var names []string
			var errs []error
			for p, err := range nt.Processes(m.source(), nt.ProcessLayoutFor(amd64, 19041), head) {
				if err != nil {
					errs = append(errs, err)
					continue
				}
				names = append(names, p.Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("%q, want %q (%v)", got, c.want, errs)
			}
			if (c.is == nil) != (len(errs) == 0) || c.is != nil && !errors.Is(errors.Join(errs...), c.is) {
				t.Errorf("%v, want %v", errs, c.is)
			}
		})
	}
}

// TestProcesses_cut: the page the end of an EPROCESS is on is out, and what
// is before it is known.
func TestProcesses_cut(t *testing.T) {
	const head, at = 0xffff800000200000, 0xffff800000300a00 // VadRoot is on the next page
	m := newMemory(64)
	m.ptr(head, at+0x448)
	m.ptr(head+8, at+0x448)
	m.ptr(at+0x448, head)
	m.ptr(at+0x450, head)
	m.ptr(at+0x28, 0x5000)
	m.ptr(at+0x440, 0x44)
	m.ptr(at+0x550, 0x7ffd000)
	m.pageOut(0xffff800000301000)
	for p, err := range nt.Processes(m.source(), nt.ProcessLayoutFor(amd64, 19041), head) {
		if err != nil || p.PID != 0x44 || p.PEB != 0x7ffd000 || p.VADRoot != 0 || !errors.Is(p.Err, memsource.ErrPagedOut) {
			t.Errorf("%+v, %v", p, err)
		}
	}
}
