package pdb_test

import (
	"flag"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/exp/mmap"

	"github.com/symres/symres/pdb"
)

// provider is how the tests hold the files they open. All of them run once
// with each.
type provider struct {
	name string
	open func(path string) (*pdb.File, error)
}

func providers() []provider {
	return []provider{{"read", pdb.Open}, {"mapped", pdb.OpenMapped}}
}

// TestProvidersAgree asks real PDBs everything through every way to hold a
// file, x/exp/mmap among them, which gives copies only.
func TestProvidersAgree(t *testing.T) {
	t.Parallel()
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			m, err := mmap.Open(c[1])
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			want := answers(pdb.New(m, int64(m.Len())))
			for _, p := range providers() {
				f, err := p.open(c[1])
				if err != nil {
					t.Fatal(err)
				}
				if got := answers(f, err); got != want {
					t.Errorf("%s and x/exp/mmap differ: %s", p.name, firstDifference(got, want))
				}
				f.Close()
			}
		})
	}
}

// current is the provider of this round.
var current = providers()[0]

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 && !runsOnce() {
		current = providers()[1]
		code = m.Run()
	}
	os.Exit(code)
}

// runsOnce reports whether the run is about a single round.
func runsOnce() bool {
	for _, name := range []string{"test.fuzz", "test.bench", "test.list", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			return true
		}
	}
	return false
}

// openBytes opens a PDB in memory with the provider of this round. A large
// image is mostly a hole that only reading copes with.
func openBytes(m *msfImage) (*pdb.File, error) {
	if current.name == "mapped" && m.Size() < 64<<20 {
		return pdb.NewMemory(m.Bytes())
	}
	if current.name == "far" {
		return pdb.New(farImage{m}, m.Size())
	}
	return pdb.New(m, m.Size())
}

// farImage is told what will be read, and holds what is there anyway.
type farImage struct{ *msfImage }

func (farImage) Prefetch(parts iter.Seq2[int64, int64]) {
	for range parts {
	}
}

// TestFar_damaged asks damaged PDBs again, with searches that are foreseen: they change
// no answer and no check.
func TestFar_damaged(t *testing.T) {
	defer func(p provider) { current = p }(current)
	current = provider{name: "far"}
	for name, test := range map[string]func(*testing.T){
		"answered": TestDamageThatCostsNoAnswer, "parts": TestDamagedParts, "blocks": TestBlockListDamage,
		"directory": TestDirectorySizeMismatch, "memory": TestClaimsCostNoMemory, "names": TestManyNamesAtOneAddress,
	} {
		t.Run(name, test)
	}
}

func open(t testing.TB, path string) *pdb.File {
	t.Helper()
	f, err := current.open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
