package unwind_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/symres/symres/unwind"
)

// armCodes adds a function at 0x1000 of 0x100 bytes with these codes, without
// an epilogue.
func (p *program) armCodes(codes ...byte) {
	for len(codes)%4 != 0 {
		codes = append(codes, 0xe4)
	}
	x := []uint32{0x40 | uint32(len(codes)/4)<<27}
	for i := 0; i < len(codes); i += 4 {
		x = append(x, binary.LittleEndian.Uint32(codes[i:]))
	}
	p.arm(0x1000, 0, x...)
}

// TestARM64SavedContexts: codes that say where all registers were saved.
func TestARM64SavedContexts(t *testing.T) {
	const pc, sp = testBase + 0x1600, testStack + 0x80 // an interrupt may come in on another stack
	cases := map[string]struct {
		code  byte
		at    map[uint64]uint64 // offsets in what is on the stack
		exact bool
		rule  unwind.Rule
		x20   uint64
	}{
		"trap frame":    {0xe8, map[uint64]uint64{0x98: sp, 0x148: pc, 0x138: 0x77, 0x140: 0x29}, true, unwind.RuleUnwind, 20},
		"machine frame": {0xe9, map[uint64]uint64{0: sp, 8: pc}, true, unwind.RuleUnwind, 20},
		"context":       {0xea, map[uint64]uint64{0: 0x400003, 0x108: pc, 0x100: sp, 8 + 8*20: 0x2020}, true, unwind.RuleContext, 0x2020},
		"unwound":       {0xea, map[uint64]uint64{0: 0x20400003, 0x108: pc, 0x100: sp, 8 + 8*20: 0x2020}, false, unwind.RuleContext, 0x2020},
		"EC context":    {0xeb, map[uint64]uint64{0x30: 0x100003, 0xf8: pc, 0x98: sp, 0xe0: 0x2020}, true, unwind.RuleContext, 0x2020},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := newProgram(unwind.ARM64)
			p.armCodes(c.code, 0xe4)
			p.regs.PC, p.regs.Int[20] = testBase+0x1080, 20
			for off, v := range c.at {
				p.poke(p.regs.SP()+off, v)
			}
			frames, _ := p.walk(t)
			if len(frames) < 2 {
				t.Fatal("the walk stops")
			}
			f := frames[1]
			if f.PC != pc || f.SP() != sp || f.UnwoundToCall == c.exact || f.Rule != c.rule || f.Int[20] != c.x20 || f.KnownInt>>20&1 == 0 {
				t.Errorf("pc %x, sp %x, unwound %v, rule %v, x20 %x", f.PC, f.SP(), f.UnwoundToCall, f.Rule, f.Int[20])
			}
		})
	}
}

// TestARM64ClearUnwoundToCall: the PC is the saved lr, and no return address.
func TestARM64ClearUnwoundToCall(t *testing.T) {
	p := newProgram(unwind.ARM64)
	p.armCodes(0x41, 0xec, 0xe4) // save_fplr at 8
	p.regs.PC = testBase + 0x1080
	p.poke(p.regs.SP()+8, 0x2929)
	p.poke(p.regs.SP()+16, testBase+0x1600)
	frames, _ := p.walk(t)
	if len(frames) < 2 || frames[1].PC != testBase+0x1600 || frames[1].UnwoundToCall || frames[1].Int[29] != 0x2929 {
		t.Errorf("%+v", frames)
	}
}

// TestARM64Unsupported: what nothing in a context tells ends the walk.
func TestARM64Unsupported(t *testing.T) {
	for name, codes := range map[string][]byte{
		"alloc_z":   {0xdf, 1, 0xe4},
		"save_zreg": {0xe7, 0x08, 0xc1, 0xe4},
	} {
		p := newProgram(unwind.ARM64)
		p.armCodes(codes...)
		p.regs.PC = testBase + 0x1080
		frames, err := p.walk(t)
		if len(frames) != 1 {
			t.Errorf("%s: %d frames", name, len(frames))
		}
		wantError(t, err, unwind.ErrUnsupported)
	}
}

