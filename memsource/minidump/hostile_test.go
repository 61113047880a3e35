package minidump_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
)

// stream returns where the directory entry of a type is in the file, and where
// its stream is.
func stream(t testing.TB, b []byte, kind uint32) (entry, at uint32) {
	t.Helper()
	le := binary.LittleEndian
	for i := range le.Uint32(b[8:]) {
		entry = le.Uint32(b[12:]) + 12*i
		if le.Uint32(b[entry:]) == kind {
			return entry, le.Uint32(b[entry+8:])
		}
	}
	t.Fatalf("no stream of type %d", kind)
	return 0, 0
}

// TestHostile_lies keeps what is there and tells of what is not.
func TestHostile_lies(t *testing.T) {
	le := binary.LittleEndian
	const huge = math.MaxUint32
	for name, c := range map[string]struct {
		lie                        func(b []byte)
		modules, threads, unloaded int
	}{
		"module_count": {func(b []byte) { _, at := stream(t, b, 4); le.PutUint32(b[at:], huge) }, 2, 1, 1},
		"module_stream_size": {func(b []byte) {
			entry, _ := stream(t, b, 4)
			le.PutUint32(b[entry+4:], 4+108+107)
		}, 1, 1, 1},
		"module_stream_outside": {func(b []byte) { entry, _ := stream(t, b, 4); le.PutUint32(b[entry+8:], huge) }, 0, 1, 1},
		"unloaded_stride":       {func(b []byte) { _, at := stream(t, b, 14); le.PutUint32(b[at+4:], 0) }, 2, 1, 0},
		"unloaded_header":       {func(b []byte) { _, at := stream(t, b, 14); le.PutUint32(b[at:], huge) }, 2, 1, 0},
		"thread_count":          {func(b []byte) { _, at := stream(t, b, 3); le.PutUint32(b[at:], huge) }, 2, 1, 1},
		"region_count":          {func(b []byte) { _, at := stream(t, b, 16); le.PutUint64(b[at+8:], math.MaxUint64) }, 2, 1, 1},
		"region_stride":         {func(b []byte) { _, at := stream(t, b, 16); le.PutUint32(b[at+4:], 47) }, 2, 1, 1},
		"stream_count":          {func(b []byte) { le.PutUint32(b[8:], huge) }, 2, 1, 1},
	} {
		b := dumpbuild.BuildMinidump(crash())
		c.lie(b)
		f := openBytes(t, b)
		modules, moduleErr := collect(f.Modules())
		threads, threadErr := collect(f.Threads())
		unloaded, unloadedErr := collect(f.Unloaded())
		if len(modules) != c.modules || len(threads) != c.threads || len(unloaded) != c.unloaded {
			t.Errorf("%s: %d modules, %d threads, %d unloaded", name, len(modules), len(threads), len(unloaded))
		}
		if len(f.Problems()) == 0 && moduleErr == nil && threadErr == nil && unloadedErr == nil {
			t.Errorf("%s: no problem is told of", name)
		}
		for _, err := range append(f.Problems(), moduleErr, threadErr, unloadedErr) {
			if err != nil && !errors.Is(err, minidump.ErrFormat) && !errors.Is(err, minidump.ErrNoStream) {
				t.Errorf("%s: %v does not wrap ErrFormat", name, err)
			}
		}
	}
}

