package crashdump_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
)

var someDrivers = []driver{
	{name: `\SystemRoot\system32\ntoskrnl.exe`, base: 0x80c06000, size: 0x5b1000, checksum: 0x55bcd7, time: 0x5acd88b6},
	{name: `\Windows\System32\drivers\näme.sys`, base: 0x81c06000, size: 0x3000},
	{name: ``, base: 0x82c06000, size: 0x1000},
}

// collect returns all values and the error that ended the sequence.
func collect[T any](seq iter.Seq2[T, error]) (list []T, err error) {
	for v, e := range seq {
		if e != nil {
			return list, e
		}
		list = append(list, v)
	}
	return list, nil
}

func TestDrivers(t *testing.T) {
	for _, bits := range []int{32, 64} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			f := open(t, triageDump(bits, someDrivers, nil, nil))
			got, err := collect(f.Drivers())
			if err != nil || len(got) != len(someDrivers) {
				t.Fatalf("%d drivers, %v", len(got), err)
			}
			for i, d := range got {
				w := someDrivers[i]
				if w.name != d.Name || w.base != d.Base || w.size != d.Size || w.checksum != d.CheckSum || w.time != d.TimeDateStamp || d.NameErr != nil {
					t.Errorf("driver %d = %+v, want %+v", i, d, w)
				}
			}
			if p := f.Problems(); len(p) != 0 {
				t.Errorf("problems: %v", p)
			}
		})
	}
}

// TestDrivers_bounded gives a list that is longer than any system has.
func TestDrivers_bounded(t *testing.T) {
	b := triageDump(64, make([]driver, 10500), nil, nil)
	f, err := crashdump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	list, err := collect(f.Drivers())
	if len(list) != 10000 || !errors.Is(err, crashdump.ErrFormat) {
		t.Errorf("%d drivers, %v; want 10000 and ErrFormat", len(list), err)
	}
}

func TestUnloaded(t *testing.T) {
	gone := []driver{{name: "dump_storpor", base: 0x1000, size: 0x2000}, {name: "x.sys", base: 0x8000, size: 0x1000}}
	for _, bits := range []int{32, 64} {
		got, err := collect(open(t, triageDump(bits, nil, gone, nil)).Unloaded())
		if err != nil || len(got) != 2 {
			t.Fatalf("%d bits: %+v, %v", bits, got, err)
		}
		for i, u := range got {
			if u.Name != gone[i].name || u.Start != gone[i].base || u.End != gone[i].base+uint64(gone[i].size) {
				t.Errorf("%d bits: %+v, want %+v", bits, u, gone[i])
			}
		}
	}
}

func TestDriversBroken(t *testing.T) {
	const at = 0x2000
	t.Run("count", func(t *testing.T) {
		b := triageDump(64, someDrivers, nil, nil)
		le.PutUint32(b[at+0x34:], 0xffffffff)
		got, err := collect(open(t, b).Drivers())
		if !errors.Is(err, crashdump.ErrFormat) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("err = %v", err)
		}
		if len(got) < 3 || got[1].Name != someDrivers[1].name {
			t.Errorf("%d drivers before the error", len(got))
		}
	})
	t.Run("offset", func(t *testing.T) {
		b := triageDump(64, someDrivers, nil, nil)
		le.PutUint32(b[at+0x30:], 0xfffffff0)
		if got, err := collect(open(t, b).Drivers()); len(got) != 0 || !errors.Is(err, crashdump.ErrFormat) {
			t.Errorf("%d drivers, %v", len(got), err)
		}
	})
	t.Run("names", func(t *testing.T) {
		b := triageDump(64, someDrivers, nil, nil)
		list := le.Uint32(b[at+0x30:])
		le.PutUint32(b[list:], 0xfffffff0)                // outside the file
		le.PutUint32(b[le.Uint32(b[list+0x90:]):], 1<<31) // absurd length
		got, err := collect(open(t, b).Drivers())
		if err != nil || len(got) != 3 {
			t.Fatalf("%d drivers, %v: a bad name must not lose the driver", len(got), err)
		}
		for i, d := range got {
			if bad := i < 2; d.Name != "" || bad != errors.Is(d.NameErr, crashdump.ErrFormat) || d.Base != someDrivers[i].base {
				t.Errorf("driver %d = %+v", i, d)
			}
		}
	})
	t.Run("not_finished", func(t *testing.T) {
		b := triageDump(64, someDrivers, nil, nil)
		b[len(b)-1] = 0
		f := open(t, b)
		if h, ok := f.Triage(); !ok || h.Complete || len(f.Problems()) != 1 {
			t.Errorf("complete %v, problems %v", h.Complete, f.Problems())
		}
	})
	t.Run("cut_after_header", func(t *testing.T) {
		f := open(t, triageDump(32, someDrivers, nil, nil)[:0x1004])
		if _, ok := f.Triage(); ok || len(f.Problems()) == 0 {
			t.Errorf("triage header %v, problems %v", ok, f.Problems())
		}
		if src, err := f.Blocks(); err != nil {
			t.Error(err)
		} else {
			checkFault(t, src, 0x80000000, memsource.ReasonNotInDump, 0x80000000)
		}
	})
	t.Run("page_dump", func(t *testing.T) {
		f := open(t, fullDump(64, span{1, 1}))
		_, err := collect(f.Drivers())
		_, blocks := f.Blocks()
		if !errors.Is(err, crashdump.ErrNoBlocks) || !errors.Is(blocks, crashdump.ErrNoBlocks) {
			t.Errorf("drivers: %v, blocks: %v", err, blocks)
		}
		if _, ok := f.Triage(); ok {
			t.Error("a full dump has a triage header")
		}
	})
}

