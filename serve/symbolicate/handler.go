package symbolicate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/symres/symres"
	"github.com/symres/symres/sympath"
)

// Config says where PDBs are found and what requests may cost.
type Config struct {
	// Symbols is the symbol path; nil has no PDBs.
	Symbols sympath.Store
	// Files holds the PDBs of all requests; nil gives the handler its own, with
	// the default bounds.
	Files *symres.Files
	// Timeout limits a request, 30 s by default. Frames that have no answer by
	// then stay without one, and the answer says so.
	Timeout time.Duration
	// Requests limits how many are answered at once, 8 by default. Others get
	// 503 with Retry-After.
	Requests int
	// Logger gets one record for each module without symbols, with all that was
	// tried; nil is silent. Answers say why, but name no store.
	Logger *slog.Logger
	// Origins are the web origins whose pages may ask, such as
	// https://profiler.firefox.com: none by default.
	Origins []string
}

// handler is what [Handler] returns.
type handler struct {
	cfg   Config
	slots chan struct{} // one for each request that is answered
}

// Handler returns a handler for POST /symbolicate/v5 and POST /v1/nearest. All
// else is 404, other methods 405. It is safe for concurrent use, and holds PDBs
// until cfg.Files is closed.
func Handler(cfg Config) http.Handler {
	if cfg.Symbols == nil {
		cfg.Symbols = sympath.Chain()
	}
	if cfg.Files == nil {
		cfg.Files = symres.NewFiles(symres.FilesConfig{})
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	h := &handler{cfg: cfg, slots: make(chan struct{}, cmp.Or(cfg.Requests, 8))}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /symbolicate/v5", h.limited(h.version5))
	mux.HandleFunc("POST /v1/nearest", h.limited(h.nearest))
	mux.HandleFunc("OPTIONS /symbolicate/v5", h.preflight)
	mux.HandleFunc("OPTIONS /v1/nearest", h.preflight)
	return mux
}

// limited runs f with a deadline, if there is room for one more request.
func (h *handler) limited(f func(context.Context, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.allow(w, r)
		select {
		case h.slots <- struct{}{}:
			defer func() { <-h.slots }()
		default:
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusServiceUnavailable, "too many requests at once")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
		defer cancel()
		f(ctx, w, r)
	}
}

// allow lets the pages of the configured origins read the answer.
func (h *handler) allow(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" && slices.Contains(h.cfg.Origins, origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
}

// preflight answers what browsers ask before they send JSON.
func (h *handler) preflight(w http.ResponseWriter, r *http.Request) {
	h.allow(w, r)
	w.Header().Set("Access-Control-Allow-Methods", "POST")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	w.WriteHeader(http.StatusNoContent)
}

// fail answers with an error in JSON. The title repeats nothing of the request.
func fail(w http.ResponseWriter, status int, title string) {
	start(w)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": title})
}

// bodyTime is how long a client may take to send a body.
const bodyTime = 30 * time.Second

// read decodes the body of a request into v. If it cannot, it answers the
// request and returns false.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if r.Header.Get("Content-Encoding") != "" {
		fail(w, http.StatusUnsupportedMediaType, "the body must not be compressed")
		return false
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // where it can be set
	defer control.SetReadDeadline(time.Time{})            // it would end the request
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		fail(w, http.StatusRequestEntityTooLarge, "the body has more than 8 MB")
		return false
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err == nil {
		return true
	}
	title := "the body is not JSON of the shape that is documented"
	if bad, ok := errors.AsType[requestError](err); ok {
		title = bad.Error()
	}
	fail(w, http.StatusBadRequest, title)
	return false
}

// start begins an answer.
func start(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
}
