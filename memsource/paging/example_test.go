package paging_test

import (
	"encoding/binary"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// Two pages of a driver: the first is in the paging file, the second is in
// transition, that is no longer mapped but still in RAM.
func Example() {
	const base = 0xfe0c8000
	directory, table := make([]byte, 4096), make([]byte, 4096)
	binary.LittleEndian.PutUint32(directory[base>>22*4:], 0x2000|1)
	binary.LittleEndian.PutUint32(table[base>>12&1023*4:], 0x1234080)
	binary.LittleEndian.PutUint32(table[base>>12&1023*4+4:], 0x3000|0x860)

	phys := &memsource.Sparse{Missing: memsource.ReasonNotInDump}
	phys.Add(0x1000, directory)
	phys.Add(0x2000, table)
	phys.Add(0x3000, []byte("still here"))

	virt, err := paging.New(phys, paging.Config{
		Mode: paging.ModeX86, Root: 0x1000, Layout: paging.LayoutFor(paging.ModeX86, 2600),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	buf := make([]byte, 10)
	fmt.Println(memsource.ReadFull(virt, buf, base))
	fmt.Println(memsource.ReadFull(virt, buf, base+0x1000), string(buf))
	// Output:
	// fe0c8000: paged out: pagefile 0 offset 0x1234000
	// <nil> still here
}
