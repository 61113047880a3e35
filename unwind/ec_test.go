package unwind_test

import (
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// ecProgram is an image for x64 processes on ARM64: ARM64 code from 1000 to
// 1800, x64 code from there to 1c00. Its stack: an ARM64 leaf, called by an
// ARM64 function that saves x19, called by an x64 function with a frame of 28.
func ecProgram() *program {
	const config, metadata, ranges, extra = 0x6000, 0x6200, 0x6300, 0x6400
	p := newProgram(unwind.X64)
	p.function(0x1800, 0x1880, 1, 4, 1, 0, 4, 0x42) // sub rsp,28
	le(p.image[0x58+112+8*10:], config)
	le(p.image[0x58+112+8*10+4:], 0x140)
	le(p.image[config:], 0x140)
	copy(p.image[config+0xc8:], u32s(0x40000000+metadata, 1))
	copy(p.image[metadata:], u32s(1, ranges, 2))
	copy(p.image[metadata+0x40:], u32s(extra, 8))
	copy(p.image[ranges:], u32s(0x1000|1, 0x800, 0x1800|2, 0x400))
	copy(p.image[extra:], u32s(0x1000, 1|0x40<<2|1<<16|1<<21|2<<23)) // packed: x19 and lr, 32 bytes
	p.regs.PC = testBase + 0x1200
	p.regs.Int[16] = testBase + 0x1040
	sp := p.regs.SP()
	p.poke(sp+16, 0x1919) // above 16 bytes of its own
	p.poke(sp+24, p.call(0x1840))
	p.poke(sp+32+0x28, 0)
	return p
}

func TestARM64EC(t *testing.T) {
	p := ecProgram()
	sp := p.regs.SP()
	frames, err := p.walk(t)
	if err != nil {
		t.Error(err)
	}
	wantFrames(t, frames, wanted{0x1200, unwind.RuleContext}, wanted{0x1040, unwind.RuleLeaf}, wanted{0x1840, unwind.RuleUnwind})
	if len(frames) != 3 || frames[1].SP() != sp || frames[2].SP() != sp+32 || frames[2].Int[12] != 0x1919 || frames[2].Machine != unwind.X64 {
		t.Fatalf("%+v", frames)
	}
}

// TestARM64ECUnknown: where the page that would tell is out, a leaf is not
// proven to be one.
func TestARM64ECUnknown(t *testing.T) {
	p := nested()
	le(p.image[0x58+112+8*10:], 0x6000)
	le(p.image[0x58+112+8*10+4:], 0x140)
	p.out = map[uint32]bool{6: true}
	frames, err := p.walk(t)
	if err != nil {
		t.Error(err)
	}
	wantFrames(t, frames, wanted{0x1200, unwind.RuleContext}, wanted{0x1040, unwind.RuleLeaf}, wanted{0x10c0, unwind.RuleUnwind})
	if frames[1].Origin.Proof != unwind.ProofWeak || frames[2].Origin.Proof != unwind.ProofExact {
		t.Errorf("proofs %v, %v", frames[1].Origin.Proof, frames[2].Origin.Proof)
	}
	wantError(t, &unwind.Error{Err: frames[1].Lacks}, memsource.ErrPagedOut)
}

// TestOtherMachine: unwind data of another machine is not read.
func TestOtherMachine(t *testing.T) {
	p := nested()
	p.machine = unwind.ARM64
	p.regs.PC = testBase + 0x1042
	_, err := p.walk(t)
	wantError(t, err, unwind.ErrUnwindData)
}
