package pdb

import (
	"bytes"
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// lazy holds a value that is built when it is first asked for. A failed build
// is not remembered: what failed may have been the disk. It is safe for
// concurrent use.
type lazy[T any] struct {
	done atomic.Pointer[T]
	mu   sync.Mutex // held while building
}

func (l *lazy[T]) get(build func() (*T, error)) (*T, error) {
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

// u16 and u32 read at fixed offsets of records whose length was checked.
func u16(b []byte, off int) uint16 { return binary.LittleEndian.Uint16(b[off:]) }
func u32(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }

// cstr returns the NUL-terminated string at off of b.
func cstr(b []byte, off uint32) ([]byte, bool) {
	if uint64(off) >= uint64(len(b)) {
		return nil, false
	}
	i := bytes.IndexByte(b[off:], 0)
	if i < 0 {
		return nil, false
	}
	return b[off : int(off)+i], true
}

// tally counts questions, to tell when there were so many that a table of all answers
// has cost less than to go on one by one. What the answer is must not depend on it. It
// is safe for concurrent use.
type tally struct{ n atomic.Uint32 }

// over counts one more question, and reports whether more than limit were asked.
func (t *tally) over(limit uint32) bool { return t.n.Load() > limit || t.n.Add(1) > limit }
