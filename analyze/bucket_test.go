package analyze_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/analyze"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// TestBucket: one fault has one bucket wherever the code was loaded, in whatever
// process and thread; another place, access, exception or build has another.
func TestBucket(t *testing.T) {
	bucket := func(change func(*dumpbuild.Minidump)) string {
		m := crash(0xc0000005, 0, 0x10)
		change(&m)
		return run(t, openBytes(t, dumpbuild.BuildMinidump(m), target.Options{}), analyze.Options{}).Bucket.Hash
	}
	at := func(m *dumpbuild.Minidump, base, pc uint64) {
		m.Modules[0].Base, m.ExceptionAt, m.Exception.Context = base, pc, registers(pc, stackLow+0x800)
	}
	one := bucket(func(*dumpbuild.Minidump) {})
	for name, change := range map[string]func(*dumpbuild.Minidump){
		"another base":    func(m *dumpbuild.Minidump) { at(m, 0x7ff600000000, 0x7ff600001234) },
		"another thread":  func(m *dumpbuild.Minidump) { m.Exception.ID = 8 },
		"another process": func(m *dumpbuild.Minidump) { m.PID = 77 },
		"another address": func(m *dumpbuild.Minidump) { m.Parameters = []uint64{0, 0x40} },
		"another folder":  func(m *dumpbuild.Minidump) { m.Modules[0].Name = `D:\programs\APP.EXE` },
	} {
		if got := bucket(change); got != one || len(got) != 16 {
			t.Errorf("%s: %s, not %s", name, got, one)
		}
	}
	seen := map[string]string{one: "the first"}
	for name, change := range map[string]func(*dumpbuild.Minidump){
		"another place":     func(m *dumpbuild.Minidump) { at(m, appBase, appBase+0x1238) },
		"another module":    func(m *dumpbuild.Minidump) { m.Modules[0].Name = `C:\app\app2.exe` },
		"another build":     func(m *dumpbuild.Minidump) { m.Modules[0].Stamp++ },
		"a write":           func(m *dumpbuild.Minidump) { m.Parameters = []uint64{1, 0x10} },
		"another exception": func(m *dumpbuild.Minidump) { m.ExceptionIs, m.Parameters = 0xc0000094, []uint64{} },
		"fast fail 7":       func(m *dumpbuild.Minidump) { m.ExceptionIs, m.Parameters = 0xc0000409, []uint64{7} },
		"fast fail 2":       func(m *dumpbuild.Minidump) { m.ExceptionIs, m.Parameters = 0xc0000409, []uint64{2} },
		"in the system":     func(m *dumpbuild.Minidump) { at(m, appBase, 0x7ffe00001234) },
	} {
		got := bucket(change)
		if other, ok := seen[got]; ok {
			t.Errorf("%s has the bucket of %s", name, other)
		}
		seen[got] = name
	}
}

// TestBucketOfKernels: the bug check with and without _M is one, and kinds of one bug
// check are others.
func TestBucketOfKernels(t *testing.T) {
	b, _, share := kernelDump(t)
	bucket := func(code uint32, p ...uint64) string {
		stop(b, code, append(p, make([]uint64, 4-len(p))...)...)
		return run(t, openBytes(t, b, target.Options{Symbols: share}), analyze.Options{NoCompare: true}).Bucket.Signature
	}
	if one, other := bucket(0x7e, 0xc0000005), bucket(0x1000007e, 0xc0000005); one != other {
		t.Errorf("%s, %s", one, other)
	}
	if one, other := bucket(0x139, 3), bucket(0x139, 2); one == other {
		t.Error(one)
	}
	if one, other := bucket(0x9f, 3), bucket(0x9f, 4); one == other {
		t.Error(one)
	}
	if one, other := bucket(0xd1, 0x10, 2, 0), bucket(0xd1, 0x20, 2, 0); one != other {
		t.Errorf("%s, %s", one, other)
	}
}

// TestBucketRebased moves the programs of the corpus to another base, with every
// address on their stacks: the bucket stays; another frame as the fault has another.
func TestBucketRebased(t *testing.T) {
	for _, name := range []string{"x86_64-O0", "x86_64-O1", "i686-O0", "i686-O2"} {
		dir := filepath.Join(fixture.Shared(t), "stacks", name)
		share := sympath.Dir(dir, os.DirFS(dir))
		whole, err := os.ReadFile(filepath.Join(dir, "crash.dmp"))
		if err != nil {
			t.Fatal(err)
		}
		first := run(t, openBytes(t, whole, target.Options{Symbols: share}), analyze.Options{})
		moved := run(t, openBytes(t, rebased(t, filepath.Join(dir, "crash.dmp"), 0x3450000), target.Options{Symbols: share}), analyze.Options{})
		if len(moved.Frames) < 10 || moved.Frames[0].PC == first.Frames[0].PC || moved.Bucket != first.Bucket {
			t.Errorf("%s: %v with %d frames, moved %v with %d", name, first.Bucket, len(first.Frames), moved.Bucket, len(moved.Frames))
		}
	}
}

// rebased is a dump whose program was loaded delta bytes higher.
func rebased(t *testing.T, path string, delta uint64) []byte {
	t.Helper()
	f, err := minidump.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := dumpbuild.Minidump{Platform: 2}
	word, pc := 8, 0xf8
	if out.Architecture = 9; f.Bits() == 32 {
		out.Architecture, word, pc = 0, 4, 0xb8
	}
	for m, err := range f.Modules() {
		if err != nil {
			t.Fatal(err)
		}
		out.Modules = append(out.Modules, dumpbuild.MinidumpModule{Name: m.Name, Base: m.Base, Size: m.Size, CheckSum: m.CheckSum, Stamp: m.TimeDateStamp, CodeView: m.CodeView})
	}
	low, high := out.Modules[0].Base, out.Modules[0].Base+uint64(out.Modules[0].Size)
	out.Modules[0].Base += delta
	e, err := f.Exception()
	if err != nil {
		t.Fatal(err)
	}
	move(e.Registers[pc:], word, low, high, delta)
	for th, err := range f.Threads() {
		if err != nil {
			t.Fatal(err)
		}
		stack := make([]byte, th.Size)
		if err := memsource.ReadFull(f.Memory(), stack, th.Stack); err != nil {
			t.Fatal(err)
		}
		for i := 0; i+word <= len(stack); i += word {
			move(stack[i:], word, low, high, delta)
		}
		out.Threads = append(out.Threads, dumpbuild.MinidumpThread{ID: th.ID + 100, Stack: dumpbuild.MinidumpRange{Addr: th.Stack, Data: stack}, Context: th.Registers})
	}
	out.Exception = &dumpbuild.MinidumpThread{ID: e.ThreadID + 100, Context: e.Registers}
	out.ExceptionAt, out.ExceptionIs, out.Parameters = e.Address+delta, e.Code, e.Parameters
	return dumpbuild.BuildMinidump(out)
}

// move adds delta to a word that is an address of the program.
func move(b []byte, word int, low, high, delta uint64) {
	if word == 4 {
		if v := uint64(binary.LittleEndian.Uint32(b)); v >= low && v < high {
			binary.LittleEndian.PutUint32(b, uint32(v+delta))
		}
		return
	}
	if v := binary.LittleEndian.Uint64(b); v >= low && v < high {
		binary.LittleEndian.PutUint64(b, v+delta)
	}
}