// TestHostile_shared_names has thousands of modules that all point to one name
// of 64 KB: it may be read as often as it would fit into the file.
func TestHostile_shared_names(t *testing.T) {
	const n = 9000
	le := binary.LittleEndian
	name := append(le.AppendUint32(nil, 0xfff0), bytes.Repeat([]byte("a\x00"), 0x7ff8)...)
	list := le.AppendUint32(nil, n)
	m := dumpbuild.Minidump{Streams: []dumpbuild.MinidumpStream{{Type: 0x10000, Data: name}, {Type: 4}}}
	for range n {
		list = append(list, make([]byte, 108)...)
		le.PutUint32(list[len(list)-108+20:], 32+3*12) // where the first stream begins
	}
	m.Streams[1].Data = list
	b := dumpbuild.BuildMinidump(m)
	f, whole, cut := openBytes(t, b), 0, 0
	allocated := allocates(func() {
		for m, err := range f.Modules() {
			switch {
			case err != nil:
				t.Fatal(err)
			case m.NameErr == nil && len(m.Name) == 0x7ff8:
				whole++
			case errors.Is(m.NameErr, minidump.ErrFormat):
				cut++
			}
		}
	})
	if whole != len(b)/0xfff0 && whole != len(b)/0xfff0-1 || whole+cut != n {
		t.Errorf("%d names whole, %d refused, in %d bytes", whole, cut, len(b))
	}
	if limit := uint64(16<<20 + 4*len(b)); allocated > limit {
		t.Errorf("%d bytes allocated for a file of %d, the limit is %d", allocated, len(b), limit)
	}
}

// TestHostile_ranges claims 2^60 ranges of memory, each of 2^60 bytes.
func TestHostile_ranges(t *testing.T) {
	le := binary.LittleEndian
	const n = 1000
	list := le.AppendUint64(le.AppendUint64(nil, 1<<60), 0)
	for i := range uint64(n) {
		list = le.AppendUint64(le.AppendUint64(list, i<<52), 1<<60)
	}
	b := dumpbuild.BuildMinidump(dumpbuild.Minidump{Architecture: x64,
		Streams: []dumpbuild.MinidumpStream{{Type: 9, Data: list}}})
	f := openBytes(t, b)
	var err error
	allocated := allocates(func() { _, err = memsource.U64(f.Memory(), (n-1)<<52) })
	if fault, ok := errors.AsType[*memsource.Fault](err); !ok || fault.Reason != memsource.ReasonTruncated {
		t.Errorf("%v, want a Fault of reason Truncated", err)
	}
	if len(f.Problems()) != 2 || allocated > 1<<20 {
		t.Errorf("problems %v, %d bytes allocated", f.Problems(), allocated)
	}
}

// TestMemory_many has as many ranges as a fragmented process: the index costs
// some hundred bytes for each, and a read finds its range.
func TestMemory_many(t *testing.T) {
	const n = 100_000
	m := dumpbuild.Minidump{Architecture: x64}
	for i := range uint64(n) {
		m.Full = append(m.Full, dumpbuild.MinidumpRange{Addr: 0x10000 + 16*i, Data: le64bytes(i)})
	}
	b := dumpbuild.BuildMinidump(m)
	f := openBytes(t, b)
	allocated := allocates(func() {
		for _, i := range []uint64{0, 1, n / 2, n - 1} {
			if v, err := memsource.U64(f.Memory(), 0x10000+16*i); err != nil || v != i {
				t.Fatalf("range %d: %d, %v", i, v, err)
			}
		}
	})
	if allocated > n*500 {
		t.Errorf("%d bytes allocated for %d ranges", allocated, n)
	}
	t.Logf("%d bytes for each range", allocated/n)
}

