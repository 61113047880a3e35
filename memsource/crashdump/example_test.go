package crashdump_test

import (
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
)

// A full dump has pages of physical memory; package nt finds the kernel in them.
func Example() {
	f, err := crashdump.Open("../../testdata/demo/MEMORY.DMP")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	h := f.Header()
	fmt.Printf("%v dump of build %d, loaded modules at %x\n", h.Type, h.Build, h.PsLoadedModuleList)
	physical, err := f.Physical()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = memsource.U32(physical, 0x7fff0000)
	fmt.Println(err, errors.Is(err, memsource.ErrNotInDump))
	// Output:
	// full dump of build 2600, loaded modules at 804da000
	// 7fff0000: page 7fff0 is not in the dump true
}
