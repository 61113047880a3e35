// Package kept holds what was made once and is asked for again: values, strings with
// handles, and the number of questions until it is worth making more.
package kept

import (
	"sync"
	"sync/atomic"
)

// Value holds a value that is built when it is first asked for. A failed build
// is not remembered: what failed may have been the disk. It is safe for
// concurrent use.
type Value[T any] struct {
	done atomic.Pointer[T]
	mu   sync.Mutex // held while building
}

// Get returns the value, which build makes if nobody has yet.
func (l *Value[T]) Get(build func() (*T, error)) (*T, error) {
	if v := l.done.Load(); v != nil {
		return v, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := l.done.Load(); v != nil {
		return v, nil
	}
	v, err := build()
	if err == nil {
		l.done.Store(v)
	}
	return v, err
}

// Built returns the value if it was built, nil otherwise.
func (l *Value[T]) Built() *T { return l.done.Load() }

// Tally counts questions, to tell when there were so many that a table of all answers
// has cost less than to go on one by one. What the answer is must not depend on it. It
// is safe for concurrent use.
type Tally struct{ n atomic.Uint32 }

// Over counts one more question, and reports whether more than limit were asked.
func (t *Tally) Over(limit uint32) bool { return t.n.Load() > limit || t.n.Add(1) > limit }

// Strings gives strings made from numbers a handle each and remembers them,
// as long as they are not too many: the same few are asked for all the time. It
// is safe for concurrent use; what was given out is reached without a lock.
type Strings struct {
	all atomic.Pointer[[]string] // by handle; only ever grows

	mu    sync.Mutex        // guards the fields below
	known map[uint32]uint32 // handles by number
	held  int               // bytes in all
}

const (
	maxStrings  = 16 << 20 // bytes of strings that are remembered
	stringEntry = 32       // what one costs besides its bytes
)

// Get returns the string of a number, remembered or made by build, and its
// handle, 0 for one that is not remembered. A failed build is not.
func (c *Strings) Get(num uint32, build func(uint32) (string, error)) (string, uint32, error) {
	c.mu.Lock()
	h := c.known[num]
	c.mu.Unlock()
	if h != 0 {
		return c.At(h), h, nil
	}
	s, err := build(num)
	if err != nil {
		return "", 0, err
	}
	return s, c.keep(num, s), nil
}

func (c *Strings) keep(num uint32, s string) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.known[num]; h != 0 {
		return h
	}
	if c.held+len(s)+stringEntry > maxStrings {
		return 0
	}
	if c.known == nil {
		c.known = map[uint32]uint32{}
		c.all.Store(&[]string{""})
	}
	all := append(*c.all.Load(), s) // readers never look behind the end they know
	c.all.Store(&all)
	h := uint32(len(all) - 1)
	c.known[num] = h
	c.held += len(s) + stringEntry
	return h
}

// At returns the string of a handle that Get has given out.
func (c *Strings) At(h uint32) string { return (*c.all.Load())[h] }

// Size returns the bytes of the strings that are remembered.
func (c *Strings) Size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(c.held)
}
