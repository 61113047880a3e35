package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/creds"
)

const (
	// maxRanges is how many ranges are asked for at once of one host: what is
	// announced together is to come together.
	maxRanges = 64
	// firstPart is how many bytes of a file are asked for at first if it may be read
	// in parts: all of a small one.
	firstPart = 256 << 10
	// maxShort is how often in a row an answer may bring less than was asked for.
	maxShort = 64
)

// errMore says that an answer brought the first part of a file that is fetched whole.
var errMore = errors.New("the rest of the file is still to come")

func rangeHeader(off, n int64) http.Header {
	h := http.Header{}
	h.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	h.Set("Accept-Encoding", "identity")
	return h
}

// first takes an answer with the first part of a file. done is false for one that
// brings the whole file, or says why not; after one that makes no sense the file is
// asked for as a whole.
func (t *transfer) first(ctx context.Context, a *answer) (done bool, err error) {
	if a.StatusCode != http.StatusPartialContent {
		t.parts = false
		if a.StatusCode == http.StatusRequestedRangeNotSatisfiable {
			return true, errMore
		}
		return false, nil
	}
	from, total, ok := contentRange(a.Header.Get("Content-Range"))
	t.validator = validator(a.Header)
	head := make([]byte, a.headSize(total))
	if !ok || from != 0 || int64(len(head)) < min(total, sniffLen) || len(codings(a.Header)) > 0 || t.validator == "" && total > firstPart && !t.sink.TakesParts(total) {
		t.parts, t.validator = false, ""
		return true, errMore
	}
	if _, err := io.ReadFull(a.body, head); err != nil {
		return true, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	if bad := sniff(t.file, head[:min(sniffLen, len(head))], isPage(a.Response)); bad != nil {
		return true, bad
	}
	if t.sink.TakesParts(total) && strings.HasPrefix(string(head), "Microsoft C/C++ MSF 7.00\r\n\x1aDS") {
		if err := t.inParts(a, head, total); err == nil || errors.Is(err, sympath.ErrMismatch) || ctx.Err() != nil {
			return true, err
		}
		t.parts, t.validator = false, "" // it gives no parts: all of it, then
		return true, errMore
	}
	t.total = total
	if err := t.begin(); err != nil {
		return true, err
	}
	if err := t.write(head); err != nil {
		return true, err
	}
	if t.got < t.total {
		return true, errMore
	}
	return true, nil
}

// headSize is how many bytes of the beginning of a file an answer brings. Some bring
// less than was asked for.
func (a *answer) headSize(total int64) int64 {
	n := min(firstPart, total)
	if a.ContentLength >= 0 {
		n = min(n, a.ContentLength)
	}
	return n
}

// inParts gives a file to the sink that is read where it lies.
func (t *transfer) inParts(a *answer, head []byte, total int64) error {
	f := sympath.RangedFile{Location: redact(t.url), Size: total, Validator: strongValidator(a.Header)}
	r := &ranges{server: t.server, url: t.url, file: f, tell: t.sink.Event, tag: validator(a.Header)}
	r.moved(a.Response)
	a.close() // frees the connection
	if err := t.sink.Parts(f, head, r); err != nil {
		if errors.Is(err, sympath.ErrMismatch) {
			return permanent{err}
		}
		return err
	}
	t.taken = true
	return nil
}

// strongValidator is a validator for a file of which parts are kept: a date that is
// less than a second old may stand for two files.
func strongValidator(h http.Header) string {
	v := validator(h)
	if strings.HasPrefix(v, `"`) {
		return v
	}
	changed, err := http.ParseTime(v)
	now, errNow := http.ParseTime(h.Get("Date"))
	if err != nil || errNow != nil || now.Sub(changed) < time.Second {
		return ""
	}
	return v
}

// Ranges implements [sympath.Ranger].
func (s *server) Ranges(_ sympath.Query, f sympath.RangedFile) (sympath.RangeReader, error) {
	u, err := url.Parse(f.Location)
	if err != nil {
		return nil, err
	}
	rest, ok := strings.CutPrefix(u.EscapedPath(), strings.TrimRight(s.base.EscapedPath(), "/")+"/")
	if !ok || creds.Origin(u) != creds.Origin(s.base) {
		return nil, errors.New("the file is of another server")
	}
	var parts []string
	for part := range strings.SplitSeq(rest, "/") {
		name, err := url.PathUnescape(part)
		if err != nil {
			return nil, err
		}
		parts = append(parts, name)
	}
	return &ranges{server: s, url: s.url(parts...), file: f, tag: f.Validator, tell: func(sympath.Event) {}}, nil
}

// ranges reads parts of one file of a server. It is a [sympath.RangeReader].
type ranges struct {
	server *server
	url    *url.URL
	file   sympath.RangedFile
	tag    string // what tells the file from another one; empty: its length alone
	tell   func(sympath.Event)

	mu    sync.Mutex
	lease *url.URL // where a redirect led to, nil for nowhere else
}

// Close implements [sympath.RangeReader].
func (r *ranges) Close() error { return nil }

// moved remembers where an answer came from, to ask there at once: signed URLs are good
// for many requests, and then the store has to be asked for another one.
func (r *ranges) moved(resp *http.Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lease = nil; resp != nil && resp.Request != nil && resp.Request.URL.String() != r.url.String() {
		r.lease = resp.Request.URL
	}
}

// ReadRange implements [sympath.RangeReader].
func (r *ranges) ReadRange(ctx context.Context, p []byte, off int64) error {
	got := 0
	return r.server.retry(ctx, r.url, r.server.host.ranges, r.tell, func() (int64, error) {
		before, short := got, 0
		for got < len(p) {
			n, err := r.part(ctx, p[got:], off+int64(got))
			got += n
			if short++; err != nil || n == 0 || short > maxShort {
				if err == nil && got < len(p) {
					err = fmt.Errorf("%w: %d of %d bytes", ErrTruncated, got, len(p))
				}
				return int64(got - before), err
			}
		}
		return int64(got - before), nil
	})
}

// part makes one request, and a second one if a signed URL is not good any more.
func (r *ranges) part(ctx context.Context, p []byte, off int64) (int, error) {
	r.mu.Lock()
	lease := r.lease
	r.mu.Unlock()
	if lease != nil {
		n, err := r.ask(ctx, lease, true, p, off)
		var status *StatusError
		if err == nil || ctx.Err() != nil || !isGone(err) && !errors.As(err, &status) {
			return n, err
		}
		r.moved(nil)
	}
	return r.ask(ctx, r.url, false, p, off)
}

// ask asks one URL for a part and returns how much of it came.
func (r *ranges) ask(ctx context.Context, u *url.URL, foreign bool, p []byte, off int64) (int, error) {
	header := rangeHeader(off, int64(len(p)))
	if r.tag != "" {
		header.Set("If-Range", r.tag)
	}
	a, err := r.server.getFrom(ctx, u, header, foreign)
	if err != nil {
		return 0, err
	}
	defer a.close()
	n, err := r.check(a, foreign, p, off)
	if err != nil {
		return 0, err
	}
	if !foreign {
		r.moved(a.Response)
	}
	n, err = io.ReadFull(a.body, p[:n])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("%w: %d bytes", ErrTruncated, n)
	}
	return n, err
}

