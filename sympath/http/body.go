package http

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/symres/symres/sympath"
)

// watched reads a body and gives up when nothing arrives for too long, or too
// little. Only the time inside of Read counts: a slow disk is not the
// server's fault.
type watched struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	body   io.ReadCloser
	stall  time.Duration
	rate   int64
	window time.Duration

	n      int64 // bytes read
	spent  time.Duration
	inSpan int64 // bytes read in the window
	err    error
}

func newWatched(ctx context.Context, cancel context.CancelCauseFunc, body io.ReadCloser, cfg *Config) *watched {
	return &watched{ctx: ctx, cancel: cancel, body: body, stall: cfg.ProgressTimeout, rate: cfg.MinRate, window: cfg.RateWindow}
}

func (w *watched) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	start := time.Now()
	timer := time.AfterFunc(w.stall, func() { w.cancel(fmt.Errorf("%w for %v", ErrStalled, w.stall)) })
	n, err := w.body.Read(p)
	timer.Stop()
	w.n += int64(n)
	switch {
	case err == io.EOF:
	case err != nil:
		err = w.reason(err)
	default:
		err = w.speed(n, time.Since(start))
	}
	w.err = err
	return n, err
}

// speed looks at the rate at the end of each window.
func (w *watched) speed(n int, took time.Duration) error {
	w.spent += took
	w.inSpan += int64(n)
	if w.spent < w.window {
		return nil
	}
	rate := int64(float64(w.inSpan) / w.spent.Seconds())
	w.spent, w.inSpan = 0, 0
	if rate < w.rate {
		return fmt.Errorf("%w: %d bytes per second", ErrTooSlow, rate)
	}
	return nil
}

func (w *watched) reason(err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrTruncated, err)
}

func (w *watched) Close() error {
	w.cancel(nil)
	return w.body.Close()
}

// decoded undoes the Content-Encoding, which servers use unasked, too.
func decoded(encoding string, w *watched, max int64) (io.Reader, error) {
	var r io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return w, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(w)
	case "deflate":
		r, err = zlib.NewReader(w)
	default:
		return nil, permanent{fmt.Errorf("%w: content encoding %.40q", ErrStatus, encoding)}
	}
	if err != nil {
		return nil, wrapCoding(w, err)
	}
	return &inflated{r: r, from: w, max: max}, nil
}

// inflated bounds what a body may grow to.
type inflated struct {
	r    io.Reader
	from *watched
	max  int64
	n    int64
}

const (
	maxRatio   = 200
	ratioSlack = 16 << 20
)

func (i *inflated) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.n += int64(n)
	if i.n > i.max || i.n > ratioSlack && i.n/maxRatio > i.from.n {
		return 0, permanent{fmt.Errorf("%w: content encoding expands to over %d bytes", sympath.ErrTooLarge, i.n)}
	}
	if err != nil && err != io.EOF {
		err = wrapCoding(i.from, err)
	}
	return n, err
}

// wrapCoding tells bad data from data that did not come. Bad data may be the
// network's doing, so it is worth another try.
func wrapCoding(w *watched, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case w.err != nil && w.err != io.EOF:
		return w.err
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("%w: bad content encoding: %w", ErrTruncated, err)
	}
	return fmt.Errorf("%w: %w", ErrTruncated, err)
}
