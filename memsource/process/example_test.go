package process_test

import (
	"fmt"
	"os"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/process"
)

func Example() {
	p, err := process.Open(os.Getpid())
	if err != nil {
		fmt.Println("00000000: not mapped") // a system without a way to read processes
		return
	}
	defer p.Close()
	_, err = memsource.U8(p, 0)
	fmt.Println(err)
	// Output: 00000000: not mapped
}
