package dumpinfo_test

import (
	"context"
	"fmt"
	"os"

	"github.com/symres/symres/internal/cli/dumpinfo"
)

// The rows about the crash of the demo's process.
func Example() {
	f, err := os.Open("../../../testdata/demo/crash.dmp")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := dumpinfo.Of(context.Background(), f, fi.Size())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range d.Fields() {
		if row.Name == "Exception" || row.Name == "" {
			fmt.Printf("%-10s %s\n", row.Name, row.Value)
		}
	}
	// Output:
	// Exception  c0000005 STATUS_ACCESS_VIOLATION (access violation)
	//            write of 00000010
	//            at 01001003 (notepad+0x1003)
	//            Parameter[0]: 0x1 access: write
	//            Parameter[1]: 0x10 address
	//            thread 4d8
}
