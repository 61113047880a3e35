package memsource

import (
	"context"
	"errors"
)

// Overlay returns a Source that reads each byte from the first layer that has
// it, for example from the resident pages of an image and then from its copy,
// or from a dump and then from a page file. After each hole of an upper layer
// the layers are tried again, page by page if the size of the hole is unknown.
//
// If no layer has a byte, the most specific fault is returned (first in a file
// or paging file, then not in the dump, then not mapped), cut to the part that
// no layer has. Without layers every read fails with [ReasonNotMapped]. The
// result is safe for concurrent use if the layers are.
func Overlay(layers ...Source) Source {
	return overlay(append([]Source(nil), layers...))
}

type overlay []Source

func (o overlay) ReadMemory(buf []byte, addr uint64) (int, error) {
	return o.ReadMemoryContext(context.Background(), buf, addr)
}

// ReadMemoryContext implements [ContextSource].
func (o overlay) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (int, error) {
	head, over := Clip(buf, addr)
	n, err := o.read(ctx, head, addr)
	if err == nil {
		err = over
	}
	return n, err
}

// read reads from the first layer and fills its holes from those below.
func (o overlay) read(ctx context.Context, buf []byte, addr uint64) (n int, err error) {
	if len(buf) == 0 {
		return 0, nil
	}
	if len(o) == 0 {
		return 0, NewFault(ReasonNotMapped, addr, 0)
	}
	for {
		k, err := readContext(ctx, o[0], buf[n:], addr+uint64(n))
		n += k
		if err == nil || len(o) == 1 || errors.Is(err, ErrCanceled) {
			return n, err
		}
		upper := faultOf(err, addr+uint64(n))
		hole := buf[n:]
		if size := upper.after(); uint64(len(hole)) > size {
			hole = hole[:size]
		}
		k, lower := o[1:].read(ctx, hole, addr+uint64(n))
		n += k
		if lower != nil {
			return n, telling(upper, lower, addr+uint64(n))
		}
		if n == len(buf) {
			return n, nil
		}
	}
}

// telling chooses between the faults of two layers at addr. The upper one may
// have begun before.
func telling(upper *Fault, lowerErr error, addr uint64) error {
	lower := faultOf(lowerErr, addr)
	if lower.Reason == ReasonCanceled {
		return lowerErr
	}
	u, l := upper.At(addr), lower.At(addr)
	if rank(l.Reason) > rank(u.Reason) {
		l.Len = min(l.Len, u.Len)
		return l
	}
	u.Len = min(u.Len, l.Len)
	return u
}

// rank orders reasons by how much they tell about where the bytes are.
func rank(r Reason) int {
	switch r {
	case ReasonFileBacked:
		return 9
	case ReasonPagedOut, ReasonCompressed:
		return 8
	case ReasonDemandZero:
		return 7
	case ReasonWrongContext, ReasonNoAccess:
		return 6
	case ReasonTruncated:
		return 5
	case ReasonIO:
		return 4
	case ReasonTableNotInDump, ReasonNotInDump:
		return 3
	case ReasonNotMapped:
		return 2
	case ReasonNonCanonical:
		return 1
	}
	return 0
}