// TestARM64Signed: a signed return address loses its signature in either half
// of the address space, and so do those of frames found by frame pointers.
func TestARM64Signed(t *testing.T) {
	for signed, want := range map[uint64]uint64{
		0x7f34_0001_4000_1600: testBase + 0x1600,
		0x4aa5_8001_4000_1600: 0xffff_8001_4000_1600,
	} {
		p := newProgram(unwind.ARM64)
		p.armCodes(0x81, 0xfc, 0xe4) // save_fplr_x, pac_sign_lr
		p.regs.PC = testBase + 0x1080
		p.poke(p.regs.SP()+8, signed)
		frames, _ := p.walk(t)
		if len(frames) < 2 || frames[1].PC != want {
			t.Errorf("%x: %d frames", signed, len(frames))
		}
	}
}

// TestHostileData: unwind data that makes no sense ends the walk and says so.
func TestHostileData(t *testing.T) {
	self := []byte{0x21, 0, 0, 0, 0x00, 0x10, 0, 0, 0x00, 0x11, 0, 0, 0x00, 0x30, 0, 0} // chained to itself
	cases := map[string]struct {
		machine unwind.Machine
		data    []byte
	}{
		"version 0":                {unwind.X64, []byte{0, 0, 0, 0}},
		"version 5":                {unwind.X64, []byte{5, 0, 0, 0}},
		"unknown code":             {unwind.X64, []byte{1, 4, 1, 0, 4, 0x0f}},
		"code cut short":           {unwind.X64, []byte{1, 4, 1, 0, 4, 0x11}},
		"machine frame of type 2":  {unwind.X64, []byte{1, 4, 1, 0, 4, 0x2a}},
		"frame register 0":         {unwind.X64, []byte{1, 4, 1, 0, 4, 0x03}},
		"chained in a circle":      {unwind.X64, self},
		"pushes in a circle":       {unwind.X64, []byte{0x22, 4, 1, 0, 4, 0x02, 0, 0, 0x00, 0x10, 0, 0, 0x00, 0x11, 0, 0, 0x00, 0x30, 0, 0}},
		"version 3 chained to 1":   {unwind.X64, []byte{0x23, 0, 0, 0, 0, 0x10, 0, 0, 0, 0x11, 0, 0, 0x10, 0x30, 0, 0, 1, 0, 0, 0}},
		"version 3 short":          {unwind.X64, []byte{3, 4, 0, 31}},
		"version 3 unknown":        {unwind.X64, []byte{3, 4, 1, 1, 0, 0x30}},
		"version 3 epilogue short": {unwind.X64, []byte{3, 4, 1, 0xe0, 0, 0x30}},
		"ARM64 version 1":          {unwind.ARM64, u32s(0x40 | 1<<18)},
		"ARM64 code":               {unwind.ARM64, append(u32s(0x40|1<<27), 0xed, 0xe4, 0xe4, 0xe4)},
		"ARM64 code cut short":     {unwind.ARM64, append(u32s(0x40|1<<27), 0xe3, 0xe3, 0xe3, 0xc8)},
		"ARM64 register x32":       {unwind.ARM64, append(u32s(0x40|1<<27), 0xcb, 0xc0, 0xe4, 0xe4)},
		"ARM64 epilogue index":     {unwind.ARM64, append(u32s(0x40|1<<27|1<<21|31<<22), 0xe4, 0xe4, 0xe4, 0xe4)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := newProgram(c.machine)
			if p.xdata = c.data; c.machine == unwind.X64 {
				p.pdata = u32s(0x1000, 0x1100, xdataRVA)
			} else {
				p.pdata = u32s(0x1000, xdataRVA)
			}
			p.regs.PC = testBase + 0x1080
			frames, err := p.walk(t)
			if len(frames) != 1 {
				t.Errorf("%d frames", len(frames))
			}
			wantError(t, err, unwind.ErrUnwindData)
		})
	}
}

// TestHostileTables: function tables that lead out of the image or in circles.
func TestHostileTables(t *testing.T) {
	for name, pdata := range map[string][]byte{
		"unwind data outside": u32s(0x1000, 0x1100, testSize),
		"indirect to itself":  u32s(0x1000, 0x1100, pdataRVA|1),
		"indirect to outside": u32s(0x1000, 0x1100, 0xfffffff1),
	} {
		p := newProgram(unwind.X64)
		p.pdata = pdata
		p.regs.PC = testBase + 0x1080
		_, err := p.walk(t)
		t.Log(name, err)
		wantError(t, err, unwind.ErrUnwindData)
	}
	p := newProgram(unwind.ARM64)
	p.pdata = u32s(0x1000, pdataRVA|3) // forwarded to itself
	p.regs.PC = testBase + 0x1080
	_, err := p.walk(t)
	wantError(t, err, unwind.ErrUnwindData)
}

