package minidump_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/memsource/minidump"
)

const (
	x86, x64 = 0, 9
	reserved = 0x2000
	commit   = 0x1000
	free     = 0x10000
)

// context returns a CONTEXT of the size with these 64-bit values in it, the
// one at the highest offset written last.
func context(size int, at map[int]uint64) []byte {
	b := make([]byte, size)
	for _, off := range slices.Sorted(maps.Keys(at)) {
		binary.LittleEndian.PutUint64(b[off:], at[off])
	}
	return b
}

// crash is a dump with something in every stream.
func crash() dumpbuild.Minidump {
	return dumpbuild.Minidump{
		Architecture: x64,
		Modules: []dumpbuild.MinidumpModule{
			{Name: `C:\app\app.exe`, Base: 0x140000000, Size: 0x9000, CheckSum: 0x1234, Stamp: 0x39ff5d00,
				CodeView: append([]byte("RSDS0123456789abcdef\x01\x00\x00\x00"), "app.pdb\x00"...)},
			{Name: `C:\Windows\System32\ntdll.dll`, Base: 0x7ffe00000000, Size: 0x1f0000, Stamp: 0x5b1a4560},
		},
		Unloaded: []dumpbuild.MinidumpModule{{Name: "gone.dll", Base: 0x180000000, Size: 0x4000, Stamp: 1, CheckSum: 2}},
		Memory: []dumpbuild.MinidumpRange{
			{Addr: 0x140001ff0, Data: bytes.Repeat([]byte("code"), 8)}, // across a page boundary
			{Addr: 0x140002010, Data: []byte("next to it")},
			{Addr: 0x140001000, Data: []byte("four")},
		},
		Regions: []dumpbuild.MinidumpRegion{
			{Addr: 0x140000000, Size: 0x9000, State: commit}, {Addr: 0x140009000, Size: 0x7000, State: free},
			{Addr: 0x140010000, Size: 0x1000, State: reserved},
		},
		Threads: []dumpbuild.MinidumpThread{{
			ID: 7, Stack: dumpbuild.MinidumpRange{Addr: 0x9fe00, Data: bytes.Repeat([]byte{0x5a}, 0x200)},
			Context: context(1232, map[int]uint64{0xf8: 0x7ffe00001234, 0x98: 0x9fe10, 0xa0: 0x9ff00}),
		}},
		Exception:   &dumpbuild.MinidumpThread{ID: 7, Context: context(1232, map[int]uint64{0xf8: 0x140001ff4, 0x98: 0x9fe18, 0xa0: 0x9ff00})},
		ExceptionAt: 0x140001ff4, ExceptionIs: 0xc0000005,
	}
}

func open(t testing.TB, m dumpbuild.Minidump) *minidump.File {
	t.Helper()
	return openBytes(t, dumpbuild.BuildMinidump(m))
}

