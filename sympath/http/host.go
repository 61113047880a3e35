package http

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// host is what is known of one origin. It is shared by the stores there.
type host struct {
	slots  chan struct{} // one for each connection in use
	ranges chan struct{} // one for each range that is asked for

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // left alone
	spelling spelling  // that worked, when it was not the usual one
	folds    bool      // known not to tell letter cases apart
}

func newHost(name string, conns int) *host {
	return &host{slots: make(chan struct{}, conns), ranges: make(chan struct{}, maxRanges), folds: strings.EqualFold(name, "msdl.microsoft.com")}
}

// acquire waits for one of the slots to become free.
func acquire(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// allow refuses a host that keeps failing. When its pause is over one failure
// is enough for another.
func (h *host) allow() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if left := time.Until(h.until); left > 0 {
		return permanent{unreached{fmt.Errorf("%w: %v more", ErrHostPaused, left.Round(time.Second))}}
	}
	return nil
}

// outcome counts what became of a transfer.
func (h *host) outcome(err error, limit int, pause time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrHostPaused):
	case err == nil || !countsAgainstHost(err):
		h.failures = 0
	default:
		if h.failures++; h.failures >= limit {
			h.until = time.Now().Add(pause)
		}
	}
}

// spelling is how the name and key of a file are written in a request.
type spelling uint8

const (
	asGiven spelling = iota
	lowerName
	lowerBoth
)

func (s spelling) apply(file, key string) (string, string) {
	switch s {
	case lowerName:
		return strings.ToLower(file), key
	case lowerBoth:
		return strings.ToLower(file), strings.ToLower(key)
	}
	return file, key
}

// caseful are the ends of host names whose files are known to be told apart
// by letter case: object stores.
func caseful(name string) bool {
	for _, end := range []string{".amazonaws.com", "storage.googleapis.com", ".r2.dev", ".blob.core.windows.net"} {
		if strings.HasSuffix(strings.ToLower(name), end) {
			return true
		}
	}
	return false
}

// spellings lists how to ask a host of that name for a file, the one that
// worked before first.
func (h *host) spellings(name, file string, probe bool) []spelling {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.folds:
		return []spelling{asGiven}
	case h.spelling == lowerName:
		return []spelling{lowerName, asGiven, lowerBoth}
	case h.spelling == lowerBoth:
		return []spelling{lowerBoth, asGiven, lowerName}
	case probe || caseful(name) || file != strings.ToLower(file):
		// A web server on Linux tells names apart, and tools that fill its
		// folders write names in lower case as often as not.
		return []spelling{asGiven, lowerName, lowerBoth}
	}
	return []spelling{asGiven}
}

func (h *host) worked(s spelling) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s != asGiven {
		h.spelling = s
	}
}

// learn takes a server's own word for what it is.
func (h *host) learn(server string) {
	if strings.HasPrefix(server, "Microsoft-IIS/") {
		h.mu.Lock()
		h.folds = true
		h.mu.Unlock()
	}
}
