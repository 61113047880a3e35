package pdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// questions are what is asked of a file: each says how many bytes it was given,
// and why the answer ended.
func questions() map[string]func(f *pdb.File) (int, error) {
	symbols := func(all func(f *pdb.File) iter.Seq2[pdb.Symbol, error]) func(f *pdb.File) (int, error) {
		return func(f *pdb.File) (int, error) {
			return given(all(f), func(s pdb.Symbol) int { return len(s.NameBytes()) })
		}
	}
	list := func(syms []pdb.Symbol, err error) (n int, _ error) {
		for _, s := range syms {
			n += len(s.NameBytes())
		}
		return n, err
	}
	return map[string]func(f *pdb.File) (int, error){
		"Publics":   symbols((*pdb.File).Publics),
		"Globals":   symbols((*pdb.File).Globals),
		"Procs":     symbols((*pdb.File).Procs),
		"Symbols":   symbols((*pdb.File).Symbols),
		"all names": symbols(func(f *pdb.File) iter.Seq2[pdb.Symbol, error] { return f.Matching(nil, nil) }),
		"Matching":  symbols(func(f *pdb.File) iter.Seq2[pdb.Symbol, error] { return f.Matching([]string{"f"}, nil) }),
		"modules": func(f *pdb.File) (int, error) {
			return perModule(f, func(m int) (int, error) {
				return given(f.Module(m).Symbols(), func(s pdb.Symbol) int { return len(s.NameBytes()) })
			})
		},
		"lines": func(f *pdb.File) (int, error) {
			return perModule(f, func(m int) (int, error) { return given(f.Module(m).Lines(), func(pdb.Line) int { return 1 }) })
		},
		"types": func(f *pdb.File) (int, error) {
			return given(f.Types(), func(t pdb.Type) int {
				t.Size()
				return beyondGrant(len(t.String()))
			})
		},
		"members": func(f *pdb.File) (int, error) {
			t, err := f.TypeByName("S")
			if err != nil {
				return 0, err
			}
			return given(t.Members(), func(m pdb.Member) int {
				mt, _ := m.Type()
				return beyondGrant(len(mt.Declare(m.Name())))
			})
		},
		"Index": func(f *pdb.File) (int, error) {
			x, err := f.Index()
			if err != nil {
				return 0, err
			}
			return given(x.All(), func(s pdb.Symbol) int { return len(s.NameBytes()) })
		},
		"Nearest": func(f *pdb.File) (n int, err error) {
			for rva := uint32(0x1010); rva < 0x1100 && err == nil; rva += 8 {
				var more int
				more, err = list(f.Nearest(rva))
				n += more
			}
			return n, err
		},
		"Frames": func(f *pdb.File) (int, error) {
			frames, err := f.Frames(0x1018)
			return len(frames), err
		},
		"LineAddresses": func(f *pdb.File) (int, error) {
			lines, err := f.LineAddresses("n", 10)
			return len(lines), err
		},
		"ByName":        func(f *pdb.File) (int, error) { return list(f.ByName("F", pdb.IgnoreCase)) },
		"GlobalsByName": func(f *pdb.File) (int, error) { return list(f.GlobalsByName("F", pdb.IgnoreCase)) },
		"Check":         func(f *pdb.File) (int, error) { return 0, errors.Join(f.Check()...) },
		"NamedStreams": func(f *pdb.File) (n int, err error) {
			state, err := f.Status()
			for _, s := range state.Streams {
				n += len(s.Name)
			}
			return n, err
		},
	}
}

// beyondGrant returns how much longer a text is than what each question about a
// type may cost by itself.
func beyondGrant(n int) int { return max(0, n-2048) }

// given sums up the bytes of what a sequence gives, and returns its errors.
func given[T any](all iter.Seq2[T, error], size func(T) int) (n int, failed error) {
	for v, err := range all {
		if err != nil {
			failed = err
		} else {
			n += size(v)
		}
	}
	return n, failed
}

// perModule asks about each module.
func perModule(f *pdb.File, ask func(m int) (int, error)) (n int, failed error) {
	m := 0
	for range f.Modules() {
		m++
		more, err := ask(m)
		if n += more; err != nil {
			failed = err
		}
	}
	return n, failed
}

// notCut tells of the hostile files that are read whole: reading them is work in
// proportion to their size.
func notCut(name string) bool {
	switch name {
	case "nested scopes", "sections", "many small symbols", "lines of one long name", "decorated names":
		return true
	}
	return false
}

// TestWork_hostile asks every question about files in which much is shared. What
// is given and what is allocated stays in proportion to the file; where that
// leaves something out an error says so.
func TestWork_hostile(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: makes and reads some 30 files of 4 MB")
	}
	for name, build := range hostileFiles() {
		data := build()
		if dir := os.Getenv("SYMRES_HOSTILE"); dir != "" { // to try commands on
			if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".pdb"), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(name, func(t *testing.T) {
			cut := false
			for what, ask := range questions() {
				err := askHostile(t, data, what, ask)
				if errors.Is(err, pdb.ErrLimit) {
					cut = true
					if !errors.Is(err, pdb.ErrFormat) {
						t.Errorf("%s: %v is no ErrFormat", what, err)
					}
				}
			}
			if cut == notCut(name) {
				t.Errorf("cut %v", cut)
			}
		})
	}
}

