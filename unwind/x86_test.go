package unwind_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

const x86Base = 0x400000

// x86Program is a small image of 32-bit code at x86Base, its records and its
// stack.
type x86Program struct {
	*program
	functions []unwind.Function
	frames    []unwind.FrameData
	fpo       []unwind.FPO
}

func newX86() *x86Program {
	p := &x86Program{program: newProgram(unwind.X86)}
	p.regs.PC = x86Base + 0x1000
	return p
}

// code puts code at rva.
func (p *x86Program) code(rva uint32, b ...byte) { copy(p.image[rva:], b) }

// calls puts a call of to before rva and returns rva's address.
func (p *x86Program) calls(rva, to uint32) uint32 {
	copy(p.image[rva-5:], append([]byte{0xe8}, u32s(to-rva)...))
	return x86Base + rva
}

// push puts words on the stack from at on.
func (p *x86Program) push(at uint64, words ...uint32) {
	copy(p.stack[at-testStack:], u32s(words...))
}

func (p *x86Program) Function(_ context.Context, rva uint32) (unwind.Function, error) {
	for i := len(p.functions) - 1; i >= 0; i-- {
		if f := p.functions[i]; f.RVA <= rva {
			return f, nil
		}
	}
	return unwind.Function{}, unwind.ErrNone
}

func (p *x86Program) FrameData(_ context.Context, rva uint32) (unwind.FrameData, error) {
	for i := len(p.frames) - 1; i >= 0; i-- {
		if f := p.frames[i]; rva-f.RVA < f.Size {
			f.Proof = unwind.ProofExact
			return f, nil
		}
	}
	return unwind.FrameData{}, unwind.ErrNone
}

func (p *x86Program) FPO(_ context.Context, rva uint32) (unwind.FPO, error) {
	for _, f := range p.fpo {
		if rva-f.RVA < f.Size {
			f.Proof = unwind.ProofExact
			return f, nil
		}
	}
	return unwind.FPO{}, unwind.ErrNone
}

// second walks to the caller.
func (p *x86Program) second(t *testing.T) (unwind.Frame, error) {
	t.Helper()
	cfg := p.open()
	cfg.Modules = one{&unwind.Module{Name: "program", Base: x86Base, Size: testSize, Image: p, Symbols: p}}
	for f, err := range unwind.Walk(t.Context(), cfg, p.regs) {
		if err != nil || f.Index == 1 {
			return f, err
		}
	}
	return unwind.Frame{}, errors.New("the walk ended")
}