func TestBlocks(t *testing.T) {
	const top = 0xfffff80000000000
	pieces := []piece{
		{top + 0x2000, "second"}, {top + 0x1003, "abc"}, {top + 0x1006, "d"}, // touching, unaligned
		{top + 0x3000, "0123456789"}, {top + 0x3002, "234"}, {top + 0x3008, "89ab"}, // inside, overlapping
		{^uint64(3), "wxyz more than there is room for"},
	}
	f := open(t, triageDump(64, nil, nil, pieces))
	src, err := f.Blocks()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []piece{
		{top + 0x1003, "abcd"}, {top + 0x2000, "second"}, {top + 0x3000, "0123456789ab"}, {^uint64(3), "wxyz"},
	} {
		got := make([]byte, len(c.data))
		if err := memsource.ReadFull(src, got, c.addr); err != nil || string(got) != c.data {
			t.Errorf("%#x: %q, %v; want %q", c.addr, got, err, c.data)
		}
	}
	checkFault(t, src, 0, memsource.ReasonNotInDump, top+0x1003)
	checkFault(t, src, top+0x1007, memsource.ReasonNotInDump, 0xff9)
	n, err := src.ReadMemory(make([]byte, 16), ^uint64(7)+4)
	if fault, ok := errors.AsType[*memsource.Fault](err); !ok || n != 4 || fault.Addr != 0 || fault.Reason != memsource.ReasonNonCanonical {
		t.Errorf("over the top: %d, %v", n, err)
	}
}

// TestBlocksOverlap throws pieces that overlap in every way at the index and
// asks for every byte and every hole.
func TestBlocksOverlap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		const from, size = 0x1000, 200
		var held [size + 1]bool
		var pieces []piece
		for range 20 {
			first, n := rnd.IntN(size-40), 1+rnd.IntN(40)
			b := make([]byte, n)
			for i := range b {
				b[i], held[first+i] = byte((first+i)*31), true
			}
			pieces = append(pieces, piece{from + uint64(first), string(b)})
		}
		src, err := open(t, triageDump(64, nil, nil, pieces)).Blocks()
		if err != nil {
			t.Fatal(err)
		}
		for i := range size {
			v, err := memsource.U8(src, from+uint64(i))
			if (err == nil) != held[i] || err == nil && v != byte(i*31) {
				t.Fatalf("byte %d of %v: %d, %v, held %v", i, pieces, v, err, held[i])
			}
		}
		all := make([]byte, size)
		n, _ := src.ReadMemory(all, from+uint64(slices.Index(held[:], true)))
		if want := slices.Index(held[slices.Index(held[:], true):], false); n != want {
			t.Fatalf("read of all: %d bytes, want %d", n, want)
		}
	}
}

func TestBlocks32(t *testing.T) {
	src, err := open(t, triageDump(32, nil, nil, []piece{
		{0xffffffff80c06000, "signed"}, {0x90000000, "plain"}, {0xfffffffe, "end of space"},
	})).Blocks()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []piece{{0x80c06000, "signed"}, {0x90000000, "plain"}, {0xfffffffe, "en"}} {
		got := make([]byte, len(c.data))
		if err := memsource.ReadFull(src, got, c.addr); err != nil || string(got) != c.data {
			t.Errorf("%#x: %q, %v; want %q", c.addr, got, err, c.data)
		}
	}
	checkFault(t, src, 0x80c06006, memsource.ReasonNotInDump, 0x90000000-0x80c06006)
	checkFault(t, src, 0x100000000, memsource.ReasonNonCanonical, 0)
}

func TestBlocksTruncated(t *testing.T) {
	b := triageDump(64, nil, nil, []piece{{0x5000, "0123456789"}})
	table := le.Uint32(b[0x2078:])
	le.PutUint32(b[table+12:], 0x7fffffff) // longer than the file
	f := open(t, b)
	src, err := f.Blocks()
	if err != nil {
		t.Fatal(err)
	}
	n, err := src.ReadMemory(make([]byte, 0x1000), 0x5000)
	fault, ok := errors.AsType[*memsource.Fault](err)
	if held := len(b) - int(table-10); !ok || n != held || fault.Reason != memsource.ReasonTruncated || fault.Len != 0x7fffffff-uint64(held) {
		t.Errorf("read %#x, %v", n, err)
	}
	le.PutUint32(b[0x207c:], 0xffffffff)
	f = open(t, b)
	if p := errors.Join(f.Problems()...); p == nil || !strings.Contains(p.Error(), "data block list") {
		t.Errorf("problems = %v", p)
	}
}

