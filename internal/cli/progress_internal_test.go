package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/sympath"
)

// screen is a terminal that remembers.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A bar is shown for a file that takes a while, and lines of the program stand
// above it. When the last file is there the screen is as before.
func TestProgress_bar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s screen
		p := newProgress(&s)
		q := sympath.Query{File: "a.pdb"}
		const url = "https://h/a.pdb/1/a.pdb"
		p.event(q, sympath.Event{Kind: sympath.EventStart, Location: url, Total: 4 << 20})
		p.event(q, sympath.Event{Kind: sympath.EventProgress, Location: url, Done: 1 << 20, Total: 4 << 20})
		if p.bars != nil {
			t.Error("a bar at once")
		}
		time.Sleep(time.Second)
		p.event(q, sympath.Event{Kind: sympath.EventProgress, Location: url, Done: 2 << 20, Total: 4 << 20})
		time.Sleep(1100 * time.Millisecond)
		for _, want := range []string{"a.pdb", "2.0 MiB / 4.0 MiB", "1.1 MiB/s", "2s", "[######------]"} {
			if !strings.Contains(s.String(), want) {
				t.Errorf("screen without %q: %q", want, s.String())
			}
		}
		if _, err := p.over(&s).Write([]byte("a line of the program\n")); err != nil {
			t.Error(err)
		}
		p.event(q, sympath.Event{Kind: sympath.EventRetry, Location: url, Wait: time.Second, Err: errors.New("\x1bcut")})
		time.Sleep(time.Second)
		p.attempt(q, sympath.Attempt{Location: url, Origin: sympath.OriginHTTP, Status: sympath.StatusFound})
		if p.bars != nil || len(p.files) != 0 {
			t.Error("the bar is still there")
		}
		if got := s.String(); !strings.Contains(got, "a line of the program") || !strings.Contains(got, `\x1bcut; trying again in 1s`) {
			t.Errorf("lines are missing on the screen: %q", got)
		}
		if !strings.HasSuffix(s.String(), eraseBelow) {
			t.Errorf("something is left on the screen: %q", s.String())
		}
		p.event(q, sympath.Event{Kind: sympath.EventStart, Location: url})
		time.Sleep(time.Second)
		p.event(q, sympath.Event{Kind: sympath.EventProgress, Location: url, Done: 5, Total: -1})
		p.stop() // with a file of unknown length on its way
	})
}

// What no cache could keep, on a full disk say, was not downloaded, unless
// another took it.
func TestProgress_diskFull(t *testing.T) {
	full := sympath.Event{Kind: sympath.EventWarning, Location: "/c", Err: &fs.PathError{Op: "write", Path: "1", Err: syscall.ENOSPC}}
	for _, kept := range []bool{false, true} {
		p, q := newProgress(nil), sympath.Query{File: "a.pdb"}
		a := sympath.Attempt{Location: "https://h/a", Origin: sympath.OriginHTTP, Status: sympath.StatusFound}
		p.event(q, sympath.Event{Kind: sympath.EventStart, Location: a.Location, Total: 10})
		p.event(q, full)
		if kept {
			p.event(q, sympath.Event{Kind: sympath.EventPublish, Location: "/d/a"})
		}
		p.attempt(q, a)
		if got := strings.Join(p.story(a), "\n"); strings.Contains(strings.ToLower(got), "downloaded") != kept {
			t.Errorf("kept: %v, story %q", kept, got)
		}
	}
}

// Elsewhere nothing is shown, and what happened is told under its attempt.
func TestProgress_story(t *testing.T) {
	p := newProgress(nil)
	q, other := sympath.Query{File: "a.pdb"}, sympath.Query{File: "b.pdb"}
	a := sympath.Attempt{Location: "https://h/a", Origin: sympath.OriginHTTP, Status: sympath.StatusFound}
	for _, e := range []sympath.Event{
		{Kind: sympath.EventStart, Location: a.Location, Total: 10},
		{Kind: sympath.EventRetry, Location: a.Location, Err: errors.New("cut"), Wait: 500 * time.Millisecond},
		{Kind: sympath.EventProgress, Location: a.Location, Done: 10, Total: 10},
		{Kind: sympath.EventWarning, Location: "/c", Err: &fs.PathError{Op: "write", Path: "1", Err: syscall.ENOSPC}},
		{Kind: sympath.EventWarning, Location: "/c", Err: &fs.PathError{Op: "write", Path: "2", Err: syscall.ENOSPC}},
		{Kind: sympath.EventWarning, Location: "/d", Err: &fs.PathError{Op: "write", Path: "3", Err: syscall.ENOSPC}},
		{Kind: sympath.EventPublish, Location: "/d/a"},
	} {
		p.event(q, e)
	}
	p.attempt(other, sympath.Attempt{Location: "https://h/b"})
	p.attempt(q, a)
	got := strings.Join(p.story(a), "\n")
	for _, want := range []string{"SYMSRV:  https://h/a - cut; trying again in 500ms\nSYMSRV:  PATH: /d/a\nSYMSRV:  Downloaded successfully, took ", " ms for 10 bytes"} {
		if !strings.Contains(got, want) {
			t.Errorf("story %q without %q", got, want)
		}
	}
	if len(p.story(a)) != 0 || len(p.story(sympath.Attempt{Location: "https://h/b"})) != 0 {
		t.Error("told twice, or of another file")
	}
	if w := p.take(); len(w) != 2 || !strings.HasPrefix(w[0], "/c: write 1: ") || !strings.HasPrefix(w[1], "/d: ") || len(p.take()) != 0 {
		t.Errorf("warnings %q", w)
	}
}
