package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symres/symres/sympath"
)

// maxMisses is how many of the last misses are kept.
const maxMisses = 50

// stats counts what was asked.
type stats struct {
	started                                       time.Time
	requests, hits, misses, foreign, broken, sent atomic.Int64
	uploads, conflicts                            atomic.Int64

	mu   sync.Mutex // guards the fields below
	last []miss     // the oldest first
}

// miss is a file that was asked for and not found.
type miss struct {
	Time   time.Time `json:"time"`
	File   string    `json:"file"`
	Key    string    `json:"key"`
	Reason string    `json:"reason"`
	Times  int       `json:"times"` // in a row
}

// missed counts a file that was not found.
func (s *stats) missed(q sympath.Query, reason string) {
	s.misses.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	m := miss{time.Now().UTC(), q.File, q.ID.Key(), reason, 1}
	for i, old := range s.last {
		if old.File == m.File && old.Key == m.Key {
			m.Times += old.Times
			s.last = append(s.last[:i], s.last[i+1:]...)
			break
		}
	}
	if len(s.last) == maxMisses {
		s.last = s.last[1:]
	}
	s.last = append(s.last, m)
}

// found forgets that a file was missed.
func (s *stats) found(q sympath.Query) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = slices.DeleteFunc(s.last, func(m miss) bool { return m.Key == q.ID.Key() && strings.EqualFold(m.File, q.File) })
}

// status is what /statusz answers.
type status struct {
	Uptime   int64  `json:"uptime_ms"`
	Requests int64  `json:"requests"`
	Hits     int64  `json:"hits"`
	Misses   int64  `json:"misses"`
	Foreign  int64  `json:"not_of_a_store"` // requests with paths that no symbol store has
	Broken   int64  `json:"broken_off"`
	Sent     int64  `json:"sent_bytes"`
	Uploads  int64  `json:"uploads,omitempty"`
	Conflict int64  `json:"upload_conflicts,omitempty"` // other files under keys that were taken
	Files    int    `json:"held_files,omitempty"`
	Bytes    int64  `json:"held_bytes,omitempty"`
	Last     []miss `json:"last_misses"` // the latest first

	holds bool
}

func (h *handler) snapshot(ctx context.Context) status {
	s := &h.stats
	out := status{
		Uptime: time.Since(s.started).Milliseconds(), Requests: s.requests.Load(), Hits: s.hits.Load(), Misses: s.misses.Load(),
		Foreign: s.foreign.Load(), Broken: s.broken.Load(), Sent: s.sent.Load(),
		Uploads: s.uploads.Load(), Conflict: s.conflicts.Load(), Last: []miss{},
	}
	if h.cfg.Held != nil {
		out.Files, out.Bytes = h.cfg.Held(ctx)
		out.holds = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.last) - 1; i >= 0; i-- {
		out.Last = append(out.Last, s.last[i])
	}
	return out
}

// status answers /statusz.
func (h *handler) status(w http.ResponseWriter, r *http.Request) {
	b, err := json.Marshal(h.snapshot(r.Context()))
	if err != nil {
		empty(w, http.StatusInternalServerError)
		return
	}
	text(w, "application/json", append(b, '\n'))
}
