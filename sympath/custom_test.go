package sympath_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/storetest"
)

// shelf is a store of files in memory. It has nothing to say of images.
func shelf(name string, broken error, files ...string) sympath.Store {
	return sympath.NewStore(name, func(_ context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
		if strings.HasSuffix(q.File, ".sys") {
			return nil
		}
		return func(yield func(sympath.Candidate, error) bool) {
			if broken != nil && !yield(sympath.Candidate{}, broken) {
				return
			}
			for _, f := range files {
				open := func(context.Context) (sympath.File, error) { return sympath.BytesFile([]byte(f)), nil }
				if strings.EqualFold(f, q.File) && !yield(sympath.NewCandidate(name+"/"+f, sympath.OriginCustom, open), nil) {
					return
				}
			}
		}
	})
}

func TestNewStore(t *testing.T) {
	broken := errors.New("a worm in it")
	for _, c := range []struct {
		store sympath.Store
		file  string
		found string
		want  string
	}{
		{shelf("s", nil, "a.pdb", "A.PDB"), "a.pdb", "s/a.pdb s/A.PDB", "s s/a.pdb found; s s/A.PDB found"},
		{shelf("s", nil, "a.pdb"), "b.pdb", "", "s s/b.pdb not found"},
		{shelf("s", broken, "a.pdb"), "a.pdb", "s/a.pdb", "s s/a.pdb error; s s/a.pdb found"},
		{shelf(`\\s\t`, broken), `D:\a.pdb`, "", `\\s\t \\s\t\a.pdb error`},
		{shelf("s", nil, "a.sys"), "a.sys", "", ""},
	} {
		for _, store := range []sympath.Store{c.store, sympath.Chain(c.store)} {
			found, miss := searchAll(t, store, sympath.Query{File: c.file})
			var tried []string
			for _, a := range miss.Attempts {
				tried = append(tried, fmt.Sprintf("%s %s %v", a.Store, a.Location, a.Status))
				if (a.Status == sympath.StatusError) != (a.Err == broken) {
					t.Errorf("%v", a)
				}
			}
			if strings.Join(found, " ") != c.found || strings.Join(tried, "; ") != c.want {
				t.Errorf("%s: found %v, tried %q, want %q", c.file, found, tried, c.want)
			}
		}
	}
}

// TestNewStore_canceled: the function need not look at its context.
func TestNewStore_canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for c, err := range shelf("s", nil, "a.pdb", "A.pdb", "a.PDB").Find(ctx, sympath.Query{File: "a.pdb"}) {
		if n++; n == 1 && err == nil {
			cancel()
		} else if n != 2 || !errors.Is(err, context.Canceled) {
			t.Errorf("value %d: %v, %v", n, c.Location, err)
		}
	}
	if n != 2 {
		t.Errorf("%d values", n)
	}
}

func TestBytesFile(t *testing.T) {
	f := sympath.BytesFile([]byte("abc"))
	b := make([]byte, 4)
	if n, err := f.ReadAt(b, 1); n != 2 || err != io.EOF || f.Size() != 3 {
		t.Errorf("%d, %v", n, err)
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if _, err := f.ReadAt(b, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestStores holds the stores of this package against the contract.
func TestStores(t *testing.T) {
	has, data := query(1), symbolFile(idOf(1), 10000)
	key := "f.pdb/" + has.ID.Key() + "/f.pdb"
	dir, cached := t.TempDir(), t.TempDir()
	place(t, dir, key, data)
	place(t, cached, key, data)
	opts := sympath.Options{Verify: verify}
	tree := fstest.MapFS{"symbols/PDB/F.pdb": {Data: data}}
	byName := has
	byName.ImageExt = "pdb"
	for name, c := range map[string]struct {
		store sympath.Store
		has   sympath.Query
	}{
		"dir":    {sympath.Dir("d", tree), byName},
		"symsrv": {sympath.Symsrv("s", fstest.MapFS{key: {Data: data}}), has},
		"path":   {mustParse(t, dir+";srv*"+dir).Store(opts), has},
		"cache":  {mustParse(t, "cache*"+cached).Store(opts), has},
		"share":  {sympath.Share(`\\s\t`, true, func(context.Context) (fs.FS, error) { return fstest.MapFS{key: {Data: data}}, nil }), has},
		"server": {serving(1).store(t, "srv*"+t.TempDir()+"*https://symbols.test", opts), has},
		"remote": {sympath.Remote(serving(1)), has},
		"custom": {shelf("x", nil, "f.pdb"), has},
		"chain": {sympath.Chain(sympath.Dir("d", fstest.MapFS{}), shelf("x", errors.New("broken"), "f.pdb"),
			sympath.Chain(sympath.Symsrv("s", fstest.MapFS{key: {Data: data}}))), has},
	} {
		t.Run(name, func(t *testing.T) {
			want := data
			if name == "custom" {
				want = []byte("f.pdb")
			}
			other := sympath.Query{File: "g.pdb", ID: idOf(2), ImageExt: c.has.ImageExt}
			if err := storetest.TestStore(c.store, storetest.Has(c.has, want), storetest.Lacks(other)); err != nil {
				t.Error(err)
			}
		})
	}
}
