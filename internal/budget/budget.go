// Package budget bounds what a file can make its reader do.
package budget

import (
	"sync"
	"sync/atomic"
)

// Budget is what may still be done with a file, in bytes that are read because something
// refers to them, or the time that takes. Walks over what lies together are not
// counted: the container gives each block to one stream and the module list each
// stream to one module, so all of them together are no longer than the file.
// What refers to records can name one record, one text or parts of the same
// bytes as often as it likes: that is counted.
//
// Each question is granted what it may cost. What it does not spend is taken back
// when it ends, what it spends beyond that comes from the reserve: so one that
// stays within its grant never fails, whatever others do, and all others together
// spend no more than their grants and the reserve. It is safe for concurrent use.
type Budget struct {
	size int64        // of the file
	over error        // what has to be said when there is no more
	left atomic.Int64 // what may still be spent: less than 0 is a debt

	mu      sync.Mutex // guards the fields below, and left against other grants
	granted int64      // all that was ever granted and not taken back
	active  int        // grants that have not ended
}

const (
	leastWork  = 8 << 20  // for files of any size
	leastPoint = 16 << 10 // for a question about one thing
	leastType  = 1 << 10  // for what is asked of very many types
)

// PerRecord is what a record counts as besides its bytes: it is far away.
const PerRecord = 32

// Init makes the budget that of a file of size bytes. over is the error of what costs
// too much. It comes before anything else.
func (w *Budget) Init(size int64, over error) {
	w.size, w.over = size, over
	w.left.Store(w.reserve())
}

// reserve is for what is read once and kept.
func (w *Budget) reserve() int64 { return leastWork + w.size }

// Starve leaves of what questions are granted so much that a walk over the whole
// file may spend as much as the file is long, and half of that in reserve. It is for
// tests.
func (w *Budget) Starve() {
	w.left.Store(w.size / 2)
	w.size = (w.size - leastWork) / 3
}

// Whole is what a question about all of the file is granted.
func (w *Budget) Whole() int64 { return leastWork + 3*w.size }

// Point is what a question about an address or a name is granted.
func (w *Budget) Point() int64 { return leastPoint + w.size/256 }

// OfType is what a question about one type may cost.
func (w *Budget) OfType() int64 { return leastType + w.size/8192 }

// Grant is what a question may spend.
type Grant struct {
	w     *Budget
	n     int64
	left  int64 // of the work when it was granted, without it
	total int64 // all that was granted until then, and it
}

// Begin grants n to a question. A question that spent more than there was has
// left a debt: as long as grants do not pay it, Begin fails with the error of [Budget.Init].
func (w *Budget) Begin(n int64) (Grant, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left.Load()+n <= 0 {
		return Grant{}, w.over
	}
	w.granted += n
	w.active++
	return Grant{w: w, n: n, left: w.left.Add(n) - n, total: w.granted}, nil
}

// End takes back what was not spent, by this question or others meanwhile. When
// no other goes on it fills up the reserve.
func (g Grant) End() {
	g.w.mu.Lock()
	defer g.w.mu.Unlock()
	left := g.w.left.Load()
	back := min(max(0, left-g.left-(g.w.granted-g.total)), g.n)
	if g.w.active--; g.w.active == 0 {
		back = min(back, max(0, left-g.w.reserve()))
	}
	g.w.left.Add(-back)
	g.w.granted -= back
}

// Spend takes n off what is left; it is the error of [Budget.Init] when that was not enough.
func (w *Budget) Spend(n int) error {
	if w.left.Add(-int64(n)) >= 0 {
		return nil
	}
	return w.over
}

// Owe is Spend for what is done and given already.
func (w *Budget) Owe(n int) { w.left.Add(-int64(n)) }

// Over is the error of [Budget.Init] when there is a debt.
func (w *Budget) Over() error {
	if w.left.Load() < 0 {
		return w.over
	}
	return nil
}

// Tab counts work that is done in small pieces. It belongs to one goroutine.
type Tab struct {
	W *Budget
	N int // counted and not spent yet
}

const tabSize = 64 << 10 // what is spent at a time

// Record counts a record of n bytes.
func (t *Tab) Record(n int) error {
	if t.N += n + PerRecord; t.N < tabSize {
		return nil
	}
	return t.Pay()
}

// Pay spends what was counted.
func (t *Tab) Pay() error {
	n := t.N
	t.N = 0
	return t.W.Spend(n)
}
