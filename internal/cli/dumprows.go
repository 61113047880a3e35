package cli

import (
	"context"
	"iter"
	"runtime"
	"sync"

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

// full reports whether there is enough to be printed. Damage is told of when
// it is found.
func (r *rows) full() bool { return len(r.b) >= rowBytes || len(r.faults) > 0 }

const rowBytes = 64 << 10 // of rows that are printed at a time

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
	maxDumpers    = 8
	partsEach     = 32 // parts a listing is cut into for each who makes rows
	waitingChunks = 4  // rows of one part that wait to be printed
	partsAhead    = 2  // parts begun before their turn, for each who makes rows
)

// dumpParts prints what dumpAll prints of all parts one after the other. The
// rows are made by several at once, in bounded memory: nobody goes far ahead of
// what is printed.
func dumpParts(d *dump, part func(i, n int) iter.Seq2[pdb.Symbol, error]) error {
	workers := min(runtime.GOMAXPROCS(0), maxDumpers)
	ctx, stop := context.WithCancel(d.ctx)
	l := &listing{part: part, pdb: d.pdb, json: d.console.json, stopped: ctx.Done()}
	l.parts = make([]chan *rows, workers*partsEach)
	for i := range l.parts {
		l.parts[i] = make(chan *rows, waitingChunks)
	}
	l.turns = make(chan int, workers*partsAhead)
	var group sync.WaitGroup
	defer group.Wait() // the file is closed only then
	defer stop()
	for range workers {
		group.Go(l.work)
	}
	return l.print(d)
}

// listing is what those who make rows share with the one who prints them.
type listing struct {
	part    func(i, n int) iter.Seq2[pdb.Symbol, error]
	pdb     *pdb.File
	json    bool
	parts   []chan *rows // each is closed behind the rows of its part
	turns   chan int     // parts that may be begun
	free    sync.Pool    // of *rows
	stopped <-chan struct{}
}

// print hands out the parts and prints them in order.
func (l *listing) print(d *dump) error {
	defer close(l.turns)
	begun := 0
	for _, rows := range l.parts {
		for ; begun < len(l.parts) && len(l.turns) < cap(l.turns); begun++ {
			l.turns <- begun
		}
		for r, on := l.next(rows); on; r, on = l.next(rows) {
			if err := d.take(r); err != nil {
				return err
			}
			l.free.Put(r)
		}
	}
	return d.ctx.Err()
}

// next waits for rows; on is false at their end, and when nobody makes them any
// more.
func (l *listing) next(part chan *rows) (r *rows, on bool) {
	select {
	case r, on = <-part:
		return r, on
	case <-l.stopped:
		return nil, false
	}
}

// work makes the rows of one part after the other.
func (l *listing) work() {
	for i := range l.turns {
		if !l.render(i) {
			return
		}
	}
}

// render makes the rows of a part. It reports false when nobody wants them.
func (l *listing) render(i int) bool {
	r := l.empty()
	for s, err := range l.part(i, len(l.parts)) {
		if err != nil {
			r.damage(err)
		} else {
			l.show(r, &s)
			r.n++
		}
		if r.full() {
			if !l.hand(i, r) {
				return false
			}
			r = l.empty()
		}
	}
	on := l.hand(i, r)
	close(l.parts[i])
	return on
}

// show adds the row of a symbol. It is no function value: the symbol would have
// to be in the heap for one.
func (l *listing) show(r *rows, s *pdb.Symbol) {
	switch {
	case !s.Kind.IsPublic():
		r.symbol(s)
	case l.json:
		r.sizedObject(l.pdb, s)
	default:
		r.public(s)
	}
}

func (l *listing) empty() *rows {
	if r, ok := l.free.Get().(*rows); ok {
		r.reset()
		return r
	}
	return &rows{json: l.json, jsonRow: jsonRow{b: make([]byte, 0, rowBytes+maxLine)}}
}

func (l *listing) hand(i int, r *rows) bool {
	select {
	case l.parts[i] <- r:
		return true
	case <-l.stopped:
		return false
	}
}
