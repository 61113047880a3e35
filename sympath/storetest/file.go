package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/symres/symres/sympath"
)

// right opens the candidates and counts those with the wanted bytes. That one
// cannot be opened is no breach: it may be gone.
func (j *judge) right(w Want, candidates []sympath.Candidate) (n int) {
	for _, c := range candidates {
		f, err := c.Open(context.Background())
		if err != nil {
			continue
		}
		if j.same(c, f, w.data) {
			n++
		}
		j.closed(c, f)
	}
	if len(candidates) > 0 {
		j.canceledOpen(candidates[0])
	}
	return n
}

// same reads the whole file, and around its end.
func (j *judge) same(c sympath.Candidate, f sympath.File, want []byte) bool {
	size := f.Size()
	if size < 0 {
		j.fail("%s: size %d", c.Location, size)
		return false
	}
	if n, err := f.ReadAt(make([]byte, 1), size); n != 0 || !errors.Is(err, io.EOF) {
		j.fail("%s: a read at the end gives %d bytes and %v", c.Location, n, err)
	}
	if size != int64(len(want)) {
		return false
	}
	got := make([]byte, size)
	if n, err := f.ReadAt(got, 0); int64(n) != size || err != nil && !errors.Is(err, io.EOF) {
		j.fail("%s: a read of all %d bytes gives %d and %v", c.Location, size, n, err)
	}
	if half := size / 2; size > 0 {
		b := make([]byte, 1)
		if n, err := f.ReadAt(b, half); n != 1 || err != nil && !errors.Is(err, io.EOF) || b[0] != got[half] {
			j.fail("%s: the byte at %d is %x alone and %x with the others (%v)", c.Location, half, b, got[half], err)
		}
	}
	return bytes.Equal(got, want)
}

// closed closes the file and reads on, which must fail; another that was opened
// of the same candidate stays open.
func (j *judge) closed(c sympath.Candidate, f sympath.File) {
	other, openErr := c.Open(context.Background())
	if err := f.Close(); err != nil {
		j.fail("%s: Close: %v", c.Location, err)
	}
	if n, err := f.ReadAt(make([]byte, 1), 0); n != 0 || !errors.Is(err, fs.ErrClosed) {
		j.fail("%s: a read after Close gives %d bytes and %v", c.Location, n, err)
	}
	if openErr != nil {
		j.fail("%s: opened a second time: %v", c.Location, openErr)
		return
	}
	defer other.Close()
	if _, err := other.ReadAt(make([]byte, 1), 0); err != nil && !errors.Is(err, io.EOF) {
		j.fail("%s: closing one file of it closes another: %v", c.Location, err)
	}
}

func (j *judge) canceledOpen(c sympath.Candidate) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if f, err := c.Open(ctx); err == nil {
		f.Close()
		j.fail("%s: opens with a canceled context", c.Location)
	} else if !errors.Is(err, context.Canceled) {
		j.fail("%s: Open with a canceled context: %v", c.Location, err)
	}
}
