package cli

import (
	"cmp"
	"iter"
	"runtime"
	"sync"

	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/pdb"
)

// rows are consecutive lines of a listing, and the damage found between them.
// They belong to one goroutine.
type rows struct {
	jsonRow // has the lines
	json    bool
	n       int
	faults  []fault
}

// fault is damage that was found when the lines had so many bytes.
type fault struct {
	at  int
	err error
}

// damage notes a record that cannot be read.
func (r *rows) damage(err error) { r.faults = append(r.faults, fault{len(r.b), err}) }

func (r *rows) reset() { r.b, r.n, r.faults = r.b[:0], 0, r.faults[:0] }

// full reports whether there is enough to be printed.
func (r *rows) full() bool { return len(r.b) >= rowBytes || len(r.faults) >= maxFaults }

const (
	rowBytes  = 1 << 20 // of rows that are printed at a time
	maxFaults = 1 << 10 // of damage likewise
)

// dumpAll prints what can be read; a damaged record does not end it.
func dumpAll[T any](d *dump, all iter.Seq2[T, error], show func(*rows, T)) error {
	r := &rows{json: d.console.json}
	for v, err := range all {
		if err != nil {
			r.damage(err)
		} else {
			show(r, v)
			r.n++
		}
		if !r.full() {
			continue
		}
		if err := d.take(r); err != nil {
			return err
		}
		r.reset()
	}
	return d.take(r)
}

const (
	maxDumpers = 8
	partsAhead = 3       // parts begun and not printed yet, for each who makes rows
	partOfFile = 2 << 20 // bytes of a PDB whose symbols are a part: as a rule some hundred KB of rows
	minParts   = 8       // for each who makes rows: all are done at about the same time
	maxParts   = 4096
)

// dumpParts prints what dumpAll prints of all parts one after the other. Several
// make rows, each those of a part, and whoever has those whose turn it is prints
// them: with one who only prints they wait for each other all the time. Nobody
// goes far ahead of what is printed, so memory is bounded.
func dumpParts(d *dump, part func(i, n int) iter.Seq2[*pdb.Symbol, error]) error {
	workers := min(runtime.GOMAXPROCS(0), maxDumpers)
	l := &listing{dump: d, part: part, done: make([]*rows, workers*partsAhead)}
	l.parts = max(workers*minParts, int(min(d.size/partOfFile, maxParts)))
	l.moved.L = &l.mu
	var group sync.WaitGroup
	for range workers - 1 {
		group.Go(l.work)
	}
	l.work()
	group.Wait() // the file is closed only then
	return cmp.Or(l.err, d.ctx.Err())
}

// listing is what those who make rows share. Only who has the part whose turn
// it is prints.
type listing struct {
	*dump
	part  func(i, n int) iter.Seq2[*pdb.Symbol, error]
	parts int

	mu    sync.Mutex // guards the fields below
	moved sync.Cond  // turn or err changed
	begun int        // number of the next part to begin
	turn  int        // number of the part to print
	done  []*rows    // of parts from turn on, by number modulo its length; nil: in work
	spare []*rows
	err   error // why printing ended
}

// work makes and prints the rows of one part after the other.
func (l *listing) work() {
	for i, r := l.begin(); r != nil; i, r = l.begin() {
		l.render(i, r)
		l.finish(i, r)
	}
}

// begin returns the next part and room for its rows, nil when there is nothing
// left to do.
func (l *listing) begin() (int, *rows) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && l.begun < l.parts && l.begun-l.turn == len(l.done) {
		l.moved.Wait()
	}
	if l.err != nil || l.begun == l.parts {
		return 0, nil
	}
	l.begun++
	return l.begun - 1, l.empty()
}

// render makes the rows of a part. Rows that get too many are printed when it is
// their turn.
func (l *listing) render(i int, r *rows) {
	for s, err := range l.part(i, l.parts) {
		if err != nil {
			r.damage(err)
		} else {
			l.show(r, s)
			r.n++
		}
		if r.full() && !l.printEarly(i, r) {
			return
		}
	}
}

// printEarly prints rows of a part that has more of them. It reports false when
// nobody wants them.
func (l *listing) printEarly(i int, r *rows) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && l.turn != i {
		l.moved.Wait()
	}
	return l.err == nil && l.print(r)
}

// finish hands in the last rows of a part. If it is their turn they are printed,
// and all that waited for them.
func (l *listing) finish(i int, r *rows) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[i%len(l.done)] = r
	if i != l.turn {
		return
	}
	for ; r != nil && l.err == nil; r = l.done[l.turn%len(l.done)] {
		l.print(r)
		l.spare = append(l.spare, r)
		l.done[l.turn%len(l.done)] = nil
		l.turn++
		l.moved.Broadcast()
	}
}

// print prints rows whose turn it is, and empties them. It lets go of the lock
// meanwhile.
func (l *listing) print(r *rows) bool {
	l.mu.Unlock()
	err := l.take(r)
	r.reset()
	l.mu.Lock()
	if err != nil {
		l.err = err
		l.moved.Broadcast()
	}
	return err == nil
}

// show adds the row of a symbol.
func (l *listing) show(r *rows, s *pdb.Symbol) {
	switch {
	case !s.Kind.IsPublic():
		r.symbol(s)
	case r.json:
		r.sizedObject(l.pdb, s)
	default:
		r.public(s)
	}
}

// empty returns room for rows.
func (l *listing) empty() *rows {
	if n := len(l.spare); n > 0 {
		r := l.spare[n-1] // what was used last is in the caches
		l.spare = l.spare[:n-1]
		return r
	}
	return &rows{json: l.console.json, jsonRow: jsonRow{b: make([]byte, 0, rowBytes+text.MaxLine)}}
}
