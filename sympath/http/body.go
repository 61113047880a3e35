package http

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
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

// codings lists the content codings of an answer in the order they were
// applied. Words that are no coding (utf-8, none, binary, aws-chunked) stand in
// that header, too; what they are put on is as if they were not there. Those
// that are one are in the registry of IANA.
func codings(h http.Header) []string {
	var out []string
	for word := range strings.SplitSeq(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		switch word = strings.ToLower(strings.TrimSpace(word)); word {
		case "gzip", "x-gzip":
			out = append(out, "gzip")
		case "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm":
			out = append(out, word)
		}
	}
	return out
}

// maxCodings bounds how often a body is encoded.
const maxCodings = 2

// decoded undoes the Content-Encoding, which servers use unasked, too.
func decoded(h http.Header, w *watched, max int64) (io.Reader, error) {
	words := codings(h)
	if len(words) == 0 {
		return w, nil
	}
	if len(words) > maxCodings {
		return nil, permanent{fmt.Errorf("%w: %d content encodings", ErrStatus, len(words))}
	}
	var r io.Reader = w
	var err error
	for _, word := range slices.Backward(words) {
		switch word {
		case "gzip":
			r, err = gzip.NewReader(r)
		case "deflate":
			r, err = zlib.NewReader(r)
		default:
			return nil, permanent{fmt.Errorf("%w: content encoding %q", ErrStatus, word)}
		}
		if err != nil {
			return nil, wrapCoding(w, err)
		}
		r = &inflated{r: r, from: w, max: max}
	}
	return r, nil
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
