package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/storetest"
)

// Every store here answers found with data, and lost with nothing.
var (
	found = sympath.Query{File: "app.pdb", ID: sympath.PDB20(0x3b7d82d3, 1)}
	lost  = sympath.Query{File: "other.pdb", ID: sympath.PDB20(0x3b7d82d3, 1)}
	data  = []byte("the symbols of app")
)

func pair() []storetest.Want {
	return []storetest.Want{storetest.Has(found, data), storetest.Lacks(lost)}
}

// shelf is a store of one file by [sympath.NewStore].
func shelf(open func() (sympath.File, error)) sympath.Store {
	return sympath.NewStore("shelf", func(_ context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
		return func(yield func(sympath.Candidate, error) bool) {
			if strings.EqualFold(q.File, found.File) {
				yield(sympath.NewCandidate("shelf/"+q.File, sympath.OriginCustom, func(context.Context) (sympath.File, error) { return open() }), nil)
			}
		}
	})
}

func whole() (sympath.File, error) { return sympath.BytesFile(data), nil }

func ExampleTestStore() {
	store := sympath.Dir("share", fstest.MapFS{"app.pdb": {Data: []byte("symbols")}})
	fmt.Println(storetest.TestStore(store,
		storetest.Has(sympath.Query{File: "app.pdb"}, []byte("symbols")),
		storetest.Lacks(sympath.Query{File: "other.pdb"})))
	// Output: <nil>
}

func TestTestStore(t *testing.T) {
	key := found.ID.Key()
	for name, store := range map[string]sympath.Store{
		"dir":    sympath.Dir("d", fstest.MapFS{"APP.PDB": {Data: data}}),
		"symsrv": sympath.Symsrv("s", fstest.MapFS{"app.pdb/" + key + "/app.pdb": {Data: data}}),
		"custom": shelf(whole),
		"chain":  sympath.Chain(shelf(gone), sympath.Dir("d", fstest.MapFS{"app.pdb": {Data: data}})),
		"nested": sympath.Chain(sympath.Chain(own{shelf(whole)})),
	} {
		if err := storetest.TestStore(store, pair()...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// gone is a file that was there when it was looked for, and is gone.
func gone() (sympath.File, error) { return nil, errors.New("gone") }

// own hides that a store is one of package sympath.
type own struct{ sympath.Store }

// wrong is a store with one thing wrong about what its inner store yields.
type wrong struct {
	sympath.Store
	spoil func(yield func(sympath.Candidate, error) bool) func(sympath.Candidate, error) bool
	ctx   func(context.Context) context.Context
	query func(sympath.Query) sympath.Query
}

func (w wrong) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	return func(yield func(sympath.Candidate, error) bool) {
		if w.ctx != nil {
			ctx = w.ctx(ctx)
		}
		if w.query != nil {
			q = w.query(q)
		}
		if w.spoil != nil {
			yield = w.spoil(yield)
		}
		w.Store.Find(ctx, q)(yield)
	}
}

// open never fails to read, even when it is closed.
type open struct{ *bytes.Reader }

func (open) Close() error { return nil }

type yielder = func(sympath.Candidate, error) bool

// TestTestStore_breaches: each breach of the contract is told of.
func TestTestStore_breaches(t *testing.T) {
	for name, c := range map[string]struct {
		store sympath.Store
		says  string
	}{
		"empty":    {sympath.Chain(), "none of 0 candidates is the wanted file"},
		"extra":    {sympath.Dir("d", fstest.MapFS{"app.pdb": {Data: data}, "other.pdb": {Data: data}}), "should have nothing"},
		"other":    {sympath.Dir("d", fstest.MapFS{"app.pdb": {Data: []byte("not the symbols of")}}), "none of 1 candidates"},
		"open":     {shelf(func() (sympath.File, error) { return open{bytes.NewReader(data)}, nil }), "a read after Close gives 1"},
		"careless": {wrong{Store: shelf(whole), ctx: func(context.Context) context.Context { return context.Background() }}, "a canceled search ends with"},
		"greedy": {wrong{Store: shelf(whole), spoil: func(y yielder) yielder {
			return func(c sympath.Candidate, err error) bool { y(c, err); return true }
		}}, "2 values for a caller that wanted one"},
		"endless": {wrong{Store: shelf(whole), spoil: func(y yielder) yielder {
			return func(c sympath.Candidate, err error) bool { return err != nil || y(c, err) }
		}}, "does not end with a NotFoundError"},
		"secret": {wrong{Store: shelf(whole), spoil: func(y yielder) yielder {
			return func(c sympath.Candidate, err error) bool {
				if err != nil {
					err = &sympath.NotFoundError{}
				}
				return y(c, err)
			}
		}}, "is no attempt that found something"},
		"rooted": {wrong{Store: shelf(whole), query: func(q sympath.Query) sympath.Query {
			if strings.HasPrefix(q.File, `\`) {
				q.File = "nothing"
			}
			return q
		}}, "none of 0 candidates"},
		"trusting": {wrong{Store: shelf(whole), query: func(q sympath.Query) sympath.Query {
			if q.File == ".." {
				q.File = "nothing"
			}
			return q
		}}, "want one error that wraps ErrBadName"},
	} {
		if err := storetest.TestStore(c.store, pair()...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
