package unwind_test

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

const (
	testBase  = 0x140000000
	testStack = 0x20000
	pdataRVA  = 0x2000
	xdataRVA  = 0x3000
	testSize  = 0x8000
)

// program is a small image with its stack, for tests that write both.
type program struct {
	machine unwind.Machine
	image   []byte
	stack   []byte // from testStack on
	pdata   []byte
	xdata   []byte
	regs    unwind.Context
	cfg     unwind.Config
	out     map[uint32]bool // pages of the image that are out
	reads   int             // of the image
}

func newProgram(m unwind.Machine) *program {
	p := &program{machine: m, image: make([]byte, testSize), stack: make([]byte, 0x4000)}
	p.regs = unwind.Context{Machine: m, KnownInt: ^uint32(0), KnownVec: 0xffff}
	p.regs.SetSP(testStack + 0x100)
	return p
}

// function adds an entry of x64 code from begin to end with unwind data.
func (p *program) function(begin, end uint32, info ...byte) {
	le := binary.LittleEndian
	p.pdata = le.AppendUint32(le.AppendUint32(le.AppendUint32(p.pdata, begin), end), xdataRVA+uint32(len(p.xdata)))
	p.xdata = append(p.xdata, info...)
	for len(p.xdata)%4 != 0 {
		p.xdata = append(p.xdata, 0)
	}
}

// arm adds an entry of ARM64 code with the second word of the entry, or with
// an .xdata record if there is one.
func (p *program) arm(begin, word uint32, xdata ...uint32) {
	le := binary.LittleEndian
	if len(xdata) > 0 {
		word = xdataRVA + uint32(len(p.xdata))
	}
	p.pdata = le.AppendUint32(le.AppendUint32(p.pdata, begin), word)
	for _, x := range xdata {
		p.xdata = le.AppendUint32(p.xdata, x)
	}
}

// poke puts a word on the stack at an address.
func (p *program) poke(addr uint64, v uint64) {
	binary.LittleEndian.PutUint64(p.stack[addr-testStack:], v)
}

// call puts a call instruction before rva and returns rva's address.
func (p *program) call(rva uint32) uint64 {
	if p.machine == unwind.ARM64 {
		binary.LittleEndian.PutUint32(p.image[rva-4:], 0x94000000)
	} else {
		copy(p.image[rva-5:], []byte{0xe8, 0, 0, 0, 0})
	}
	return testBase + uint64(rva)
}

// headers writes the headers of the image.
func (p *program) headers() {
	b, le := p.image, binary.LittleEndian
	copy(b, "MZ")
	le.PutUint32(b[0x3c:], 0x40)
	copy(b[0x40:], "PE\x00\x00")
	le.PutUint16(b[0x44:], uint16(p.machine))
	le.PutUint16(b[0x54:], 0xf0)
	o := b[0x58:]
	le.PutUint16(o, 0x20b)
	le.PutUint64(o[24:], testBase)
	le.PutUint32(o[32:], 0x1000)
	le.PutUint32(o[36:], 0x200)
	le.PutUint32(o[56:], testSize)
	le.PutUint32(o[60:], 0x400)
	le.PutUint32(o[108:], 16)
	le.PutUint32(o[112+8*3:], pdataRVA)
	le.PutUint32(o[112+8*3+4:], uint32(len(p.pdata)))
}

// ReadImage implements unwind.Image.
func (p *program) ReadImage(_ context.Context, buf []byte, rva uint32) (unwind.Origin, error) {
	p.reads++
	for page := rva / 4096; page <= (rva+uint32(len(buf))-1)/4096; page++ {
		if p.out[page] {
			return unwind.Origin{}, memsource.NewFault(memsource.ReasonPagedOut, testBase+uint64(page)*4096, 4096)
		}
	}
	copy(buf, p.image[rva:])
	return unwind.Origin{Bytes: unwind.BytesTarget, Proof: unwind.ProofExact}, nil
}

// open returns what a walk through the program needs.
func (p *program) open() unwind.Config {
	p.headers()
	copy(p.image[pdataRVA:], p.pdata)
	copy(p.image[xdataRVA:], p.xdata)
	memory := &memsource.Sparse{}
	if err := memory.Add(testStack, p.stack); err != nil {
		return unwind.Config{}
	}
	p.cfg.Memory = memory
	p.cfg.Modules = one{&unwind.Module{Name: "program", Base: testBase, Size: testSize, Image: p}}
	return p.cfg
}

// walk walks the stack and returns all frames and the error at the end.
func (p *program) walk(tb testing.TB) (frames []unwind.Frame, end error) {
	tb.Helper()
	p.open()
	for f, err := range unwind.Walk(tb.Context(), p.cfg, p.regs) {
		if end != nil {
			tb.Fatal("the walk goes on behind its error")
		}
		if end = err; err == nil {
			frames = append(frames, f)
		}
	}
	return frames, end
}

// wantFrames compares PCs (as RVAs, or addresses outside of the image) and
// rules of frames.
func wantFrames(tb testing.TB, frames []unwind.Frame, want ...wanted) {
	tb.Helper()
	for i, f := range frames {
		pc := f.PC
		if f.Module != nil {
			pc -= testBase
		}
		if i >= len(want) || pc != want[i].pc || f.Rule != want[i].rule || f.Index != i {
			tb.Errorf("frame %d: pc %x, rule %v, index %d; want %+v", i, pc, f.Rule, f.Index, want[min(i, len(want)-1)])
		}
		if f.Rule.Guess() && f.Origin.Proof == unwind.ProofExact {
			tb.Errorf("frame %d is a guess and exact", i)
		}
		if i+1 < len(frames) && f.Return != frames[i+1].PC {
			tb.Errorf("frame %d returns to %x, but the next is at %x", i, f.Return, frames[i+1].PC)
		}
	}
	if len(frames) != len(want) {
		tb.Errorf("%d frames, want %d", len(frames), len(want))
	}
}

type wanted struct {
	pc   uint64
	rule unwind.Rule
}

// wantError wants an error that matches all of targets.
func wantError(tb testing.TB, err error, targets ...error) {
	tb.Helper()
	var e *unwind.Error
	if !errors.As(err, &e) {
		tb.Errorf("the walk ended with %v", err)
	}
	for _, target := range targets {
		if !errors.Is(err, target) {
			tb.Errorf("%v is not %v", err, target)
		}
	}
}
