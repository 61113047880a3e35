// Package storetest judges implementations of [sympath.Store].
//
// [TestStore] is to a Store what testing/fstest.TestFS is to a file system:
//
//	err := storetest.TestStore(store,
//		storetest.Has(sympath.Query{File: "fs_rec.pdb", ID: id}, data),
//		storetest.Lacks(sympath.Query{File: "other.pdb", ID: id}))
package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/symres/symres/sympath"
)

// Want is a query about which the test knows the truth; make one with [Has] or
// [Lacks].
type Want struct {
	query sympath.Query
	data  []byte
	has   bool
}

// Has wants the store to offer a file of these bytes for a query, among others
// perhaps. The file name of the query is one without a directory.
func Has(q sympath.Query, data []byte) Want { return Want{query: q, data: data, has: true} }

// Lacks wants the store to offer nothing for a query.
func Lacks(q sympath.Query) Want { return Want{query: q} }

// maxProblems bounds the list one test returns.
const maxProblems = 20

// TestStore searches a store in many ways and returns every breach of the
// contract of [sympath.Store] and every difference from what is wanted, joined
// into one error, or nil. It covers searches to the end and searches that are
// left, names that are no file names, canceled contexts, the files that are
// offered and their reading after Close, a chain around the store, and
// concurrent use (worth most under the race detector). Give at least one [Has]
// and one [Lacks]. The store may fill caches as it is searched, and is not closed.
func TestStore(store sympath.Store, want ...Want) error {
	j := &judge{store: store}
	for _, w := range want {
		j.search(w)
		j.leave(w)
		j.cancel(w)
		j.chain(w)
	}
	j.names(want)
	j.together(want)
	return errors.Join(j.problems...)
}

// judge knows the truth and collects what contradicts it.
type judge struct {
	store sympath.Store

	mu       sync.Mutex // guards problems
	problems []error
}

func (j *judge) fail(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.problems) < maxProblems {
		j.problems = append(j.problems, fmt.Errorf(format, args...))
	}
}

// outcome is one search to its end.
type outcome struct {
	candidates []sympath.Candidate
	errs       []error
	miss       *sympath.NotFoundError // the last value, nil when it is something else
}

// all searches to the end, and judges how it ends.
func (j *judge) all(store sympath.Store, q sympath.Query) outcome {
	var o outcome
	for c, err := range store.Find(context.Background(), q) {
		if o.miss != nil {
			j.fail("%v: a value after the NotFoundError: %v, %v", q, c.Location, err)
		}
		if err == nil {
			o.candidates = append(o.candidates, c)
		} else if !errors.As(err, &o.miss) {
			o.errs = append(o.errs, err)
		}
	}
	return o
}

// search looks for what is wanted and at how the search ends.
func (j *judge) search(w Want) {
	o := j.all(j.store, w.query)
	if o.miss == nil {
		j.fail("%v: a search to the end does not end with a NotFoundError (%d candidates, %v)", w.query, len(o.candidates), o.errs)
		return
	}
	if !errors.Is(o.miss, fs.ErrNotExist) {
		j.fail("%v: %v is no fs.ErrNotExist", w.query, o.miss)
	}
	j.told(w.query, o)
	switch right := j.right(w, o.candidates); {
	case w.has && right == 0:
		j.fail("%v: none of %d candidates is the wanted file: %+v", w.query, len(o.candidates), o.miss)
	case !w.has && len(o.candidates) > 0:
		j.fail("%v: offers %s, and should have nothing", w.query, o.candidates[0].Location)
	}
}

// told holds the attempts against the candidates: each was an attempt, where it
// lies or, when it was fetched, where it came from.
func (j *judge) told(q sympath.Query, o outcome) {
	found := map[string]bool{}
	for _, a := range o.miss.Attempts {
		if a.Location == "" || a.Status == sympath.StatusUnknown {
			j.fail("%v: an attempt without location or status: %+v", q, a)
		}
		if a.Status == sympath.StatusFound {
			found[a.Location] = true
		}
	}
	for _, c := range o.candidates {
		if c.Location == "" {
			j.fail("%v: a candidate without a location", q)
		}
		if !found[c.Location] && !found[c.Source] {
			j.fail("%v: the candidate %s is no attempt that found something", q, c.Location)
		}
	}
}

// leave stops at the first value, after which nothing may come.
func (j *judge) leave(w Want) {
	calls := 0
	j.store.Find(context.Background(), w.query)(func(sympath.Candidate, error) bool {
		calls++
		return false
	})
	if calls != 1 {
		j.fail("%v: %d values for a caller that wanted one", w.query, calls)
	}
}

// cancel searches with a context that is over.
func (j *judge) cancel(w Want) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var last error
	for _, err := range j.store.Find(ctx, w.query) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		j.fail("%v: a canceled search ends with %v", w.query, last)
	}
}

// chain takes the store into a chain, where each attempt is to be told once.
func (j *judge) chain(w Want) {
	alone := j.all(j.store, w.query)
	chained := j.all(sympath.Chain(j.store), w.query)
	if alone.miss == nil || chained.miss == nil {
		return // told of by search
	}
	if a, c := len(alone.miss.Attempts), len(chained.miss.Attempts); a != c || len(alone.candidates) != len(chained.candidates) {
		j.fail("%v: %d candidates in %d attempts, in a chain %d in %d", w.query, len(alone.candidates), a, len(chained.candidates), c)
	}
}

// names asks for what is no file name, and for a name with a directory.
func (j *judge) names(want []Want) {
	for _, bad := range []string{"", "..", `C:\x\nul.pdb`} {
		var all []error
		for c, err := range j.store.Find(context.Background(), sympath.Query{File: bad}) {
			all = append(all, err)
			if err == nil {
				j.fail("%q: offers %s", bad, c.Location)
			}
		}
		if len(all) != 1 || !errors.Is(all[0], sympath.ErrBadName) {
			j.fail("%q: want one error that wraps ErrBadName, have %v", bad, all)
		}
	}
	for _, w := range want {
		w.query.File = `\SystemRoot\` + strings.TrimLeft(w.query.File, `\/`)
		j.search(w)
	}
}

// together searches from several goroutines at once.
func (j *judge) together(want []Want) {
	var wg sync.WaitGroup
	for range 4 {
		for _, w := range want {
			wg.Go(func() { j.search(w) })
		}
	}
	wg.Wait()
}
