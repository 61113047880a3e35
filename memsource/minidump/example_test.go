package minidump_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
)

func Example() {
	dump := dumpbuild.BuildMinidump(crash())
	f, err := minidump.New(bytes.NewReader(dump), int64(len(dump)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for m, err := range f.Modules() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%x %x %s %q\n", m.Base, m.Size, m.Name, m.CodeView[:min(4, len(m.CodeView))])
	}
	e, err := f.Exception()
	fmt.Printf("exception %x at %x, %v\n", e.Code, e.Address, err)
	_, err = memsource.U16(f.Memory(), 0x140000000) // the header of app.exe
	fmt.Println(err, errors.Is(err, memsource.ErrNotInDump))
	// Output:
	// 140000000 9000 C:\app\app.exe "RSDS"
	// 7ffe00000000 1f0000 C:\Windows\System32\ntdll.dll ""
	// exception c0000005 at 140001ff4, <nil>
	// 00000001`40000000: not in the dump true
}
