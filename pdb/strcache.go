package pdb

import "sync"

// stringCache remembers strings made from numbers, as long as they are not too
// many: the same few are asked for all the time. It is safe for concurrent use.
type stringCache struct {
	mu    sync.RWMutex      // guards the fields below
	known map[uint32]string // by number
	held  int               // bytes in known
}

const (
	maxStrings = 16 << 20 // bytes of strings that are remembered
	mapEntry   = 32       // what an entry costs besides its string
)

// get returns the string of a number, from the cache or made by build. A
// failed build is not remembered.
func (c *stringCache) get(num uint32, build func(uint32) (string, error)) (string, error) {
	c.mu.RLock()
	s, ok := c.known[num]
	c.mu.RUnlock()
	if ok {
		return s, nil
	}
	s, err := build(num)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held+len(s) <= maxStrings {
		if c.known == nil {
			c.known = map[uint32]string{}
		}
		c.known[num] = s
		c.held += len(s) + mapEntry
	}
	return s, nil
}
