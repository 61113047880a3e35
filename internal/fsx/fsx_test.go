package fsx_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/internal/fsx"
)

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func readAll(t *testing.T, f *fsx.File) string {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOpen(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "f"), "hello")
	for name, open := range map[string]func(string) (*fsx.File, error){"Open": fsx.Open, "Map": fsx.Map} {
		f, err := open(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := readAll(t, f); got != "hello" || f.Size() != 5 || f.Name() != path {
			t.Errorf("%s: read %q, size %d, name %s", name, got, f.Size(), f.Name())
		}
		if n, err := f.ReadAt(make([]byte, 4), 3); n != 2 || err != io.EOF {
			t.Errorf("%s: read over the end = %d, %v; want 2, EOF", name, n, err)
		}
		for range 2 {
			if err := f.Close(); err != nil {
				t.Errorf("%s: Close: %v", name, err)
			}
		}
		if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: read after Close: %v", name, err)
		}
	}
}

func TestMap_emptyFile(t *testing.T) {
	f, err := fsx.Map(writeFile(t, filepath.Join(t.TempDir(), "f"), ""))
	if err != nil || f.Size() != 0 {
		t.Fatalf("size %d, %v", f.Size(), err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); err != io.EOF {
		t.Errorf("read: %v, want EOF", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestMap_bytes(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "f"), "0123456789")
	f, err := fsx.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	switch runtime.GOOS {
	case "linux", "darwin", "windows", "freebsd", "netbsd", "openbsd":
		if string(f.Mapped()) != "0123456789" {
			t.Errorf("mapped %q", f.Mapped())
		}
	}
	f.WillNeed(3, 100)
	f.WillNeed(-1, 1)
	f.WillNeed(10, 1)
	if got := readAll(t, f); got != "0123456789" {
		t.Errorf("read %q", got)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	f.WillNeed(0, 1)
	r, err := fsx.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Mapped() != nil {
		t.Error("a file that was not mapped has mapped bytes")
	}
}

func TestOpen_refused(t *testing.T) {
	dir := t.TempDir()
	file := writeFile(t, filepath.Join(dir, "f"), "x")
	if _, err := fsx.Open(dir); !errors.Is(err, fsx.ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
	if _, err := fsx.Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	if f, err := fsx.Open(filepath.Join(file, "below")); err == nil || f != nil {
		t.Errorf("path through a file: %v", err)
	}
	if _, err := fsx.OpenFS(fsx.Dir(dir), "."); !errors.Is(err, fsx.ErrNotRegular) {
		t.Errorf("OpenFS of a directory: %v", err)
	}
	if err := fsx.Check(fsx.Dir(dir), "."); !errors.Is(err, fsx.ErrNotRegular) {
		t.Errorf("Check of a directory: %v", err)
	}
	if err := fsx.Check(fsx.Dir(dir), "f"); err != nil {
		t.Errorf("Check of a file: %v", err)
	}
}

func TestFile_closeWhileReading(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "f"), string(make([]byte, 1<<16)))
	f, err := fsx.Map(path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			buf := make([]byte, 1<<12)
			for {
				if _, err := f.ReadAt(buf, 100); err != nil {
					if !errors.Is(err, fs.ErrClosed) {
						t.Errorf("read: %v", err)
					}
					return
				}
			}
		})
	}
	f.Close()
	wg.Wait()
}

func TestDir(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a", "b.txt"), "b")
	writeFile(t, filepath.Join(dir, "c"), "c")
	if err := fstest.TestFS(fsx.Dir(dir), "a/b.txt", "c"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"../" + filepath.Base(dir) + "/c", "/c", "", "a/../c"} {
		if _, err := fsx.Dir(dir).Open(name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Open(%q): %v", name, err)
		}
	}
	if _, err := fsx.Dir("").Open("c"); err == nil {
		t.Error("the empty directory name gave a file")
	}
}

func TestOpenFS_withoutReadAt(t *testing.T) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	part, err := w.Create("x.pdb")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(part, "packed")
	w.Close()
	archive, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := fsx.OpenFS(archive, "x.pdb")
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, f); got != "packed" {
		t.Errorf("read %q", got)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
}

func TestReadWhole_limit(t *testing.T) {
	if f, err := fsx.ReadWhole(bytes.NewReader(make([]byte, 8)), "x", 8); err != nil || f.Size() != 8 {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := fsx.ReadWhole(bytes.NewReader(make([]byte, 9)), "x", 8); !errors.Is(err, fsx.ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
}

func TestOpenAs(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "dump"), "hello")
	first := func(r io.ReaderAt, size int64) (string, error) {
		b := make([]byte, size)
		_, err := r.ReadAt(b, 0)
		return string(b), err
	}
	s, f, err := fsx.OpenAs(path, first)
	if err != nil || s != "hello" || f.Close() != nil {
		t.Errorf("%q, %v", s, err)
	}
	if _, _, err := fsx.OpenAs(path+"x", first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	var kept io.ReaderAt
	bad := errors.New("not one of those")
	_, f, err = fsx.OpenAs(path, func(r io.ReaderAt, _ int64) (int, error) { kept = r; return 1, bad })
	if f != nil || !errors.Is(err, bad) || !bytes.Contains([]byte(err.Error()), []byte(path)) {
		t.Errorf("refused: %v, %v", f, err)
	}
	if _, err := kept.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("the file of a refused one stays open")
	}
}
