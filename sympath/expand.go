package sympath

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/wtext"
)

// compressed tells a container by its first bytes. A file whose name says that
// it is one is what it should be and is left alone.
func compressed(file string, r io.ReaderAt) bool {
	switch strings.ToLower(path.Ext(file)) {
	case ".cab", ".zip", ".gz":
		return false
	}
	first := make([]byte, cab.SniffLen)
	n, _ := r.ReadAt(first, 0)
	return cab.Sniff(first[:n]) != cab.Unknown
}

var errExpandsToNothing = errors.New("it expands to nothing")

// expand writes the one file in a container, whatever it is called there.
func expand(r io.ReaderAt, size int64, w io.Writer, l Limits) (int64, error) {
	f, err := cab.Expand(r, size, cab.Limits{MaxSize: l.Expanded, MaxRatio: l.Ratio})
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := io.Copy(w, f)
	switch {
	case errors.Is(err, cab.ErrTooLarge):
		err = fmt.Errorf("%w: %w", ErrTooLarge, err)
	case err == nil && n == 0:
		err = errExpandsToNothing
	}
	return n, err
}

// openExpanded opens a compressed file of a store on disk. What is in it lives
// in memory, or in a temporary file, until it is closed.
func (p place) openExpanded(ctx context.Context, name, location string) (File, error) {
	f, err := p.open(ctx, name, location)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := &landed{refs: 1, held: &scratch{}}
	defer l.release()
	l.size, err = expand(within(ctx, f), f.Size(), l.held, p.limits.orDefault())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", wtext.Printable(location), err)
	}
	file, _ := l.open()
	return file, ctx.Err()
}
