package stack_test

import (
	"context"
	"fmt"
	"os"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// A debugger that has a session of its own walks a stack in its target, of whose
// image nothing is in memory.
func Example() {
	ctx := context.Background()
	dump, err := minidump.Open("../testdata/demo/crash.dmp")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dump.Close()
	const dir = "../testdata/demo/symbols"
	session, err := symres.NewSession(symres.Config{Memory: dump.Memory(), Machine: dump.System().Machine, Symbols: sympath.Dir(dir, os.DirFS(dir))})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	for m := range dump.Modules() {
		if err := session.Add(target.FromMinidump(m)); err != nil {
			fmt.Println(err)
		}
	}
	exception, err := dump.Exception()
	if err != nil {
		fmt.Println(err)
		return
	}
	registers, err := unwind.ParseContext(unwind.Machine(dump.System().Machine), exception.Registers)
	if err != nil {
		fmt.Println(err)
		return
	}
	stacks := stack.New(session)
	defer stacks.Close()
	for f, err := range unwind.Walk(ctx, stacks.Config(), registers) {
		if err != nil {
			fmt.Println(err)
			break
		}
		at, err := session.Resolve(ctx, f.LookupPC())
		fmt.Printf("%s!%s+%#x: %v, bytes of the %v %v\n", at.Module, at.Name, at.Displacement, f.Rule, f.Origin.Bytes, err)
	}
	// Output:
	// notepad!NotepadOpen+0x3: context, bytes of the target <nil>
}
