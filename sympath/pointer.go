package sympath

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/symres/symres/internal/wtext"
)

// ErrPointer is wrapped by errors about a file.ptr that leads to a place
// outside the symbol path.
var ErrPointer = errors.New("file.ptr leads out of the symbol path")

// root is a directory of the path that a file.ptr may lead into.
type root struct {
	name  string
	parts []string
	unc   bool
	open  func(context.Context) (fs.FS, error)
}

// roots are all of them. The list is complete when the path has been built.
type roots struct{ list []root }

func (rs *roots) add(name string, unc bool, open func(context.Context) (fs.FS, error)) {
	rs.list = append(rs.list, root{name, pathParts(name, unc), unc, open})
}

// pathParts splits a path of this machine, or of a share.
func pathParts(s string, unc bool) []string {
	if unc || runtime.GOOS == "windows" {
		s = strings.ReplaceAll(s, `\`, "/")
	}
	return strings.Split(strings.TrimRight(s, "/"), "/")
}

// find returns the root that a file is below, and how it goes on from there.
// Nothing but plain names may follow.
func (rs *roots) find(file string) (root, []string, bool) {
	if rs == nil {
		return root{}, nil, false
	}
	unc := isUNC(file)
	parts := pathParts(file, unc)
	if len(parts) == 0 || slices.Contains(parts[1:], ".") || slices.Contains(parts, "..") {
		return root{}, nil, false
	}
	same := func(a, b string) bool { return a == b }
	if unc || runtime.GOOS == "windows" {
		same = strings.EqualFold
	}
	for _, r := range rs.list {
		n := len(r.parts)
		if r.unc == unc && n < len(parts) && slices.EqualFunc(r.parts, parts[:n], same) && !slices.Contains(parts[n:], "") {
			return r, parts[n:], true
		}
	}
	return root{}, nil, false
}

// maxPointer bounds a file.ptr.
const maxPointer = 4 << 10

// pointer is what a file.ptr says: where the file is, or a message about it.
type pointer struct{ path, message string }

// readPointer reads the first line: PATH: and a path, a path alone, or MSG:
// and text ([symstore], "file.ptr").
//
// [symstore]: https://learn.microsoft.com/en-us/windows/win32/debug/using-symstore
func (p place) readPointer(ctx context.Context, name, location string) (pointer, error) {
	f, err := p.open(ctx, name, location)
	if err != nil {
		return pointer{}, cause(err)
	}
	defer f.Close()
	if f.Size() > maxPointer {
		return pointer{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, f.Size())
	}
	text := make([]byte, f.Size())
	if n, err := within(ctx, f).ReadAt(text, 0); err != nil && err != io.EOF || n < len(text) {
		return pointer{}, errors.Join(err, io.ErrUnexpectedEOF)
	}
	return parsePointer(string(text))
}

var errNoPointer = errors.New("file.ptr says neither PATH nor MSG")

func parsePointer(text string) (pointer, error) {
	line, _, _ := strings.Cut(strings.TrimPrefix(text, "\ufeff"), "\n")
	line = strings.Trim(line, " \t\r\x00")
	switch {
	case hasPrefixFold(line, "MSG:"):
		return pointer{message: strings.TrimSpace(line[4:])}, nil
	case hasPrefixFold(line, "PATH:"):
		line = strings.TrimSpace(line[5:])
	case !isUNC(line):
		return pointer{}, errNoPointer
	}
	if line == "" || checkText(word{text: line}) != nil {
		return pointer{}, errNoPointer
	}
	return pointer{path: line}, nil
}

// takePointer follows a file.ptr, once, and only into a directory or share
// that is itself an element of the path. What is found there is a candidate
// like any other: its identity is still to be verified.
func (s *search) takePointer(p place) func(string, Attempt, time.Time) bool {
	return func(name string, a Attempt, start time.Time) bool {
		to, err := p.readPointer(s.ctx, name, a.Location)
		var r root
		var parts []string
		allowed := false
		if err == nil && to.path != "" {
			r, parts, allowed = p.roots.find(to.path)
		}
		switch {
		case err != nil:
			a.Status, a.Err = StatusError, err
		case to.path == "":
			a.Status, a.Err = StatusNotFound, fmt.Errorf("the store says: %s", wtext.Printable(to.message))
		case !allowed:
			a.Status, a.Err = StatusRefused, fmt.Errorf("%w: %s", ErrPointer, wtext.Printable(to.path))
		default:
			a.Status, a.Err = StatusPointer, fmt.Errorf("to %s", wtext.Printable(to.path))
		}
		s.note(a, start)
		if !allowed {
			return s.alive()
		}
		return s.at(r, p.limits, parts)
	}
}

// at looks for the file that was pointed to.
func (s *search) at(r root, limits Limits, parts []string) bool {
	start := time.Now()
	fsys, err := r.open(s.ctx)
	to := place{name: r.name, fsys: fsys, origin: OriginSymsrv, limits: limits}
	if r.unc {
		to.origin, to.reopen = OriginUNC, r.open
	}
	if err != nil {
		if s.ctx.Err() == nil {
			s.note(Attempt{Store: r.name, Origin: to.origin, Location: to.location(parts...), Status: StatusError, Err: cause(err)}, start)
		}
		return s.alive()
	}
	take := s.take(to)
	if last := parts[len(parts)-1]; strings.EqualFold(last, compressedName(s.query.File)) {
		take = s.takeCompressed(to)
	}
	s.probe(to, take, parts...)
	return !s.over
}