func openBytes(t testing.TB, b []byte) *minidump.File {
	t.Helper()
	f, err := minidump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func collect[T any](seq iter.Seq2[T, error]) (list []T, last error) {
	for v, err := range seq {
		if err != nil {
			return list, err
		}
		list = append(list, v)
	}
	return list, nil
}

func TestStreams(t *testing.T) {
	for _, odd := range []bool{false, true} {
		m := crash()
		m.Odd, m.Padded = odd, odd
		f := open(t, m)
		if p := f.Problems(); len(p) > 0 {
			t.Errorf("odd %v: problems %v", odd, p)
		}
		if h := f.Header(); h.Version != 0x2aa793 || !h.TimeStamp.Equal(time.Date(2007, 2, 14, 19, 13, 55, 0, time.UTC)) {
			t.Errorf("header %+v", h)
		}
		if got, want := f.System(), (minidump.System{Machine: 0x8664, Processors: 4, Major: 10, Build: 19045}); got != want {
			t.Errorf("system %+v, want %+v", got, want)
		}
		modules, err := collect(f.Modules())
		if err != nil || len(modules) != 2 {
			t.Fatalf("odd %v: %d modules, %v", odd, len(modules), err)
		}
		if m := modules[0]; m.Name != `C:\app\app.exe` || m.Base != 0x140000000 || m.Size != 0x9000 ||
			m.CheckSum != 0x1234 || m.TimeDateStamp != 0x39ff5d00 || !bytes.HasSuffix(m.CodeView, []byte("app.pdb\x00")) {
			t.Errorf("module %+v", m)
		}
		if modules[1].CodeView != nil || modules[1].CodeViewErr != nil {
			t.Errorf("a module without CodeView record: %+v", modules[1])
		}
		unloaded, err := collect(f.Unloaded())
		if err != nil || len(unloaded) != 1 || unloaded[0].Name != "gone.dll" || unloaded[0].Base != 0x180000000 ||
			unloaded[0].Size != 0x4000 || unloaded[0].TimeDateStamp != 1 || unloaded[0].CheckSum != 2 {
			t.Errorf("unloaded %+v, %v", unloaded, err)
		}
		threads, err := collect(f.Threads())
		want := []minidump.Thread{{ID: 7, Stack: 0x9fe00, Size: 0x200,
			Context:   minidump.Context{IP: 0x7ffe00001234, SP: 0x9fe10, FP: 0x9ff00},
			Registers: context(1232, map[int]uint64{0xf8: 0x7ffe00001234, 0x98: 0x9fe10, 0xa0: 0x9ff00})}}
		if err != nil || !cmp.Equal(threads, want) {
			t.Errorf("threads %+v, %v", threads, err)
		}
		e, err := f.Exception()
		if want := (minidump.Exception{ThreadID: 7, Code: 0xc0000005, Address: 0x140001ff4, Parameters: []uint64{1, 0x10},
			Context:   minidump.Context{IP: 0x140001ff4, SP: 0x9fe18, FP: 0x9ff00},
			Registers: context(1232, map[int]uint64{0xf8: 0x140001ff4, 0x98: 0x9fe18, 0xa0: 0x9ff00})}); err != nil || !cmp.Equal(e, want) {
			t.Errorf("exception %+v, %v", e, err)
		}
	}
}

// TestRegions: the list of both formats, with the words for what is in it.
func TestRegions(t *testing.T) {
	m := crash()
	m.Regions = append(m.Regions, dumpbuild.MinidumpRegion{Addr: 0x9d000, Size: 0x1000, State: commit, Protect: 0x104, Type: 0x20000})
	list, err := collect(open(t, m).Regions())
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	guard := minidump.Region{Addr: 0x9d000, Size: 0x1000, Allocation: 0x9d000, State: minidump.RegionCommitted, Protection: 0x104, Type: minidump.RegionPrivate}
	if list[3] != guard || !guard.Protection.Guard() || fmt.Sprint(guard.State, guard.Protection, guard.Type) != "committed READWRITE GUARD private" {
		t.Errorf("%+v %v", list[3], list[3].Protection)
	}
	if text := fmt.Sprint(list[1].State, list[2].State, list[1].Protection, list[1].Type, minidump.Protection(0x211), minidump.RegionState(7)); text != "free reserved   0x11 NOCACHE RegionState(0x7)" {
		t.Errorf("%q", text)
	}
	m.Regions = nil
	if _, err := collect(open(t, m).Regions()); !errors.Is(err, minidump.ErrNoStream) {
		t.Errorf("a dump without the list: %v", err)
	}
	for _, wide := range []bool{true, false} {
		list, err := collect(openBytes(t, dumpbuild.BuildUserDump(userDump(wide), wide)).Regions())
		if err != nil || len(list) == 0 || list[0].Addr != 0x10000 || list[0].Allocation != 0x10000 || fmt.Sprint(list[0].State, list[0].Protection, list[0].Type) != "committed READWRITE private" {
			t.Errorf("wide %v: %+v, %v", wide, list, err)
		}
	}
}

func TestMemory(t *testing.T) {
	const base = 0x140000000
	for _, odd := range []bool{false, true} {
		m := crash()
		m.Odd = odd
		code := append(bytes.Repeat([]byte("code"), 8), "next to it"...)
		if err := memtest.TestSource(open(t, m).Memory(),
			memtest.Hole(0, 0x9fe00, memsource.ReasonNotInDump),
			memtest.Data(0x9fe00, m.Threads[0].Stack.Data),
			memtest.Hole(base, 0x1000, memsource.ReasonNotInDump),
			memtest.Data(base+0x1000, []byte("four")),
			memtest.Hole(base+0x1004, 0xfec, memsource.ReasonNotInDump),
			memtest.Data(base+0x1ff0, code),
			memtest.Hole(base+0x201a, 0x6fe6, memsource.ReasonNotInDump),
			memtest.Hole(base+0x9000, 0x8000, memsource.ReasonNotMapped),
			memtest.Hole(base+0x11000, 0x1000, memsource.ReasonNotInDump),
		); err != nil {
			t.Errorf("odd %v:\n%v", odd, err)
		}
	}
}

// TestMemory_full has a 64-bit list, which overlaps and is not sorted; the last
// of two that overlap wins, and a range ends at the top of the address space.
func TestMemory_full(t *testing.T) {
	m := dumpbuild.Minidump{Architecture: x64, Full: []dumpbuild.MinidumpRange{
		{Addr: 0x5000, Data: []byte("later")}, {Addr: 0x4ffe, Data: []byte("earlier")}, {Addr: 0x5004, Data: []byte("R!")},
		{Addr: 0xfffffffffffffffe, Data: []byte("top")},
	}}
	if err := memtest.TestSource(open(t, m).Memory(),
		memtest.Hole(0x4000, 0xffe, memsource.ReasonNotInDump),
		memtest.Data(0x4ffe, []byte("earlieR!")),
		memtest.Hole(0x5006, 0x1000, memsource.ReasonNotInDump),
		memtest.Data(0xfffffffffffffffe, []byte("to")),
	); err != nil {
		t.Error(err)
	}
}

// TestMemory_32 has addresses that were stored sign-extended.
func TestMemory_32(t *testing.T) {
	const wide = 0xffffffff00000000
	m := dumpbuild.Minidump{
		Modules:     []dumpbuild.MinidumpModule{{Name: "a.dll", Base: wide | 0x80000000, Size: 0x1000}},
		Memory:      []dumpbuild.MinidumpRange{{Addr: wide | 0x80000000, Data: []byte("MZ")}, {Addr: 0xfffffffe, Data: []byte("topmost")}},
		Exception:   &dumpbuild.MinidumpThread{Context: context(716, map[int]uint64{0xb8: 0x80000010, 0xc4: 0x12fe94, 0xb4: 0x12fe88})},
		ExceptionAt: wide | 0x80000010,
	}
	f := open(t, m)
	if err := memtest.TestSource(f.Memory(),
		memtest.Hole(0x7ffff000, 0x1000, memsource.ReasonNotInDump), memtest.Data(0x80000000, []byte("MZ")),
		memtest.Data(0xfffffffe, []byte("to")), memtest.Hole(1<<32, 0x1000, memsource.ReasonNonCanonical),
	); err != nil {
		t.Error(err)
	}
	modules, _ := collect(f.Modules())
	e, err := f.Exception()
	if len(modules) != 1 || modules[0].Base != 0x80000000 || e.Address != 0x80000010 || err != nil {
		t.Errorf("modules %+v, exception %+v, %v", modules, e, err)
	}
	if want := (minidump.Context{IP: 0x80000010, SP: 0x12fe94, FP: 0x12fe88}); e.Context != want {
		t.Errorf("context %+v, want %+v", e.Context, want)
	}
}

// TestMemory_truncated cuts the file in the middle of the data.
func TestMemory_truncated(t *testing.T) {
	b := dumpbuild.BuildMinidump(dumpbuild.Minidump{Architecture: x64, Full: []dumpbuild.MinidumpRange{
		{Addr: 0x1000, Data: bytes.Repeat([]byte("a"), 0x1000)}, {Addr: 0x2000, Data: bytes.Repeat([]byte("b"), 0x1000)},
		{Addr: 0x8000, Data: bytes.Repeat([]byte("c"), 0x1000)},
	}})
	f := openBytes(t, b[:len(b)-0x1800])
	if err := memtest.TestSource(f.Memory(),
		memtest.Hole(0, 0x1000, memsource.ReasonNotInDump),
		memtest.Data(0x1000, append(bytes.Repeat([]byte("a"), 0x1000), bytes.Repeat([]byte("b"), 0x800)...)),
		memtest.Hole(0x2800, 0x800, memsource.ReasonTruncated),
		memtest.Hole(0x3000, 0x5000, memsource.ReasonNotInDump),
		memtest.Hole(0x8000, 0x1000, memsource.ReasonTruncated),
	); err != nil {
		t.Error(err)
	}
	if p := fmt.Sprint(f.Problems()); !strings.Contains(p, "the data of 2 memory ranges") {
		t.Errorf("problems %s", p)
	}
}

// TestStreams_unusual has what real writers and none write.
func TestStreams_unusual(t *testing.T) {
	m := crash()
	m.Streams = []dumpbuild.MinidumpStream{{Type: 0}, {Type: 0x47670001, Data: []byte("Breakpad")}, {Type: 0}, {Type: 7}}
	f := open(t, m)
	for _, s := range f.Streams() {
		if s.Type == minidump.UnusedStream {
			t.Errorf("an unused stream is listed: %+v", s)
		}
	}
	if n := len(f.Problems()); n != 1 {
		t.Errorf("problems %v, want one, for the stream that is there twice", f.Problems())
	}
	if f.Bits() != 64 || f.System() != (minidump.System{}) {
		t.Errorf("the first stream is empty: %+v", f.System())
	}
	none := open(t, dumpbuild.Minidump{})
	for _, err := range []error{last(none.Modules()), last(none.Unloaded()), last(none.Threads()), exceptionErr(none)} {
		if !errors.Is(err, minidump.ErrNoStream) {
			t.Errorf("%v, want ErrNoStream", err)
		}
	}
}

func last[T any](seq iter.Seq2[T, error]) error {
	_, err := collect(seq)
	return err
}

func exceptionErr(f *minidump.File) error {
	_, err := f.Exception()
	return err
}

func TestNew_refuses(t *testing.T) {
	good := dumpbuild.BuildMinidump(crash())
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte("hello, world"), "short": good[:31], "crashdump": append([]byte("PAGEDU64"), good...),
		"no_directory": good[:32],
	} {
		_, err := minidump.New(bytes.NewReader(b), int64(len(b)))
		if !errors.Is(err, minidump.ErrFormat) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line wrapping ErrFormat", name, err)
		}
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.dmp")
	if err := os.WriteFile(path, dumpbuild.BuildMinidump(crash()), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := minidump.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	memory := f.Memory()
	for range 2 { // the second does nothing
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := memsource.U8(memory, 0x140001000); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if _, err := minidump.Open(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
