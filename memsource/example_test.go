package memsource_test

import (
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
)

// A header whose page is in the paging file: the read says so, and where.
func Example() {
	var mem memsource.Sparse
	mem.Add(0xfe0c9000, []byte("resident"))
	mem.AddFault(0xfe0c8000, 0x1000, memsource.Fault{
		Reason: memsource.ReasonPagedOut, PageFile: 0, PageFileOffset: 0x1234000,
	})

	header := make([]byte, 64)
	err := memsource.ReadFull(&mem, header, 0xfe0c8000)
	fmt.Println(err)
	fmt.Println(errors.Is(err, memsource.ErrNotPresent), errors.Is(err, memsource.ErrNotMapped))
	// Output:
	// fe0c8000: paged out: pagefile 0 offset 0x1234000
	// true false
}

func ExampleReadExtents() {
	mem := memsource.Sparse{Missing: memsource.ReasonNotInDump}
	mem.Add(0x1000, []byte("first"))
	mem.Add(0x3000, []byte("second"))

	for ext, err := range memsource.ReadExtents(&mem, 0x1000, 0x2006) {
		var hole *memsource.Fault
		if errors.As(err, &hole) {
			fmt.Printf("%#x bytes: %v\n", hole.Len, hole)
			continue
		}
		fmt.Printf("%x: %s\n", ext.Addr, ext.Data)
	}
	// Output:
	// 1000: first
	// 0x1ffb bytes: 00001005: not in the dump
	// 3000: second
}
