package nt_test

import (
	"errors"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
)

// Offsets of the embedded layout of Windows 10 2004 (threadlayout.go).
const (
	threadListHead = 0x5e0
	threadLinks    = 0x4e8
	threadStack    = 0x58
	threadLimit    = 0x30
	threadBase     = 0x38
	threadMisc     = 0x74
	switchFP       = 0x30
	switchIP       = 0x38
)

// twoThreads is a process at fuzzBase with a thread that waits and one whose stack
// is paged out.
func twoThreads() []byte {
	b := make([]byte, 0x3000)
	first, second, stack := uint64(fuzzBase+0x800), uint64(fuzzBase+0x1000), uint64(fuzzBase+0x2000)
	head := uint64(fuzzBase + threadListHead)
	put := func(at, v uint64) { le.PutUint64(b[at-fuzzBase:], v) }
	for _, link := range [][2]uint64{{head, first + threadLinks}, {first + threadLinks, second + threadLinks}, {second + threadLinks, head}} {
		put(link[0], link[1])
		put(link[1]+8, link[0])
	}
	put(first+threadLimit, stack)
	put(first+threadBase, stack+0x1000)
	put(first+threadStack, stack+0x800)
	b[first+threadMisc-fuzzBase] = 1
	put(stack+0x800+switchFP, 0x7777)
	put(stack+0x800+switchIP, 0xfffff80002a01234)
	return b
}

// TestThreads_layout: what a thread that waits goes on with, and why nothing is known
// of one whose stack is out.
func TestThreads_layout(t *testing.T) {
	var list []nt.Thread
	for th, err := range nt.ThreadsOf(fuzzMemory(t, twoThreads()), amd64, 19041, fuzzBase) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, th)
	}
	if len(list) != 2 || list[0].Err != nil || list[0].IP != 0xfffff80002a01234 || list[0].SP != fuzzBase+0x2840 || list[0].FP != 0x7777 || !errors.Is(list[1].Err, nt.ErrNotResident) {
		t.Errorf("%+v", list)
	}
}

// FuzzThreads: no thread comes twice; one that waits goes on in the kernel, with a
// stack pointer in its stack, or says why that is not known.
func FuzzThreads(f *testing.F) {
	whole := twoThreads()
	f.Add(whole, uint16(0), true)
	f.Add(whole[:0x2000], uint16(0), true) // the stack is out
	f.Add(whole, uint16(0x18), true)
	f.Add(make([]byte, 0x1000), uint16(0x100), false)
	f.Add([]byte{}, uint16(0), false)
	f.Fuzz(func(t *testing.T, b []byte, process uint16, wide bool) {
		machine, build, high := uint16(i386), uint32(2600), uint64(1<<31)
		if wide {
			machine, build, high = amd64, 19041, 1<<63
		}
		seen := map[uint64]bool{}
		for th, err := range nt.ThreadsOf(fuzzMemory(t, b), machine, build, fuzzBase+uint64(process)) {
			if err != nil {
				judged(t, err)
				continue
			}
			if seen[th.Address] {
				t.Fatalf("%x twice", th.Address)
			}
			seen[th.Address] = true
			switch {
			case th.Runs():
			case th.Err != nil:
				if _, fault := errors.AsType[*memsource.Fault](th.Err); !fault && !errors.Is(th.Err, nt.ErrNotResident) && !errors.Is(th.Err, nt.ErrMalformed) {
					t.Errorf("%v: %v", errFuzz, th.Err)
				}
			case th.IP&high == 0, th.StackBase != 0 && (th.SP <= th.StackLimit || th.SP > th.StackBase+0x40):
				t.Errorf("%+v", th)
			}
		}
	})
}
