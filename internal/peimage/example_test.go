package peimage_test

import (
	"bytes"
	"fmt"

	"github.com/symres/symres/internal/peimage"
)

func ExampleReadCodeView() {
	record := []byte("RSDS" + "\x88\xcf\x7f\x0f\x2f\x44\x0e\x4b\x9f\xb5\x1d\xc4\xa7\x54\xd9\xde" + "\x02\x00\x00\x00" + "ntdll.pdb\x00")
	cv, err := peimage.ReadCodeView(bytes.NewReader(record), 0, uint32(len(record)))
	fmt.Println(cv.GUID, cv.Age, cv.Path, err)
	// Output: 0F7FCF88-442F-4B0E-9FB5-1DC4A754D9DE 2 ntdll.pdb <nil>
}
