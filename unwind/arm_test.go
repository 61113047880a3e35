package unwind_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/unwind"
)

// TestARMPacked unwinds push.w {r4-r7,r11,lr}; add.w r11,sp,#16; ...;
// pop.w {r4-r7,r11,pc} at every instruction where something differs.
func TestARMPacked(t *testing.T) {
	const begin, length, sp = 0x1000, 38, testStack + 0x200
	word := uint32(1 | length/2<<2 | 3<<16 | 1<<20 | 1<<21)
	for off, pushed := range map[uint32]bool{0: false, 4: true, 8: true, 20: true, length - 4: true} {
		p := newProgram(unwind.ARM)
		p.pdata = u32s(begin|1, word)
		copy(p.stack[0x200-24:], u32s(4, 5, 6, 7, 11, 0x1801))
		p.regs.PC = testBase32 + begin + uint64(off)
		p.regs.Int[unwind.RegARMLR] = 0x1801
		if p.regs.SetSP(sp); pushed {
			p.regs.SetSP(sp - 24)
		}
		frames, _ := p.walk32(t)
		if len(frames) < 2 {
			t.Fatalf("offset %d: %d frames", off, len(frames))
		}
		f := frames[1]
		if f.PC != 0x1800 || f.SP() != sp || !f.UnwoundToCall || pushed != (f.Int[7] == 7 && f.Int[11] == 11) {
			t.Errorf("offset %d: pc %x, sp %x, r7 %x, r11 %x", off, f.PC, f.SP(), f.Int[7], f.Int[11])
		}
		if rule := f.Rule; rule == unwind.RuleEpilogue != (off == length-4) {
			t.Errorf("offset %d: %v", off, rule)
		}
	}
}

const testBase32 = 0

// walk32 is walk with the image at an address of 32 bits.
func (p *program) walk32(tb testing.TB) (frames []unwind.Frame, end error) {
	cfg := p.open()
	cfg.Modules = one{&unwind.Module{Name: "program", Base: testBase32, Size: testSize, Image: p}}
	for f, err := range unwind.Walk(tb.Context(), cfg, p.regs) {
		if end = err; err == nil {
			frames = append(frames, f)
		}
	}
	return frames, end
}

// TestARMTriage walks the stack of a triage dump, which has no image: the code
// at the PC begins a function, and from there frame pointers lead on. Kd ends
// behind the second frame.
func TestARMTriage(t *testing.T) {
	frames := walkTriage(t, "win10_arm_rpi3_mem/RPi3_ARM_mini.cab.dmp", unwind.ARM)
	if len(frames) < 12 || frames[0].PC != 0x83edaf2c || frames[1].PC != 0x83ed5ce6 || frames[1].SP() != 0x80a75cd0 {
		t.Fatalf("%d frames", len(frames))
	}
}

// TestARM64Triage is the same for ARM64: a crash that was asked for by keys,
// from the keyboard's driver up to the processor's idle loop.
func TestARM64Triage(t *testing.T) {
	frames := walkTriage(t, "win10_arm64_mem/win10_arm64_mem.dmp", unwind.ARM64)
	if len(frames) < 20 || !strings.HasSuffix(frames[1].Module.Name, "kbdhid.sys") {
		t.Fatalf("%d frames", len(frames))
	}
}

// walkTriage walks the stack of a triage dump, with leave to guess.
func walkTriage(t *testing.T, name string, m unwind.Machine) (frames []unwind.Frame) {
	t.Helper()
	file := filepath.Join(fixture.Shared(t), "ivellioscolin+kdlibcpp/kdlib/tests/dumps", filepath.FromSlash(name))
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := crashdump.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, ok := f.Triage()
	if !ok {
		t.Fatal("not a triage dump")
	}
	regs, err := unwind.ParseContext(m, b[h.ContextOffset:])
	if err != nil {
		t.Fatal(err)
	}
	memory, err := f.Blocks()
	if err != nil {
		t.Fatal(err)
	}
	d := &dumped{machine: m}
	for drv, err := range f.Drivers() {
		if err != nil {
			t.Fatal(err)
		}
		d.modules = append(d.modules, &unwind.Module{Name: drv.Name, Base: drv.Base, Size: drv.Size})
	}
	for f, err := range unwind.Walk(t.Context(), unwind.Config{Memory: memory, Modules: d, Guess: true}, regs) {
		if err != nil {
			wantError(t, err, unwind.ErrUnreadable, memsource.ErrNotInDump)
			break
		}
		if f.Index > 0 && (f.Origin.Proof > unwind.ProofWeak || f.Module == nil || f.Lacks == nil) {
			t.Errorf("frame %d: %v, module %v, lacking %v", f.Index, f.Origin.Proof, f.Module, f.Lacks)
		}
		frames = append(frames, f)
	}
	return frames
}
