package analyze_test

import (
	"context"
	"fmt"

	"github.com/symres/symres/analyze"
	"github.com/symres/symres/target"
)

// What happened in a process, and who did it.
func ExampleRun() {
	ctx := context.Background()
	t, err := target.Open(ctx, "../testdata/demo/crash.dmp", target.Options{SymbolPath: "../testdata/demo/symbols"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	r, err := analyze.Run(ctx, t, analyze.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %s of %#x, %v\n", r.Name, r.Fault.Access, r.Fault.Target, r.Accessed)
	fmt.Printf("%v, %s line %d, proof %v\n", r.Culprit, r.Culprit.Line.File, r.Culprit.Line.Line, r.Culprit.Proof)
	fmt.Printf("%s: %s\n", r.Bucket.Hash, r.Bucket.Signature)
	fmt.Println(len(r.Frames), r.End, r.Missing, r.Warnings)
	// Output:
	// STATUS_ACCESS_VIOLATION: write of 0x10, the null page, 0x10 bytes from a null pointer
	// notepad!NotepadOpen+0x3, c:\fixture\notepad.c line 34, proof exact
	// 390e93c33de1cab2: exception c0000005 write < notepad!NotepadOpen+3
	// 1 <nil> [] []
}
