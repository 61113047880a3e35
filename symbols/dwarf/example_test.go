package dwarf_test

import (
	"fmt"

	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols/dwarf"
)

// An image without debug sections says so.
func ExampleNew() {
	_, err := dwarf.New(symtest.Image(symtest.DLL()))
	fmt.Println(err)
	// Output: DWARF: the image has none
}
