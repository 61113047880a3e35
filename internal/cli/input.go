package cli

import (
	"bufio"
	"context"
	"io"
	"iter"
)

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
