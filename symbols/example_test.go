package symbols_test

import (
	"bytes"
	"fmt"
	"os"

	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/export"
	"github.com/symres/symres/symbols/pdata"
)

// An image without any PDB: its imports have names, its functions bounds.
func ExampleSet() {
	b, err := os.ReadFile("../testdata/nt/x64-7601/ntoskrnl.exe")
	if err != nil {
		fmt.Println(err)
		return
	}
	im, err := symbols.NewImage(nil, bytes.NewReader(b), int64(len(b)))
	if err != nil {
		fmt.Println(err)
		return
	}
	set := &symbols.Set{Image: im}
	if exports, err := export.New(im); err == nil {
		set.Tables = append(set.Tables, exports)
	} else {
		fmt.Println(err)
	}
	if set.Bounds, err = pdata.New(im); err != nil {
		fmt.Println(err)
		return
	}
	near, err := set.Nearest(0x1038)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s+%#x (%v), %d bytes\n", near[0].Display(), 0x1038-near[0].RVA, near[0].Source, near[0].Size)
	// Output:
	// export directory: the image has none
	// sub_1030+0x8 (pdata), 15 bytes
}
