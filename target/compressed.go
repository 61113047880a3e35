package target

import (
	"context"
	"errors"
	"io"

	"github.com/symres/symres/internal/unpack"
)

// readCompressed expands a file and takes what is in it.
func (o *opener) readCompressed(ctx context.Context, r io.ReaderAt, size int64) error {
	if o.expanded {
		return &formatError{"a compressed file in a compressed file: expand it first"}
	}
	s, err := unpack.Open(ctx, r, size, unpack.Limits{})
	switch {
	case errors.Is(err, unpack.ErrFormat):
		return &formatError{err.Error()}
	case err != nil:
		return err
	}
	o.closes(s)
	o.expanded = true
	return o.readDump(ctx, s, s.Size())
}
