package nt

import (
	"fmt"
	"iter"
	"slices"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/memsource"
)

// ListBreak is yielded when a list cannot be followed further from its head. It
// does not end the sequence: the entries that can be reached from the other end
// follow. It unwraps to Fault.
type ListBreak struct {
	List      string // what the list is, such as "loaded-module list"
	At        uint64 // the links that cannot be read or followed
	Fault     error  // why; wraps a [*memsource.Fault] or [ErrMalformed]
	Recovered int    // entries found from the other end, which follow in their order

	// End is where the walk from the other end stopped. When it equals At,
	// nothing is missing but At itself, if that is what could not be read; when
	// not, entries between the two may be.
	End uint64
}

// Error says where the list broke and how much came from the other end.
func (e *ListBreak) Error() string {
	return fmt.Sprintf("%s broken at %s, %d entries recovered from the other end: %v",
		e.List, hexaddr.Addr(e.At), e.Recovered, e.Fault)
}

// Unwrap returns Fault.
func (e *ListBreak) Unwrap() error { return e.Fault }

var errLoop = fmt.Errorf("the list runs in a circle that misses its head: %w", ErrMalformed)

// ring is a circular list of LIST_ENTRYs being walked. No links are visited
// twice, and at most most of them are.
type ring struct {
	src  memsource.Source
	ptr  width
	name string
	head uint64
	most int
	seen map[uint64]bool
}

func newRing(src memsource.Source, ptr width, name string, head uint64, most int) *ring {
	return &ring{src: src, ptr: ptr, name: name, head: head, most: most, seen: map[uint64]bool{head: true}}
}

// links yields the addresses of the entries' links in list order. Where the
// list breaks a [*ListBreak] is yielded, followed by what the other end reaches.
func (r *ring) links() iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		at, fault, more := r.forward(yield)
		if !more || fault == nil {
			return
		}
		back, end := r.backward()
		if !yield(0, &ListBreak{List: r.name, At: at, Fault: fault, Recovered: len(back), End: end}) {
			return
		}
		for _, e := range slices.Backward(back) {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// forward yields the links from the head on. It returns where and why the
// list broke, with a nil fault when it came back to the head, and whether the
// caller wants more.
func (r *ring) forward(yield func(uint64, error) bool) (at uint64, fault error, more bool) {
	from := r.head
	for {
		next, fault := r.ptr.read(r.src, from)
		if fault != nil {
			return from, fault, true
		}
		if next == r.head {
			return 0, nil, true
		}
		if fault := r.check(next); fault != nil {
			return from, fault, true
		}
		r.seen[next] = true
		if _, err := r.ptr.read(r.src, next); err != nil {
			return next, err, true // not an entry lost to a bad field: it cannot be read at all
		}
		if !yield(next, nil) {
			return 0, nil, false
		}
		from = next
	}
}

// check says why an address cannot be that of the next links.
func (r *ring) check(next uint64) error {
	switch {
	case next == 0 || next%uint64(r.ptr) != 0:
		return malformed(next, "no address of an entry")
	case r.seen[next]:
		return errLoop
	case len(r.seen) > r.most:
		return fmt.Errorf("more than %d entries: %w", r.most, ErrMalformed)
	}
	return nil
}

// backward collects the links that only the backward pointers reach, the last
// of the list first, and returns where it stopped.
func (r *ring) backward() (list []uint64, end uint64) {
	from := r.head
	for {
		next, err := r.ptr.read(r.src, from+uint64(r.ptr))
		if err != nil {
			return list, from
		}
		if r.check(next) != nil {
			return list, next
		}
		if _, err := r.ptr.read(r.src, next); err != nil {
			return list, next
		}
		r.seen[next] = true
		list, from = append(list, next), next
	}
}
