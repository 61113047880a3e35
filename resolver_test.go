package symres_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// pdbSession is a session whose one module is that of a PDB file.
func pdbSession(t *testing.T, path string) (*symres.Session, symres.Module) {
	t.Helper()
	f, err := pdb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sections, err := f.Sections()
	if err != nil {
		t.Fatal(err)
	}
	m := symres.Module{Image: "image.dll", Base: base64, Size: 0x1000}
	for _, s := range sections {
		m.Size = max(m.Size, uint64(s.VirtualAddress)+uint64(s.VirtualSize)+0x800)
	}
	guid, age := f.ID()
	m.CodeView = &symres.CodeView{Kind: pe.CodeViewRSDS, GUID: guid, Age: age, Path: filepath.Base(path)}
	dir := filepath.Dir(path)
	return session(t, symres.Config{Symbols: sympath.Dir(dir, os.DirFS(dir))}, m), m
}

// corpusPDBs returns the PDBs of the shared corpus.
func corpusPDBs(t *testing.T) []string {
	t.Helper()
	shared := fixture.Shared(t)
	files, err := filepath.Glob(filepath.Join(shared, "truth", "*.pdb.txt.gz"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files of truth, %v", len(files), err)
	}
	for i, f := range files {
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(f), ".txt.gz"), "~", "/")
		files[i] = filepath.Join(shared, filepath.FromSlash(name))
	}
	return files
}

// told is an answer in a form that can be kept and compared.
func told(l *symres.Location, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%+v", *l)
}

// TestResolver wants a Resolver, without its index and with it, to say of every
// address what Resolve says.
func TestResolver(t *testing.T) {
	for _, path := range corpusPDBs(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			s, m := pdbSession(t, path)
			addrs := make([]uint64, 600)
			rnd := rand.New(rand.NewPCG(7, 8))
			for i := range addrs {
				addrs[i] = m.Base + rnd.Uint64N(m.Size)
			}
			for sym, err := range s.Lookup(t.Context(), "*") { // the starts, too
				if err == nil && !sym.Absolute && rnd.IntN(24) == 0 {
					addrs = append(addrs, sym.Address, sym.Address+uint64(sym.Size))
				}
			}
			addrs = append(addrs, m.Base-1, m.Base+m.Size, 0)
			compareAll(t, s, s.NewResolver(), addrs, "one by one")
			s.UseIndex()
			compareAll(t, s, s.NewResolver(), addrs, "through the index")
			slices.Sort(addrs)
			compareAll(t, s, s.NewResolver(), addrs, "through the index, sorted")
		})
	}
}

func compareAll(t *testing.T, s *symres.Session, r *symres.Resolver, addrs []uint64, how string) {
	t.Helper()
	bad := 0
	for _, addr := range addrs {
		want, err := s.Resolve(t.Context(), addr)
		plain := told(&want, err)
		if got := told(r.Resolve(t.Context(), addr)); got != plain {
			if bad++; bad > 10 {
				t.Fatal("and more")
			}
			t.Errorf("%s: %#x\n got  %s\n want %s", how, addr, got, plain)
		}
	}
}

// TestResolver_several shares a session between several at once.
func TestResolver_several(t *testing.T) {
	s := session(t, symres.Config{Symbols: store(t, "x64/private"), Check: symres.CheckOff}, loaderEntry(t, "x64/private", base64))
	s.UseIndex()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			r := s.NewResolver()
			for i := range uint64(0x2000) {
				want, err := s.Resolve(t.Context(), base64+i)
				if got := told(r.Resolve(t.Context(), base64+i)); got != told(&want, err) {
					t.Errorf("%#x: %s, want %s", i, got, told(&want, err))
					return
				}
			}
		})
	}
	group.Wait()
}

// TestResolver_closed: the session ends under a Resolver that has answered.
func TestResolver_closed(t *testing.T) {
	s := session(t, symres.Config{Symbols: store(t, "x64/private"), Check: symres.CheckOff}, loaderEntry(t, "x64/private", base64))
	s.UseIndex()
	r := s.NewResolver()
	if l, err := r.Resolve(t.Context(), base64+0x1084); err != nil || l.Name != "FsRecScale" || l.Displacement != 4 {
		t.Fatalf("%+v, %v", l, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err := r.Resolve(t.Context(), base64+0x1085); !errors.Is(err, symres.ErrClosed) {
		t.Errorf("%s", cmp.Diff(nil, l)+told(l, err))
	}
}
