package paging_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/memsource/paging"
)

// pageFile returns a paging file that holds pages of one byte each, by number.
func pageFile(pages map[int]byte) *bytes.Reader {
	var b []byte
	for n, v := range pages {
		if end := (n + 1) << 12; len(b) < end {
			b = append(b, make([]byte, end-len(b))...)
		}
		copy(b[n<<12:], bytes.Repeat([]byte{v}, 0x1000))
	}
	return bytes.NewReader(b)
}

// TestPageFiles runs the judge over pages that are in paging files, some of
// which are not at hand or too short.
func TestPageFiles(t *testing.T) {
	const proto = protoVA&0xffffffffffff<<16 | 0x420
	pages := []uint64{
		0x600003,
		3<<32 | 0x80,        // file 0, page 3
		proto,               // prototype PTE: file 1, page 2
		0x7fffff<<32 | 0x80, // file 0, beyond its end
		5<<32 | 0x84,        // file 2, which is not at hand
		4<<32 | 0x80,        // file 0, page 4, of which there is half
		6<<32 | 0x86,        // file 3: a compression store
		0x601860,
	}
	file0 := pageFile(map[int]byte{3: 'x', 4: 'y'})
	half := io.NewSectionReader(file0, 0, 4<<12+0x800)
	s := space(t, x64(pages, 2<<32|0x82), paging.Config{Mode: paging.ModeX64, CompressionStores: 1 << 3,
		PageFiles: map[int]io.ReaderAt{0: half, 1: pageFile(map[int]byte{2: 'p'}), 3: pageFile(map[int]byte{6: 'c'})}})
	fill := func(b string, n int) []byte { return bytes.Repeat([]byte(b), n) }
	err := memtest.TestSource(s,
		memtest.Data(kernel, append(append(fill("A", 0x1000), fill("x", 0x1000)...), fill("p", 0x1000)...)),
		memtest.Hole(kernel+0x3000, 0x2000, memsource.ReasonPagedOut),
		memtest.Data(kernel+0x5000, fill("y", 0x800)),
		memtest.Hole(kernel+0x5800, 0x800, memsource.ReasonPagedOut),
		memtest.Hole(kernel+0x6000, 0x1000, memsource.ReasonCompressed),
		memtest.Data(kernel+0x7000, fill("B", 0x1000)))
	if err != nil {
		t.Error(err)
	}
	f := faultAt(t, s, kernel+0x5800)
	if !errors.Is(f, io.ErrUnexpectedEOF) || f.PageFileOffset != 4<<12 || f.PTE != pages[5] {
		t.Errorf("the file ends in the page: %+v", f)
	}
	if f := faultAt(t, s, kernel+0x4000); f.Err != nil || f.PageFile != 2 || f.PageFileOffset != 5<<12 {
		t.Errorf("no such file: %+v", f)
	}
	if _, err := s.Translate(kernel + 0x1000); !errors.Is(err, memsource.ErrPagedOut) {
		t.Errorf("Translate has a place in memory for a page in a file: %v", err)
	}
}

