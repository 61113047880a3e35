package unwind_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/symres/symres/unwind"
)

// FuzzWalk walks forged stacks through forged images and records. Whatever they
// hold, the walk ends, every frame but one that was interrupted lies above its
// callee's, no guess is exact, and frames are numbered.
func FuzzWalk(f *testing.F) {
	for _, m := range []unwind.Machine{unwind.X64, unwind.ARM64, unwind.X86, unwind.ARM} {
		f.Add(uint16(m), []byte{1, 4, 1, 0, 4, 0x42, 0, 0}, make([]byte, 64), []byte{}, uint32(0x1040), "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =")
	}
	le := binary.LittleEndian
	x64 := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 0x1000), 0x1100), xdataRVA)
	f.Add(uint16(unwind.X64), []byte{2, 4, 4, 0, 3, 0x16, 0, 6, 1, 0x30, 1, 0x50}, x64, []byte{0x48, 0x83, 0xc4, 0x28, 0x5b, 0xc3}, uint32(0x1000), "")
	f.Add(uint16(unwind.X64), []byte{3, 4, 3, 0x21, 0, 1, 0, 0, 0, 0x1c, 0, 0}, x64, []byte{0xc3}, uint32(0x1003), "")
	f.Add(uint16(unwind.X64), []byte{0x21, 0, 0, 0, 0, 0x10, 0, 0, 0, 0x11, 0, 0, 0, 0x30, 0, 0}, x64, []byte{0xc3}, uint32(0x1003), "")
	arm := le.AppendUint32(le.AppendUint32(nil, 0x1000), xdataRVA)
	f.Add(uint16(unwind.ARM64), append(u32s(0x10|1<<21|2<<27), 0x42, 0xe6, 0xc8, 0x04, 0xe9, 0xea, 0xe8, 0xe4), arm, []byte{}, uint32(0x1010), "")
	f.Add(uint16(unwind.X64), []byte{1, 4, 1, 0, 4, 0x42, 0, 0}, x64, []byte{0xff, 2, 0}, uint32(0x1040), "")
	f.Add(uint16(unwind.ARM64), []byte{}, u32s(0x1000, 1|0x40<<2|3<<13|4<<16|1<<20|3<<21|20<<23), []byte{}, uint32(0x1010), "")
	for _, program := range []string{
		"$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =", "$T0 $ebp = $T2 $esp = $T1 .raSearchStart = $eip $T1 ^ = $ebp $T0 = $esp $T1 4 + =",
		"$T1 .raSearch = $T0  $T1 4 - 8 @ = $ebp $T1 4 - ^ = $eip $T1 ^ = $esp $T1 4 + = $20 $T0 8 - ^ =", "$eip 1 0 / =", "",
	} {
		for _, code := range []string{
			"\x55\x8b\xec\x53\x83\xec\x10\xe8\x00\x00\x00\x00\x8d\x65\xfc\x5b\xc9\xc2\x08\x00", "\x8b\xff\x56\x57\xff\x15\x00\x00\x00\x00\x74\x02\x5f\x5e\xc3\xeb\xfe",
		} {
			f.Add(uint16(unwind.X86), []byte{}, []byte{}, []byte(code), uint32(0x1003), program)
			f.Add(uint16(unwind.X86), []byte{}, []byte{}, []byte(code+code), uint32(0x100c), program)
		}
	}
	f.Fuzz(func(t *testing.T, machine uint16, xdata, pdata, code []byte, pc uint32, frameProgram string) {
		p := newProgram(unwind.Machine(machine))
		p.regs.PC = testBase + uint64(pc)
		if p.machine == unwind.X86 || p.machine == unwind.ARM {
			p.regs.PC = uint64(pc)
		}
		copy(p.image[0x1000:], code)
		if len(code) > 2 && code[0] == 0xff {
			p.out = map[uint32]bool{uint32(code[1] % 8): true, uint32(code[2] % 8): true}
		}
		p.cfg.Guess = len(code)%3 == 0
		for i := range 32 {
			if i != 4 && i != 13 && i != 31 {
				p.regs.Int[i] = testStack + 0x100 + 8*uint64(i)
			}
		}
		for at := uint64(testStack + 0x100); at < testStack+0x1000; at += 8 { // forged by turns from what there is
			v := at + 0x40
			if at/8%3 == 0 {
				v = testBase + 0x1000 + at%0x100
			}
			if p.machine == unwind.X86 { // two words, of which one is an address in the image
				v = (at+0x40)<<32 | 0x1000 + at%0x40
			}
			p.poke(at, v)
		}
		copy(p.stack[0x140:], xdata)
		p.pdata, p.xdata = pdata[:min(len(pdata), 0x1000)], xdata[:min(len(xdata), 0x1000)]
		checkWalk(t, p, forged{frameProgram, uint32(len(code))})
	})
}