// rawDriver is read from a dump by rawDrivers.
type rawDriver struct {
	name             string
	base             uint64
	size, sum, stamp uint32
}

// rawDrivers is the independent check of the real dumps: the documented offsets
// applied to the bytes of the file, and nothing of the package under test.
func rawDrivers(b []byte) (list []rawDriver) {
	u32 := func(off uint32) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
	h, stride, base, size, sum, stamp := uint32(0x2000), uint32(0x90), uint32(0x38), uint32(0x48), uint32(0x80), uint32(0x88)
	if b[6] == 'M' {
		h, stride, base, size, sum, stamp = 0x1000, 0x4c, 0x1c, 0x24, 0x44, 0x48
	}
	for e, n := u32(h+0x30), u32(h+0x34); n > 0; e, n = e+stride, n-1 {
		d := rawDriver{base: uint64(u32(e + base)), size: u32(e + size), sum: u32(e + sum), stamp: u32(e + stamp)}
		if h == 0x2000 {
			d.base |= uint64(u32(e+base+4)) << 32
		}
		var text []uint16
		for s, i := u32(e), uint32(0); i < u32(s); i++ {
			text = append(text, binary.LittleEndian.Uint16(b[s+4+2*i:]))
		}
		d.name = string(utf16.Decode(text))
		list = append(list, d)
	}
	return list
}

const dumps = "ivellioscolin+kdlibcpp/kdlib/tests/dumps/"

var realDumps = []struct {
	path    string
	machine uint16
	drivers int
	unknown []string // drivers without stamp and checksum
	blocks  uint32
}{
	{dumps + "win10_arm64_mem/win10_arm64_mem.dmp", 0xaa64, 228, []string{"win32k.sys", "win32kfull.sys", "win32kbase.sys", "cdd.dll"}, 1569},
	{dumps + "win10_arm_rpi3_mem/RPi3_ARM_mini.cab.dmp", 0x1c4, 136, nil, 732},
}

func TestRealDumps(t *testing.T) {
	dir := fixture.Shared(t)
	for _, c := range realDumps {
		t.Run(filepath.Base(c.path), func(t *testing.T) {
			path := filepath.Join(dir, filepath.FromSlash(c.path))
			f, err := crashdump.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if h := f.Header(); h.Machine != c.machine || h.Build != 17134 || h.Type != crashdump.TypeTriage || h.MiniDumpFields != 0xcff {
				t.Errorf("header %+v", h)
			}
			if p := f.Problems(); len(p) != 0 {
				t.Errorf("problems: %v", p)
			}
			checkRealDrivers(t, f, rawDrivers(b), c.drivers, c.unknown)
			checkRealBlocks(t, f, b, c.blocks)
		})
	}
}

func checkRealDrivers(t *testing.T, f *crashdump.File, want []rawDriver, count int, unknown []string) {
	t.Helper()
	got, err := collect(f.Drivers())
	if err != nil || len(got) != count || len(want) != count {
		t.Fatalf("%d drivers, %v; raw bytes have %d, want %d", len(got), err, len(want), count)
	}
	var zero []string
	for i, d := range got {
		if g := (rawDriver{d.Name, d.Base, d.Size, d.CheckSum, d.TimeDateStamp}); g != want[i] {
			t.Errorf("driver %d = %+v, want %+v", i, g, want[i])
		}
		if d.Base%page != 0 || d.Size == 0 || d.Size%page != 0 || !strings.HasPrefix(d.Name, `\`) {
			t.Errorf("driver %d is not sane: %+v", i, d)
		}
		if d.CheckSum == 0 && d.TimeDateStamp == 0 {
			zero = append(zero, d.Name[strings.LastIndex(d.Name, `\`)+1:])
		}
	}
	if !reflect.DeepEqual(zero, unknown) {
		t.Errorf("without stamp and checksum: %v, want %v", zero, unknown)
	}
}

// checkRealBlocks reads every data block through the source and compares it
// with the bytes of the file.
func checkRealBlocks(t *testing.T, f *crashdump.File, b []byte, count uint32) {
	t.Helper()
	src, err := f.Blocks()
	if err != nil {
		t.Fatal(err)
	}
	h, ok := f.Triage()
	if !ok || h.DataBlocksCount != count {
		t.Fatalf("%d data blocks, want %d", h.DataBlocksCount, count)
	}
	mask := uint64(1)<<f.Header().Bits - 1 // all ones for 64
	for e := b[h.DataBlocksOffset:][:16*count]; len(e) > 0; e = e[16:] {
		addr, want := le.Uint64(e)&mask, b[le.Uint32(e[8:]):][:le.Uint32(e[12:])]
		got := make([]byte, len(want))
		if err := memsource.ReadFull(src, got, addr); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("block at %#x, %d bytes: %v", addr, len(want), err)
		}
	}
	if tag, err := memsource.U32(src, f.Header().KdDebuggerDataBlock+0x10); err != nil || tag != 0x4742444b {
		t.Errorf("debugger data block tag %#x, %v; want KDBG", tag, err)
	}
	checkFault(t, src, f.Header().PsLoadedModuleList, memsource.ReasonNotInDump, 0)
}
