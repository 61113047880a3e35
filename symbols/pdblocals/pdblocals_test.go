package pdblocals

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// TestRegisters wants the names and contents of registers by their numbers.
func TestRegisters(t *testing.T) {
	for m, list := range map[unwind.Machine]map[uint16]string{
		unwind.X86: {
			1: "al 10", 4: "bl 13", 5: "ah a0", 8: "bh a3", 9: "ax a010", 16: "di a717", 17: "eax b0c0a010", 21: "esp b0c0a414", 24: "edi b0c0a717",
			154: "xmm0 -", 252: "?", 335: "?", 336: "?", 212: "?", cvVFrame: "vframe -",
		},
		unwind.X64: {
			4: "bl 13", 20: "ebx b0c0a313", 324: "sil 16", 326: "bpl 15", 327: "spl 14", 328: "rax d0e0f000b0c0a010", 329: "rbx d0e0f000b0c0a313",
			330: "rcx d0e0f000b0c0a111", 332: "rsi d0e0f000b0c0a616", 335: "rsp d0e0f000b0c0a414", 336: "r8 d0e0f000b0c0a818", 343: "r15 -",
			344: "r8b 18", 352: "r8w a818", 360: "r8d b0c0a818", 154: "xmm0 -", 160: "xmm6 6262626262626262" + "6161616161616161", 200: "xmm6 6161616161616161",
			252: "xmm8 -", 368: "xmm0 -", cvVFrame: "?", 128: "?",
		},
		unwind.ARM64: {10: "w0 b0c0a010", 50: "x0 d0e0f000b0c0a010", 58: "x8 d0e0f000b0c0a818", 79: "fp d0e0f000b0c0bd2d", 80: "lr -", 81: "sp d0e0f000b0c0bf2f",
			41: "zr 0", 106: "s6 61616161", 146: "d6 6161616161616161", 186: "q6 6262626262626262" + "6161616161616161", 171: "d31 -", 9: "?", 212: "?"},
		unwind.ARM: {10: "r0 b0c0a010", 23: "r13 b0c0ad1d", 24: "r14 -", 25: "?"},
	} {
		c := unwind.Context{Machine: m, KnownInt: 1<<9 - 1 | 1<<29, KnownVec: 1 << 6}
		for i := range c.Int {
			c.Int[i] = 0xd0e0f000b0c0a010 + uint64(i)*0x101
		}
		c.Vec[6] = [2]uint64{0x6161616161616161, 0x6262626262626262}
		for n, want := range list {
			got := "?"
			if r, err := registerOf(m, n); err == nil {
				got = r.Name + " -"
				if b := r.bytes(&c); b != nil {
					slices.Reverse(b)
					text := strings.TrimLeft(fmt.Sprintf("%x", b), "0")
					got = r.Name + " " + text + strings.Repeat("0", max(0, 1-len(text)))
				}
			} else if !errors.Is(err, symbols.ErrPlace) {
				t.Errorf("%v, %d: %v", m, n, err)
			}
			if got != want {
				t.Errorf("%v, %d: %s, not %s", m, n, got, want)
			}
		}
	}
}

// text is what is known of the variables of a frame in the fixture's PDB of an
// x86 program.
func text(tb testing.TB, file *pdb.File, f symbols.StackFrame, rva uint32) string {
	tb.Helper()
	f.Machine, f.Module = unwind.X86, &unwind.Module{Base: 0x1000000, Size: 0x30000}
	f.PC = f.Module.Base + uint64(rva)
	var list []string
	for v, err := range New(file).Variables(&f) {
		if err != nil {
			return err.Error()
		}
		line := fmt.Sprintf("%v %s %v %d", v.Type.Name, v.Name, v.Param, len(v.Pieces))
		for _, p := range v.Pieces {
			line += fmt.Sprintf(" %s %v %x %x %v", p.Place, p.InMemory, p.Address, p.Value, p.Err)
		}
		list = append(list, fmt.Sprint(line, " ", v.Err))
	}
	return strings.Join(list, "; ")
}

