package unwind_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// nested is a program in which main (2 pushes) has called middle (a frame of 40
// bytes), which has called leaf.
func nested() *program {
	p := newProgram(unwind.X64)
	p.function(0x1000, 0x1080, 1, 4, 1, 0, 4, 0x42)          // middle: sub rsp,28
	p.function(0x1080, 0x1100, 1, 2, 2, 0, 2, 0x50, 1, 0x30) // main: push rbx, push rbp
	sp := p.regs.SP()                                        // in leaf, which has no entry
	p.regs.PC = testBase + 0x1200
	p.poke(sp, p.call(0x1040))
	p.poke(sp+8+0x28, p.call(0x10c0))
	p.poke(sp+8+0x28+8, 0x5555)
	p.poke(sp+8+0x28+16, 0x3333)
	return p
}

func TestFramesSayHowTheyWereFound(t *testing.T) {
	p := nested()
	frames, err := p.walk(t)
	if err != nil {
		t.Error(err)
	}
	wantFrames(t, frames, wanted{0x1200, unwind.RuleContext}, wanted{0x1040, unwind.RuleLeaf}, wanted{0x10c0, unwind.RuleUnwind})
	if f := frames[2]; f.LookupPC() != f.PC-1 || f.RVA() != 0x10bf || f.Function != testBase+0x1080 || f.Module.Name != "program" {
		t.Errorf("frame 2: %+v", f)
	}
	if f := frames[0]; f.LookupPC() != f.PC || f.KnownInt>>0&1 == 0 || frames[1].KnownInt>>0&1 != 0 {
		t.Errorf("rax is known in the first frame alone: %x, %x", f.KnownInt, frames[1].KnownInt)
	}
}

func TestEpilogueSaysSo(t *testing.T) {
	p := nested()
	p.regs.PC = testBase + 0x1050
	copy(p.image[0x1050:], []byte{0x48, 0x83, 0xc4, 0x28, 0xc3}) // add rsp,28; ret
	p.regs.SetSP(p.regs.SP() + 8)
	frames, err := p.walk(t)
	if err != nil {
		t.Error(err)
	}
	wantFrames(t, frames, wanted{0x1050, unwind.RuleContext}, wanted{0x10c0, unwind.RuleEpilogue})
}

// TestCodeIsOut: where the code of an interrupted function cannot be read, it
// is taken not to be in its epilogue, and the frame is not proven.
func TestCodeIsOut(t *testing.T) {
	p := nested()
	p.regs.PC = testBase + 0x1050
	p.regs.SetSP(p.regs.SP() + 8)
	p.out = map[uint32]bool{1: true}
	frames, err := p.walk(t)
	if err != nil {
		t.Error(err)
	}
	wantFrames(t, frames, wanted{0x1050, unwind.RuleContext}, wanted{0x10c0, unwind.RuleUnwind})
	if p := frames[1].Origin.Proof; p != unwind.ProofWeak || !errors.Is(frames[1].Lacks, memsource.ErrPagedOut) {
		t.Errorf("proof %v, lacking %v", p, frames[1].Lacks)
	}
}

// TestGuess: with leave to guess, frame pointers lead on from a function whose
// unwind data is out, and the frame says what is lacking.
func TestGuess(t *testing.T) {
	for m, fp := range map[unwind.Machine]int{unwind.X64: unwind.RegRBP, unwind.ARM64: unwind.RegARM64FP} {
		for _, guess := range []bool{false, true} {
			p := newProgram(m)
			p.cfg.Guess = guess
			p.out = map[uint32]bool{0: true}
			p.regs.PC = testBase + 0x1200
			at := p.regs.SP() + 0x20
			p.regs.Int[fp] = at
			p.poke(at, 0)
			p.poke(at+8, p.call(0x1040))
			frames, err := p.walk(t)
			if wantError(t, err, memsource.ErrPagedOut); !guess {
				wantFrames(t, frames, wanted{0x1200, unwind.RuleContext})
				continue
			}
			wantFrames(t, frames, wanted{0x1200, unwind.RuleContext}, wanted{0x1040, unwind.RuleFramePointer})
			if !errors.Is(frames[1].Lacks, memsource.ErrPagedOut) || frames[0].Lacks != nil {
				t.Errorf("lacking %v", frames[1].Lacks)
			}
		}
	}
}

// TestPageOut: a walk that lacks a page says which one, and why.
func TestPageOut(t *testing.T) {
	for page, what := range map[uint32]string{0: "header", 2: "function table", 3: "unwind data"} {
		p := nested()
		p.regs.PC = testBase + 0x1042
		p.regs.SetSP(p.regs.SP() + 8)
		p.out = map[uint32]bool{page: true}
		frames, err := p.walk(t)
		wantFrames(t, frames, wanted{0x1042, unwind.RuleContext})
		wantError(t, err, unwind.ErrUnreadable, memsource.ErrPagedOut)
		var f *memsource.Fault
		if !errors.As(err, &f) || f.Addr != testBase+uint64(page)*4096 || !strings.Contains(err.Error(), what) {
			t.Errorf("page %d: %v", page, err)
		}
	}
}

