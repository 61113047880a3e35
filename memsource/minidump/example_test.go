package minidump_test

import (
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
)

// A small dump names its modules and their PDBs, and saves none of their pages.
func Example() {
	f, err := minidump.Open("../../testdata/demo/crash.dmp")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	for m, err := range f.Modules() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%x %x %s %q\n", m.Base, m.Size, m.Name, m.CodeView[:min(4, len(m.CodeView))])
	}
	e, err := f.Exception()
	fmt.Printf("exception %x at %x, %v\n", e.Code, e.Address, err)
	_, err = memsource.U16(f.Memory(), 0x01000000) // the header of notepad.exe
	fmt.Println(err, errors.Is(err, memsource.ErrNotInDump))
	// Output:
	// 1000000 32000 C:\WINDOWS\notepad.exe "RSDS"
	// 75f80000 1e000 C:\WINDOWS\system32\ExplorerFrame.dll "RSDS"
	// exception c0000005 at 1001003, <nil>
	// 01000000: not in the dump true
}
