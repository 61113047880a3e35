package export_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/export"
)

// images calls do with every PE file of the shared corpus and, where Wine is
// installed, with many of its DLLs.
func images(t *testing.T, do func(path string, b []byte)) {
	t.Helper()
	roots := []string{fixture.Shared(t), "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", "/usr/lib/i386-linux-gnu/wine/i386-windows"}
	n := 0
	for i, root := range roots {
		wine := 0
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !slices.Contains([]string{".dll", ".exe", ".sys", ".drv"}, strings.ToLower(filepath.Ext(path))) {
				return nil
			}
			if wine++; i > 0 && wine > 60 {
				return fs.SkipAll
			}
			b, err := os.ReadFile(path)
			if err == nil {
				n++
				do(path, b)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && wine == 0 {
			t.Logf("NOT COMPARED: %s is not there (Debian: libwine)", root)
		}
	}
	if n < 20 {
		t.Fatalf("%d images", n)
	}
}

var exported = regexp.MustCompile(`(?s)Export \{\n  Ordinal: (\d+)\n  Name: ?([^\n]*)\n  (RVA|ForwardedTo): ([^\n]*)\n\}`)

// TestCorpus compares the exports of real DLLs with what llvm-readobj lists.
func TestCorpus(t *testing.T) {
	readobj, err := exec.LookPath("llvm-readobj-19")
	if err != nil {
		t.Skip("NOT COMPARED: llvm-readobj-19 is not installed (Debian: llvm-19)")
	}
	compared, symbolsSeen := 0, 0
	images(t, func(path string, b []byte) {
		out, err := exec.Command(readobj, "--coff-exports", path).Output()
		if err != nil {
			return // it reads fewer than we do: a table without names ends it
		}
		var want []string
		for _, m := range exported.FindAllStringSubmatch(string(out), -1) {
			if m[4] != "0x0" {
				want = append(want, row(m[1], m[2], m[3] == "ForwardedTo", strings.ToLower(strings.TrimPrefix(m[4], "0x"))))
			}
		}
		if len(want) == 0 {
			return
		}
		got := rows(t, path, b)
		slices.Sort(got)
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-llvm +ours):\n%s", path, d[:min(len(d), 2000)])
		}
		compared, symbolsSeen = compared+1, symbolsSeen+len(got)
	})
	t.Logf("%d images, %d exports", compared, symbolsSeen)
	if compared < 20 {
		t.Errorf("only %d images have exports", compared)
	}
}

func row(ordinal, name string, forwarded bool, to string) string {
	if name == "" {
		name = "Ordinal" + ordinal
	}
	if forwarded {
		return strings.ToLower(fmt.Sprintf("%s %s -> %s", ordinal, name, to))
	}
	return strings.ToLower(fmt.Sprintf("%s %s %s", ordinal, name, to))
}

func rows(t *testing.T, path string, b []byte) (list []string) {
	t.Helper()
	table, err := export.New(symtest.Image(b))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return nil
	}
	for s, err := range table.All() {
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		to := s.Forwarder
		if to == "" {
			to = fmt.Sprintf("%x", s.RVA)
		}
		list = append(list, row(fmt.Sprint(s.Ordinal), s.Raw, s.Forwarder != "", to))
	}
	symtest.Check(t, table)
	return list
}

// TestNames wants every name of a real DLL found by a search that reads few
// pages.
func TestNames(t *testing.T) {
	images(t, func(path string, b []byte) {
		r := &counter{r: bytes.NewReader(b), pages: map[int64]bool{}}
		im, err := symbols.NewImage(nil, r, int64(len(b)))
		if err != nil {
			return
		}
		table, err := export.New(im)
		if err != nil {
			return
		}
		var all []symbols.Symbol
		for s, err := range table.All() {
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			all = append(all, s)
		}
		step := len(all)/50 + 1
		for i := 0; i < len(all); i += step {
			clear(r.pages)
			got, err := table.Named(all[i].Raw)
			if err != nil || !slices.Contains(got, all[i]) {
				t.Fatalf("%s: %+v: %+v, %v", path, all[i], got, err)
			}
			if n := len(r.pages); n > 24 {
				t.Errorf("%s: %s: %d pages", path, all[i].Raw, n)
			}
		}
	})
}

// counter knows which pages of a file were read.
type counter struct {
	r     io.ReaderAt
	pages map[int64]bool
}

// ReadAt implements io.ReaderAt.
func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	for at := off &^ 0xfff; at < off+int64(len(p)); at += 0x1000 {
		c.pages[at] = true
	}
	return c.r.ReadAt(p, off)
}

// TestImports wants the names by which a real driver imports.
func TestImports(t *testing.T) {
	table, err := export.NewImports(symtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys")))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for s, err := range table.All() {
		if err != nil || s.Size != 8 || s.Code {
			t.Errorf("%+v, %v", s, err)
		}
		names = append(names, s.Raw)
	}
	if !slices.Contains(names, "__imp_IoCreateDevice") {
		t.Errorf("%q", names)
	}
	symtest.Check(t, table)
}

// TestNone wants images without tables told from damaged ones.
func TestNone(t *testing.T) {
	im := symtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if _, err := export.New(im); !errors.Is(err, symbols.ErrNone) {
		t.Errorf("exports of a driver: %v", err)
	}
	im.Directories[0].RVA, im.Directories[0].Size = im.SizeOfImage-8, 40
	if _, err := export.New(im); !errors.Is(err, symbols.ErrFormat) {
		t.Errorf("exports outside of the image: %v", err)
	}
}

// TestNearest_aliases: of a function with more names than any has, the first are told,
// and a table with more names than an image can have is none.
func TestNearest_aliases(t *testing.T) {
	const rva = 0x1000 + symtest.CodeSize
	table := func(names uint32) (*export.Table, error) {
		words := func(values ...uint32) (b []byte) {
			for _, v := range values {
				b = binary.LittleEndian.AppendUint32(b, v)
			}
			return b
		}
		b := words(0, 0, 0, 0, 1, 1, names, rva+40, rva+44, rva+44+4*names, 0x1010)
		b = append(b, bytes.Repeat(words(rva+44+6*names), int(names))...)
		b = append(append(b, make([]byte, 2*names)...), "name\x00"...)
		b = symtest.WithSections(map[string][]byte{".edata": b})
		copy(b[0x98+112:], words(rva, 40))
		return export.New(symtest.Image(b))
	}
	x, err := table(1 << 17)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := x.Nearest(0x1011); len(list) != 256 || err != nil || list[0].Raw != "name" {
		t.Errorf("%d names, %v", len(list), err)
	}
	if _, err := table(1<<17 + 1); !errors.Is(err, symbols.ErrFormat) {
		t.Errorf("more names: %v", err)
	}
}

// FuzzTable: whatever the image, tables end and answer the same both ways.
func FuzzTable(f *testing.F) {
	f.Add(fixture.Bytes(f, "fs_rec/x64/good/fs_rec.sys"))
	f.Add(symtest.DLL())
	f.Fuzz(func(t *testing.T, b []byte) {
		im := symtest.Image(b)
		if im == nil {
			return
		}
		if table, err := export.New(im); err == nil {
			symtest.Check(t, table)
		}
		if table, err := export.NewImports(im); err == nil {
			symtest.Check(t, table)
		}
	})
}
