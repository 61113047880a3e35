package pattern_test

import (
	"fmt"

	"github.com/symres/symres/pattern"
)

func ExampleParse() {
	p, err := pattern.Parse("_imp__Ke*Event")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"__imp__KeSetEvent", "_imp__KeInitializeEvent", "KeSetEvent"} {
		fmt.Println(name, p.Match([]byte(name)))
	}
	_, err = pattern.Parse("a[b")
	fmt.Println(err)
	// Output:
	// __imp__KeSetEvent true
	// _imp__KeInitializeEvent true
	// KeSetEvent false
	// bad symbol pattern "a[b" at 1: class without members or without ]
}
