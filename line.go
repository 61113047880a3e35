package symres

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/symres/symres/pdb"
)

// SourceLine is code that a line of source became, as [Session.Lines] finds
// it. It owns its memory and may be kept.
type SourceLine struct {
	pdb.Line        // file, line, column, and the bytes of code; Size is that of the code
	Address  uint64 // where the code begins
	Asked    uint32 // the line that was asked for; the code is from it or from the next that has some
	// Location is the symbol the code belongs to; its Name is empty where
	// there is none. It has no frames.
	Location Location
}

// Lines yields the code of a source line in address order, for
// `module!file:line`, or for `file:line` in every module. The backquotes that a
// debugger requires around the place are optional. The line is decimal. The
// file may be given by the last parts of its path; letter case and the kind of
// slash do not matter. If a module has no code for the line, the code of the
// next line that has some is yielded.
//
// A module whose symbols cannot be loaded yields its [*LoadError] and the
// search goes on. The last error wraps [ErrPattern], [ErrNoModule] when no
// module matched, or [ErrNotFound] if no module with symbols has code for the
// line or for a later line of the file.
func (s *Session) Lines(ctx context.Context, place string) iter.Seq2[SourceLine, error] {
	mod, file, line, err := parsePlace(place)
	if err != nil {
		return failed[SourceLine](err)
	}
	modules, _, err := s.match(mod + "!*")
	if err != nil {
		return failed[SourceLine](err)
	}
	in := func(m *module) ([]SourceLine, error) { return s.linesIn(ctx, m, file, line) }
	return eachModule(ctx, modules, in, func() error {
		return fmt.Errorf("%s: no code from that line on: %w", place, ErrNotFound)
	})
}

// parsePlace splits `module!file:line`.
func parsePlace(place string) (mod, file string, line uint32, err error) {
	text := strings.Trim(place, "`")
	mod, rest, qualified := strings.Cut(text, "!")
	if !qualified {
		mod, rest = "*", text
	}
	colon := strings.LastIndexByte(rest, ':')
	if mod == "" || colon <= 0 {
		return "", "", 0, fmt.Errorf("%w %q: want file:line or module!file:line", ErrPattern, place)
	}
	n, err := strconv.ParseUint(rest[colon+1:], 10, 32)
	if err != nil || n == 0 {
		return "", "", 0, fmt.Errorf("%w %q: %q is no line number", ErrPattern, place, rest[colon+1:])
	}
	return mod, rest[:colon], uint32(n), nil
}

func (s *Session) linesIn(ctx context.Context, m *module, file string, line uint32) ([]SourceLine, error) {
	syms, err := s.opened(ctx, m)
	if err != nil {
		return nil, err
	}
	if syms.pdb == nil {
		return inImage{m, syms}.lines(file, line)
	}
	lines, err := syms.pdb.LineAddresses(file, line)
	if err != nil {
		return nil, m.failed(err)
	}
	var found []SourceLine
	for _, l := range lines {
		if err := m.interrupted(ctx); err != nil {
			return found, err
		}
		if !l.HasRVA { // the linker had no use for it
			continue
		}
		at := SourceLine{Line: l, Address: m.Base + uint64(l.RVA), Asked: line}
		near, failure := syms.pdb.Nearest(l.RVA)
		at.Location.Module, at.Location.Proof, at.Location.Identity = m.Name, syms.Proof, syms.Identity
		if failure == nil && len(near) > 0 {
			at.Location = m.named(syms, near)
			at.Location.near(at.Address, &near[0])
		} else if failure != nil {
			err = cmp.Or(err, m.failed(failure))
		}
		found = append(found, at)
	}
	slices.SortStableFunc(found, func(a, b SourceLine) int { return cmp.Compare(a.Address, b.Address) })
	return found, err
}
