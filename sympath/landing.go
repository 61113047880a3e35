package sympath

import (
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/internal/fsx"
)

var (
	// ErrTooLarge is wrapped by errors about files that exceed the [Limits].
	ErrTooLarge = fsx.ErrTooLarge
	// ErrTooMany is wrapped by errors about searches that skipped files because
	// there were too many.
	ErrTooMany = errors.New("too many files of that name")
	// ErrMismatch is wrapped by the errors for files that are not the one
	// that was asked for, or no symbol or image file at all.
	ErrMismatch = errors.New("not the file asked for")
)

// landing is where a file goes as it arrives: the first of several stages that
// takes it. When one fails half-way, a full disk say, the next one goes on.
type landing struct {
	stages []stageMaker // those still to try; the last one is scratch
	warn   func(location string, err error)
	limit  int64

	tier *Cache // of the stage in use, nil for scratch
	cur  stage
	n    int64
	sum  *digest
}

// stageMaker begins a stage in a cache, or in scratch when tier is nil.
type stageMaker struct{ tier *Cache }

func (m stageMaker) begin() (stage, error) {
	if m.tier == nil {
		return &scratch{}, nil
	}
	t, err := m.tier.begin()
	if err != nil {
		return nil, err
	}
	return t, nil
}

func newLanding(tiers []*Cache, limit int64, warn func(string, error)) *landing {
	l := &landing{warn: warn, limit: limit, sum: newDigest()}
	for i := len(tiers) - 1; i >= 0; i-- {
		l.stages = append(l.stages, stageMaker{tiers[i]})
	}
	l.stages = append(l.stages, stageMaker{})
	return l
}

// advance begins the next stage and takes what has arrived along.
func (l *landing) advance() error {
	old := l.cur
	l.cur = nil
	if old != nil {
		defer old.discard()
	}
	err := errNoStage
	for len(l.stages) > 0 {
		m := l.stages[0]
		l.stages = l.stages[1:]
		var next stage
		if next, err = m.begin(); err == nil {
			if _, err = io.Copy(next, io.NewSectionReader(readerAt{old}, 0, l.n)); err == nil {
				l.cur, l.tier = next, m.tier
				return nil
			}
			next.discard()
		}
		if m.tier != nil {
			l.warn(m.tier.dir, err)
		}
	}
	return err
}

var errNoStage = errors.New("no place to put the file")

// readerAt stands for a stage that may not exist yet.
type readerAt struct{ s stage }

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	if r.s == nil {
		return 0, io.EOF
	}
	return r.s.ReadAt(p, off)
}

// Write appends p. It fails when the file gets too large or no stage is left.
func (l *landing) Write(p []byte) (int, error) {
	if int64(len(p)) > l.limit-l.n {
		return 0, fmt.Errorf("%w: over %d bytes", ErrTooLarge, l.limit)
	}
	if l.cur == nil {
		if err := l.advance(); err != nil {
			return 0, err
		}
	}
	done := 0
	for {
		n, err := l.cur.Write(p[done:])
		done += n
		l.sum.write(p[done-n : done])
		l.n += int64(n)
		if err == nil {
			return done, nil
		}
		if err := l.giveUp(err); err != nil {
			return done, err
		}
	}
}

// giveUp leaves a stage that fails for the next.
func (l *landing) giveUp(err error) error {
	if l.tier == nil {
		return err
	}
	l.warn(l.tier.dir, err)
	return l.advance()
}

// reset forgets what has arrived.
func (l *landing) reset() error {
	l.n = 0
	l.sum.reset()
	if l.cur == nil {
		return nil
	}
	if err := l.cur.truncate(); err != nil {
		return l.giveUp(err)
	}
	return nil
}

func (l *landing) discard() {
	l.sum.wait()
	if l.cur != nil {
		l.cur.discard()
		l.cur = nil
	}
}

func (l *landing) content() io.ReaderAt { return io.NewSectionReader(readerAt{l.cur}, 0, l.n) }
