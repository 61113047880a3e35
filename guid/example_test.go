package guid_test

import (
	"fmt"

	"github.com/symres/symres/guid"
)

func ExampleGUID_Key() {
	g, err := guid.Parse("{0c4d7561-442f-4b0e-9fb5-1dc4a754d9de}")
	fmt.Println(g.Key(), err)
	// Output: 0C4D7561442F4B0E9FB51DC4A754D9DE <nil>
}
