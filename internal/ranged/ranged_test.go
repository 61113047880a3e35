package ranged_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/symres/symres/internal/ranged"
)

// server is a file far away that counts what is asked of it and can fail.
type server struct {
	data []byte
	mu   sync.Mutex
	asks []int64           // offsets
	fail func(n int) error // of request n, counted from 1
}

func (s *server) ReadRange(_ context.Context, p []byte, off int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks = append(s.asks, off)
	if s.fail != nil {
		if err := s.fail(len(s.asks)); err != nil {
			return err
		}
	}
	if copy(p, s.data[off:]) < len(p) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (s *server) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asks)
}

// content is bytes no two blocks of which are the same.
func content(n int) []byte {
	b := make([]byte, n)
	rnd := rand.NewChaCha8([32]byte{1})
	rnd.Read(b)
	return b
}

func head(size int) ranged.Head {
	return ranged.Head{File: "a.pdb", Key: "K", Origin: "http://server", Location: "http://server/a.pdb/K/a.pdb", Size: int64(size), Validator: `"1"`}
}

var errChanged = errors.New("changed")

// open opens the part in a directory, or begins it.
func open(t *testing.T, dir string, s *server) *ranged.File {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	part, err := ranged.Open(root, "part")
	if errors.Is(err, fs.ErrNotExist) {
		part, err = ranged.Create(root, "part", head(len(s.data)))
	}
	if err != nil {
		t.Fatal(err)
	}
	f := ranged.New(ranged.Config{Size: int64(len(s.data)), Reader: s, Part: part, ErrChanged: errChanged})
	t.Cleanup(func() { f.Close() })
	return f
}

func check(t *testing.T, f *ranged.File, s *server, off, n int) {
	t.Helper()
	p := make([]byte, n)
	got, err := f.ReadAt(p, int64(off))
	want := s.data[off:min(off+n, len(s.data))]
	if err == io.EOF && got == len(want) {
		err = nil
	}
	if err != nil || !bytes.Equal(p[:got], want) {
		t.Errorf("%d bytes at %d: %d that are the same: %v, %v", n, off, got, bytes.Equal(p[:got], want), err)
	}
}

