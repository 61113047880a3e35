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
	for _, m := range []unwind.Machine{unwind.X64, unwind.ARM64} {
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
	for _, m := range []unwind.Machine{unwind.X64, unwind.ARM64} {
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
