package pdb

import (
	"sync"
	"sync/atomic"
)

// stringCache gives strings made from numbers a handle each and remembers them,
// as long as they are not too many: the same few are asked for all the time. It
// is safe for concurrent use; what was given out is reached without a lock.
type stringCache struct {
	all atomic.Pointer[[]string] // by handle; only ever grows

	mu    sync.Mutex        // guards the fields below
	known map[uint32]uint32 // handles by number
	held  int               // bytes in all
}

const (
	maxStrings  = 16 << 20 // bytes of strings that are remembered
	stringEntry = 32       // what one costs besides its bytes
)

// get returns the string of a number, remembered or made by build, and its
// handle, 0 for one that is not remembered. A failed build is not.
func (c *stringCache) get(num uint32, build func(uint32) (string, error)) (string, uint32, error) {
	c.mu.Lock()
	h := c.known[num]
	c.mu.Unlock()
	if h != 0 {
		return c.at(h), h, nil
	}
	s, err := build(num)
	if err != nil {
		return "", 0, err
	}
	return s, c.keep(num, s), nil
}

func (c *stringCache) keep(num uint32, s string) uint32 {
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

// at returns the string of a handle that get has given out.
func (c *stringCache) at(h uint32) string { return (*c.all.Load())[h] }
