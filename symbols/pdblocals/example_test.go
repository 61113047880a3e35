package pdblocals_test

import (
	"fmt"

	"github.com/symres/symres/pdb"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/pdblocals"
	"github.com/symres/symres/unwind"
)

// A debugger that has registers of its own asks for the variables of a frame, of
// which one is in a register that is not known.
func Example() {
	file, err := pdb.Open("../../testdata/demo/symbols/notepad.pdb")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	frame := &symbols.StackFrame{Frame: unwind.Frame{
		Context: unwind.Context{Machine: unwind.X86, PC: 0x1001028, KnownInt: 1 << 1},
		Module:  &unwind.Module{Name: "notepad", Base: 0x1000000, Size: 0x30000},
	}}
	frame.Int[1] = 0x7f0e0 // ecx
	for v, err := range pdblocals.New(file).Variables(frame) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, p := range v.Pieces {
			fmt.Println(v.Type.Name, v.Name, p.Place, p.Value, p.Err)
		}
	}
	// Output:
	// const char* text @ecx [224 240 7 0] <nil>
	// unsigned int sum @eax [] eax: the register was not saved
}