// TestX86Frames: one frame of every kind that records or code tell about. The
// stack pointer is at 0x100, and the return address leads behind 0x1500.
func TestX86Frames(t *testing.T) {
	const sp, back = testStack + 0x100, x86Base + 0x1500
	search := "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebx $T0 4 - ^ = "
	framed := "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + ="
	// mov ebp,[esp]; mov edi,[esp+4]; mov esi,[esp+8]; mov ebx,[esp+0ch]; add esp,10h; ret
	reloads := []byte{0x8b, 0x2c, 0x24, 0x8b, 0x7c, 0x24, 4, 0x8b, 0x74, 0x24, 8, 0x8b, 0x5c, 0x24, 0xc, 0x83, 0xc4, 0x10, 0xc3}
	for name, c := range map[string]struct {
		set  func(p *x86Program)
		rule unwind.Rule
		sp   uint64
		want map[int]uint64 // registers
	}{
		"frame pointer": {func(p *x86Program) {
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, Program: framed}}
			p.regs.PC += 0x20
			p.regs.Int[5] = sp + 0x10
			p.push(sp+0x10, 0x77, back)
		}, unwind.RuleFrameData, sp + 0x18, map[int]uint64{5: 0x77}},
		"search": {func(p *x86Program) {
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, Locals: 8, SavedRegs: 4, Program: search}}
			p.regs.PC += 0x20
			p.push(sp, 1, 2, 0xbb, back)
		}, unwind.RuleFrameData, sp + 0x10, map[int]uint64{3: 0xbb}},
		"search between two": {func(p *x86Program) {
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, Locals: 8, SavedRegs: 4, Program: search}}
			p.code(0x1020, 0xff, 0xe0)
			p.code(0x1600-2, 0xff, 0xd0)
			p.regs.PC += 0x20
			p.push(sp, 1, 2, 0xbb, 5, x86Base+0x1600, 0, back)
		}, unwind.RuleScan, sp + 0x14, nil},
		"stdcall": {func(p *x86Program) {
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, SavedRegs: 4, Params: 8, Program: search}}
			p.code(0x1020, 0x31, 0xc0, 0x5b, 0xc2, 8, 0) // xor eax,eax; pop ebx; ret 8
			p.regs.PC += 0x20
			p.push(sp, 0xbb, back, 1, 2)
		}, unwind.RuleEpilogue, sp + 0x10, map[int]uint64{3: 0xbb}},
		"stdcall by its name": {func(p *x86Program) {
			p.functions[0].Name = "_f@8"
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, SavedRegs: 4, Program: search}}
			p.code(0x1020, 0xff, 0xe0)
			p.regs.PC += 0x20
			p.push(sp, 0xbb, back, 1, 2)
		}, unwind.RuleFrameData, sp + 0x10, map[int]uint64{3: 0xbb}},
		"hot-patched, begun": {func(p *x86Program) {
			p.functions = nil
			p.code(0x1000, 0x8b, 0xff, 0x55, 0x8b, 0xec)
			p.regs.Int[5] = sp + 0x40
			p.push(sp, back)
			p.push(sp+0x40, sp+0x80, x86Base+0x1600)
		}, unwind.RuleFramePointer, sp + 4, map[int]uint64{5: sp + 0x40}},
		"pushed ebp": {func(p *x86Program) {
			p.functions = nil
			p.code(0x1000, 0x55, 0x8b, 0xec)
			p.regs.PC++
			p.regs.Int[5] = sp + 0x40
			p.push(sp, 0x99, back)
		}, unwind.RuleFramePointer, sp + 8, map[int]uint64{5: 0x99}},
		"prologue": {func(p *x86Program) { // mov edi,edi; push ebp; mov ebp,esp; push ebx; sub esp,8
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, PrologSize: 9, Begins: true, Program: framed}}
			p.code(0x1000, 0x8b, 0xff, 0x55, 0x8b, 0xec, 0x53, 0x83, 0xec, 8)
			p.regs.PC += 3
			p.regs.Int[5] = sp + 0x40
			p.push(sp, 0x99, back)
		}, unwind.RuleFrameData, sp + 8, map[int]uint64{5: 0x99}},
		"realigned": {func(p *x86Program) {
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100,
				Program: "$T1 .raSearch = $T0  $T1 4 - 16 @ = $ebp $T1 4 - ^ = $eip $T1 ^ = $esp $T1 4 + = $23 $T0 12 - ^ = "}}
			p.code(0x1020, 0xff, 0xe0)
			p.regs.PC += 0x20
			p.push(sp, 0, 0x51, 0, 0, 0xb9, back) // the return address at 0x14, $T0 at 0x10, esi at 4
		}, unwind.RuleFrameData, sp + 0x18, map[int]uint64{5: 0xb9, 6: 0x51}},
		"FPO": {func(p *x86Program) {
			p.fpo = []unwind.FPO{{RVA: 0x1000, Size: 0x100, Locals: 4, SavedRegs: 1, PrologSize: 4}}
			p.code(0x1000, 0x83, 0xec, 4, 0x56)
			p.code(0x1020, 0xff, 0xe0)
			p.regs.PC += 0x20
			p.push(sp, 0x51, 1, back)
		}, unwind.RuleFPO, sp + 12, map[int]uint64{6: 0x51}},
		"KiSwapContext, which moves registers to the stack": {func(p *x86Program) {
			p.fpo = []unwind.FPO{{RVA: 0x1000, Size: 0x100, SavedRegs: 4, UsesBP: true}}
			p.code(0x1000, 0x83, 0xec, 0x10, 0x89, 0x5c, 0x24, 0xc, 0x89, 0x74, 0x24, 8, 0x89, 0x7c, 0x24, 4, 0x89, 0x2c, 0x24)
			p.code(0x102e, reloads...)
			p.regs.PC += 0x2e
			p.regs.UnwoundToCall = true
			p.push(sp, 0x77, 0xd1, 0x51, 0xbb, back)
		}, unwind.RuleFPO, sp + 0x14, map[int]uint64{3: 0xbb, 5: 0x77, 6: 0x51, 7: 0xd1}},
		"the end of it": {func(p *x86Program) {
			p.code(0x102e, reloads...)
			p.regs.PC += 0x2e
			p.push(sp, 0x77, 0xd1, 0x51, 0xbb, back)
		}, unwind.RuleEpilogue, sp + 0x14, map[int]uint64{3: 0xbb, 5: 0x77, 6: 0x51, 7: 0xd1}},
		"the end of it behind the call, without a record": {func(p *x86Program) {
			p.code(0x102e, reloads...)
			p.regs.PC += 0x2e
			p.regs.UnwoundToCall = true
			p.push(sp, 0x77, 0xd1, 0x51, 0xbb, back)
		}, unwind.RuleEpilogue, sp + 0x14, map[int]uint64{3: 0xbb, 5: 0x77, 6: 0x51, 7: 0xd1}},
		"the end of a frame that loads": {func(p *x86Program) {
			p.code(0x1020, 0x8b, 0x5d, 0xfc, 0xc9, 0xc3) // mov ebx,[ebp-4]; leave; ret
			p.regs.PC += 0x20
			p.regs.Int[5] = sp + 0x10
			p.push(sp+0xc, 0xbb, 0x77, back)
		}, unwind.RuleEpilogue, sp + 0x18, map[int]uint64{3: 0xbb, 5: 0x77}},
		"FPO with a frame": {func(p *x86Program) {
			p.fpo = []unwind.FPO{{RVA: 0x1000, Size: 0x100, Type: unwind.FPONonFrame}}
			p.code(0x1020, 0xff, 0xe0)
			p.regs.PC += 0x20
			p.regs.Int[5] = sp + 0x10
			p.push(sp+0x10, 0x77, back)
		}, unwind.RuleFPO, sp + 0x18, map[int]uint64{5: 0x77}},
		"leaf": {func(p *x86Program) {
			p.code(0x1000, 0x31, 0xc0, 0xff, 0xe0) // no epilogue, but its beginning is known
			p.regs.PC += 2
			p.push(sp, back)
		}, unwind.RuleLeaf, sp + 4, nil},
		"call of null": {func(p *x86Program) {
			p.regs.PC = 0
			p.push(sp, back)
		}, unwind.RuleLeaf, sp + 4, nil},
		"chain": {func(p *x86Program) {
			p.functions = nil
			p.code(0x1020, 0xff, 0xe0)
			p.regs.PC += 0x20
			p.regs.Int[5] = sp + 0x10
			p.push(sp+0x10, 0, back)
		}, unwind.RuleFramePointer, sp + 0x18, map[int]uint64{5: 0}},
		"scan": {func(p *x86Program) {
			p.functions = nil
			p.code(0x1020, 0xff, 0xe0)
			p.regs.PC += 0x20
			p.push(sp, 1, x86Base+0x1700, 2, back) // of which the first is behind no call
		}, unwind.RuleScan, sp + 0x10, nil},
		"a tail call": {func(p *x86Program) {
			p.functions = append([]unwind.Function{{Name: "g", RVA: 0x800, Size: 0x100}}, p.functions...)
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, Program: search}}
			p.code(0x800, 0x90, 0xe9)
			p.code(0x802, u32s(0x1000-0x806)...)
			p.calls(0x1500, 0x800)
			p.code(0x1020, 0xff, 0xe0)
			p.regs.PC += 0x20
			p.push(sp, back)
		}, unwind.RuleFrameData, sp + 4, nil},
		"a call of another function": {func(p *x86Program) {
			p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, Program: search}}
			p.code(0x1020, 0xff, 0xe0)
			p.calls(0x1600, 0x1300)
			p.regs.PC += 0x20
			p.push(sp, x86Base+0x1600, back)
		}, unwind.RuleFrameData, sp + 8, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newX86()
			p.functions = []unwind.Function{{Name: "f", RVA: 0x1000, Size: 0x100}, {Name: "h", RVA: 0x1300, Size: 0x800}}
			p.code(0x1300, 0xc3)
			p.calls(0x1500, 0x1000)
			c.set(p)
			f, err := p.second(t)
			want := uint64(back)
			if name == "search between two" {
				want = x86Base + 0x1600
			}
			if err != nil || f.PC != want || f.SP() != c.sp || f.Rule != c.rule {
				t.Fatalf("pc %x, sp %x, %v, %v; want %x, %x, %v", f.PC, f.SP(), f.Rule, err, want, c.sp, c.rule)
			}
			for i, v := range c.want {
				if f.Int[i] != v || f.KnownInt>>i&1 == 0 {
					t.Errorf("register %d is %x", i, f.Int[i])
				}
			}
			if f.Rule.Guess() && f.Origin.Proof > unwind.ProofWeak {
				t.Errorf("a guess is %v", f.Origin.Proof)
			}
		})
	}
}