func askHostile(t *testing.T, data []byte, what string, ask func(*pdb.File) (int, error)) error {
	t.Helper()
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return err
	}
	defer f.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := ask(f)
	runtime.ReadMemStats(&after)
	if most := 32<<20 + 16*len(data); n > most {
		t.Errorf("%s: gives %d bytes, want at most %d", what, n, most)
	}
	if most, all := 128<<20+96*uint64(len(data)), after.TotalAlloc-before.TotalAlloc; all > most {
		t.Errorf("%s: allocates %d bytes, want at most %d", what, all, most)
	}
	return err
}

// TestWork_honest asks sound files with a third of what they are granted, or less,
// and half of the reserve: nobody who reads such a file ever meets the limit.
func TestWork_honest(t *testing.T) {
	for _, path := range honestFiles() {
		for what, ask := range questions() {
			f := openHonest(t, path)
			f.Starve()
			if _, err := ask(f); errors.Is(err, pdb.ErrLimit) {
				t.Errorf("%s: %s: %v", path, what, err)
			}
		}
	}
}

// honestFiles are PDBs of the repository, and a large one if there is.
func honestFiles() []string {
	list := []string{"fs_rec/x64/good/fs_rec.pdb", "fs_rec/x86/good/fs_rec.pdb", "wide/x64/wide.pdb", "nt/x86-9200/ntkrnlmp.pdb", "user/x64/notepad.pdb"}
	if big := os.Getenv(genEnv); big != "" {
		list = append(list, big)
	}
	return list
}

func openHonest(t *testing.T, name string) *pdb.File {
	t.Helper()
	if filepath.IsAbs(name) {
		return open(t, name)
	}
	data := fixture.Bytes(t, name)
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestWork_many asks so many questions, several at a time, that all of them
// spend many times what one may: none of an honest file fails.
func TestWork_many(t *testing.T) {
	data := privatePDB().write().Bytes()
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	whole := f.Work()
	per := 8 // symbols an answer reads at least, each counted with more than 16 bytes
	rounds := int(whole) / 16 / per / 1000
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() { failed <- askOften(f, rounds) }()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

func askOften(f *pdb.File, rounds int) error {
	for i := range rounds {
		for range 1000 {
			if syms, err := f.GlobalsByName("main"); err != nil || len(syms) != 1 {
				return fmt.Errorf("round %d: %v, %w", i, syms, err)
			}
		}
		if n, err := given(f.Symbols(), func(pdb.Symbol) int { return 1 }); errors.Is(err, pdb.ErrLimit) || n == 0 {
			return fmt.Errorf("round %d: %d symbols, %w", i, n, err)
		}
	}
	return nil
}

// readCounter is a file of a store that counts what is read of it.
type readCounter struct {
	*bytes.Reader
	bytes *atomic.Int64
}

func (readCounter) Close() error { return nil }

func (c readCounter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Reader.ReadAt(p, off)
	c.bytes.Add(int64(n))
	return n, err
}

// TestWork_resolver asks about many addresses of files on which each question takes all
// that it may: those that cannot be answered are told so without more work.
func TestWork_resolver(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: makes and reads files of 4 MB")
	}
	const addresses = 300
	for _, name := range []string{"overlapping publics", "symbols at one address", "variables at one address", "one bucket"} {
		data := hostileFiles()[name]()
		var read atomic.Int64
		store := sympath.NewStore("one", func(context.Context, sympath.Query) iter.Seq2[sympath.Candidate, error] {
			return func(yield func(sympath.Candidate, error) bool) {
				yield(sympath.NewCandidate("hostile.pdb", sympath.OriginDir, func(context.Context) (sympath.File, error) {
					return readCounter{bytes.NewReader(data), &read}, nil
				}), nil)
			}
		})
		answered := resolveMany(t, store, data, addresses)
		perByte := read.Load() / int64(len(data))
		t.Logf("%s: %d of %d addresses answered, %d bytes read for each of the file", name, answered, addresses, perByte)
		if perByte > mostRead {
			t.Errorf("%s: %d bytes are read for each of the file, want at most %d", name, perByte, mostRead)
		}
	}
}

const mostRead = 20 // bytes for each of the file; without an end 50 to 1,700

// resolveMany resolves so many addresses of the PDB in a store.
func resolveMany(t *testing.T, store sympath.Store, data []byte, n int) (answered int) {
	t.Helper()
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	g, age := f.ID()
	s, err := symres.NewSession(symres.Config{Symbols: store})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := symres.Module{Image: "hostile.exe", Size: 1 << 20, CodeView: &symres.CodeView{Kind: pe.CodeViewRSDS, GUID: g, Age: age, Path: "hostile.pdb"}}
	if err := s.Add(m); err != nil {
		t.Fatal(err)
	}
	r := s.NewResolver()
	for i := range uint64(n) {
		_, err := r.Resolve(t.Context(), 0x1010+8*i)
		switch {
		case err == nil:
			answered++
		case !errors.Is(err, pdb.ErrLimit) && !errors.Is(err, symres.ErrNotFound):
			t.Fatal(err)
		}
	}
	return answered
}
