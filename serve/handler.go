package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/sympath"
)

// Config says what a [Handler] serves, and what it may cost.
type Config struct {
	// Symbols is where files are found; nil finds nothing.
	Symbols sympath.Store
	// Verify reads what a file really is, before anything of it is sent; only a
	// file of the identity asked for is. It is [identify.FileID] if nil.
	Verify func(q sympath.Query, r io.ReaderAt, size int64) (sympath.ID, error)
	// Names answers POST requests, below /symbolicate/ and /v1/: see package
	// symbolicate. Nil answers none.
	Names http.Handler
	// Uploads is where files that are uploaded go; nil takes none. To be found they
	// have to be along Symbols too.
	Uploads *sympath.Cache
	// MaxUpload limits the bytes of a file that is uploaded, 4 GB by default.
	MaxUpload int64
	// Tokens are those that are accepted.
	Tokens []Token
	// Private answers nobody without a token with [RightRead]: to others no file is
	// there. Of [Handler] only /healthz answers all.
	Private bool
	// Searches limits how many files are looked for at once; others wait. 1,024
	// by default: each may wait long for a server, and those who want what is here behind it.
	Searches int
	// Transfers limits how many files are sent at once; others wait. 256 by
	// default.
	Transfers int
	// Timeout limits the search for a file, 10 minutes by default.
	Timeout time.Duration
	// Idle is how long a client may take for 64 KB before its connection is reset,
	// a minute by default.
	Idle time.Duration
	// Logger gets a record for each file that is asked for or uploaded; nil is silent.
	Logger *slog.Logger
	// Title stands at the top of the page; empty: "Symbols".
	Title string
	// Held, if not nil, says how many files the store holds and how many bytes they
	// have, for the page and /statusz. It is called for each of these.
	Held func(context.Context) (files int, bytes int64)
}

// handler is what [Handler] returns.
type handler struct {
	cfg       Config
	searches  chan struct{} // one for each search under way
	transfers chan struct{} // one for each file that is sent
	landings  chan struct{} // one for each upload under way
	stats     stats
	number    atomic.Uint64 // of the last request
}

// Handler returns a handler that serves the files of cfg.Symbols. Mount it at any
// path with [http.StripPrefix]. It is safe for concurrent use.
func Handler(cfg Config) http.Handler {
	if cfg.Symbols == nil {
		cfg.Symbols = sympath.Chain()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Verify == nil {
		cfg.Verify = identify.FileID
	}
	cfg.Title = cmp.Or(cfg.Title, "Symbols")
	cfg.MaxUpload = cmp.Or(cfg.MaxUpload, 4<<30)
	cfg.Timeout, cfg.Idle = cmp.Or(cfg.Timeout, 10*time.Minute), cmp.Or(cfg.Idle, time.Minute)
	h := &handler{cfg: cfg, searches: make(chan struct{}, cmp.Or(cfg.Searches, 1024)), transfers: make(chan struct{}, cmp.Or(cfg.Transfers, 256))}
	h.landings = make(chan struct{}, maxLandings)
	h.stats.started = time.Now()
	return h
}

// maxLandings is how many uploads are taken at once.
const maxLandings = 16

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	log := h.cfg.Logger.With("request", h.number.Add(1), "method", r.Method, "path", r.URL.Path, "client", r.RemoteAddr)
	start := time.Now()
	h.stats.requests.Add(1)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch {
	case r.URL.Path == "/healthz" && isRead(r.Method):
		text(w, "text/plain; charset=utf-8", []byte("ok\n"))
	case h.cfg.Uploads != nil && isWrite(r.Method) && strings.HasPrefix(r.URL.Path, uploads):
		h.upload(w, r, log)
		return
	case h.hidden(r):
		empty(w, http.StatusNotFound)
	case h.cfg.Names != nil && (strings.HasPrefix(r.URL.Path, "/symbolicate/") || strings.HasPrefix(r.URL.Path, "/v1/")):
		h.cfg.Names.ServeHTTP(w, r)
	case !isRead(r.Method):
		w.Header().Set("Allow", "GET, HEAD")
		empty(w, http.StatusMethodNotAllowed)
	case r.URL.Path == "/statusz":
		h.status(w, r)
	case r.URL.Path == "/" || r.URL.Path == "":
		h.page(w, r)
	default:
		h.file(w, r, log)
		return
	}
	log.LogAttrs(r.Context(), slog.LevelDebug, "served", slog.Duration("took", time.Since(start)))
}

