package coff_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/coff"
)

// build compiles a small Go program for Windows.
func build(t testing.TB, arch string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	src, exe := filepath.Join(dir, "main.go"), filepath.Join(dir, "main.exe")
	if err := os.WriteFile(src, []byte("package main\n\nvar Counter = 7\n\n//go:noinline\nfunc add(a, b int) int { return a + b + Counter }\n\nfunc main() { println(add(1, 2)) }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append(append([]string{"build", "-o", exe}, flags...), src)...)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return exe
}

func open(t testing.TB, path string) (*symbols.Image, *coff.Table) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	im := symtest.Image(b)
	table, err := coff.New(im)
	if err != nil {
		t.Fatal(err)
	}
	return im, table
}

// TestGo compares the symbols of Go programs with what go tool nm lists.
func TestGo(t *testing.T) {
	for _, arch := range []string{"amd64", "386", "arm64"} {
		exe := build(t, arch, "-trimpath")
		im, table := open(t, exe)
		got := map[string]bool{}
		for s, err := range table.All() {
			if err != nil {
				t.Fatal(err)
			}
			got[fmt.Sprintf("%x %s", im.ImageBase+uint64(s.RVA), s.Raw)] = true
		}
		out, err := exec.Command("go", "tool", "nm", exe).Output()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if len(f) != 3 || !strings.Contains("TtDdRrBb", f[1]) || outside(im, f[0]) {
				continue
			}
			if n++; !got[f[0]+" "+f[2]] && !got[f[0]+" _"+f[2]] {
				t.Errorf("%s: missing %s", arch, line)
			}
		}
		t.Logf("%s: %d symbols of go tool nm, %d of ours", arch, n, len(got))
		if n < 500 || len(got) > n+200 {
			t.Errorf("%s: %d symbols, %d of ours", arch, n, len(got))
		}
		symtest.Check(t, table)
	}
}

// outside reports whether an address is none of the image.
func outside(im *symbols.Image, text string) bool {
	addr, err := strconv.ParseUint(text, 16, 64)
	return err != nil || addr < im.ImageBase || addr-im.ImageBase >= uint64(im.SizeOfImage)
}

// TestStripped: an image without a table says so, and one whose file is not at
// hand too.
func TestStripped(t *testing.T) {
	b := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys")
	if _, err := coff.New(symtest.Image(b)); !errors.Is(err, symbols.ErrNone) {
		t.Errorf("a driver: %v", err)
	}
	im, err := symbols.NewImage(bytes.NewReader(b), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := coff.New(im); !errors.Is(err, symbols.ErrNone) {
		t.Errorf("memory alone: %v", err)
	}
	im = symtest.Image(b)
	im.SymbolTable, im.NumberOfSymbols = uint32(len(b)-10), 1<<30
	if _, err := coff.New(im); !errors.Is(err, symbols.ErrFormat) {
		t.Errorf("a table behind the file: %v", err)
	}
}

// FuzzTable: whatever the image, the table ends and answers the same both ways.
func FuzzTable(f *testing.F) {
	f.Add(withSymbols(), uint32(0x400), uint32(4))
	f.Fuzz(func(t *testing.T, b []byte, at, n uint32) {
		im := symtest.Image(b)
		if im == nil {
			return
		}
		im.SymbolTable, im.NumberOfSymbols = at, n
		if table, err := coff.New(im); err == nil {
			symtest.Check(t, table)
		}
	})
}
