package symres_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
)

// fourModules are modules with four PDBs, which are put into dir. Each has a
// symbol to ask for.
func fourModules(t testing.TB, dir string) (modules []symres.Module, patterns []string) {
	t.Helper()
	for i, m := range []struct{ image, pdb, pattern string }{
		{"fs_rec/x64/good/fs_rec.sys", "fs_rec/x64/good/fs_rec.pdb", "fs_rec!DriverEntry"},
		{"wide/x64/wide.sys", "wide/x64/wide.pdb", "wide!*DriverEntry*"},
		{"user/x64/notepad.exe", "user/x64/notepad.pdb", "notepad!*main*"},
		{"user/x64/ExplorerFrame.dll", "user/x64/ExplorerFrame.pdb", "ExplorerFrame!*"},
	} {
		b := fixture.Bytes(t, m.image)
		img, err := symres.NewImage(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		image, pdb := filepath.Base(m.image), filepath.Base(m.pdb)
		put(t, filepath.Join(dir, pdb), fixture.Bytes(t, m.pdb))
		cv := *img.CodeView
		cv.Path = pdb
		modules = append(modules, symres.Module{
			Image: image, Base: base64 + uint64(i)<<24, Size: (uint64(img.SizeOfImage) + 0xfff) &^ 0xfff, CodeView: &cv,
		})
		patterns = append(patterns, m.pattern)
	}
	return modules, patterns
}

func put(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// ask looks a pattern up and returns what it found, in one line.
func ask(s *symres.Session, pattern string) (string, error) {
	var found []string
	var failed error
	for sym, err := range s.Lookup(context.Background(), pattern) {
		if err != nil {
			failed = cmp.Or(failed, err) // what follows says that nothing was found
			continue
		}
		found = append(found, sym.Name)
	}
	return strings.Join(found, " "), failed
}

func mustAsk(t testing.TB, s *symres.Session, pattern string) string {
	t.Helper()
	found, err := ask(s, pattern)
	if err != nil || found == "" {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	return found
}

func files(t testing.TB, cfg symres.FilesConfig) *symres.Files {
	t.Helper()
	f := symres.NewFiles(cfg)
	t.Cleanup(func() {
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			t.Error(err)
		}
		if s := f.Stats(); s.Files != 0 || s.Descriptors != 0 || s.Bytes != 0 {
			t.Errorf("after Close: %+v", s)
		}
	})
	return f
}

// TestFiles_manySessions: what sessions share costs once.
func TestFiles_manySessions(t *testing.T) {
	const sessions = 200
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	shared := files(t, symres.FilesConfig{})
	cfg := symres.Config{Files: shared, Symbols: sympath.Dir(dir, fsx.Dir(dir))}
	var all []*symres.Session
	begin := func() {
		s := session(t, cfg, modules...)
		for _, p := range patterns {
			mustAsk(t, s, p)
		}
		all = append(all, s)
	}
	begin()
	heap, open := heapNow(), descriptors(t)
	for range sessions - 1 {
		begin()
	}
	if grown := heapNow() - heap; grown > 40<<20 {
		t.Errorf("the heap grew by %d KB", grown>>10)
	} else {
		t.Logf("%d more sessions: the heap grew by %d KB, the descriptors by %d", sessions-1, grown>>10, descriptors(t)-open)
	}
	if more := descriptors(t) - open; more > 8 {
		t.Errorf("%d more descriptors", more)
	}
	want := symres.FilesStats{Files: 4, Descriptors: 4, Shared: 4 * (sessions - 1)}
	got := shared.Stats()
	if want.Bytes = got.Bytes; got != want || got.Bytes == 0 {
		t.Errorf("%+v, want %+v", got, want)
	}
	runtime.KeepAlive(all)
}

func heapNow() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// descriptors counts those of the process, where the system tells.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return len(list)
}

// TestFiles_bounds asks four PDBs in turn where there is room for one.
func TestFiles_bounds(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	store := sympath.Dir(dir, fsx.Dir(dir))
	wide := session(t, symres.Config{Symbols: store}, modules...)
	tight := files(t, symres.FilesConfig{Bytes: 1, Descriptors: 1})
	narrow := session(t, symres.Config{Files: tight, Symbols: store}, modules...)
	var kept int64
	for range 3 {
		for _, p := range patterns {
			if got, want := mustAsk(t, narrow, p), mustAsk(t, wide, p); got != want {
				t.Errorf("%s: %q with little room, %q with much", p, got, want)
			}
			s := tight.Stats()
			if s.Descriptors > 1 {
				t.Errorf("%+v: more than one descriptor", s)
			}
			kept = max(kept, s.Bytes)
		}
	}
	s := tight.Stats()
	if s.Files != 4 || s.Reopened < 8 {
		t.Errorf("%+v: every file was to be opened again and again", s)
	}
	if most := int64(256 << 10); kept > most {
		t.Errorf("%d bytes were kept, which is more than of one PDB", kept)
	}
}

// TestFiles_idle: a PDB nobody uses stays for the next Session, and goes when it
// has to make room.
func TestFiles_idle(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	shared := files(t, symres.FilesConfig{})
	cfg := symres.Config{Files: shared, Symbols: sympath.Dir(dir, fsx.Dir(dir))}
	for i, bytes := range []int64{0, 1} {
		if i == 1 {
			shared = files(t, symres.FilesConfig{Bytes: bytes})
			cfg.Files = shared
		}
		for j := range 2 {
			s := session(t, cfg, modules[j])
			p, err := s.PDB(t.Context(), modules[j].Image)
			if err != nil {
				t.Fatal(err)
			}
			mustAsk(t, s, patterns[j])
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			_ = p
		}
		if s := shared.Stats(); s.Files != 2-i {
			t.Errorf("bound of %d bytes: %+v, want %d files", bytes, s, 2-i)
		}
	}
}

// TestFiles_changed replaces a PDB that was closed meanwhile.
func TestFiles_changed(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"cut":            func(path string) error { return os.Truncate(path, 8192) },
		"written to":     func(path string) error { return later(path) },
		"replaced":       func(path string) error { return replace(path, path) },
		"another":        func(path string) error { return replace(path, filepath.Join(filepath.Dir(path), "wide.pdb")) },
		"no PDB":         func(path string) error { return os.WriteFile(path, []byte("no PDB"), 0o644) },
		"not there":      os.Remove,
		"as it was":      func(string) error { return nil },
		"renamed, again": func(path string) error { return errors.Join(os.Rename(path, path+"x"), os.Rename(path+"x", path)) },
	} {
		dir := t.TempDir()
		modules, patterns := fourModules(t, dir)
		f := files(t, symres.FilesConfig{Bytes: 1, Descriptors: 1})
		s := session(t, symres.Config{Files: f, Symbols: sympath.Dir(dir, fsx.Dir(dir))}, modules...)
		mustAsk(t, s, patterns[0])
		mustAsk(t, s, patterns[1]) // which closes the first
		if err := change(filepath.Join(dir, "fs_rec.pdb")); err != nil {
			t.Fatal(err)
		}
		found, err := ask(s, patterns[0])
		switch name {
		case "as it was", "renamed, again":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case "not there":
			if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "opened again") {
				t.Errorf("%s: %v", name, err)
			}
		default:
			if !errors.Is(err, symres.ErrFileChanged) || found != "" {
				t.Errorf("%s: %q, %v; want ErrFileChanged", name, found, err)
			}
		}
		mustAsk(t, s, patterns[1])
	}
}

