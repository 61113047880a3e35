package memsource

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Strict wraps another reader, such as delve's, so that it fulfils the contract
// of [Source]. It corrects these known deviations:
//
//   - a short count with a nil error, or io.EOF with a full one;
//   - a count below 0 or above what was asked, which voids the whole read;
//   - errors without type or address, which become a [*Fault] of reason
//     [ReasonUnknown] at the exact byte, with the error behind it;
//   - failing the whole request because of one page: the request is split at
//     page boundaries and then halved until the first unreadable byte is
//     found, in at most a dozen more reads;
//   - requests that wrap: the reader is never asked beyond the top.
//
// A Fault the reader does return is kept. Strict cannot detect a reader that
// returns wrong bytes. The result is safe for concurrent use if r is.
func Strict(r Source) Source {
	if s, ok := r.(strict); ok {
		return s
	}
	return strict{r}
}

type strict struct{ src Source }

func (s strict) ReadMemory(buf []byte, addr uint64) (int, error) {
	return s.ReadMemoryContext(context.Background(), buf, addr)
}

// ReadMemoryContext implements [ContextSource].
func (s strict) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (int, error) {
	head, over := Clip(buf, addr)
	n, err := asker{ctx, s.src}.fill(head, addr)
	if err == nil {
		err = over
	}
	return n, err
}

// asker is the foreign reader during one call.
type asker struct {
	ctx context.Context
	src Source
}

// once asks for p and makes the answer consistent: err is nil exactly when all
// of p was read.
func (a asker) once(p []byte, addr uint64) (int, error) {
	n, err := readContext(a.ctx, a.src, p, addr)
	switch {
	case n < 0 || n > len(p):
		return 0, fmt.Errorf("reader claims %d of %d bytes", n, len(p))
	case n == len(p) && (err == nil || errors.Is(err, io.EOF)):
		return n, nil
	case n == len(p): // all of it and yet a failure: do not trust the bytes
		return 0, err
	case err == nil:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// fill reads p as far as the reader can be brought to read it.
func (a asker) fill(p []byte, addr uint64) (n int, err error) {
	for n < len(p) {
		k, err := a.once(p[n:], addr+uint64(n))
		n += k
		if err == nil || isAt(err, addr+uint64(n)) {
			return n, err
		}
		if k == 0 { // progress means: ask again from here to learn why it stopped
			m, err := a.pages(p[n:], addr+uint64(n))
			return n + m, err
		}
	}
	return n, nil
}

// pages reads p page by page up to the first byte that cannot be read.
func (a asker) pages(p []byte, addr uint64) (n int, err error) {
	const page = usualPage
	for n < len(p) {
		at := addr + uint64(n)
		k, err := a.halve(p[n:min(len(p), n+page-int(at%page))], at)
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// halve reads p, and if that fails finds how much of it can be read.
func (a asker) halve(p []byte, addr uint64) (int, error) {
	lo, err := a.once(p, addr)
	if err == nil || isAt(err, addr+uint64(lo)) {
		return lo, err
	}
	for hi := len(p); hi-lo > 1; { // p[:lo] is read, p[:hi] cannot be
		mid := lo + (hi-lo)/2
		if lo == 0 && hi == len(p) {
			mid = 1 // most holes begin where the read does
		}
		k, midErr := a.once(p[lo:mid], addr+uint64(lo))
		lo += k
		if midErr != nil {
			hi, err = mid, midErr
		}
		if isAt(err, addr+uint64(lo)) {
			break
		}
	}
	return lo, typed(err, addr+uint64(lo))
}

// isAt reports whether err carries a whole Fault at addr already.
func isAt(err error, addr uint64) bool {
	f, ok := errors.AsType[*Fault](err)
	return ok && f.Addr == addr && f.Status != 0
}
