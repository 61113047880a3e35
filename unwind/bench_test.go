package unwind_test

import (
	"context"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

const (
	benchFunctions = 20000 // as many as a large library has
	benchFrames    = 1000
	benchSize      = 0x400000
)

// deep is a stack of 1,000 frames of functions all over a module of 20,000.
func deep(m unwind.Machine) (unwind.Config, unwind.Context) {
	if m == unwind.X86 {
		return deep32()
	}
	const code, pdata, xdata = 0x1000, 0x200000, 0x300000
	p := &program{machine: m, image: make([]byte, benchSize), stack: make([]byte, benchFrames*0x80+0x1000)}
	for i := range uint32(benchFunctions) {
		begin, info := code+i*0x40, uint32(xdata+len(p.xdata))
		if m == unwind.X64 { // push rbx, rsi, rdi; sub rsp,64; movaps [rsp+20],xmm6
			p.pdata = append(p.pdata, u32s(begin, begin+0x40, info)...)
			p.xdata = append(p.xdata, 1, 12, 6, 0, 12, 0x68, 2, 0, 7, 0x72, 3, 0x70, 2, 0x60, 1, 0x30)
			continue
		}
		if i%2 == 0 { // packed: x19 to x21, lr, a frame chain
			p.pdata = append(p.pdata, u32s(begin, 1|0x10<<2|3<<16|3<<21|6<<23)...)
			continue
		}
		p.pdata = append(p.pdata, u32s(begin, info)...) // the same in full
		p.xdata = append(p.xdata, u32s(0x10|1<<21|2<<27)...)
		p.xdata = append(p.xdata, 0xe1, 0x87, 0xd0, 0x82, 0xcc, 0x03, 0xe4, 0xe4)
	}
	p.headers()
	le(p.image[0x58+112+8*3:], pdata)
	copy(p.image[pdata:], p.pdata)
	copy(p.image[xdata:], p.xdata)
	le(p.image[0x58+56:], benchSize)
	regs := unwind.Context{Machine: m, KnownInt: ^uint32(0), KnownVec: 0xffff}
	at := uint64(testStack)
	regs.SetSP(at)
	regs.Int[unwind.RegARM64FP] = at
	regs.PC = testBase + code + 0x20
	for i := range uint32(benchFrames) {
		size, slot := uint64(0x60), uint64(0x58)
		if m == unwind.ARM64 {
			slot = 8
		}
		pc := testBase + code + 0x20 + uint64(i*7919%benchFunctions)*0x40
		if i == benchFrames-1 {
			pc = 0
		}
		p.poke(at+slot, pc)
		p.poke(at, at+size)
		at += size
	}
	memory := &memsource.Sparse{}
	if err := memory.Add(testStack, p.stack); err != nil {
		return unwind.Config{}, regs
	}
	module := &unwind.Module{Name: "large", Base: testBase, Size: benchSize, Image: p}
	return unwind.Config{Memory: memory, Modules: one{module}, Cache: &unwind.Cache{}}, regs
}

func le(b []byte, v uint32) { copy(b, u32s(v)) }

// BenchmarkWalk counts frames a second, once the pages of the module are in the
// cache.
func BenchmarkWalk(b *testing.B) {
	for _, m := range []unwind.Machine{unwind.X64, unwind.ARM64, unwind.X86} {
		b.Run(m.String(), func(b *testing.B) {
			cfg, regs := deep(m)
			b.ReportAllocs()
			frames := 0
			for b.Loop() {
				n := 0
				for f, err := range unwind.Walk(context.Background(), cfg, regs) {
					if err != nil || f.Rule.Guess() {
						b.Fatal(f.Index, f.Rule, err)
					}
					n++
				}
				if n != benchFrames {
					b.Fatalf("%d frames, want %d", n, benchFrames)
				}
				frames += n
			}
			b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

// TestNoAllocationPerFrame: a walk allocates what it needs at its start, however
// many frames follow.
func TestNoAllocationPerFrame(t *testing.T) {
	for _, m := range []unwind.Machine{unwind.X64, unwind.ARM64, unwind.X86} {
		cfg, regs := deep(m)
		count := func(most int) float64 {
			return testing.AllocsPerRun(10, func() {
				n := 0
				for _, err := range unwind.Walk(t.Context(), cfg, regs) {
					if n++; err != nil || n == most {
						break
					}
				}
				if n != most {
					t.Fatalf("%v: %d frames, want %d", m, n, most)
				}
			})
		}
		if few, many := count(2), count(benchFrames); few != many {
			t.Errorf("%v: %v allocations for 2 frames, %v for %d", m, few, many, benchFrames)
		}
	}
}

// deep32 is a stack of 1,000 frames of functions of x86 code all over a module
// of 20,000: push ebx, esi, edi; sub esp,64; a call; and all of it undone. The
// records are found without a PDB, which would cost more than the walk.
func deep32() (unwind.Config, unwind.Context) {
	const code, frame, back = 0x1000, 0x40 + 3*4 + 4, 11
	body := []byte{0x53, 0x56, 0x57, 0x83, 0xec, 0x40, 0xe8, 0, 0, 0, 0, 0x83, 0xc4, 0x40, 0x5f, 0x5e, 0x5b, 0xc3}
	p := &program{machine: unwind.X86, image: make([]byte, benchSize), stack: make([]byte, benchFrames*frame+0x1000)}
	of := func(i uint32) uint32 { return code + i*7919%benchFunctions*0x40 }
	for i := range uint32(benchFunctions) {
		copy(p.image[code+i*0x40:], body)
	}
	p.headers()
	le(p.image[0x58+56:], benchSize)
	regs := unwind.Context{Machine: unwind.X86, KnownInt: 0xff, PC: x86Base + uint64(of(0)) + back}
	regs.SetSP(testStack)
	for i := range uint32(benchFrames) {
		at := of(i + 1)
		le(p.image[at+7:], of(i)-(at+back))
		pc := uint32(x86Base + at + back)
		if i == benchFrames-1 {
			pc = 0
		}
		le(p.stack[i*frame+frame-4:], pc)
	}
	memory := &memsource.Sparse{}
	if err := memory.Add(testStack, p.stack); err != nil {
		return unwind.Config{}, regs
	}
	module := &unwind.Module{Name: "large", Base: x86Base, Size: benchSize, Image: p, Symbols: everyBody{}}
	return unwind.Config{Memory: memory, Modules: one{module}, Cache: &unwind.Cache{}}, regs
}

// everyBody knows the functions of deep32.
type everyBody struct{ unwind.Symbols }

func (everyBody) Function(_ context.Context, rva uint32) (unwind.Function, error) {
	return unwind.Function{Name: "f", RVA: rva &^ 0x3f, Size: 0x40, Proof: unwind.ProofExact}, nil
}

func (everyBody) FrameData(_ context.Context, rva uint32) (unwind.FrameData, error) {
	return unwind.FrameData{
		RVA: rva&^0x3f + 6, Size: 0x3a, Locals: 0x40, SavedRegs: 12, Proof: unwind.ProofExact,
		Program: "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebx $T0 4 - ^ = $esi $T0 8 - ^ = $edi $T0 12 - ^ = ",
	}, nil
}

func (everyBody) FPO(context.Context, uint32) (unwind.FPO, error) {
	return unwind.FPO{}, unwind.ErrNone
}
