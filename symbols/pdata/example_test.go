package pdata_test

import (
	"fmt"
	"os"

	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols/pdata"
)

// An image whose symbols nobody has still says where its functions are.
func Example() {
	b, err := os.ReadFile("../../testdata/nt/x64-7601/ntoskrnl.exe")
	if err != nil {
		fmt.Println(err)
		return
	}
	table, err := pdata.New(symtest.Image(b))
	if err != nil {
		fmt.Println(err)
		return
	}
	f, ok, err := table.Below(0x1038)
	fmt.Printf("%x %x %v %v\n", f.Start, f.End, ok, err)
	// Output:
	// 1030 103f true <nil>
}
