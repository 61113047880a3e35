package sympath

import (
	"context"
	"fmt"
	"time"
)

// Trace is a set of functions that are called as a search goes on, from the
// goroutine that searches. Any may be nil. The functions must be safe for
// concurrent use.
type Trace struct {
	// Attempt is called after each probe.
	Attempt func(Query, Attempt)
	// Event is called as a file is fetched.
	Event func(Query, Event)
}

func (t *Trace) attempt(q Query, a Attempt) {
	if t != nil && t.Attempt != nil {
		t.Attempt(q, a)
	}
}

func (t *Trace) event(q Query, e Event) {
	if t != nil && t.Event != nil {
		t.Event(q, e)
	}
}

// EventKind is the kind of an [Event].
type EventKind uint8

// The events in the life of a fetched file.
const (
	EventStart      EventKind = iota // a file begins to arrive; Total is known or -1
	EventProgress                    // Done bytes of Total have arrived
	EventRetry                       // the transfer failed with Err and continues after Wait
	EventWait                        // another process is fetching the file
	EventPublish                     // Location is now a cache entry
	EventQuarantine                  // Location holds the file that was refused because of Err
	EventWarning                     // Err, and the search goes on
	EventRead                        // Done bytes of Total are here, of a file that is read where it lies
)

// String returns the event in one word.
func (k EventKind) String() string {
	switch k {
	case EventStart:
		return "start"
	case EventProgress:
		return "progress"
	case EventRetry:
		return "retry"
	case EventWait:
		return "wait"
	case EventPublish:
		return "publish"
	case EventQuarantine:
		return "quarantine"
	case EventWarning:
		return "warning"
	case EventRead:
		return "read"
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Event is something that happened while a file was fetched. Progress events
// come at most ten times per second; a slow reader sees only the latest.
type Event struct {
	Kind     EventKind
	Location string        // where the file comes from, or the entry concerned
	Done     int64         // bytes that have arrived
	Total    int64         // length of the file, -1 when it is not known
	Wait     time.Duration // EventRetry
	Err      error
}

type traceKey struct{}

// WithTrace returns a context that reports the attempts and events of the
// searches made with it to t, in addition to [Options.Trace].
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// ContextTrace returns the trace of [WithTrace], or nil. A custom [Store] calls
// it to report its attempts as it makes them.
func ContextTrace(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}
