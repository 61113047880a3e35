package sympath

import (
	"context"
	"io"
	"io/fs"
)

// Options say how the elements of a path become stores. The zero value reads
// directories of this machine and makes no connection.
type Options struct {
	// Verify reads what a file of size bytes really is. It is for what enters
	// a cache, not for what is merely found; nothing is written to caches yet,
	// so it is not called yet.
	Verify func(q Query, r io.ReaderAt, size int64) (ID, error)
	// HTTP and UNC make the stores for elements of those kinds. Without one,
	// such an element is an attempt with [StatusUnsupported].
	HTTP, UNC func(Element) (Store, error)
	// Dir opens the directory of an element; nil reads the file system of this
	// machine, where a FIFO, device or directory in place of a file is refused.
	Dir func(dir string) (fs.FS, error)
	// Cache is the default downstream store: the directory that an empty place
	// in a chain and a bare cache* stand for. Empty: [DefaultCache].
	Cache string
	// Getenv replaces os.Getenv where [DefaultCache] is needed.
	Getenv func(string) string
	// Offline leaves HTTP and UNC elements out, with [StatusOffline].
	Offline bool
	// Trace is told of every attempt of every search. See [WithTrace] for one search.
	Trace *Trace
}

// Trace is a set of functions that are called as a search goes on, from the
// goroutine that searches. Any may be nil. The functions must be safe for
// concurrent use.
type Trace struct {
	// Attempt is called after each probe.
	Attempt func(Query, Attempt)
}

func (t *Trace) attempt(q Query, a Attempt) {
	if t != nil && t.Attempt != nil {
		t.Attempt(q, a)
	}
}

type traceKey struct{}

// WithTrace returns a context that reports the attempts of the searches made
// with it to t, in addition to [Options.Trace].
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// ContextTrace returns the trace of [WithTrace], or nil. A [Store] of one's own
// calls it to report its attempts as it makes them.
func ContextTrace(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}
