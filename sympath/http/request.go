package http

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/symres/symres/sympath/creds"
)

const (
	maxRedirects = 5
	maxLocation  = 8 << 10
)

// answer is a response whose body is being watched.
type answer struct {
	*http.Response
	body *watched
}

// close reads the little that says why a file is not there, so that the
// connection can be used again.
func (a *answer) close() {
	if a.StatusCode != http.StatusOK && a.StatusCode != http.StatusPartialContent {
		io.CopyN(io.Discard, a.body, maxDrain)
	}
	a.body.Close()
}

const maxDrain = 4 << 10

// get makes one request and follows its redirects. The caller closes the
// answer.
func (s *server) get(ctx context.Context, u *url.URL, header http.Header) (*answer, error) {
	return s.getFrom(ctx, u, header, false)
}

// getFrom is get for a URL that may be one a redirect led to. Nothing is sent there
// that was meant for the store.
func (s *server) getFrom(ctx context.Context, u *url.URL, header http.Header, foreign bool) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.client.cfg.HeaderTimeout, func() { cancel(unreached{ErrNoAnswer}) })
	resp, err := s.follow(ctx, u, header, timer, foreign)
	timer.Stop()
	if err == nil {
		return &answer{resp, newWatched(ctx, cancel, resp.Body, &s.client.cfg)}, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(nil)
	return nil, err
}

// follow is the rules for redirects: few, never to itself, never away from
// https, and with nothing in the request that was meant for another origin.
func (s *server) follow(ctx context.Context, u *url.URL, header http.Header, timer *time.Timer, foreign bool) (*http.Response, error) {
	var cred *creds.Credential
	if !foreign {
		cred = s.cred
	}
	if cred == nil && !foreign {
		var err error
		if cred, err = s.client.creds.Find(ctx, u); err != nil {
			return nil, permanent{err}
		}
	}
	seen := []string{u.String()}
	start := creds.Origin(u)
	for {
		resp, err := s.once(ctx, u, header, cred)
		if err != nil {
			return nil, err
		}
		if !redirects(resp.StatusCode) {
			return resp, nil
		}
		io.CopyN(io.Discard, resp.Body, maxDrain)
		resp.Body.Close()
		next, err := s.redirect(u, resp.Header.Get("Location"))
		if err != nil {
			return nil, err
		}
		if slices.Contains(seen, next.String()) || len(seen) > maxRedirects {
			return nil, fmt.Errorf("%w: a loop, or more than %d", ErrRedirect, maxRedirects)
		}
		seen = append(seen, next.String())
		if creds.Origin(next) != start {
			cred = nil // and it does not come back should the chain return
		}
		u = next
		timer.Reset(s.client.cfg.HeaderTimeout)
	}
}

func redirects(code int) bool {
	switch code {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// redirect checks where a server wants to send us.
func (s *server) redirect(from *url.URL, location string) (*url.URL, error) {
	refuse := func(why string) (*url.URL, error) { return nil, fmt.Errorf("%w: %s", ErrRedirect, why) }
	if location == "" || len(location) > maxLocation {
		return refuse("no place, or one that is too long")
	}
	u, err := from.Parse(location)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return refuse("not a URL with a host")
	case u.User != nil:
		return refuse("it has a user name in it")
	case u.Scheme != "https" && (u.Scheme != "http" || from.Scheme == "https"):
		return refuse("from " + from.Scheme + " to " + u.Scheme)
	case literal(u.Hostname()) && !s.client.trusted(creds.HostPort(u)):
		return nil, fmt.Errorf("%w: %w: %s", ErrRedirect, ErrAddress, u.Hostname())
	}
	u.Fragment = ""
	return u, nil
}

// once makes exactly one request.
func (s *server) once(ctx context.Context, u *url.URL, header http.Header, cred *creds.Credential) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, permanent{err}
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("User-Agent", s.client.cfg.UserAgent)
	// Asks Azure DevOps for a status rather than its login page.
	r.Header.Set("X-TFS-FedAuthRedirect", "Suppress")
	if cred != nil {
		r.Header.Set("Authorization", cred.Header())
	}
	return s.client.trip.RoundTrip(r)
}

// escape writes a part of a path so that all servers read the same in it: only
// the unreserved characters of RFC 3986 stand for themselves. A plus, which
// net/url leaves alone, is a space to S3, and strict servers refuse others.
func escape(part string) string {
	var b strings.Builder
	for i := range len(part) {
		switch c := part[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// url builds the URL of a file of the store, each part on its own.
func (s *server) url(parts ...string) *url.URL {
	u := *s.base
	raw := strings.TrimRight(s.base.EscapedPath(), "/")
	plain := strings.TrimRight(s.base.Path, "/")
	for _, p := range parts {
		raw += "/" + escape(p)
		plain += "/" + p
	}
	u.Path, u.RawPath = plain, raw
	return &u
}
