package nt_test

import (
	"fmt"

	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
)

// The drivers of a kernel crash dump. Nothing of an image has to be in memory.
func ExampleKernel_Modules() {
	f, err := crashdump.Open("../testdata/demo/MEMORY.DMP")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	kernel, err := nt.FromDump(f)
	if err != nil {
		fmt.Println(err)
		return
	}
	for m, err := range kernel.Modules() {
		if err != nil {
			fmt.Println(err) // a hole in the list costs one entry
			continue
		}
		fmt.Printf("%x %x %s\n", m.Base, m.Size, m.Name)
	}
	// Output:
	// 804d7000 7000 ntoskrnl.exe
	// fe0c8000 1900 Fs_Rec.SYS
	// fe0d0000 1900 Null.SYS
	// fe200000 33000 wide.sys
}

// The modules of a process whose PEB is paged out: its VAD tree tells.
func ExampleKernel_View() {
	f, err := crashdump.Open("../testdata/demo/MEMORY.DMP")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	kernel, err := nt.FromDump(f)
	if err != nil {
		fmt.Println(err)
		return
	}
	for p, err := range kernel.Processes() {
		if err != nil || p.Name != "notepad.exe" {
			continue
		}
		view, err := kernel.View(p)
		if err != nil {
			fmt.Println(err)
			return
		}
		user := view.Modules()
		fmt.Println(user.PEB)
		for _, m := range user.Modules {
			fmt.Printf("%x %x %s\n", m.Base, m.Size, m.Name)
		}
	}
	// Output:
	// PEB is paged out (Peb.Ldr = 7ffdf00c): 7ffdf00c: paged out: pagefile 0 offset 0x1237000
	// 1000000 32000 notepad.exe
	// 75f80000 1e000 ExplorerFrame.dll
}