func openPDB(tb testing.TB) *pdb.File {
	tb.Helper()
	b := fixture.Bytes(tb, "demo/symbols/notepad.pdb")
	f, err := pdb.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

// TestVariables: places in registers with gaps, and on a stack without a frame
// pointer, found by the frame program or by the return address.
func TestVariables(t *testing.T) {
	f := openPDB(t)
	regs := unwind.Frame{Context: unwind.Context{KnownInt: 0xff}}
	regs.Int[0], regs.Int[1] = 0x21, 0x31
	for _, c := range []struct {
		rva   uint32
		frame symbols.StackFrame
		want  string
	}{
		{0x1028, symbols.StackFrame{Frame: regs}, "const char* text true 1 @ecx false 0 31000000 <nil> <nil>; unsigned int sum false 1 @eax false 0 21000000 <nil> <nil>"},
		{0x102f, symbols.StackFrame{Frame: regs}, "const char* text true 0 optimised out; unsigned int sum false 1 @eax false 0 21000000 <nil> <nil>"},
		{0x1045, symbols.StackFrame{Frame: regs}, "const char* text true 0 optimised out; unsigned int sum false 1 @eax false 0 21000000 <nil> <nil>"},
		{0x1003, symbols.StackFrame{Frame: unwind.Frame{Virtual: 0x8000, ReturnAt: 0x9000}}, "const char* file true 1 @vframe+0x4 true 8004  <nil> <nil>"},
		{0x1003, symbols.StackFrame{Frame: unwind.Frame{ReturnAt: 0x9000}, Leaving: true}, "const char* file true 1 @vframe+0x4 true 9004  <nil> <nil>"},
		{0x1003, symbols.StackFrame{}, "const char* file true 1 @vframe+0x4 false 0  where its frame begins is not known <nil>"},
		{0x1070, symbols.StackFrame{Frame: regs}, ""},
		{0x3000, symbols.StackFrame{Frame: regs}, ""},
	} {
		if got := text(t, f, c.frame, c.rva); got != c.want {
			t.Errorf("%x: %s\nnot %s", c.rva, got, c.want)
		}
	}
}

// TestInBody: an offset from a register holds where the function has its frame.
func TestInBody(t *testing.T) {
	q := query{hasProc: true, proc: pdb.FrameProc{RVA: 0x1000, BodyStart: 8, BodyEnd: 0x40}, frame: &symbols.StackFrame{}}
	sp := intel(unwind.RegRSP, 8)
	at := func(rva uint32, l pdb.Location) error {
		var p symbols.Piece
		q.rva, q.frame.Machine = rva, unwind.X64
		q.inMemory(&p, sp, &l)
		return p.Err
	}
	whole := pdb.Location{Whole: true}
	for rva, want := range map[uint32]error{0x1000: symbols.ErrNoFrame, 0x1007: symbols.ErrNoFrame, 0x1008: nil, 0x1040: nil, 0x1041: symbols.ErrNoFrame} {
		if err := at(rva, whole); err != want {
			t.Errorf("%x: %v", rva, err)
		}
		if err := at(rva, pdb.Location{}); err != nil {
			t.Errorf("%x, with a range of its own: %v", rva, err)
		}
	}
	if q.frame.UnwoundToCall = true; at(0x1041, whole) != nil {
		t.Error("a function that called another one has no frame")
	}
	if q.frame.Leaving = true; at(0x1020, pdb.Location{}) != symbols.ErrNoFrame {
		t.Error("a function that restores its registers has a frame")
	}
}

// TestBases: what offsets are counted from, by the machine and what the function
// says, and what esp is in the older records of x86.
func TestBases(t *testing.T) {
	flags := func(local, param uint32) uint32 { return local<<14 | param<<16 }
	for _, c := range []struct {
		m     unwind.Machine
		l     pdb.Location
		param bool
		flags uint32
		want  string
	}{
		{unwind.X86, pdb.Location{Place: pdb.PlaceFrame, Offset: 8}, true, flags(1, 2), "@ebp+0x8 508"},
		{unwind.X86, pdb.Location{Place: pdb.PlaceFrame, Offset: -28}, false, flags(1, 2), "@vframe-0x1c 6e4"},
		{unwind.X86, pdb.Location{Place: pdb.PlaceFrame, Offset: 4}, false, flags(3, 3), "@ebx+0x4 304"},
		{unwind.X86, pdb.Location{Place: pdb.PlaceFrame, Offset: 8}, true, 0, "@ebp+0x8 804"},                                      // of S_BPREL32: 4 below the return address
		{unwind.X86, pdb.Location{Place: pdb.PlaceRegisterPlus, Register: 21, Offset: 4, Whole: true}, true, 0, "@vframe+0x4 704"}, // esp of S_REGREL32
		{unwind.X86, pdb.Location{Place: pdb.PlaceRegisterPlus, Register: 21, Offset: 4}, true, 0, "@esp+0x4 404"},
		{unwind.X64, pdb.Location{Place: pdb.PlaceFrame, Offset: 8}, true, flags(1, 2), "@rbp+0x8 508"},
		{unwind.X64, pdb.Location{Place: pdb.PlaceFrame, Offset: 8}, false, flags(1, 2), "@rsp+0x8 408"},
		{unwind.X64, pdb.Location{Place: pdb.PlaceFrame, Offset: 8}, false, flags(3, 2), "@r13+0x8 d08"},
		{unwind.X64, pdb.Location{Place: pdb.PlaceFrame, Offset: 8}, false, 0, "- its place is given in a way that is not read"},
		{unwind.X64, pdb.Location{Place: pdb.PlaceRegisterPlus, Register: cvVFrame}, false, 0, "- its place is given in a way that is not read: register 30006"},
		{unwind.ARM64, pdb.Location{Place: pdb.PlaceFrame, Offset: 8}, false, flags(1, 2), "@sp+0x8 1f08"},
		{unwind.ARM64, pdb.Location{Place: pdb.PlaceFrame, Offset: 8}, true, flags(1, 2), "@fp+0x8 1d08"},
		{unwind.ARM64, pdb.Location{Place: pdb.PlaceUnknown}, true, 0, "- its place is given in a way that is not read"},
	} {
		f := &symbols.StackFrame{Frame: unwind.Frame{Context: unwind.Context{Machine: c.m, KnownInt: ^uint32(0)}, Virtual: 0x700, ReturnAt: 0x800}}
		for i := range f.Int {
			f.Int[i] = uint64(i) << 8
		}
		q := query{frame: f, hasProc: c.flags != 0, proc: pdb.FrameProc{Flags: c.flags}}
		p := q.piece(&c.l, c.param)
		got := fmt.Sprintf("%s %x", p.Place, p.Address)
		if p.Err != nil {
			got = "- " + p.Err.Error()
		}
		if got != c.want {
			t.Errorf("%v %+v: %s, not %s", c.m, c.l, got, c.want)
		}
	}
}

// FuzzVariables changes a PDB: what is known of a variable is in memory or at most
// sixteen bytes, or else there is a reason.
func FuzzVariables(f *testing.F) {
	b := fixture.Bytes(f, "demo/symbols/notepad.pdb")
	f.Add(uint32(0x1028), 0, []byte{})
	if at := bytes.Index(b, []byte("text\x00")); at > 0 {
		f.Add(uint32(0x1028), at-8, []byte{1, 0x10, 0, 0, 0, 1})
		f.Add(uint32(0x1028), at+8, []byte{0x41, 0x11, 9, 0})
	}
	f.Fuzz(func(t *testing.T, rva uint32, at int, with []byte) {
		changed := slices.Clone(b)
		if at >= 0 && at < len(changed) {
			copy(changed[at:], with)
		}
		file, err := pdb.New(bytes.NewReader(changed), int64(len(changed)))
		if err != nil {
			return
		}
		defer file.Close()
		frame := symbols.StackFrame{Frame: unwind.Frame{Context: unwind.Context{Machine: unwind.X86, KnownInt: 0xff}, ReturnAt: 0x9000}, Memory: &memsource.Sparse{}}
		frame.Module = &unwind.Module{Base: 0x1000000, Size: 0x30000}
		frame.PC = frame.Module.Base + uint64(rva)
		for v, err := range New(file).Variables(&frame) {
			if err == nil && len(v.Pieces) == 0 && v.Err == nil {
				t.Fatalf("%+v", v)
			}
			for _, p := range v.Pieces {
				if (p.Err == nil) != (p.InMemory || len(p.Value) > 0) || len(p.Value) > 16 {
					t.Fatalf("%+v", p)
				}
			}
			if v.Type.Constant != nil {
				v.Type.Constant(1)
			}
		}
	})
}
