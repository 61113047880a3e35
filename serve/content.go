package serve

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/symres/symres/sympath"
)

// send answers with a file.
func (h *handler) send(w http.ResponseWriter, r *http.Request, f sympath.File, log *slog.Logger) {
	select {
	case h.transfers <- struct{}{}:
		defer func() { <-h.transfers }()
	case <-r.Context().Done():
		reset(w) // nothing at all would be an empty file
		return
	}
	h.stats.hits.Add(1)
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	if tag := tagOf(f); tag != "" {
		header.Set("ETag", tag)
	}
	body := &content{file: f}
	out := &slow{ResponseWriter: w, control: http.NewResponseController(w), idle: h.cfg.Idle}
	http.ServeContent(out, r, "", time.Time{}, io.NewSectionReader(body, 0, f.Size()))
	h.stats.sent.Add(out.n)
	if err := body.failed(); err != nil {
		log.Error("broken off", "sent", out.n, "err", err)
		h.stats.broken.Add(1)
		reset(w)
		return
	}
	log.Info("sent", "bytes", out.n)
}

// tagger is a file whose SHA-256 is known.
type tagger interface{ SHA256() string }

// tagOf returns the ETag of a file: empty if its SHA-256 is not known.
func tagOf(f sympath.File) string {
	t, ok := f.(tagger)
	if !ok || t.SHA256() == "" {
		return ""
	}
	return `"sha256-` + t.SHA256() + `"`
}

// content reads a file and remembers what went wrong: [http.ServeContent] ends an
// answer that it cannot finish without a word.
type content struct {
	file sympath.File
	err  atomic.Pointer[error]
}

// ReadAt implements [io.ReaderAt].
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.file.ReadAt(p, off)
	if err == io.EOF && off+int64(n) < c.file.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		c.err.CompareAndSwap(nil, &err)
		return 0, err // nothing of what may be wrong
	}
	return n, err
}

func (c *content) failed() error {
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

// slow gives up clients that take too long for what they are sent.
type slow struct {
	http.ResponseWriter
	control *http.ResponseController
	idle    time.Duration
	n       int64 // bytes sent
}

// Write implements [io.Writer].
func (s *slow) Write(p []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.idle)) // where it can be set
	n, err := s.ResponseWriter.Write(p)
	s.n += int64(n)
	return n, err
}

// Unwrap is what [http.ResponseController] asks for.
func (s *slow) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// reset ends a connection so that no client takes what it got for a whole file:
// by RST. Over HTTP/2 the stream is reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := conn
	for {
		outer, ok := raw.(interface{ NetConn() net.Conn }) // of package tls, and ours
		if !ok {
			break
		}
		raw = outer.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what is not sent yet is dropped
	}
	_ = raw.Close()
	_ = conn.Close() // frees its place
}
