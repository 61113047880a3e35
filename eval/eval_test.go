package eval_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/eval"
)

// TestRadix: what the radix changes, and what it does not.
func TestRadix(t *testing.T) {
	for _, c := range []struct {
		radix int
		text  string
		want  uint64
		err   error
	}{
		{8, "17", 15, nil}, {8, "8", 0, eval.ErrSyntax}, {8, "0x10", 16, nil}, {8, "10h", 16, nil},
		{10, "17", 17, nil}, {10, "1a", 0, eval.ErrSyntax}, {10, "0x17", 0x17, nil}, {10, "a", 0, eval.ErrResolve},
		{0, "17", 0x17, nil}, {16, "a", 10, nil}, {16, "0n17", 17, nil},
	} {
		v, err := eval.MASM(t.Context(), &eval.Env{Radix: c.radix}, c.text)
		if v.Uint != c.want || !errors.Is(err, c.err) {
			t.Errorf("radix %d: %s is %x, %v", c.radix, c.text, v.Uint, err)
		}
	}
}

// TestUserMode: no number is extended there.
func TestUserMode(t *testing.T) {
	for text, want := range map[string]uint64{"ffffffff+1": 1 << 32, "80000000*10": 1 << 35, "-1": 1<<64 - 1} {
		if v, err := eval.MASM(t.Context(), &eval.Env{}, text); v.Uint != want || err != nil {
			t.Errorf("%s is %x, %v", text, v.Uint, err)
		}
	}
}

// TestEndings: what is deep, long or canceled ends with an error.
func TestEndings(t *testing.T) {
	for _, open := range []string{"(", "-", "@@masm(", "@@c++(", "poi ", "1?", "sizeof ", "!"} {
		text := strings.Repeat(open, 5000) + "1"
		for _, parse := range []func() error{
			func() error { _, err := eval.MASM(t.Context(), &eval.Env{}, text); return err },
			func() error { _, err := eval.CPP(t.Context(), &eval.Env{}, text); return err },
		} {
			if err := parse(); err == nil {
				t.Errorf("%s... is understood", open)
			}
		}
	}
	if _, err := eval.ParseMASM(strings.Repeat("1+", 1<<16)+"1", 16); !errors.Is(err, eval.ErrTooLong) {
		t.Errorf("a long one: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := eval.MASM(ctx, &eval.Env{}, "1+2"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestParsedOnce: an expression that was read can be evaluated in many contexts.
func TestParsedOnce(t *testing.T) {
	x, err := eval.ParseMASM("@eax + 80000000 * 2", 16)
	if err != nil {
		t.Fatal(err)
	}
	for _, eax := range []uint64{0, 5} {
		env := &eval.Env{Bits: 32, Kernel: true, Register: func(string) (eval.Register, bool) { return eval.Register{Value: eax, Bits: 32}, true }}
		if v, err := x.Eval(t.Context(), env); v.Uint != 1<<32+eax || err != nil {
			t.Errorf("%s with %d is %x, %v", x, eax, v.Uint, err)
		}
	}
}

// FuzzMASM: an expression ends, and what it prints is read as the same one, with
// the same value.
func FuzzMASM(f *testing.F) {
	for _, s := range []string{"1+2*3", "poi(nt!a)+10", "5+(80000000)", "+ 80000000", "@@c++(1+2)&3", `$scmp("a\"","b")`, `@!"a b"`, "$vvalid(1,2)", "'a'", "0n10 mod 3", "nt!a+80000000*1", "[1]"} {
		f.Add(s, uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, radix uint8) {
		env := fuzzEnv([]int{16, 10, 8}[radix%3])
		x, err := eval.ParseMASM(text, env.Radix)
		if x == nil {
			if err == nil {
				t.Fatal("neither an expression nor an error")
			}
			return
		}
		again, err := eval.ParseMASM(x.String(), env.Radix)
		if errors.Is(err, eval.ErrTooLong) {
			return // parentheses make it deeper
		}
		if err != nil {
			t.Fatalf("%q prints %q: %v", text, x, err)
		}
		sameExpression(t, env, text, x, again)
	})
}

// FuzzCPP is [FuzzMASM] for C++.
func FuzzCPP(f *testing.F) {
	for _, s := range []string{"1+2*3", "(char)0x41", "sizeof(int*)", "a.b->c[1]", "1?2:3", "@@masm(10)+1", "#FIELD_OFFSET(nt!t, a.b)", "1.5f", "'a'", "L'a'", "(t*)5", "-5u", "static_cast<unsigned char>(5)", "5e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		env := fuzzEnv(16)
		x, err := eval.ParseCPP(text)
		if x == nil {
			if err == nil {
				t.Fatal("neither an expression nor an error")
			}
			return
		}
		again, err := eval.ParseCPP(x.String())
		if errors.Is(err, eval.ErrTooLong) {
			return // parentheses make it deeper
		}
		if err != nil {
			t.Fatalf("%q prints %q: %v", text, x, err)
		}
		sameExpression(t, env, text, x, again)
	})
}

func fuzzEnv(radix int) *eval.Env {
	return &eval.Env{
		Bits: 32, Kernel: true, Radix: radix, Memory: countingMemory{},
		Register: func(name string) (eval.Register, bool) {
			return eval.Register{Value: 0x80000000, Bits: 32}, name != "x"
		},
		Address: func(_ context.Context, name string) (uint64, error) { return uint64(len(name)), nil },
	}
}

// countingMemory has the low byte of its address everywhere.
type countingMemory struct{}

func (countingMemory) ReadMemory(b []byte, addr uint64) (int, error) {
	for i := range b {
		b[i] = byte(addr + uint64(i))
	}
	return len(b), nil
}

func sameExpression(t *testing.T, env *eval.Env, text string, x, again *eval.Expr) {
	t.Helper()
	if again.String() != x.String() {
		t.Fatalf("%q prints %q, which prints %q", text, x, again)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	a, errA := x.Eval(ctx, env)
	b, errB := again.Eval(ctx, env)
	if errors.Is(errA, eval.ErrExtra) {
		errA = nil
	}
	if ctx.Err() != nil || a.Line(32) != b.Line(32) || (errA == nil) != (errB == nil) {
		t.Fatalf("%q is %s, %v; %q is %s, %v", text, a.Line(32), errA, again, b.Line(32), errB)
	}
}
