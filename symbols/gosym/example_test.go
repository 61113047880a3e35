package gosym_test

import (
	"fmt"

	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols/gosym"
)

// An image that no Go compiler made has no such table; the error says so.
func ExampleNew() {
	_, err := gosym.New(symtest.Image(symtest.DLL()))
	fmt.Println(err)
	// Output: pclntab: the image has none
}
