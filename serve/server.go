package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// Limits of a [Server] that clients of symbol servers never reach.
const (
	headerTime = 5 * time.Second // to send the head of a request
	idleTime   = 2 * time.Minute // between requests
	maxHeader  = 8 << 10
)

// Server serves a handler on a listener until it is told to end.
type Server struct {
	Handler http.Handler
	// TLS is the certificate to serve with; nil serves without.
	TLS *tls.Certificate
	// Connections limits how many are open at once, 4,000 by default; others wait in
	// the queue of the system. While more than half of them are, each is closed
	// after its answer.
	Connections int
	// Drain is how long requests may go on after the end was asked for, 30 s by
	// default.
	Drain time.Duration
}

// Serve answers requests until ctx ends, then waits for those under way. It closes
// the listener. The error is nil after the end of ctx if all were answered.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	limit := s.Connections
	if limit == 0 {
		limit = 4000
	}
	limited := &limitedListener{Listener: l, slots: make(chan struct{}, limit), closed: make(chan struct{})}
	l = limited
	server := &http.Server{
		Handler: limited.closing(s.Handler), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0), // of clients that break off
	}
	if s.TLS != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*s.TLS}, MinVersion: tls.VersionTLS12}
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { ended <- s.end(server) })
	defer stop()
	err := s.listen(server, l)
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

func (s *Server) listen(server *http.Server, l net.Listener) error {
	if s.TLS != nil {
		return server.ServeTLS(l, "", "")
	}
	return server.Serve(l)
}

// end waits for the requests under way, and closes what is left then.
func (s *Server) end(server *http.Server) error {
	drain := s.Drain
	if drain == 0 {
		drain = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

// Listen opens the socket that systemd passes to this process, if getenv says that
// it does (LISTEN_PID and LISTEN_FDS, sd_listen_fds(3)), else addr.
func Listen(ctx context.Context, addr string, getenv func(string) string) (net.Listener, error) {
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return new(net.ListenConfig).Listen(ctx, "tcp", addr)
	}
	if n := getenv("LISTEN_FDS"); n != "1" {
		return nil, fmt.Errorf("systemd passes %s sockets; one is wanted", n)
	}
	const first = 3 // SD_LISTEN_FDS_START
	f := os.NewFile(first, "socket of systemd")
	defer f.Close()
	return net.FileListener(f)
}

// limitedListener accepts no more connections than it has slots.
type limitedListener struct {
	net.Listener
	slots  chan struct{} // one for each open connection
	closed chan struct{}
	once   sync.Once
}

// Accept implements [net.Listener].
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: conn, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close implements [net.Listener].
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// closing has connections closed after an answer while many are open.
func (l *limitedListener) closing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if 2*len(l.slots) > cap(l.slots) {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// limitedConn frees its slot when it is closed.
type limitedConn struct {
	net.Conn
	free func()
}

// Close implements [net.Conn].
func (c *limitedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// NetConn is the connection itself, as that of [tls.Conn].
func (c *limitedConn) NetConn() net.Conn { return c.Conn }
