package stack_test

import (
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/unwind"
)

// TestVariables_copy: a pointer to text in the image, of which nothing is in memory,
// shows the text of the copy, and is as well proven as that is.
func TestVariables_copy(t *testing.T) {
	stacks := notepadStacks(t)
	regs := unwind.Context{Machine: unwind.X86, PC: fuzzImage + 0x1028, KnownInt: 1 << 1}
	regs.Int[1] = fuzzImage + 0x2000
	frames := stacks.Name(t.Context(), 7, []unwind.Frame{{Context: regs, Module: stacks.Config().Modules.Module(regs.PC), Origin: unwind.Origin{Proof: unwind.ProofExact}}})
	stacks.Variables(t.Context(), nil, frames, nil)
	f := &frames[0]
	if len(f.Variables) != 2 || f.VariablesErr != nil {
		t.Fatalf("%+v, %v, %v", f.Variables, f.VariablesErr, f.Err)
	}
	if got, want := f.Variables[0].String(), "const char* text = 0x01002000 \"fixture\""; got != want || f.Variables[0].Proof >= symres.ProofExact {
		t.Errorf("%s, %v, not %s", got, f.Variables[0].Proof, want)
	}
	if got, want := f.Variables[1].String(), "unsigned int sum = <not known: eax: the register was not saved>"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}
