package target_test

import (
	"encoding/binary"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// wow64 is the memory of a 32-bit thread of a 64-bit system: a TEB and the
// registers with which it left its own code.
func wow64(t *testing.T) memsource.Source {
	t.Helper()
	teb, regs := make([]byte, 0x2000), make([]byte, 0x1000)
	binary.LittleEndian.PutUint64(teb[0x1488:], 0x30000)
	binary.LittleEndian.PutUint32(regs[4:], 0x1003f)
	binary.LittleEndian.PutUint32(regs[4+0xb8:], 0x401234)
	binary.LittleEndian.PutUint32(regs[4+0xc4:], 0x19f000)
	var m memsource.Sparse
	for at, b := range map[uint64][]byte{0x20000: teb, 0x30000: regs} {
		if err := m.Add(at, b); err != nil {
			t.Fatal(err)
		}
	}
	return &m
}

// TestStack_wow64: behind the 64-bit stack comes the 32-bit one, once, and only
// where the modules are those of such a process.
func TestStack_wow64(t *testing.T) {
	for module, want := range map[string][]uint64{"wow64cpu.dll": {0x77001000, 0x401234}, "app.dll": {0x77001000}} {
		tg, err := target.New(target.Options{
			Memory: wow64(t), Machine: 0x8664, Symbols: sympath.Chain(),
			Modules: []symres.Module{{Image: module, Base: 0x77000000, Size: 0x10000}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		th := target.Thread{TEB: 0x20000, Context: unwind.Context{Machine: unwind.X64, PC: 0x77001000}}
		th.Context.SetSP(0x8e000)
		var got []uint64
		for f, err := range tg.Stack(t.Context(), th) {
			if err != nil {
				t.Log(err)
				break
			}
			if got = append(got, f.PC); f.Index == 1 && (f.Machine != unwind.X86 || f.SP() != 0x19f000 || f.Lacks == nil) {
				t.Errorf("%v, sp %x, lacks %v", f.Machine, f.SP(), f.Lacks)
			}
		}
		if len(got) != len(want) || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("%s: frames %x, want %x", module, got, want)
		}
	}
}

// TestThreads_32bitCode: a 64-bit debugger writes the registers of x64 for a
// thread in 32-bit code too.
func TestThreads_32bitCode(t *testing.T) {
	context := make([]byte, 0x4d0)
	binary.LittleEndian.PutUint32(context[0x30:], 0x10001f)
	binary.LittleEndian.PutUint16(context[0x38:], 0x23)
	for off, v := range map[int]uint64{0xf8: 0x401000, 0x98: 0x19f000, 0xa0: 0xdead_0019f040, 0xb8: 7} {
		binary.LittleEndian.PutUint64(context[off:], v)
	}
	dump := dumpbuild.BuildMinidump(dumpbuild.Minidump{Architecture: 9,
		Modules: []dumpbuild.MinidumpModule{{Name: "app.exe", Base: 0x400000, Size: 0x9000, Stamp: 7}}, Threads: []dumpbuild.MinidumpThread{{ID: 7, Context: context}}})
	tg, _ := opened(t, write(t, "crash.dmp", dump), target.Options{Symbols: sympath.Chain()})
	for th, err := range tg.Threads(t.Context()) {
		if want := (target.Registers{IP: 0x401000, SP: 0x19f000, FP: 0x19f040}); err != nil || th.Context.Machine != unwind.X86 || th.Registers != want {
			t.Errorf("%+v, %v", th, err)
		}
	}
}