// TestPageFileTable: a page table may be in a paging file as well.
func TestPageFileTable(t *testing.T) {
	for name, c := range map[string]struct {
		file io.ReaderAt
		want string
	}{
		"at hand":     {nil, "byte A"},
		"too short":   {bytes.NewReader(make([]byte, 0x7000)), "page table not available"},
		"unreadable":  {os.NewFile(^uintptr(0), "none"), "page table not available"},
		"not at hand": {nil, "page table not available len bb000"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			r := x64([]uint64{0x600003})
			table := r.frame(pt64)
			delete(r, pt64)
			r.put64(pd64+8*0x91, 7<<32|0x80)
			files := map[int]io.ReaderAt{0: c.file}
			switch name {
			case "at hand":
				files[0] = bytes.NewReader(append(make([]byte, 7<<12), table...))
			case "not at hand":
				files = nil
			}
			s := space(t, r, paging.Config{Mode: paging.ModeX64, PageFiles: files})
			if got := outcome(s, kernel); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// broken fails every read, but claims bytes it does not have.
type broken struct{ n int }

func (b broken) ReadAt([]byte, int64) (int, error) { return b.n, os.ErrPermission }

// TestPageFileTrouble: a file that cannot be read is no property of the page,
// and counts that make no sense are not believed.
func TestPageFileTrouble(t *testing.T) {
	for _, n := range []int{0, -5, 1 << 20} {
		s := space(t, x64([]uint64{3<<32 | 0x80}), paging.Config{Mode: paging.ModeX64, PageFiles: map[int]io.ReaderAt{0: broken{n}}})
		got, err := s.ReadMemory(make([]byte, 64), kernel)
		f, ok := errors.AsType[*memsource.Fault](err)
		if n > 64 {
			if got != 64 || err != nil {
				t.Errorf("all bytes claimed: %d, %v", got, err)
			}
			continue
		}
		if got != 0 || !ok || f.Reason != memsource.ReasonIO || !errors.Is(err, os.ErrPermission) {
			t.Errorf("%d claimed: %d bytes, %v", n, got, err)
		}
	}
}

// TestPrototypeOf: pages of a process that no table knows are found through the
// prototype PTEs the VAD tree names.
func TestPrototypeOf(t *testing.T) {
	const user, sub = 0x7ff600000000, 0xffffbe8000012340
	tree := map[uint64]uint64{
		user:           protoVA,
		user + 0x1000:  protoVA + 8,
		user + 0x2000:  protoVA + 16,
		user + 0x5000:  user + 0x5000, // nonsense: a page that leads to itself
		user + 1<<30:   protoVA,       // no table at all
		user + 0x10000: protoVA + 0x100000,
		kernel + 1<<30: protoVA,
	}
	r := x64([]uint64{0x600003}, 0x602001, sub&0xffffffffffff<<16|0x460, 0x601860)
	next := uint64(0x700000)
	at := r.map64(user, &next)
	r.put64(at+8, 0xffffffff<<32|0x420) // the second says so itself
	s := space(t, r, paging.Config{Mode: paging.ModeX64, ResolveFile: files(sub), PrototypeOf: func(va uint64) (uint64, bool) {
		proto, ok := tree[va&^0xfff]
		return proto, ok
	}})
	for addr, want := range map[uint64]string{
		user: "byte C", user + 0x1000: `not resident \driver.sys:1000`, user + 0x2000: "byte B", user + 0x2fff: "byte B",
		user + 0x3000: "not mapped", user + 0x5000: "page table not available", user + 1<<30: "byte C",
		user + 0x10000: "page table not available", kernel + 1<<30: "not mapped len 2dcbb000",
	} {
		if got := outcome(s, addr); got != want {
			t.Errorf("%#x: %s, want %s", addr, got, want)
		}
	}
	if f := faultAt(t, s, user+0x3000); !errors.Is(f, paging.ErrConsultVAD) {
		t.Errorf("unknown to the tree: %+v", f)
	}
}

// A header that is in the paging file is simply read when the file is there.
func ExampleConfig_pageFiles() {
	const base = 0xfe0c8000
	r := x86([]uint32{0x1080 | 1<<1}) // page 1 of paging file 1
	swap := bytes.NewReader(append(make([]byte, 0x1000), "MZ"...))
	for _, files := range []map[int]io.ReaderAt{nil, {1: swap}} {
		virt, err := paging.New(r.source(), paging.Config{Mode: paging.ModeX86, Root: root32, PageFiles: files})
		if err != nil {
			fmt.Println(err)
			return
		}
		header := make([]byte, 2)
		if err := memsource.ReadFull(virt, header, base); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s\n", header)
	}
	// Output:
	// fe0c8000: paged out: pagefile 1 offset 0x1000
	// MZ
}
