package process_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/process"
)

// self opens the process of the test.
func self(t testing.TB) *process.Process {
	t.Helper()
	p, err := process.Open(os.Getpid())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("SKIPPED, NOT PASSED: processes cannot be read on %s", runtime.GOOS)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// addressOf returns where a byte is.
func addressOf(t testing.TB, b *byte) uint64 {
	t.Helper()
	var addr uint64
	if _, err := fmt.Sscanf(fmt.Sprintf("%p", b), "0x%x", &addr); err != nil {
		t.Fatal(err)
	}
	return addr
}

// TestRegions finds the memory of a variable and reads it.
func TestRegions(t *testing.T) {
	p, b := self(t), bytes.Repeat([]byte("here"), 0x1000)
	addr, found, last := addressOf(t, &b[0]), false, uint64(0)
	for r, err := range p.Regions() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Size == 0 || r.Addr < last {
			t.Errorf("region %+v follows %#x", r, last)
		}
		last = r.Addr + r.Size
		found = found || addr >= r.Addr && addr-r.Addr < r.Size && r.Read && r.Write && !r.Exec
	}
	if !found {
		t.Errorf("no region has %#x", addr)
	}
	got := make([]byte, len(b))
	if err := memsource.ReadFull(p, got, addr); err != nil || !bytes.Equal(got, b) {
		t.Errorf("own memory: %v", err)
	}
	runtime.KeepAlive(b)
	if _, err := memsource.U8(p, 0); !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("address 0: %v", err)
	}
	if _, err := memsource.U64(p, math.MaxUint64-7); !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("the last address: %v", err)
	}
}

func TestOpen_nobody(t *testing.T) {
	self(t)
	for _, pid := range []int{-1, 1 << 30} {
		if _, err := process.Open(pid); err == nil {
			t.Errorf("process %d could be opened", pid)
		}
	}
}

// TestReadPages is about ERROR_PARTIAL_COPY: the system copies some bytes, says
// a number that means nothing, and fails.
func TestReadPages(t *testing.T) {
	partial := errors.New("only part of a request was completed")
	memory := &memsource.Sparse{}
	data := bytes.Repeat([]byte("0123456789abcdef"), 0x300) // three pages
	if err := memory.Add(0x10000, data); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		addr     uint64
		size     int
		want     int
		requests int
	}{
		{0x10000, 0x3000, 0x3000, 1},
		{0x10010, 0x100, 0x100, 1},
		{0x12ff0, 0x20, 0x10, 3},     // whole, to the end of the page, the page after
		{0x10800, 0x4000, 0x2800, 5}, // whole, three pages, the one that is not there
		{0x13000, 0x3000, 0, 2},
		{0x13000, 0x10, 0, 1}, // nothing to split
		{0xfff0, 0x20, 0, 2},
	} {
		requests := 0
		read := func(buf []byte, addr uint64) error {
			requests++
			n, err := memory.ReadMemory(buf, addr)
			if err == nil {
				return nil
			}
			clear(buf[n/2:]) // what it copied before it failed is of no use
			return partial
		}
		buf := make([]byte, c.size)
		n, err := process.ReadPages(read, buf, c.addr)
		if n != c.want || (err == nil) != (n == c.size) || err != nil && !errors.Is(err, partial) || requests != c.requests {
			t.Errorf("%#x bytes at %#x: n = %#x in %d requests, %v; want %#x in %d", c.size, c.addr, n, requests, err, c.want, c.requests)
		}
		if from := c.addr - 0x10000; n > 0 && !bytes.Equal(buf[:n], data[from:from+uint64(n)]) {
			t.Errorf("%#x bytes at %#x: wrong bytes", c.size, c.addr)
		}
	}
}

// maps is the text of proc(5), and of a process of Wine.
const maps = `00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus daemon
7bd00000-7bd01000 r--p 00000000 00:2f 99 /opt/wine/x86_64-windows/kernel\012base.dll (deleted)
7f0000000000-7f0000001000 ---p 00000000 00:00 0
7ffd2c3e0000-7ffd2c401000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`

func TestParseMaps(t *testing.T) {
	got, err := process.ParseMaps([]byte(maps))
	want := []process.Region{
		{Addr: 0x400000, Size: 0x52000, Read: true, Exec: true, Path: "/usr/bin/dbus daemon"},
		{Addr: 0x7bd00000, Size: 0x1000, Read: true, Path: "/opt/wine/x86_64-windows/kernel\nbase.dll"},
		{Addr: 0x7f0000000000, Size: 0x1000},
		{Addr: 0x7ffd2c3e0000, Size: 0x21000, Read: true, Write: true},
		{Addr: 0xffffffffff600000, Size: 0x1000, Exec: true},
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(want, got))
	}
	for _, bad := range []string{
		"nonsense", "1000-1000 r--p 0 0:0 0", "2000-1000 r--p 0 0:0 0", "1000-2000 r 0 0:0 0", "1000 r--p 0 0:0 0",
		"1000-3000 r--p 0 0:0 0\n2000-4000 r--p 0 0:0 0",
	} {
		if _, err := process.ParseMaps([]byte(bad)); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want an error of one line", bad, err)
		}
	}
}

// FuzzMaps: regions are in order and never empty, none is made of nothing, and
// what was read can be written and read again.
func FuzzMaps(f *testing.F) {
	f.Add([]byte(maps))
	f.Add([]byte("0-ffffffffffffffff rwxp ffffffffffffffff 0:0 0 /a  b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := process.ParseMaps(text)
		var again strings.Builder
		end := uint64(0)
		for i, r := range all {
			if r.Size == 0 || r.Addr < end || r.Addr+r.Size < r.Addr {
				t.Fatalf("region %d of %d: %+v, the one before ends at %#x", i, len(all), r, end)
			}
			end = r.Addr + r.Size
			perm := []byte("---p")
			for k, on := range []bool{r.Read, r.Write, r.Exec} {
				if on {
					perm[k] = "rwx"[k]
				}
			}
			path := strings.ReplaceAll(r.Path, "\n", `\012`)
			fmt.Fprintf(&again, "%x-%x %s %x 0:0 0 %s\n", r.Addr, r.Addr+r.Size, perm, r.Offset, path)
		}
		if err == nil && len(all) != bytes.Count(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))+1 && len(text) > 0 {
			t.Fatalf("%d regions in %q", len(all), text)
		}
		if strings.Contains(again.String(), " (deleted)") {
			return // a file of that name, once
		}
		if same, err := process.ParseMaps([]byte(again.String())); err != nil || !cmp.Equal(same, all) {
			t.Fatalf("%v (-want +got):\n%s", err, cmp.Diff(all, same))
		}
	})
}

func TestClose_twice(t *testing.T) {
	p := self(t)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}