// later sets the time of a file to another one.
func later(path string) error {
	when := time.Now().Add(time.Hour)
	return os.Chtimes(path, when, when)
}

// replace puts a copy of a file in the place of path.
func replace(path, from string) error {
	b, err := os.ReadFile(from)
	return errors.Join(err, os.WriteFile(path+".new", b, 0o644), os.Rename(path+".new", path))
}

// TestFiles_identity: PDBs that are no files of this machine are one when they
// are the same at the same place, and not otherwise.
func TestFiles_identity(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	other := bytes.Clone(data)
	other[len(other)-1] ^= 1
	at := func(name string, b []byte) sympath.Store {
		return sympath.Dir(name, fstest.MapFS{"fs_rec.pdb": {Data: b}})
	}
	shared := files(t, symres.FilesConfig{})
	for i, tt := range []struct {
		store sympath.Store
		want  int
	}{{at("a", data), 1}, {at("a", data), 1}, {at("b", data), 2}, {at("a", other), 3}, {sympath.Dir(dir, fsx.Dir(dir)), 4}, {sympath.Dir("again", fsx.Dir(dir)), 4}} {
		s := session(t, symres.Config{Files: shared, Symbols: tt.store}, modules[0])
		mustAsk(t, s, patterns[0])
		if got := shared.Stats(); got.Files != tt.want {
			t.Errorf("%d: %+v, want %d files", i, got, tt.want)
		}
	}
}

// TestFiles_truncated cuts a PDB in the middle of a bulk query.
func TestFiles_truncated(t *testing.T) {
	dir := t.TempDir()
	modules, _ := fourModules(t, dir)
	path := filepath.Join(dir, "wide.pdb")
	put(t, path, fixture.Spread(t, fixture.Bytes(t, "wide/x64/wide.pdb")))
	s := session(t, symres.Config{Symbols: sympath.Dir(dir, fsx.Dir(dir))}, modules[1])
	r := s.NewResolver()
	good, failed := 0, error(nil)
	for addr := modules[1].Base + 0x1000; addr < modules[1].Base+modules[1].Size && failed == nil; addr += 16 {
		if good == 10 {
			if err := os.Truncate(path, 1<<17); err != nil {
				t.Fatal(err)
			}
			good++
		}
		l, err := r.Resolve(t.Context(), addr)
		if err == nil {
			err = l.FramesErr
		}
		if errors.Is(err, symres.ErrNotFound) {
			continue
		}
		if failed = err; err == nil {
			good++
		}
	}
	if good < 10 || !errors.Is(failed, symres.ErrFileChanged) {
		t.Errorf("%d good answers, then %v; want ErrFileChanged in the middle", good, failed)
	}
	if found, err := ask(s, "wide!*"); !errors.Is(err, symres.ErrFileChanged) {
		t.Errorf("%q, %v", found, err)
	}
}

// TestFiles_concurrent has many sessions ask, close and reopen all the time.
func TestFiles_concurrent(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	shared := files(t, symres.FilesConfig{Bytes: 100 << 10, Descriptors: 2})
	cfg := symres.Config{Files: shared, Symbols: sympath.Dir(dir, fsx.Dir(dir))}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 10 {
				s, err := symres.NewSession(cfg)
				if err != nil {
					t.Error(err)
					return
				}
				for j := range modules {
					k := (i + j + n) % len(modules)
					if err := s.Add(modules[k]); err != nil {
						t.Error(err)
					}
					if found, err := ask(s, patterns[k]); err != nil || found == "" {
						t.Errorf("%s: %q, %v", patterns[k], found, err)
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if s := shared.Stats(); s.Descriptors > 2 {
		t.Errorf("%+v", s)
	}
}
