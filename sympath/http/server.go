package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/creds"
)

// server is one symbol server. It is a [sympath.Fetcher].
type server struct {
	client *Client
	base   *url.URL // without user
	name   string
	host   *host
	cred   *creds.Credential // from the path
	index2 *layout
}

// layout is whether a store has two tiers. All stores made for one URL share
// it: the symbol path and the image path often name the same server.
type layout struct {
	token chan struct{} // who holds it may ask
	known bool
	two   bool
}

func (s *server) Name() string           { return s.name }
func (s *server) Origin() sympath.Origin { return sympath.OriginHTTP }

var errNoKey = errors.New("identity unknown")

// search is one file being looked for on a server.
type search struct {
	server *server
	query  sympath.Query
	sink   *sympath.Sink
	other  error // something else than that a file is not there
}

// Fetch asks for the forms of a file in the order of symsrv.
func (s *server) Fetch(ctx context.Context, q sympath.Query, sink *sympath.Sink) error {
	q.File, _ = strings.CutSuffix(q.File, "\x00")
	f := &search{server: s, query: q, sink: sink}
	keys := q.ID.Keys()
	if len(keys) == 0 {
		sink.Attempt(f.attempt(s.url(q.File), sympath.StatusNoKey, nil, time.Now()))
		return errNoKey
	}
	start := time.Now()
	two, err := s.twoTier(ctx, f)
	if err != nil {
		sink.Attempt(f.attempt(s.url(q.File, keys[0], q.File), sympath.StatusError, err, start))
		return err
	}
	var asked []string
	for i, sp := range s.host.spellings(s.base.Hostname(), q.File, s.client.cfg.CaseProbe) {
		for _, key := range keys {
			file, key := sp.apply(q.File, key)
			if slices.Contains(asked, file+"/"+key) {
				continue
			}
			asked = append(asked, file+"/"+key)
			if done, err := f.key(ctx, s.dir(two, file), file, key, i == 0); done {
				if err == nil {
					s.host.worked(sp)
				}
				return err
			}
		}
	}
	if f.other != nil {
		return f.other
	}
	return fmt.Errorf("%s: %w", s.name, fs.ErrNotExist)
}

// dir is the directory of a file: its name, below its first two characters in
// a store of two tiers.
func (s *server) dir(two bool, file string) []string {
	if !two {
		return []string{file}
	}
	_, n := utf8.DecodeRuneInString(file)
	_, m := utf8.DecodeRuneInString(file[n:])
	return []string{file[:n+m], file}
}

// key asks for the three forms below one key. done is false when the file is
// not there in any.
func (f *search) key(ctx context.Context, dir []string, file, key string, pointers bool) (done bool, err error) {
	in := func(name string) *url.URL { return f.server.url(append(dir[:len(dir):len(dir)], key, name)...) }
	_, n := utf8.DecodeLastRuneInString(file)
	for _, form := range []string{file, file[:len(file)-n] + "_"} {
		if done, err := f.form(ctx, in(form), form == file); done {
			return true, err
		}
	}
	if !pointers {
		return false, nil
	}
	return f.pointer(ctx, in("file.ptr"))
}

// form fetches one form of the file. When what is wrong concerns that form
// alone the next is asked for: object stores answer 403 for files they do not
// have, other servers with a page, and some hold an empty file beside its
// compressed form. After any other failure the server is left alone.
func (f *search) form(ctx context.Context, u *url.URL, plain bool) (done bool, err error) {
	start := time.Now()
	err = f.server.transfer(ctx, u, f, plain)
	status := sympath.StatusFound
	switch {
	case err == nil:
	case isGone(err):
		status = sympath.StatusNotFound
	case errors.Is(err, sympath.ErrMismatch):
		status = sympath.StatusRefused
	default:
		status = sympath.StatusError
	}
	if err != nil || !f.sink.TookParts() { // which was reported already
		f.sink.Attempt(f.attempt(u, status, err, start))
	}
	switch {
	case status == sympath.StatusNotFound:
		return false, nil
	case err != nil && ctx.Err() == nil && ofOneFile(err):
		f.other = cmp.Or(f.other, err)
		return false, nil
	}
	return true, err
}

// ofOneFile tells what a server answers about one file from what it answers
// about all of them.
func ofOneFile(err error) bool {
	var code *StatusError
	return errors.As(err, &code) && code.Code == http.StatusForbidden ||
		errors.Is(err, ErrEmpty) || errors.Is(err, ErrNotSymbols)
}

func (f *search) attempt(u *url.URL, status sympath.Status, err error, start time.Time) sympath.Attempt {
	if isGone(err) {
		err = nil // the status says it
	}
	return sympath.Attempt{
		Store: f.server.name, Location: redact(u), Origin: sympath.OriginHTTP,
		Status: status, Err: err, Elapsed: time.Since(start),
	}
}

// maxPointer bounds a file.ptr.
const maxPointer = 4 << 10

// pointer asks for file.ptr, to pass on what its owner says. It is not
// followed: a server that could name files on this machine or its network
// could make it open them.
func (f *search) pointer(ctx context.Context, u *url.URL) (done bool, err error) {
	start := time.Now()
	text, err := f.server.small(ctx, u, maxPointer, f)
	status := sympath.StatusError
	switch {
	case isGone(err):
		status = sympath.StatusNotFound
	case err != nil:
		f.other = cmp.Or(f.other, err)
	case strings.HasPrefix(text, "MSG:"):
		status, err = sympath.StatusNotFound, fmt.Errorf("the server says: %s", strings.TrimSpace(text[4:]))
	default:
		status, err = sympath.StatusRefused, ErrPointer
		f.other = cmp.Or(f.other, err)
	}
	f.sink.Attempt(f.attempt(u, status, err, start))
	return false, nil
}

// twoTier asks a store once whether it has two tiers. Anything but a clear
// answer that it has is no; when nobody answers at all, the store is down.
func (s *server) twoTier(ctx context.Context, f *search) (bool, error) {
	select {
	case s.index2.token <- struct{}{}:
		defer func() { <-s.index2.token }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if s.index2.known {
		return s.index2.two, nil
	}
	_, err := s.small(ctx, s.url("index2.txt"), sniffLen, f)
	var status *StatusError
	answered := err == nil || isGone(err) || errors.As(err, &status) || errors.Is(err, ErrNotSymbols)
	if !answered {
		return false, err
	}
	s.index2.known = !errors.Is(err, ErrUnavailable)
	s.index2.two = err == nil
	return s.index2.two, nil
}

// small fetches a little text; more than limit bytes are cut off.
func (s *server) small(ctx context.Context, u *url.URL, limit int64, f *search) (string, error) {
	var text []byte
	err := s.retry(ctx, u, s.host.slots, f.sink.Event, func() (int64, error) {
		a, err := s.get(ctx, u, nil)
		if err != nil {
			return 0, err
		}
		defer a.close()
		if a.StatusCode != http.StatusOK && !a.whole() {
			return 0, statusError(a.Response, time.Now())
		}
		r, err := decoded(a.Header, a.body, 1<<20)
		if err != nil {
			return 0, err
		}
		if text, err = io.ReadAll(io.LimitReader(r, limit)); err != nil {
			return 0, err
		}
		if page(text) || isPage(a.Response) && !plainText(text) {
			return 0, permanent{errPage}
		}
		return 0, nil
	})
	return string(text), err
}
