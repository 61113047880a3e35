package unwind_test

import (
	"context"
	"fmt"

	"github.com/symres/symres/unwind"
)

// The stack of a small program: main has called middle, which has called leaf.
func Example() {
	program := nested()
	for f, err := range unwind.Walk(context.Background(), program.open(), program.regs) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%x %s+%#x: %v, bytes of the %v, %v\n", f.SP(), f.Module.Name, f.PC-f.Module.Base, f.Rule, f.Origin.Bytes, f.Origin.Proof)
	}
	// Output:
	// 20100 program+0x1200: context, bytes of the target, exact
	// 20108 program+0x1040: leaf, bytes of the target, exact
	// 20138 program+0x10c0: unwind, bytes of the target, exact
}

// A page that is out, and no copy: the walk says what it lacks.
func ExampleError() {
	program := nested()
	program.out = map[uint32]bool{xdataRVA / 4096: true}
	for _, err := range unwind.Walk(context.Background(), program.open(), program.regs) {
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// unwinding 00000001`40001040 in "program": unwind data: needed bytes cannot be read: 00000001`40003000: paged out: pagefile 0 offset 0x0
}