// checkWalk walks and holds what comes out against what always is true.
func checkWalk(t *testing.T, p *program, symbols unwind.Symbols) {
	cfg := p.open()
	m := &unwind.Module{Name: "forged", Base: testBase, Size: testSize, Image: p, Symbols: symbols}
	if p.machine == unwind.X86 || p.machine == unwind.ARM {
		m.Base = 0
	}
	cfg.Modules = one{m}
	n, sp, ended := 0, uint64(0), false
	for f, err := range unwind.Walk(t.Context(), cfg, p.regs) {
		if ended {
			t.Fatal("the walk goes on behind its end")
		}
		if err != nil {
			ended = true
			continue
		}
		if f.Index != n || n >= unwind.DefaultMaxFrames {
			t.Fatalf("frame %d has index %d", n, f.Index)
		}
		arm := f.Machine == unwind.ARM64 || f.Machine == unwind.ARM
		if n > 0 && f.UnwoundToCall && f.Rule != unwind.RuleContext && (f.SP() < sp || f.SP() == sp && !arm) {
			t.Fatalf("frame %d: sp %x is not above %x", n, f.SP(), sp)
		}
		if f.Rule.Guess() && f.Origin.Proof == unwind.ProofExact {
			t.Fatalf("frame %d: %v is exact", n, f.Rule)
		}
		n, sp = n+1, f.SP()
	}
	if n == 0 {
		t.Fatal("not even the first frame")
	}
}

// forged knows one record about every address.
type forged struct {
	program string
	n       uint32
}

func (s forged) Function(context.Context, uint32) (unwind.Function, error) {
	return unwind.Function{Name: "KiTrap0E", RVA: s.n, HasFrame: s.n%2 != 0, BodyEnd: testSize, Frame: s.n, SavedRegs: s.n * 2}, nil
}

func (s forged) FrameData(context.Context, uint32) (unwind.FrameData, error) {
	if s.program == "" {
		return unwind.FrameData{}, unwind.ErrNone
	}
	return unwind.FrameData{Size: testSize, Locals: s.n, Params: s.n * 4, SavedRegs: uint16(s.n), Program: s.program}, nil
}

func (s forged) FPO(context.Context, uint32) (unwind.FPO, error) {
	return unwind.FPO{Size: testSize, Locals: s.n, Type: unwind.FPOType(s.n % 4)}, nil
}

// FuzzParseContext: no bytes make it fail but by an error, and what it gives is
// of the machine asked for.
func FuzzParseContext(f *testing.F) {
	for _, m := range []unwind.Machine{unwind.X64, unwind.ARM64, unwind.X86, unwind.ARM, 0} {
		f.Add(uint16(m), make([]byte, 0x4d0))
		f.Add(uint16(m), []byte("\xff\xff\xff\xff"))
	}
	f.Fuzz(func(t *testing.T, machine uint16, b []byte) {
		c, err := unwind.ParseContext(unwind.Machine(machine), b)
		if err == nil && c.Machine != unwind.Machine(machine) {
			t.Fatalf("%v became %v", machine, c.Machine)
		}
	})
}
