package symres_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
)

// checkLines asks for the code of a line, holds each place against what the
// address itself says, and returns how many there were.
func checkLines(t *testing.T, s *symres.Session, place string) int {
	t.Helper()
	n := 0
	for at, err := range s.Lines(t.Context(), place) {
		if err != nil {
			if !errors.Is(err, symres.ErrNotFound) || n > 0 {
				t.Errorf("%s: %v", place, err)
			}
			break
		}
		n++
		checkLine(t, s, place, at)
	}
	return n
}

func checkLine(t *testing.T, s *symres.Session, place string, at symres.SourceLine) {
	t.Helper()
	loc, err := s.Resolve(t.Context(), at.Address)
	if err != nil || loc.Name != at.Location.Name || loc.Displacement != at.Location.Displacement || loc.Address != at.Location.Address {
		t.Errorf("%s: %#x is %s+%#x, Resolve gives %s+%#x, %v", place, at.Address,
			at.Location.Name, at.Location.Displacement, loc.Name, loc.Displacement, err)
	}
	if at.Line.Line < at.Asked {
		t.Errorf("%s: line %d comes before it", place, at.Line.Line)
	}
	if at.Size == 0 { // another line at the address has the code
		return
	}
	for _, f := range loc.Frames {
		if f.File == at.File && f.Line == at.Line.Line {
			return
		}
	}
	t.Errorf("%s: %#x is %s:%d, and its frames are %+v", place, at.Address, at.File, at.Line.Line, loc.Frames)
}

func TestLines(t *testing.T) {
	s, m := privateSession(t)
	n := 0
	for line := range 90 {
		n += checkLines(t, s, fmt.Sprintf("image!fs_rec.c:%d", line+1))
	}
	if n < 60 {
		t.Errorf("%d places", n)
	}
	for _, place := range []string{"fs_rec.c:58", "`image!c:/FIXTURE/fs_rec.c:58`", `fixture\fs_rec.c:58`} {
		for at, err := range s.Lines(t.Context(), place) {
			if err != nil || at.Address != m.Base+0x5007 || at.Location.Name != "FsRecDispatch" || at.Line.Line != 58 {
				t.Errorf("%s: %#x, %s, line %d, %v", place, at.Address, at.Location.Name, at.Line.Line, err)
			}
		}
	}
}

func TestLines_inlined(t *testing.T) {
	s, _ := pdbSession(t, filepath.Join(fixture.Shared(t), "npm-node-pty-1.1.0", "prebuilds", "win32-x64", "conpty_console_list.pdb"))
	n := 0
	for line := 100; line < 2000; line += 37 {
		n += checkLines(t, s, fmt.Sprintf("napi-inl.h:%d", line))
	}
	if n < 40 {
		t.Errorf("%d places", n)
	}
}

func TestLines_errors(t *testing.T) {
	s, _ := privateSession(t)
	for place, want := range map[string]error{
		"fs_rec.c": symres.ErrPattern, ":3": symres.ErrPattern, "fs_rec.c:": symres.ErrPattern, "fs_rec.c:0": symres.ErrPattern,
		"fs_rec.c:4294967296": symres.ErrPattern, "!fs_rec.c:1": symres.ErrPattern, "": symres.ErrPattern,
		"fs_rec.c:9999": symres.ErrNotFound, "rec.c:58": symres.ErrNotFound, "other!fs_rec.c:58": symres.ErrNoModule,
	} {
		n := 0
		for _, err := range s.Lines(t.Context(), place) {
			if n++; !errors.Is(err, want) || !strings.Contains(err.Error(), strings.Split(place, "!")[0]) {
				t.Errorf("%q: %v, want %v", place, err, want)
			}
		}
		if n != 1 {
			t.Errorf("%q: %d values", place, n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.Lines(ctx, "fs_rec.c:58") {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
