package frames_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/frames"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// frame is a frame of a machine at an address, of a module at 0x10000.
func frame(m unwind.Machine, pc, sp uint64, r unwind.Rule) stack.Frame {
	f := stack.Frame{Frame: unwind.Frame{Context: unwind.Context{Machine: m, PC: pc}, Rule: r, Return: 0x10444}}
	f.SetSP(sp)
	if pc-0x10000 < 0x1000 {
		f.Module = &unwind.Module{Name: "app", Base: 0x10000, Size: 0x1000}
	}
	f.Origin.Proof = unwind.ProofExact
	if r.Guess() {
		f.Origin.Proof = unwind.ProofWeak
	}
	return f
}

// named gives a frame a name and functions, the innermost first.
func named(f stack.Frame, calls ...pdb.Frame) stack.Frame {
	f.Location.Symbol = symres.Symbol{Module: "app", Name: "run", Proof: symres.ProofExact, Source: symres.SourcePrivate, Identity: symres.IdentityPDB}
	f.Location.Displacement, f.Location.Frames = 0x10, calls
	return f
}

func variable(name string, depth int, err error) stack.Variable {
	return stack.Variable{Name: name, Type: "int", Param: depth == 0, Depth: depth, Known: err == nil, Text: "0n7", Place: "@rcx", Proof: symres.ProofImage, Err: err}
}

// TestAppend wants kd's look, with what was inlined and the variables of each
// function below it.
func TestAppend(t *testing.T) {
	inlined := named(frame(unwind.X64, 0x10010, 0x8000, unwind.RuleContext),
		pdb.Frame{Function: "inner", File: "a.c", Line: 3, Inlined: true}, pdb.Frame{Function: "outer", Inlined: true}, pdb.Frame{Function: "run", File: "b.c", Line: 4})
	inlined.Variables = []stack.Variable{
		variable("own", 0, nil), variable("in", 2, symbols.ErrOptimizedOut), variable("out", 1, errors.New("page\nis out")), variable("lost", 5, nil),
	}
	inlined.VariablesErr = errors.New("damaged")
	past := named(frame(unwind.X64, 0x10020, 0x8100, unwind.RuleUnwind))
	past.Location.PastEnd = true
	broken := frame(unwind.X64, 0x7000, 0x9000, unwind.RuleContext)
	broken.Lacks = errors.New("0x8200: paged out\nand more")
	esc := frame(unwind.X86, 0x10030, 0xa000, unwind.RuleScan)
	esc.Module = &unwind.Module{Name: "e\x1b[2Jvil", Base: 0x10000, Size: 0x1000}
	esc.ReturnAt = 0xa014
	list := []stack.Frame{inlined, past, broken, esc}
	const look = "Child-SP          RetAddr           Call Site\n" +
		"(Inline Function) --------`-------- app!inner [a.c @ 3]\n" +
		"(Inline Function) --------`-------- app!outer\n" +
		"00000000`00008000 00000000`00010444 app!run+0x10 [b.c @ 4]\n" +
		"00000000`00008100 00000000`00010444 app!run+0x10 (past its end)\n" +
		"    (the walk breaks off here: 0x8200: paged out; the next frame is that of saved registers)\n" +
		"00000000`00009000 00000000`00010444 0x7000\n" +
		"ChildEBP RetAddr\n" + frames.Warning + "\n" +
		"0000a010 00010444 e\\x1b[2Jvil+0x30\n"
	if got := string(frames.Append(nil, list, frames.Options{})); got != look {
		t.Errorf("%s\nnot\n%s", got, look)
	}
	got := string(frames.Append(nil, list[:1], frames.Options{Args: true}))
	if want := "Child-SP          RetAddr           Call Site\n" +
		"(Inline Function) --------`-------- app!inner [a.c @ 3]\n" +
		"      local int in = <optimised out>\n" +
		"(Inline Function) --------`-------- app!outer\n" +
		"      local int out = <not known: page>\n" +
		"00000000`00008000 00000000`00010444 app!run+0x10 [b.c @ 4]\n" +
		"      param int own = 0n7\n      local int lost = 0n7\n      (variables: damaged)\n"; got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
}

// TestProof: what -v adds says which evidence a frame has, and that one in no module
// is not exact.
func TestProof(t *testing.T) {
	out := frame(unwind.X64, 0x7000, 0x8000, unwind.RuleContext)
	out.Err = errors.New("in no module")
	lacking := named(frame(unwind.X64, 0x10010, 0x8100, unwind.RuleFramePointer))
	lacking.Lacks = errors.New("no table\nat all")
	lacking.Variables = []stack.Variable{variable("own", 0, nil)}
	got := string(frames.Append(nil, []stack.Frame{out, lacking}, frames.Options{Proof: true, Args: true}))
	for _, want := range []string{
		"      context, bytes of the target, weak; no name: in no module\n",
		"      param int own = 0n7  (@rcx, image)\n",
		"      frame-pointer, bytes of the target, weak, name pdb-private (pdb-id), exact; lacking: no table\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestAppendEnd says why a walk ended, in one line.
func TestAppendEnd(t *testing.T) {
	end := errors.New("a page\x07 is out\nat 0x10")
	if got := string(frames.AppendEnd(nil, 0, end)); got != "    (no stack: a page\\x07 is out)\n" {
		t.Errorf("%q", got)
	}
	if got := string(frames.AppendEnd([]byte("x\n"), 3, end)); got != "x\n    (the walk ends here: a page\\x07 is out)\n" {
		t.Errorf("%q", got)
	}
}