// TestX86TrapFrame: entries of the kernel lead on to what they interrupted.
func TestX86TrapFrame(t *testing.T) {
	const sp = testStack + 0x100
	for _, c := range []struct {
		eip, cs, flags uint32
		good           bool
	}{
		{0x80401234, 8, 0x202, true}, {0x1234, 0x1b, 0x202, true}, {0x1234, 8, 0x202, false}, {0x80401234, 8, 0, false}, {0, 0x1b, 2, false},
	} {
		for _, byRecord := range []bool{false, true} {
			p := newX86()
			p.functions = []unwind.Function{{Name: "_KiTrap0E", RVA: 0x1000, Size: 0x100}}
			if byRecord {
				p.functions, p.fpo = nil, []unwind.FPO{{RVA: 0x1000, Size: 0x100, Type: unwind.FPOTrap}}
			}
			p.code(0x1020, 0xff, 0xe0)
			p.regs.PC += 0x20
			p.regs.Int[5] = sp + 0x10
			p.push(sp+0x10+0x54, 7, 6, 3, 5, 0, c.eip, c.cs, c.flags, 0x5000)
			f, err := p.second(t)
			if good := err == nil && f.Rule == unwind.RuleContext; good != c.good {
				t.Errorf("%+v: %+v, %v", c, f, err)
			}
			wantSP := uint64(0x5000)
			if c.cs == 8 {
				wantSP = sp + 0x10 + 0x74
			}
			if c.good && (f.PC != uint64(c.eip) || f.SP() != wantSP || f.Int[3] != 3 || f.Int[5] != 5 || f.Int[6] != 6 || f.Int[7] != 7 || f.UnwoundToCall) {
				t.Errorf("%+v: %+v", c, f)
			}
		}
	}
}