func le64bytes(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// allocates returns how many bytes do allocates.
func allocates(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzMinidump opens arbitrary bytes and checks what a caller relies on:
// entries lie inside the file and are no more than fit, names together are not
// larger than the file, a read gives all bytes or a Fault at the exact address,
// what is read is what the file has, and two opens agree on everything.
func FuzzMinidump(f *testing.F) {
	m := crash()
	f.Add(dumpbuild.BuildMinidump(m), uint64(0x140001ff0))
	m.Odd, m.Padded, m.Full = true, true, m.Memory
	f.Add(dumpbuild.BuildMinidump(m), uint64(0x140002010))
	m.Architecture = x86
	f.Add(dumpbuild.BuildMinidump(m), uint64(0x40001000))
	f.Add(dumpbuild.BuildMinidump(told()), uint64(0x7ffe0000))
	f.Add(dumpbuild.BuildUserDump(userDump(true), true), uint64(0x140000000))
	f.Add(dumpbuild.BuildUserDump(userDump(false), false), uint64(0x10000))
	f.Fuzz(func(t *testing.T, b []byte, addr uint64) {
		if one, two := describe(t, b, addr), describe(t, b, addr); one != two {
			t.Fatalf("two opens differ:\n%s\n%s", one, two)
		}
	})
}

// describe checks a dump and returns all there is to say about it.
func describe(t *testing.T, b []byte, addr uint64) string {
	f, err := minidump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err.Error()
	}
	out, text := fmt.Sprintln(f.Header(), f.System(), f.Streams(), f.Problems()), 0
	inside := func(off, size int64) {
		if off < 0 || off+size > int64(len(b)) {
			t.Fatalf("entry of %d bytes at %#x of %#x", size, off, len(b))
		}
	}
	for m, err := range f.Modules() {
		if err == nil {
			size := int64(108)
			if f.IsUserDump() {
				size = 12
			}
			inside(m.Offset, size)
		}
		text += len(m.CodeView)
		out += fmt.Sprintln(m, err)
	}
	if text > len(b) {
		t.Fatalf("%d bytes of CodeView records in a file of %d", text, len(b))
	}
	for u, err := range f.Unloaded() {
		if err == nil {
			inside(u.Offset, 24)
		}
		out += fmt.Sprintln(u, err)
	}
	for th, err := range f.Threads() {
		out += fmt.Sprintln(th, err)
	}
	e, err := f.Exception()
	out += fmt.Sprintln(e, err)
	p, err := f.Process()
	up, upErr := f.SystemUptime()
	comments, commentErr := f.Comments()
	for _, c := range comments {
		if len(c) > 4*len(b) {
			t.Fatalf("a comment of %d bytes in a file of %d", len(c), len(b))
		}
	}
	out += fmt.Sprintln(p, err, up, upErr, comments, commentErr)
	return out + readAll(t, f.Memory(), b, addr)
}

// readAll reads around addr, stepping over holes by what the faults say.
func readAll(t *testing.T, src memsource.Source, file []byte, addr uint64) (out string) {
	buf, at := make([]byte, 0x800), addr
	for range 64 {
		n, err := src.ReadMemory(buf, at)
		fault, ok := errors.AsType[*memsource.Fault](err)
		if (err == nil) != (n == len(buf)) || err != nil && (!ok || fault.Addr != at+uint64(n)) {
			t.Fatalf("read at %#x: %d bytes, %v", at, n, err)
		}
		for _, c := range buf[:n] {
			if bytes.IndexByte(file, c) < 0 {
				t.Fatalf("read at %#x invents %#x", at, c)
			}
		}
		out += fmt.Sprintf("%x %x %v\n", at, buf[:n], err)
		if at += uint64(n); err == nil {
			continue
		}
		if fault.Len == 0 && fault.Reason != memsource.ReasonNonCanonical {
			t.Fatalf("a fault that does not advance: %v", fault)
		}
		if at += fault.Len; at <= fault.Addr {
			break
		}
	}
	return out
}

// TestHostile_shared_contexts: threads that share one CONTEXT have no more of it
// than the file is long.
func TestHostile_shared_contexts(t *testing.T) {
	const n = 50_000
	le := binary.LittleEndian
	list := le.AppendUint32(nil, n)
	for i := range n {
		th := make([]byte, 48)
		le.PutUint32(th, uint32(i))
		le.PutUint32(th[40:], 1232)
		le.PutUint32(th[44:], 32) // anywhere
		list = append(list, th...)
	}
	b := dumpbuild.BuildMinidump(dumpbuild.Minidump{Architecture: 9, Streams: []dumpbuild.MinidumpStream{{Type: 3, Data: list}}})
	f := openBytes(t, b)
	threads, registers := 0, 0
	for th, err := range f.Threads() {
		if err != nil {
			t.Fatal(err)
		}
		threads, registers = threads+1, registers+len(th.Registers)
	}
	if threads != n || registers < 1232 || registers > len(b) {
		t.Errorf("%d threads with %d bytes of registers in a file of %d", threads, registers, len(b))
	}
}
