package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
)

const (
	chunkSize   = 256 << 10
	chunksAhead = 4 // chunks read before they are wanted
)

// chunk is a piece of input, or how it ends.
type chunk struct {
	b   []byte
	err error
}

// chunks reads r in the background until it ends or ctx does. A read under way
// is not waited for.
func chunks(ctx context.Context, r io.Reader) <-chan chunk {
	out := make(chan chunk, chunksAhead)
	go func() {
		for {
			b := make([]byte, chunkSize)
			n, err := r.Read(b)
			select {
			case out <- chunk{b[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// batches yields the lines of r as they come: what is there of them at once,
// up to most. It never waits for more while it has some. An error comes last;
// it is that of ctx as soon as ctx ends.
func batches(ctx context.Context, r io.Reader, most int) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		b := batcher{in: chunks(ctx, r), most: most}
		for {
			err := b.fill(ctx)
			for len(b.lines) > 0 && (err != nil || b.dry() || len(b.lines) >= most) {
				n := min(most, len(b.lines))
				if !yield(b.lines[:n], nil) {
					return
				}
				b.lines = b.lines[n:]
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, io.EOF) {
				yield(nil, err)
			}
			return
		}
	}
}

// batcher cuts chunks into lines.
type batcher struct {
	in    <-chan chunk
	most  int
	lines [][]byte
	rest  []byte // of the last chunk, without an end of line
}

// dry reports that no more input is there just now.
func (b *batcher) dry() bool { return len(b.in) == 0 }

// fill waits for the next chunk.
func (b *batcher) fill(ctx context.Context) error {
	var c chunk
	select {
	case c = <-b.in:
	case <-ctx.Done():
		return ctx.Err()
	}
	if ctx.Err() != nil { // select takes either when both are there
		return ctx.Err()
	}
	b.cut(c.b)
	switch {
	case len(b.rest) > maxInputLine:
		return errLongLine
	case errors.Is(c.err, io.EOF) && len(b.rest) > 0:
		b.lines, b.rest = append(b.lines, b.rest), nil
	}
	return c.err
}

var errLongLine = errors.New("a line is too long")

func (b *batcher) cut(data []byte) {
	b.lines = slices.Grow(b.lines, bytes.Count(data, []byte("\n"))+1)
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			b.rest = append(b.rest, data...)
			return
		}
		line := data[:i]
		if len(b.rest) > 0 {
			line, b.rest = append(b.rest, line...), nil
		}
		b.lines = append(b.lines, line)
		data = data[i+1:]
	}
}

// interruptible is a reader that fails with the error of ctx as soon as ctx
// ends, even while r blocks as a terminal does. Closing it lets go of r, whose
// reader in the background ends with its next byte.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err) // nil is the end of file
	}()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return closer{out, stop}
}

type closer struct {
	*io.PipeReader
	stop func() bool
}

func (c closer) Close() error {
	c.stop()
	return c.PipeReader.Close()
}

// maxInputLine bounds a line of standard input.
const maxInputLine = 1 << 20

// lines yields the lines of r as they come, until ctx ends.
func lines(ctx context.Context, r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		in := interruptible(ctx, r)
		defer in.Close()
		s := bufio.NewScanner(in)
		s.Buffer(nil, maxInputLine)
		for s.Scan() {
			if !yield(s.Text(), nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield("", err)
		}
	}
}