// TestX86Hostile: programs that make no sense, have no end or divide by zero
// cost little, and the walk does without them.
func TestX86Hostile(t *testing.T) {
	for name, program := range map[string]string{
		"empty":         " ",
		"no caller":     "$T0 1 =",
		"division":      "$eip 1 0 / = $esp 4 =",
		"remainder":     "$eip 1 0 % =",
		"alignment":     "$eip 1 0 @ =",
		"underflow":     "+ + +",
		"deep":          strings.Repeat("1 ", 1<<20),
		"long":          strings.Repeat("$T0 1 = ", 1<<20),
		"no variable":   "1 1 =",
		"unknown":       "$T99 1 =",
		"no value":      "$eip $T3 =",
		"loops":         "$eip $eip = $esp $esp =",
		"blanks":        strings.Repeat(" ", 1<<20),
		"many searches": strings.Repeat("$T0 .raSearch = ", 400),
		"number":        "$eip 99999999999999999999 =",
	} {
		p := newX86()
		p.functions = []unwind.Function{{Name: "f", RVA: 0x1000, Size: 0x100}}
		p.frames = []unwind.FrameData{{RVA: 0x1000, Size: 0x100, Program: program}}
		p.code(0x1000, 0xff, 0xe0)
		for at := uint64(testStack); at < testStack+0x3000; at += 4 {
			p.push(at, x86Base+0x1000+uint32(at)%0x80)
		}
		began := time.Now()
		f, err := p.second(t)
		t.Logf("%s: %v, %v, %v", name, f.Rule, err, time.Since(began))
		if err == nil && !f.Rule.Guess() {
			t.Errorf("%s: %v", name, f.Rule)
		}
		if err != nil && !errors.Is(err, unwind.ErrUnwindData) && !errors.Is(err, memsource.ErrNotMapped) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestX86WorstCase walks a stack on which every word costs much: a return
// address behind a call of a long function that may have called the function by
// way of others, and has not. The budget of work ends it.
func TestX86WorstCase(t *testing.T) {
	p := newX86()
	p.functions = []unwind.Function{{Name: "f", RVA: 0x1000, Size: 0x100}, {Name: "long", RVA: 0x1100, Size: testSize - 0x1100}}
	p.frames = []unwind.FrameData{{RVA: 0, Size: testSize, Program: strings.Repeat("$T0 .raSearch = ", 100) + "$eip $T0 ^ = $esp $T0 4 + ="}}
	for rva := uint32(0x1100); rva+16 < testSize; rva += 16 {
		p.code(rva, 0x90, 0x90, 0x90, 0x90) // calls all the way
		p.calls(rva+9, 0x1200)
		p.code(rva+9, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90)
	}
	p.code(0x1000, 0x74, 0x20)
	for at := uint64(testStack); at < testStack+0x4000; at += 4 {
		p.push(at, x86Base+0x1109+uint32(at)*4%0x4000)
	}
	cfg := p.open()
	cfg.MaxRepeats = -1
	cfg.Modules = one{&unwind.Module{Name: "forged", Base: x86Base, Size: testSize, Image: p, Symbols: p}}
	began, n := time.Now(), 0
	var end error
	for _, err := range unwind.Walk(t.Context(), cfg, p.regs) {
		n, end = n+1, err
	}
	t.Logf("%d frames, %v, %v", n, end, time.Since(began))
	wantError(t, end, unwind.ErrTooMuchWork)
}

// codeless is an image of which only the headers are there.
type codeless struct{ unwind.Image }

// ReadImage implements unwind.Image.
func (c codeless) ReadImage(ctx context.Context, buf []byte, rva uint32) (unwind.Origin, error) {
	if rva >= 0x1000 {
		return unwind.Origin{}, memsource.NewFault(memsource.ReasonPagedOut, uint64(rva), 0x1000)
	}
	return c.Image.ReadImage(ctx, buf, rva)
}

// TestX86WithoutCode: with the PDB alone nobody sees epilogues and calls. Most
// frames are found, and none of the wrong ones is more than weak.
func TestX86WithoutCode(t *testing.T) {
	dir := truthDir(t)
	files, err := filepath.Glob(filepath.Join(dir, "*-x86-*.truth.gz"))
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED, NOT PASSED: no x86 files in %s", dir)
	}
	for _, file := range files {
		tr := readTruth(t, file)
		tr.module.Image = codeless{tr.module.Image}
		wrong, better := 0, 0
		judged := tr.judge(t, func(line int, err error) {
			wrong++
			if e := (*wrongFrame)(nil); errors.As(err, &e) && e.proof > unwind.ProofWeak {
				if better++; better < 5 {
					t.Errorf("%s: line %d: %v: %v", file, line, e.proof, err)
				}
			}
		})
		t.Logf("%s: %d lines, %d wrong", filepath.Base(file), judged, wrong)
		if wrong > judged/2 {
			t.Errorf("%s: %d of %d lines wrong", file, wrong, judged)
		}
	}
}

// TestX86WithoutSymbols: code alone leads to nearly every caller, though not to the
// registers it will have, and does not pretend to be more than a guess but in
// epilogues.
func TestX86WithoutSymbols(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(truthDir(t), "*-x86-*.truth.gz"))
	if err != nil || len(files) == 0 {
		t.Skip("SKIPPED, NOT PASSED: no x86 files in the truth set")
	}
	for _, file := range files {
		tr := readTruth(t, file)
		tr.module.Symbols = nil
		wrong := 0
		judged := tr.judge(t, func(line int, err error) {
			e := (*wrongFrame)(nil)
			if errors.As(err, &e) && strings.HasPrefix(e.err.Error(), "register") && e.rule.Guess() {
				return
			}
			if wrong++; wrong < 5 {
				t.Logf("line %d: %v", line, err)
			}
			if e != nil && !e.rule.Guess() {
				t.Errorf("%s: line %d: wrong, and said to be no guess: %v", file, line, err)
			}
		})
		t.Logf("%s: %d lines, %d wrong", filepath.Base(file), judged, wrong)
		if wrong > judged/20 {
			t.Errorf("%s: %d of %d lines wrong", file, wrong, judged)
		}
	}
}

// endless is an image that is code to its last byte, none of which returns.
type endless struct{}

func (endless) ReadImage(_ context.Context, buf []byte, rva uint32) (unwind.Origin, error) {
	for i := range buf {
		buf[i] = 0x90 // nop
	}
	return unwind.Origin{}, nil
}

// TestX86CodeToTheEnd: a way through the code that leads behind the last page of an
// image ends there.
func TestX86CodeToTheEnd(t *testing.T) {
	const size = 2 << 20 // as many pages as one part of the index has
	p := newX86()
	cfg := p.open()
	cfg.Modules = one{&unwind.Module{Name: "endless", Base: x86Base, Size: size, Image: endless{}}}
	for _, before := range []uint64{1, 2, 16} {
		p.regs.PC = x86Base + size - before
		frames := 0
		for _, err := range unwind.Walk(t.Context(), cfg, p.regs) {
			if err == nil {
				frames++
			}
		}
		if frames == 0 {
			t.Errorf("%d bytes before the end there is no frame", before)
		}
	}
}