func TestStackIsTorn(t *testing.T) {
	p := nested()
	p.stack = p.stack[:0x110] // what lies above leaf's return address is not there
	frames, err := p.walk(t)
	wantFrames(t, frames, wanted{0x1200, unwind.RuleContext}, wanted{0x1040, unwind.RuleLeaf})
	wantError(t, err, unwind.ErrUnreadable, memsource.ErrNotMapped)
}

// TestTornRegister: a register whose slot is out is not known; the walk goes on.
func TestTornRegister(t *testing.T) {
	p := nested()
	memory := &memsource.Sparse{}
	sp := p.regs.SP()
	p.headers()
	frames, err := p.walk(t)
	if err != nil || len(frames) != 3 {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	if err := memory.Add(testStack, p.stack); err != nil {
		t.Fatal(err)
	}
	memory.AddFault(sp+8+0x28+16, 8, memsource.Fault{Reason: memsource.ReasonPagedOut}) // rbx of main's caller
	p.poke(sp+8+0x28+24, p.call(0x10f0))
	cfg := p.cfg
	cfg.Memory = memory
	var last unwind.Frame
	for f, err := range unwind.Walk(t.Context(), cfg, p.regs) {
		if err != nil {
			break
		}
		if f.Index == 3 {
			last = f
		}
	}
	if last.PC != testBase+0x10f0 || last.KnownInt>>3&1 != 0 || last.KnownInt>>5&1 == 0 || last.Int[5] != 0x5555 {
		t.Errorf("%+v", last)
	}
}

// TestCallOfNull: a call of a null pointer, or into nowhere, is undone.
func TestCallOfNull(t *testing.T) {
	for _, m := range []unwind.Machine{unwind.X64, unwind.ARM64} {
		for _, pc := range []uint64{0, 0x7ff00001000} {
			p := newProgram(m)
			p.regs.PC = pc
			p.poke(p.regs.SP(), p.call(0x1040))
			p.regs.Int[unwind.RegARM64LR] = p.call(0x1040)
			p.cfg.Unloaded = []unwind.Unloaded{{Name: "gone", Base: 0x7ff00000000, Size: 0x2000}}
			frames, _ := p.walk(t)
			wantFrames(t, frames, wanted{pc, unwind.RuleContext}, wanted{0x1040, unwind.RuleLeaf})
			if u := frames[0].Unloaded; (u != nil && u.Name == "gone") != (pc != 0) {
				t.Errorf("%v: pc %x: unloaded module %v", m, pc, u)
			}
			if p := frames[1].Origin.Proof; p != unwind.ProofWeak {
				t.Errorf("%v: proof %v", m, p)
			}
		}
	}
}

// TestNoModule: what is on the stack in a wild call is not taken for a return
// address unless a call stands before it.
func TestNoModule(t *testing.T) {
	p := newProgram(unwind.X64)
	p.regs.PC = 0x1234
	p.poke(p.regs.SP(), testBase+0x1040)
	frames, err := p.walk(t)
	wantFrames(t, frames, wanted{0x1234, unwind.RuleContext})
	wantError(t, err, unwind.ErrNoModule)
}

// TestFramePointer: from code in no module a chain of frame pointers is
// followed, and what it gives is never exact.
func TestFramePointer(t *testing.T) {
	for m, fp := range map[unwind.Machine]int{unwind.X64: unwind.RegRBP, unwind.ARM64: unwind.RegARM64FP} {
		p := newProgram(m)
		p.regs.PC = 0x500000
		at := p.regs.SP() + 0x20
		p.regs.Int[fp] = at
		p.poke(at, at+0x40)
		p.poke(at+8, 0x500100)
		p.poke(at+0x40, at+0x60)
		p.poke(at+0x48, p.call(0x1040))
		frames, _ := p.walk(t)
		wantFrames(t, frames, wanted{0x500000, unwind.RuleContext}, wanted{0x500100, unwind.RuleFramePointer}, wanted{0x1040, unwind.RuleFramePointer})
	}
}

func TestBounds(t *testing.T) {
	deep := func() *program {
		p := newProgram(unwind.X64)
		p.function(0x1000, 0x1080, 1, 0, 0, 0)
		p.function(0x1080, 0x1100, 1, 0, 0, 0)
		p.regs.PC = testBase + 0x1040
		for at := p.regs.SP(); at+8 <= testStack+uint64(len(p.stack)); at += 8 {
			p.poke(at, testBase+0x1040)
		}
		return p
	}
	p := deep()
	frames, err := p.walk(t)
	wantError(t, err, unwind.ErrRecursion)
	if len(frames) != unwind.DefaultMaxRepeats {
		t.Errorf("%d frames of one function", len(frames))
	}
	p = deep()
	p.cfg.MaxRepeats = -1
	frames, err = p.walk(t)
	wantError(t, err, unwind.ErrTooManyFrames)
	if len(frames) != unwind.DefaultMaxFrames {
		t.Errorf("%d frames", len(frames))
	}
	p = deep()
	for at := p.regs.SP(); at < testStack+0x3000; at += 16 { // two functions in turn
		p.poke(at, testBase+0x10c0)
	}
	p.cfg.MaxFrames = 300
	frames, err = p.walk(t)
	wantError(t, err, unwind.ErrTooManyFrames)
	if len(frames) != 300 {
		t.Errorf("%d frames", len(frames))
	}
}

// TestNoProgress: a frame that lies below its callee's ends the walk.
func TestNoProgress(t *testing.T) {
	p := newProgram(unwind.X64)
	p.function(0x1000, 0x1080, 1, 1, 1, 5, 1, 3) // frame register rbp
	p.regs.PC = testBase + 0x1040
	p.regs.Int[unwind.RegRBP] = p.regs.SP() - 0x80
	p.poke(p.regs.SP()-0x80, testBase+0x1040)
	frames, err := p.walk(t)
	wantFrames(t, frames, wanted{0x1040, unwind.RuleContext})
	wantError(t, err, unwind.ErrNoProgress)
	// unless the callee's stack is another one, and the caller's the thread's
	p.cfg.StackLow, p.cfg.StackHigh = testStack, p.regs.SP()-0x40
	frames, _ = p.walk(t)
	if len(frames) < 2 {
		t.Error("a stack switch ends the walk")
	}
}

func TestContinue(t *testing.T) {
	p := nested()
	second := p.regs
	p.cfg.Continue = func(last *unwind.Frame, reason error) (unwind.Context, bool) {
		return second, last.Index < 5 && reason == nil
	}
	frames, err := p.walk(t)
	if err != nil || len(frames) != 6 || frames[3].Rule != unwind.RuleContext || frames[3].PC != frames[0].PC {
		t.Errorf("%d frames, %v", len(frames), err)
	}
}

func TestCanceled(t *testing.T) {
	p := nested()
	if _, err := p.walk(t); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range unwind.Walk(ctx, p.cfg, p.regs) {
		if n++; n == 1 {
			cancel()
			continue
		}
		if n == 2 && err == nil { // found before
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	if n > 3 {
		t.Errorf("%d pairs", n)
	}
}

func TestMachineUnknown(t *testing.T) {
	p := newProgram(0x200)
	frames, err := p.walk(t)
	if len(frames) != 1 {
		t.Errorf("%d frames", len(frames))
	}
	wantError(t, err, unwind.ErrMachine)
	const ia64 = 0x200
	if _, err := unwind.ParseContext(ia64, make([]byte, 0xa70)); !errors.Is(err, unwind.ErrMachine) || !strings.Contains(err.Error(), "Itanium") {
		t.Errorf("registers of IA-64: %v", err)
	}
}

// TestHolesInTheTable: the search passes by pages that are out, and never takes
// a hole for the lack of an entry.
func TestHolesInTheTable(t *testing.T) {
	p := newProgram(unwind.X64)
	for i := range uint32(1000) { // three pages of entries, functions with gaps
		p.pdata = append(p.pdata, u32s(0x10+i*4, 0x10+i*4+3, 0x6000)...)
	}
	p.image = make([]byte, testSize)
	copy(p.image[0x6000:], []byte{1, 0, 0, 0})
	p.poke(p.regs.SP(), testBase+0x7000)
	p.poke(p.regs.SP()+8, 0)
	for _, out := range []uint32{2, 3, 4} {
		p.out = map[uint32]bool{out: true}
		found, unknown := 0, 0
		for i := range uint32(1000) {
			p.regs.PC = testBase + 0x10 + uint64(i)*4 + 1
			switch frames, err := p.walkTable(t); {
			case len(frames) > 1 && frames[1].Rule == unwind.RuleUnwind:
				found++
			case errors.Is(err, memsource.ErrPagedOut):
				unknown++
			default:
				t.Fatalf("page %d out, entry %d: %v", out, i, err)
			}
			p.regs.PC += 2 // in a gap
			frames, err := p.walkTable(t)
			if leaf := len(frames) > 1 && frames[1].Rule == unwind.RuleLeaf; !leaf && !errors.Is(err, memsource.ErrPagedOut) {
				t.Fatalf("page %d out, gap %d: %v", out, i, err)
			}
		}
		if unknown > 343 || found < 1000-343 { // the page that is out, and no more
			t.Errorf("page %d out: %d found, %d unknown", out, found, unknown)
		}
	}
}

// walkTable is walk without an image of xdata.
func (p *program) walkTable(tb testing.TB) ([]unwind.Frame, error) {
	saved := p.xdata
	p.xdata = nil
	defer func() { p.xdata = saved }()
	return p.walk(tb)
}

func u32s(v ...uint32) (b []byte) {
	for _, x := range v {
		b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
	}
	return b
}