// TestFile: what was announced costs no request when it is read, what was not costs
// one for much around it, and another process that comes later asks for nothing.
func TestFile(t *testing.T) {
	s := &server{data: content(8<<20 + 5)}
	dir := t.TempDir()
	f := open(t, dir, s)
	f.Prefetch(func(yield func(int64, int64) bool) {
		_ = yield(10, 20) && yield(1<<20, 8<<10) && yield(-1, 3) && yield(1<<40, 3) && yield(8<<20, 1<<30)
	})
	if n := s.requests(); n != 1 && n != 3 {
		t.Errorf("%d requests", n)
	}
	before := s.requests()
	check(t, f, s, 10, 20)
	check(t, f, s, 1<<20+5, 1000)
	check(t, f, s, 8<<20, 100)
	if s.requests() != before {
		t.Error("what was announced was asked for again")
	}
	check(t, f, s, 3<<20, 10)
	check(t, f, s, 3<<20+30<<10, 10)
	if s.requests() != before+1 {
		t.Errorf("%d requests for two reads near each other", s.requests()-before)
	}
	if _, err := f.ReadAt(make([]byte, 1), 9<<20); err != io.EOF {
		t.Errorf("beyond the end: %v", err)
	}
	before = s.requests()
	second := open(t, dir, s)
	check(t, second, s, 3<<20, 10)
	check(t, second, s, 8<<20, 5)
	if s.requests() != before {
		t.Error("a second process asked again")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestFile_quarter: who wants more than a quarter gets all, in large pieces.
func TestFile_quarter(t *testing.T) {
	s := &server{data: content(16 << 20)}
	f := open(t, t.TempDir(), s)
	f.Prefetch(func(yield func(int64, int64) bool) { yield(0, 3<<20) })
	if f.Held() != 3<<20 {
		t.Errorf("%d bytes, want what was asked for", f.Held())
	}
	check(t, f, s, 9<<20, 2<<20)
	if !f.Whole() || f.Stats().Requests > 3+4 {
		t.Errorf("%d of %d bytes after %d requests", f.Held(), f.Size(), f.Stats().Requests)
	}
}

// TestFile_follow: reads that follow each other are read ahead of.
func TestFile_follow(t *testing.T) {
	s := &server{data: content(64 << 20)}
	f := open(t, t.TempDir(), s)
	for off := 0; off < 8<<20; off += 16 << 10 {
		check(t, f, s, off, 16<<10)
	}
	if n := s.requests(); n > 30 {
		t.Errorf("%d requests for 8 MB in a row", n)
	}
}

// TestFile_errors: a request that fails makes the read fail, and the next one works.
// Another file in the place of the first ends all, and nothing of it is kept.
func TestFile_errors(t *testing.T) {
	s := &server{data: content(4 << 20)}
	dir := t.TempDir()
	f := open(t, dir, s)
	broken := errors.New("broken")
	s.fail = func(n int) error {
		if n == 1 {
			return broken
		}
		return nil
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, broken) {
		t.Errorf("got %v, want why it failed", err)
	}
	check(t, f, s, 0, 100)
	s.fail = func(int) error { return fmt.Errorf("%w: another ETag", errChanged) }
	for range 2 {
		if _, err := f.ReadAt(make([]byte, 1), 2<<20); !errors.Is(err, errChanged) {
			t.Errorf("got %v, want that the file has changed", err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, errChanged) {
		t.Errorf("what came before the change: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "part")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the part is still there: %v", err)
	}
}

// TestFile_noRoom: blocks that cannot be written are held.
func TestFile_noRoom(t *testing.T) {
	s := &server{data: content(4 << 20)}
	dir := t.TempDir()
	root, _ := os.OpenRoot(dir)
	part, err := ranged.Create(root, "part", head(len(s.data)))
	if err != nil {
		t.Fatal(err)
	}
	var warned []error
	f := ranged.New(ranged.Config{Size: int64(len(s.data)), Reader: s, Part: part, Warn: func(err error) { warned = append(warned, err) }})
	defer f.Close()
	check(t, f, s, 0, 100)
	ranged.CloseData(part)
	check(t, f, s, 2<<20, 100)
	check(t, f, s, 2<<20+60, 100)
	if len(warned) != 1 || s.requests() != 2 {
		t.Errorf("warned of %v after %d requests", warned, s.requests())
	}
}

// TestPart_torn cuts and damages the map and the data at every place that matters:
// what is read is right all the same.
func TestPart_torn(t *testing.T) {
	s := &server{data: content(256 << 10)}
	dir := t.TempDir()
	f := open(t, dir, s)
	check(t, f, s, 0, 16<<10)
	f.Close()
	log, _ := os.ReadFile(filepath.Join(dir, "part", "map"))
	data, _ := os.ReadFile(filepath.Join(dir, "part", "data"))
	for n := len(log); n >= 4<<10; n -= 3 {
		tear(t, s, log[:n], data)
	}
	for i := 4 << 10; i < len(log); i += 5 {
		bad := bytes.Clone(log)
		bad[i] ^= 0x41
		tear(t, s, bad, data)
	}
	for i := 0; i < len(data); i += 4 << 10 {
		bad := bytes.Clone(data)
		bad[i+7] ^= 1
		tear(t, s, log, bad)
	}
}

// tear reads through a part with a map and data that may be damaged, and adds to it.
func tear(t *testing.T, s *server, log, data []byte) {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "part"), 0o700), os.WriteFile(filepath.Join(dir, "part", "map"), log, 0o600),
		os.WriteFile(filepath.Join(dir, "part", "data"), data, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f := open(t, dir, s)
		check(t, f, s, 0, len(s.data))
		f.Close()
	}
	before := s.requests()
	f := open(t, dir, s)
	check(t, f, s, 0, len(s.data))
	f.Close()
	if s.requests() != before {
		t.Error("what was fetched after the damage was not kept")
	}
}

// TestPart_head: a part whose head is damaged, or whose data is of another length, is
// none.
func TestPart_head(t *testing.T) {
	s := &server{data: content(64 << 10)}
	dir := t.TempDir()
	f := open(t, dir, s)
	check(t, f, s, 0, 100)
	f.Close()
	name := filepath.Join(dir, "part", "map")
	log, _ := os.ReadFile(name)
	root, _ := os.OpenRoot(dir)
	defer root.Close()
	for _, bad := range [][]byte{nil, log[:100], append([]byte("x"), log...), bytes.Replace(log, []byte("server"), []byte("elsewh"), 1)} {
		os.WriteFile(name, bad, 0o600)
		if p, err := ranged.Open(root, "part"); err == nil {
			t.Errorf("a head of %d bytes was taken: %+v", len(bad), p.Head())
		}
	}
	os.WriteFile(name, log, 0o600)
	os.Truncate(filepath.Join(dir, "part", "data"), 100)
	if _, err := ranged.Open(root, "part"); err == nil {
		t.Error("data that is too short was taken")
	}
}

// FuzzPart: whatever the map says, what is read is the file.
func FuzzPart(f *testing.F) {
	s := &server{data: content(40 << 10)}
	f.Add([]byte{0, 0, 0, 0, 1, 2, 3, 4, 9, 0, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, entries []byte) {
		dir := t.TempDir()
		first := open(t, dir, s)
		check(t, first, s, 0, 10)
		first.Close()
		log, err := os.OpenFile(filepath.Join(dir, "part", "map"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		log.Write(entries)
		log.Close()
		again := open(t, dir, s)
		check(t, again, s, 0, len(s.data))
	})
}