// hidden reports whether the handler is private and the request has no token that
// may read.
func (h *handler) hidden(r *http.Request) bool {
	may, _ := rights(h.cfg.Tokens, r)
	return h.cfg.Private && may&RightRead == 0
}

// empty answers without a body.
func empty(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}

// text answers with a page that is made anew each time.
func text(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client may be gone
}

// file answers a request for a file.
func (h *handler) file(w http.ResponseWriter, r *http.Request, log *slog.Logger) {
	asked := queries(r.URL.Path)
	if len(asked) == 0 {
		h.stats.foreign.Add(1)
		empty(w, http.StatusNotFound)
		log.Info("no path of a file")
		return
	}
	found, err := h.find(r.Context(), asked)
	if err != nil {
		h.missed(w, asked[0], err, log)
		return
	}
	defer found.Close()
	h.send(w, r, found, log)
}

// missed answers 404, whatever the reason is: any other status makes some client
// give up the server.
func (h *handler) missed(w http.ResponseWriter, q sympath.Query, err error, log *slog.Logger) {
	h.stats.missed(q, reason(err))
	empty(w, http.StatusNotFound)
	log.Info("not found", "reason", err)
}

// reason says in a few words why a file was not found, without names of stores.
func reason(err error) string {
	var tried []sympath.Attempt
	notFound, looked := errors.AsType[*sympath.NotFoundError](err)
	if looked {
		tried = notFound.Attempts
	}
	isAnother := func(a sympath.Attempt) bool { return errors.Is(a.Err, sympath.ErrMismatch) }
	hasFailed := func(a sympath.Attempt) bool { return a.Status == sympath.StatusError }
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long to look for it"
	case errors.Is(err, context.Canceled):
		return "the client has gone"
	case slices.ContainsFunc(tried, identify.Unreachable):
		return "a server that may have it could not be reached"
	case errors.Is(err, sympath.ErrMismatch) || slices.ContainsFunc(tried, isAnother):
		return "what was found is another file"
	case !looked || slices.ContainsFunc(tried, hasFailed):
		return "a place that may have it failed"
	}
	return "no place has it"
}

// find opens the first file that answers one of the queries.
func (h *handler) find(ctx context.Context, asked []sympath.Query) (sympath.File, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	select {
	case h.searches <- struct{}{}:
		defer func() { <-h.searches }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var first error
	for _, q := range asked {
		f, err := h.open(ctx, q)
		if err == nil {
			return h.filed(ctx, q, f), nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// open opens the first file of a search that is what was asked for.
func (h *handler) open(ctx context.Context, q sympath.Query) (sympath.File, error) {
	var failed error // of what was found, before what says that nothing was
	for c, err := range h.cfg.Symbols.Find(ctx, q) {
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		f, err := c.Open(ctx)
		if err == nil {
			if err = h.verify(q, f); err == nil {
				return f, nil
			}
			f.Close()
		}
		failed = cmp.Or(failed, err)
	}
	return nil, cmp.Or(failed, error(&sympath.NotFoundError{Query: q}))
}

// verify compares what a file is with what was asked for.
func (h *handler) verify(q sympath.Query, f sympath.File) error {
	id, err := h.cfg.Verify(q, f, f.Size())
	if err == nil && id.Key() != q.ID.Key() {
		err = fmt.Errorf("%w: it is %s", sympath.ErrMismatch, id.Key())
	}
	return err
}

// filed returns the file as a cache has it by now, if it was fetched just now: that
// has an ETag.
func (h *handler) filed(ctx context.Context, q sympath.Query, f sympath.File) sympath.File {
	if tagOf(f) != "" {
		return f
	}
	again, err := h.open(ctx, q)
	if err != nil || tagOf(again) == "" {
		if err == nil {
			again.Close()
		}
		return f
	}
	f.Close()
	return again
}
