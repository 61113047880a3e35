package analyze

import (
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/unwind"
)

// frame is one of a function of app, found by a rule.
func frame(function string, rule unwind.Rule) stack.Frame {
	f := stack.Frame{Location: symres.Location{Symbol: symres.Symbol{Module: "app", Name: function, Proof: symres.ProofExact}}}
	f.Module, f.Rule = &unwind.Module{Name: "app", Base: 0x1000, Size: 0x1000}, rule
	return f
}

func result(code uint32, functions ...string) *Result {
	r := &Result{Kind: KindException, Code: code}
	for _, name := range functions {
		r.Frames = append(r.Frames, frame(name, unwind.RuleUnwind))
	}
	return r
}

// TestRecursion: how deep a recursion went does not count, nor in a stack overflow
// which of the functions was the last.
func TestRecursion(t *testing.T) {
	one := bucketOf(result(stackOverflow, "a", "b", "a", "b", "a", "main"))
	for name, r := range map[string]*Result{
		"deeper":        result(stackOverflow, "a", "b", "a", "b", "a", "b", "a", "main"),
		"the other":     result(stackOverflow, "b", "a", "b", "a", "main"),
		"in a leaf":     result(stackOverflow, "leaf", "a", "b", "a", "b", "main"),
		"from elsewere": result(stackOverflow, "a", "b", "a", "b", "thread"),
	} {
		if got := bucketOf(r); got != one {
			t.Errorf("%s: %v, not %v", name, got, one)
		}
	}
	if other := bucketOf(result(stackOverflow, "a", "c", "a", "c", "main")); other == one {
		t.Error(other)
	}
	if x, y := bucketOf(result(1, "f", "a", "b", "a", "b", "main")), bucketOf(result(1, "f", "a", "b", "a", "b", "a", "b", "main")); x != y {
		t.Errorf("%v, %v", x, y)
	}
}

// TestProvenOnly: guesses do not count, nor what is behind them, nor the system.
func TestProvenOnly(t *testing.T) {
	one := bucketOf(result(1, "f", "caller"))
	r := result(1, "f", "caller")
	r.Frames = append(r.Frames, frame("chance", unwind.RuleScan), frame("behind", unwind.RuleUnwind))
	system := frame("BaseThreadInitThunk", unwind.RuleUnwind)
	system.Module = &unwind.Module{Name: "kernel32"}
	s := result(1, "f", "caller")
	s.Frames = append(s.Frames, system, frame("__scrt_common_main_seh", unwind.RuleUnwind))
	for _, r := range []*Result{r, s} {
		if got := bucketOf(r); got != one {
			t.Errorf("%v, not %v", got, one)
		}
	}
}

// TestNobodys: what is of the system or of a runtime, and what is not.
func TestNobodys(t *testing.T) {
	for _, name := range []string{"ntdll", "KERNELBASE", "ucrtbase", "VCRUNTIME140", "msvcr90d", "win32kfull", "nt", "coreclr"} {
		if !systemModule(name) {
			t.Errorf("%s is no module of the system", name)
		}
	}
	for _, name := range []string{"app", "nt2", "kernel32x", "fs_rec", "notepad", "", "module", "python310"} {
		if systemModule(name) {
			t.Errorf("%s is a module of the system", name)
		}
	}
	for _, name := range []string{"memcpy", "__scrt_common_main_seh", "operator new(unsigned int)", "std::terminate", "invoke_main", "std::vector<int>::at", "runtime.gopanic"} {
		if !runtimeFunction(name) {
			t.Errorf("%s is no function of a runtime", name)
		}
	}
	for _, name := range []string{"main", "memcpyFast", "app::operator new", "mystd::f", "", "freeze", "function"} {
		if runtimeFunction(name) {
			t.Errorf("%s is a function of a runtime", name)
		}
	}
}

// TestCalledAfterOffset: a function that has no name counts by its build and offset.
func TestCalledAfterOffset(t *testing.T) {
	r := result(1, "f", "sub_40")
	f := &r.Frames[1]
	f.Location.Source, f.PC, f.Function = symres.SourceBounds, 0x1044, 0x1040
	r.Modules = []Module{{Name: "app", base: 0x1000, report: &symres.Report{Module: symres.Module{TimeDateStamp: 7}}}}
	if got := bucketOf(r); got.Signature != "exception 1 < app!f+0 < app@00000007+40" {
		t.Errorf("%v", got)
	}
}

// TestOnBehalf: a fault of the system's code that programs called is theirs, on
// whatever machine it happened.
func TestOnBehalf(t *testing.T) {
	at := func(stamp uint32, rva uint64) *Result {
		r := result(1, "", "caller")
		f := &r.Frames[0]
		f.Module, f.PC = &unwind.Module{Name: "ntdll", Base: 0x7000000, Size: 0x100000}, 0x7000000+rva
		r.Fault.Address = f.PC
		r.Modules = []Module{{Name: "ntdll", base: f.Module.Base, report: &symres.Report{Module: symres.Module{TimeDateStamp: stamp}}}}
		return r
	}
	one := bucketOf(at(1, 0x1000))
	if other := bucketOf(at(2, 0x2000)); other != one || one.Signature != "exception 1 < ntdll < app!caller" {
		t.Errorf("%v, %v", one, other)
	}
	alone := at(1, 0x1000)
	alone.Frames = alone.Frames[:1]
	if got := bucketOf(alone); got.Signature != "exception 1 < ntdll@00000001+1000" {
		t.Errorf("%v", got)
	}
}
