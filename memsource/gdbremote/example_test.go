package gdbremote_test

import (
	"context"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
)

// The stub here is one of the tests; with the Dial of the zero Config it would
// be the one of "qemu-system-x86_64 -s" at localhost:1234.
func Example() {
	memory := &memsource.Sparse{}
	if err := memory.Add(0x401000, []byte("MZ\x90\x00")); err != nil {
		fmt.Println(err)
		return
	}
	s := &stub{virtual: memory}
	c, err := gdbremote.Dial(context.Background(), "localhost:1234", gdbremote.Config{Dial: s.dial})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	buf := make([]byte, 8)
	n, err := c.ReadMemory(buf, 0x401000)
	fmt.Printf("%q\n%v\n", buf[:n], err)
	// Output:
	// "MZ\x90\x00"
	// 00401004: unreadable: the stub answers "E14"
}
