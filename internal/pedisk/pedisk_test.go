package pedisk_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
)

func read(b []byte) (*peimage.Headers, error) {
	return pedisk.ReadHeaders(bytes.NewReader(b), int64(len(b)))
}

// agree checks saferwall/pe against our own header reader.
func agree(t *testing.T, name string, b []byte) {
	t.Helper()
	got, err := read(b)
	want := peimage.ReadHeaders(bytes.NewReader(b))
	if err != nil {
		t.Errorf("%s: %v; our own reader says %v", name, err, want.NTErr)
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(peimage.Headers{})); diff != "" {
		t.Errorf("%s: the readers differ (-own +saferwall):\n%s", name, diff)
	}
}

func TestReadHeaders(t *testing.T) {
	for _, name := range []string{"x86/good", "x64/good", "x64/nodebug", "x86/bigger"} {
		agree(t, name, fixture.Bytes(t, "fs_rec/"+name+"/fs_rec.sys"))
	}
}

func TestReadHeaders_corpus(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(fixture.Shared(t), func(path string, d os.DirEntry, err error) error {
		switch filepath.Ext(path) {
		case ".exe", ".dll", ".sys", ".node":
			b, err := os.ReadFile(path)
			if err == nil && !d.IsDir() {
				seen++
				agree(t, filepath.Base(path), b)
			}
		}
		return err
	})
	if err != nil || seen < 15 {
		t.Errorf("%d images read, %v", seen, err)
	}
}

func TestReadHeaders_not_an_image(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("MZ"), make([]byte, 4096), []byte("not an image at all, but long enough to be looked at closely")} {
		if _, err := read(b); err == nil {
			t.Errorf("%d bytes were taken for an image", len(b))
		}
	}
	if _, err := read(make([]byte, 4096)); !errors.Is(err, peimage.ErrFormat) {
		t.Errorf("%v, want ErrFormat", err)
	}
}

// TestReadHeaders_rich_header plants Rich headers that end where they start:
// the library alone indexes past them and panics.
func TestReadHeaders_rich_header(t *testing.T) {
	b := bytes.Clone(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	const nt = 0x400
	copy(b[nt:], b[binary.LittleEndian.Uint32(b[0x3c:]):][:0x300])
	binary.LittleEndian.PutUint32(b[0x3c:], nt)
	for at := 0x44; at < nt-8; at += 4 {
		c := bytes.Clone(b)
		copy(c[at-4:], "DanSRich\x00\x00\x00\x00")
		if _, err := read(c); err != nil {
			t.Fatalf("Rich header at %#x: %v", at, err)
		}
	}
}

func TestReadHeaders_symbol_table(t *testing.T) {
	b := bytes.Clone(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	nt := binary.LittleEndian.Uint32(b[0x3c:])
	binary.LittleEndian.PutUint32(b[nt+12:], 0x400)
	binary.LittleEndian.PutUint32(b[nt+16:], 0xffff)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read(b)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 128<<10 {
		t.Errorf("%d bytes allocated for a table of 65535 symbols that is not there", allocated)
	}
}

// FuzzReadHeaders checks that the library, fenced in as it is, never gives
// sections that are not in the bytes.
func FuzzReadHeaders(f *testing.F) {
	f.Add(fixture.Bytes(f, "fs_rec/x64/good/fs_rec.sys")[:0x400])
	f.Add(fixture.Bytes(f, "fs_rec/x86/good/fs_rec.sys")[:0x300])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := read(b)
		if (h == nil) == (err == nil) {
			t.Fatalf("headers %v, error %v", h, err)
		}
		if h != nil && len(h.Sections)*40 > len(b) {
			t.Fatalf("%d sections out of %d bytes", len(h.Sections), len(b))
		}
	})
}

func ExampleReadHeaders() {
	_, err := pedisk.ReadHeaders(bytes.NewReader(make([]byte, 512)), 512)
	fmt.Println(errors.Is(err, peimage.ErrFormat))
	// Output: true
}
