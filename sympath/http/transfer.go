package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/symres/symres/sympath"
)

// transfer is one file on its way, through as many requests as it takes.
type transfer struct {
	server *server
	url    *url.URL
	file   string
	sink   *sympath.Sink

	got       int64  // bytes the sink has
	total     int64  // length of the file, -1 unknown
	validator string // for If-Range: the file is still the same
	parts     bool   // ask for the beginning alone: the rest may not be wanted
	taken     bool   // the file is read in parts
}

// transfer brings the file at a URL to the sink and commits it there.
// plain says that it is not a compressed form.
func (s *server) transfer(ctx context.Context, u *url.URL, f *search, plain bool) error {
	t := &transfer{server: s, url: u, file: f.query.File, sink: f.sink, total: -1}
	if err := t.restart(); err != nil {
		return err
	}
	t.parts = plain && t.sink.TakesParts(0)
	err := s.retry(ctx, u, s.host.slots, f.sink.Event, func() (int64, error) {
		before := t.got
		err := t.request(ctx)
		for err == errMore {
			err = t.request(ctx)
		}
		return t.got - before, err
	})
	if err != nil || t.taken {
		return err
	}
	if t.got == 0 {
		return ErrEmpty
	}
	return f.sink.Commit()
}

// progressful is how much a request must bring for the next failure to count
// as the first again.
const progressful = 64 << 10

// retry runs one request until it works, fails for good, or fails too often
// in a row without getting anywhere. It holds one of the host's connections
// while a request is under way.
func (s *server) retry(ctx context.Context, u *url.URL, slots chan struct{}, tell func(sympath.Event), request func() (progress int64, err error)) error {
	cfg, wait := s.client.cfg, newBackOff()
	var last error
	for try := 1; ; try++ {
		progress, err := s.guarded(ctx, slots, request)
		if last != nil && errors.Is(err, ErrHostPaused) {
			return last // which is why
		}
		last = err
		if err == nil || ctx.Err() != nil || !retryable(err) {
			return err
		}
		if progress >= progressful {
			try = 1
			wait.Reset()
		}
		delay := wait.NextBackOff()
		var status *StatusError
		if errors.As(err, &status) && status.RetryAfter > 0 {
			if status.RetryAfter > cfg.MaxWait {
				return fmt.Errorf("%w: it asks to come back in %v", err, status.RetryAfter.Round(time.Second))
			}
			delay = jitter(status.RetryAfter)
		}
		if try >= cfg.Tries {
			return err
		}
		tell(sympath.Event{Kind: sympath.EventRetry, Location: redact(u), Wait: delay, Err: err})
		if err := sleep(ctx, delay); err != nil {
			return err
		}
	}
}

// guarded makes a request if the host is not paused, and tells it the outcome.
func (s *server) guarded(ctx context.Context, slots chan struct{}, request func() (int64, error)) (int64, error) {
	if err := acquire(ctx, slots); err != nil {
		return 0, err
	}
	defer func() { <-slots }()
	if err := s.host.allow(); err != nil {
		return 0, err
	}
	n, err := request()
	blame := err
	if n >= progressful {
		blame = nil // it works, if not for long
	}
	s.host.outcome(blame, s.client.cfg.BreakerFailures, s.client.cfg.BreakerPause)
	return n, err
}

func (t *transfer) restart() error {
	t.got, t.total, t.validator = 0, -1, ""
	if err := t.sink.Reset(); err != nil {
		return permanent{err}
	}
	return nil
}

// request asks for what is still missing and takes what comes.
func (t *transfer) request(ctx context.Context) error {
	header := http.Header{}
	if t.got > 0 && t.validator == "" {
		if err := t.restart(); err != nil {
			return err
		}
	}
	if t.got > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", t.got))
		header.Set("If-Range", t.validator)
	} else if t.parts {
		header = rangeHeader(0, firstPart)
	}
	a, err := t.server.get(ctx, t.url, header)
	if err != nil {
		return err
	}
	defer a.close()
	t.server.host.learn(a.Header.Get("Server"))
	if t.got == 0 && t.parts {
		if done, err := t.first(ctx, a); done {
			return err
		}
	}
	if err := t.accept(a); err != nil {
		return err
	}
	return t.take(a)
}

