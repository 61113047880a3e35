package pe_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pe"
)

func ExampleOpenImage() {
	image, err := pe.OpenImage("../testdata/demo/symbols/fs_rec.sys")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("stored under", image.ID().Key())
	fmt.Println(image.CodeView.Kind, image.CodeView.Path, image.CodeView.ID().Key())
	// Output:
	// stored under 39FF5D001900
	// RSDS fs_rec.pdb 14E92E589B4397134C4C44205044422E1
}

// The page of the header of Fs_Rec.SYS is in the page file.
func ExampleReadImage() {
	dump, err := crashdump.Open("../testdata/demo/MEMORY.DMP")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dump.Close()
	kernel, err := nt.FromDump(dump)
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := pe.ReadImage(context.Background(), kernel.Memory(), 0xfe0c8000)
	fmt.Println(err)
	fmt.Println(errors.Is(image.Missing(pe.PartCodeView), memsource.ErrPagedOut))
	// Output:
	// image at fe0c8000: DOS header: fe0c8000: paged out: pagefile 0 offset 0x1234000
	// true
}