// check looks at the head of an answer and returns how many of the bytes asked for it
// brings. Every answer has to be of the same file: servers that ignore If-Range are
// many.
func (r *ranges) check(a *answer, foreign bool, p []byte, off int64) (int, error) {
	changed := func(what string) (int, error) {
		return 0, permanent{fmt.Errorf("%s: %w: %s", r.file.Location, sympath.ErrChanged, what)}
	}
	switch a.StatusCode {
	case http.StatusPartialContent:
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return changed(fmt.Sprintf("the server answers %d", a.StatusCode))
	case http.StatusOK:
		if v := validator(a.Header); v != "" && v != r.tag || len(codings(a.Header)) == 0 && a.ContentLength >= 0 && a.ContentLength != r.file.Size {
			return changed("the server has another one by now")
		}
		return 0, ErrNoRange
	default:
		err := statusError(a.Response, time.Now())
		if isGone(err) && !foreign {
			err = permanent{fmt.Errorf("%w: the file is not there any more: %v", ErrStatus, err)}
		}
		return 0, err
	}
	from, total, ok := contentRange(a.Header.Get("Content-Range"))
	tag, date := a.Header.Get("ETag"), a.Header.Get("Last-Modified")
	switch {
	case !ok || from != off || len(codings(a.Header)) > 0:
		return 0, ErrNoRange
	case total != r.file.Size:
		return changed(fmt.Sprintf("it has %d bytes and had %d", total, r.file.Size))
	case strings.HasPrefix(r.tag, `"`) && tag != r.tag:
		return changed("it has another ETag")
	case r.tag != "" && !strings.HasPrefix(r.tag, `"`) && date != "" && date != r.tag:
		return changed("it has another date")
	}
	n := int64(len(p))
	if a.ContentLength >= 0 {
		n = min(n, a.ContentLength)
	}
	return int(n), nil
}

var _ sympath.Ranger = (*server)(nil)
