package pdb

import (
	"errors"
	"sync"
	"sync/atomic"
)

// ErrLimit means that a file asks for more work than its size is worth: what
// many of its parts refer to is shared, so that little of it would be read over
// and over. No linker writes such a file. What was given before the error is
// right but not complete. Errors of this kind satisfy
// errors.Is(err, [ErrFormat]) too.
var ErrLimit = errors.New("more work than a file of its size is worth")

// work is what a File may still do, in bytes that are read because something
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
type work struct {
	size int64        // of the file
	left atomic.Int64 // what may still be spent: less than 0 is a debt

	mu      sync.Mutex // guards the fields below, and left against other grants
	granted int64      // all that was ever granted and not taken back
	active  int        // grants that have not ended
}

const (
	leastWork  = 8 << 20  // for files of any size
	leastPoint = 16 << 10 // for a question about one thing
	leastType  = 1 << 10  // for what is asked of very many types
	perRecord  = 32       // what a record counts as besides its bytes: it is far away
)

func (w *work) init(size int64) {
	w.size = size
	w.left.Store(w.reserve())
}

// reserve is for what is read once and kept.
func (w *work) reserve() int64 { return leastWork + w.size }

// whole is for a question about all of the file, point for one about an address
// or a name, ofType for one about a type.
func (w *work) whole() int64  { return leastWork + 3*w.size }
func (w *work) point() int64  { return leastPoint + w.size/256 }
func (w *work) ofType() int64 { return leastType + w.size/8192 }

// grant is what a question may spend.
type grant struct {
	w     *work
	n     int64
	left  int64 // of the work when it was granted, without it
	total int64 // all that was granted until then, and it
}

// begin grants n to a question. A question that spent more than there was has
// left a debt: as long as grants do not pay it, begin fails.
func (w *work) begin(n int64) (grant, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left.Load()+n <= 0 {
		return grant{}, cutError{}
	}
	w.granted += n
	w.active++
	return grant{w: w, n: n, left: w.left.Add(n) - n, total: w.granted}, nil
}

// end takes back what was not spent, by this question or others meanwhile. When
// no other goes on it fills up the reserve.
func (g grant) end() {
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

// spend takes n off what is left; it is an error when that was not enough.
func (w *work) spend(n int) error {
	if w.left.Add(-int64(n)) >= 0 {
		return nil
	}
	return cutError{}
}

// owe is spend for what is done and given already.
func (w *work) owe(n int) { w.left.Add(-int64(n)) }

// over reports whether there is a debt.
func (w *work) over() bool { return w.left.Load() < 0 }

// cutError ends an answer that costs too much.
type cutError struct{}

// Error implements the error interface.
func (cutError) Error() string {
	return "pdb: what follows was cut off: parts of the file refer to the same bytes over and over, which is " + ErrLimit.Error()
}

// Is reports whether target is [ErrLimit] or [ErrFormat].
func (cutError) Is(target error) bool { return target == ErrLimit || target == ErrFormat }

// tab counts work that is done in small pieces. It belongs to one goroutine.
type tab struct {
	w *work
	n int
}

const tabSize = 64 << 10 // what is spent at a time

// record counts a record of n bytes.
func (t *tab) record(n int) error {
	if t.n += n + perRecord; t.n < tabSize {
		return nil
	}
	return t.pay()
}

// pay spends what was counted.
func (t *tab) pay() error {
	n := t.n
	t.n = 0
	return t.w.spend(n)
}

// question is one that is being answered.
type question struct {
	f *File
	grant
}

// ask is enter for a question that may cost so much.
func (f *File) ask(n int64) (question, error) {
	if err := f.enter(); err != nil {
		return question{}, err
	}
	g, err := f.msf.work.begin(n)
	if err != nil {
		f.leave()
	}
	return question{f, g}, err
}

// end is the leave of a question.
func (q question) end() {
	q.grant.end()
	q.f.leave()
}
