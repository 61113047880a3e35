package eval_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres/eval"
)

// A debugger that has registers and symbols of its own asks for values.
func ExampleMASM() {
	env := &eval.Env{
		Bits: 32, Kernel: true,
		Register: func(name string) (eval.Register, bool) {
			return eval.Register{Value: 0x804d8028, Bits: 32}, name == "eip"
		},
		Address: func(_ context.Context, name string) (uint64, error) {
			if name == "fs_rec" {
				return 0xfe0c8000, nil
			}
			return 0, errors.New("not loaded")
		},
	}
	for _, text := range []string{"37d9bd30*2000", "fs_rec+310", "@eip & fff", "hi(12345678)", "nosuch + 1", "1 2"} {
		v, err := eval.MASM(context.Background(), env, text)
		if err != nil && !errors.Is(err, eval.ErrExtra) {
			fmt.Println(err)
			continue
		}
		decimal, hex := eval.Evaluated(v.Uint, env.Bits)
		fmt.Println(decimal, "=", hex)
	}
	// Output:
	// 7676040183808 = 000006fb`37a60000
	// -32734448 = fe0c8310
	// 40 = 00000028
	// 4660 = 00001234
	// Couldn't resolve error at 'nosuch + 1'
	// 1 = 00000001
}

func ExampleCPP() {
	v, err := eval.CPP(context.Background(), &eval.Env{Bits: 64}, "(unsigned char)(0x100 + 'A')")
	fmt.Println(v.Line(64), err)
	// Output: unsigned char 0x41 'A' <nil>
}
