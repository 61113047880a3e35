package stack_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/symres/symres/target"
)

// What stack --json prints for a frame is what a Frame marshals to.
func ExampleFrame() {
	ctx := context.Background()
	const dir = "../testdata/demo/symbols"
	t, err := target.Open(ctx, "../testdata/demo/crash.dmp", target.Options{SymbolPath: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	for th := range t.Threads(ctx) {
		frames, end := t.Frames(ctx, th, target.FrameOptions{})
		for i := range frames {
			text, err := json.Marshal(frames[i])
			fmt.Printf("%v\n%s %v\n", &frames[i], text, err)
		}
		fmt.Println(end)
		break
	}
	// Output:
	// notepad!NotepadOpen+0x3
	// {"thread":1240,"frame":0,"pc":"0x1001003","sp":"0x7f0e0","module":"notepad","name":"NotepadOpen","raw":"NotepadOpen","displacement":3,"frames":[{"function":"NotepadOpen","file":"c:\\fixture\\notepad.c","line":34}],"machine":"x86","rule":"context","bytes":"target","proof":"exact","source":"pdb-private","identity":"pdb-id"} <nil>
	// <nil>
}