// named knows one function.
type named struct{ forged }

func (named) Function(context.Context, uint32) (unwind.Function, error) {
	return unwind.Function{Name: "KiPageFault", RVA: 0x1000, Size: 0x800}, nil
}

// TestTrapFrameBySymbol: the image is out, but the symbol says that the function
// is an entry for faults, and what lies at rbp is a trap frame.
func TestTrapFrameBySymbol(t *testing.T) {
	const kernel = 0xfffff80000000000
	for _, c := range []struct{ pc, cs, flags uint64 }{
		{kernel + 0x1700, 0x10, 0x202}, {0x7ff00001234, 0x33, 0x202},
		{0x7ff00001234, 0x10, 0x202}, {kernel + 0x1700, 0x10, 0}, {kernel + 0x1700, 0x77, 2}, {0, 0x33, 2}, // no trap frames
	} {
		p := newProgram(unwind.X64)
		cfg := p.open()
		p.out = map[uint32]bool{0: true, 2: true}
		cfg.Modules = one{&unwind.Module{Name: "nt", Base: kernel, Size: testSize, Image: p, Symbols: named{}}}
		p.regs.PC = kernel + 0x1200
		rbp := p.regs.SP() + 0x40
		p.regs.Int[unwind.RegRBP] = rbp
		for off, v := range map[uint64]uint64{0xd8: 0xbb, 0xe8: c.pc, 0xf0: c.cs, 0xf8: c.flags, 0x100: 0x5000} {
			p.poke(rbp+off, v)
		}
		var frames []unwind.Frame
		for f, err := range unwind.Walk(t.Context(), cfg, p.regs) {
			if err == nil {
				frames = append(frames, f)
			}
		}
		good := c.flags == 0x202 && (c.cs == 0x33) == (c.pc < 1<<47)
		if (len(frames) > 1) != good {
			t.Errorf("%+v: %d frames", c, len(frames))
			continue
		}
		if !good {
			continue
		}
		if f := frames[1]; f.PC != c.pc || f.SP() != 0x5000 || f.Int[5] != 0xbb || f.UnwoundToCall || f.Rule != unwind.RuleContext ||
			f.Origin.Proof != unwind.ProofWeak || f.Lacks == nil {
			t.Errorf("%+v: %+v", c, f)
		}
	}
}

// framed knows a function with a frame of 0x40 bytes.
type framed struct{ forged }

func (framed) Function(_ context.Context, rva uint32) (unwind.Function, error) {
	f := unwind.Function{Name: "framed", RVA: rva &^ 0xff, Size: 0x100, HasFrame: true, Frame: 0x40, BodyStart: 4, BodyEnd: 0x80}
	return f, nil
}

// TestFrameBySymbol: a function that calls others without having unwind data has a
// frame of the size that the PDB says, whatever lies at its bottom.
func TestFrameBySymbol(t *testing.T) {
	p := newProgram(unwind.X64)
	cfg := p.open()
	cfg.Modules = one{&unwind.Module{Name: "program", Base: testBase, Size: testSize, Image: p, Symbols: framed{}}}
	sp := p.regs.SP()
	p.regs.PC, p.regs.UnwoundToCall = p.call(0x1040), true
	p.poke(sp, p.call(0x1540)) // of a call that is long over
	p.poke(sp+0x40, 3)         // a register
	p.poke(sp+0x48, p.call(0x1240))
	var frames []unwind.Frame
	for f, err := range unwind.Walk(t.Context(), cfg, p.regs) {
		if err != nil {
			break
		}
		frames = append(frames, f)
	}
	wantFrames(t, frames, wanted{0x1040, unwind.RuleContext}, wanted{0x1240, unwind.RuleFrameData})
	if f := frames[1]; f.SP() != sp+0x50 || f.Origin.Proof != unwind.ProofWeak || f.Lacks == nil {
		t.Errorf("%+v", f)
	}
}