// accept looks at the head of an answer.
func (t *transfer) accept(a *answer) error {
	switch {
	case a.StatusCode == http.StatusPartialContent && t.got > 0:
		if from, total, ok := contentRange(a.Header.Get("Content-Range")); ok && from == t.got && total == t.total && len(codings(a.Header)) == 0 {
			return t.begin()
		}
		err := t.restart()
		return errors.Join(fmt.Errorf("%w: another part of the file than was asked for", ErrTruncated), err)
	case a.StatusCode == http.StatusRequestedRangeNotSatisfiable && t.got > 0:
		return errors.Join(fmt.Errorf("%w: the file has become shorter", ErrTruncated), t.restart())
	case a.StatusCode != http.StatusOK && !a.whole():
		return statusError(a.Response, time.Now())
	case a.ContentLength == 0:
		return permanent{ErrEmpty}
	}
	if err := t.restart(); err != nil {
		return err
	}
	if len(codings(a.Header)) == 0 {
		t.total = a.ContentLength
		if t.total > 0 && a.Header.Get("Accept-Ranges") != "none" {
			t.validator = validator(a.Header)
		}
	}
	return t.begin()
}

func (t *transfer) begin() error {
	if err := t.sink.Begin(redact(t.url), t.total); err != nil {
		return permanent{err}
	}
	return nil
}

// whole tells a 206 that brings all of a file, though no range was asked for:
// some servers, and caches before them, know no other answer.
func (a *answer) whole() bool {
	if a.StatusCode != http.StatusPartialContent || a.Request != nil && a.Request.Header.Get("Range") != "" {
		return false
	}
	field := a.Header.Get("Content-Range")
	from, total, ok := contentRange(field)
	if !ok { // the total is not known
		return strings.HasPrefix(field, "bytes 0-") && strings.HasSuffix(field, "/*")
	}
	return from == 0 && (a.ContentLength == total || a.ContentLength < 0 && strings.HasPrefix(field, fmt.Sprintf("bytes 0-%d/", total-1)))
}

// validator is a strong ETag, or else the date: with the length, which is
// compared too, that is as good as servers of plain files give.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return h.Get("Last-Modified")
}

// contentRange reads "bytes 5-9/10" (RFC 9110 14.4): digits alone, and a range
// that lies in the file.
func contentRange(s string) (from, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	span, all, slash := strings.Cut(s, "/")
	first, last, dash := strings.Cut(span, "-")
	begin, err1 := strconv.ParseUint(first, 10, 63)
	to, err2 := strconv.ParseUint(last, 10, 63)
	n, err3 := strconv.ParseUint(all, 10, 63)
	if !ok || !slash || !dash || errors.Join(err1, err2, err3) != nil || begin > to || to >= n {
		return 0, 0, false
	}
	return int64(begin), int64(n), true
}

// take copies the body into the sink, the first bytes only when they are those
// of a symbol file.
func (t *transfer) take(a *answer) error {
	body, err := decoded(a.Header, a.body, t.server.client.cfg.MaxExpanded)
	if err != nil {
		return err
	}
	buf := make([]byte, t.bufferSize())
	n := 0
	if t.got == 0 {
		n, err = io.ReadFull(body, buf[:sniffLen])
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		if n == 0 && err == io.EOF {
			return permanent{ErrEmpty}
		}
		if n > 0 && (err == nil || err == io.EOF) {
			if bad := sniff(t.file, buf[:n], isPage(a.Response)); bad != nil {
				return bad
			}
		}
	}
	for {
		if werr := t.write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return t.whole()
		}
		if err != nil {
			return err
		}
		n, err = body.Read(buf)
	}
}

// bufferSize spares small files a large buffer.
func (t *transfer) bufferSize() int64 {
	const most = 256 << 10
	if t.total < 0 {
		return most
	}
	return max(sniffLen, min(most, t.total-t.got))
}

func (t *transfer) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := t.sink.Write(p)
	t.got += int64(n)
	if err != nil {
		return permanent{err}
	}
	return nil
}

func (t *transfer) whole() error {
	if t.total >= 0 && t.got != t.total {
		return fmt.Errorf("%w: %d of %d bytes", ErrTruncated, t.got, t.total)
	}
	return nil
}
