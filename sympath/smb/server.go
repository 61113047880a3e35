package smb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/symres/symres/internal/smb2"
)

// server is one server of the path and the connection to it, if there is one.
type server struct {
	client *Client
	name   string
	dial   chan struct{} // who holds the token may connect
	slots  *semaphore.Weighted

	mu     sync.Mutex
	link   *link
	busy   int         // requests under way
	idle   *time.Timer // closes the connection
	failed error       // of the last connect, until
	until  time.Time
	folds  map[string]bool // by tree and directory: whether it tells cases apart
}

// How often a request is made when its connection breaks: because of the server
// or the network, and because somebody else gave up waiting on it.
const (
	tries       = 3
	triesGaveUp = 20
)

// allSlots is how many requests of a server are under way at a time, as far as it
// allows for that: parts of a file that are announced together come together.
const allSlots = 64

// do makes a request of a share, on a new connection if need be. f must not
// use the share after it returned. When the context ends, or the server does
// not answer in time, the connection is closed.
func (s *server) do(ctx context.Context, share string, f func(*link, *smb2.Share) error) error {
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.slots.Release(1)
	for try := 1; ; try++ {
		err := s.once(ctx, share, f)
		if !errors.Is(err, errOthers) || try >= triesGaveUp || try >= tries && !errors.Is(err, errGaveUp) {
			return err
		}
	}
}

// errOthers marks a request that failed for no fault of its own.
var errOthers = errors.New("broken off")

func (s *server) once(ctx context.Context, share string, f func(*link, *smb2.Share) error) error {
	l, err := s.get(ctx)
	if err != nil {
		return err
	}
	defer s.release()
	ctx, cancel := context.WithTimeoutCause(ctx, s.client.cfg.Timeout, unreached{ErrNoAnswer})
	defer cancel()
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	tree, err := l.share(share)
	if err == nil {
		err = f(l, tree)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if broken := l.conn.Err(); broken != nil {
		return fmt.Errorf("%w: %w", errOthers, reason(explain(broken)))
	}
	err = explain(err)
	if errors.Is(err, ErrProtocol) {
		l.close() // a signature that does not fit, for one
	}
	return err
}

// reason is why a connection broke.
func reason(err error) error {
	for _, own := range []error{ErrBroken, ErrProtocol, ErrGuest, ErrDialect} {
		if errors.Is(err, own) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// get returns the connection, and makes it if there is none. The caller
// releases it.
func (s *server) get(ctx context.Context) (*link, error) {
	if l := s.take(); l != nil {
		return l, nil
	}
	select {
	case s.dial <- struct{}{}:
		defer func() { <-s.dial }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l := s.take(); l != nil {
		return l, nil
	}
	if err := s.paused(); err != nil {
		return nil, err
	}
	l, err := s.connect(ctx)
	if err != nil {
		if !over(ctx) {
			s.fail(err)
		}
		return nil, err
	}
	return s.put(l)
}

// over reports whether a context has ended. A dial may see its deadline pass
// before the context says so.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

func (s *server) connect(ctx context.Context) (*link, error) {
	cfg := &s.client.cfg
	cred, err := s.client.creds.Find(ctx, &url.URL{Scheme: "smb", Host: s.name})
	if err != nil {
		return nil, err
	}
	as, err := newLogin(cred, cfg.Guest)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.ConnectTimeout, ErrNoAnswer)
	defer cancel()
	return connect(ctx, cfg, s.name, as)
}

// take returns the connection if it is good.
func (s *server) take() *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link == nil || s.link.conn.Err() != nil {
		return nil
	}
	s.busy++
	return s.link
}

func (s *server) put(l *link) (*link, error) {
	s.client.mu.Lock()
	closed := s.client.closed
	s.client.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if closed {
		l.close()
		return nil, ErrClosed
	}
	if s.link != nil {
		s.link.close()
	}
	s.link, s.failed = l, nil
	s.busy++
	return l, nil
}

func (s *server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy--; s.busy > 0 || s.link == nil {
		return
	}
	if s.idle == nil {
		s.idle = time.AfterFunc(s.client.cfg.IdleTimeout, s.rest)
		return
	}
	s.idle.Reset(s.client.cfg.IdleTimeout)
}

// rest closes a connection that nobody uses. Open files open themselves again.
func (s *server) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == 0 && s.link != nil {
		s.link.close()
		s.link = nil
	}
}

// close ends the connection, whoever uses it.
func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle != nil {
		s.idle.Stop()
	}
	if s.link != nil {
		s.link.close()
		s.link = nil
	}
}

// paused is the error of a server that could not be connected to just now.
func (s *server) paused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil || !time.Now().Before(s.until) {
		return nil
	}
	return s.failed
}

func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed, s.until = err, time.Now().Add(s.client.cfg.Pause)
}

// limit closes a connection that does not answer until stop is called.
func (s *server) limit(l *link) (stop func()) {
	timer := time.AfterFunc(s.client.cfg.Timeout, l.close)
	return func() { timer.Stop() }
}
