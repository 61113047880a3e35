package dwarf

import (
	"cmp"
	"slices"
	"strings"

	"github.com/symres/symres/symbols"
)

// LineAddresses implements [symbols.Lines]. It reads the lines of all units.
func (t *Table) LineAddresses(file string, line uint32) (found []symbols.Line, failed error) {
	x, err := t.index()
	if err != nil {
		return nil, err
	}
	best := int(^uint(0) >> 1)
	left := t.im.Budget()
	for _, off := range x.units {
		u, err := readUnit(x, off, left)
		if failed = cmp.Or(failed, err); u == nil {
			continue
		}
		at, lines := t.linesOf(u, slashed(file), int(line), best)
		if at < best {
			best, found = at, nil
		}
		found = append(found, lines...)
	}
	slices.SortStableFunc(found, func(a, b symbols.Line) int { return cmp.Compare(a.RVA, b.RVA) })
	return found, failed
}

func slashed(path string) string { return strings.ToLower(strings.ReplaceAll(path, `\`, "/")) }

// linesOf is the code of a unit from the first line at or behind line that has
// some, if that is not behind best.
func (t *Table) linesOf(u *unit, file string, line, best int) (int, []symbols.Line) {
	var found []symbols.Line
	for i, r := range u.rows {
		if r.end || i+1 == len(u.rows) || r.line < line || r.line > best || !ends(u.file(r.file), file) {
			continue
		}
		rva, ok := t.rva(r.addr)
		size := u.rows[i+1].addr - r.addr
		if !ok || size == 0 {
			continue
		}
		if r.line < best {
			best, found = r.line, nil
		}
		if n := len(found); n > 0 && found[n-1].RVA+found[n-1].Size == rva {
			found[n-1].Size += uint32(size)
			continue
		}
		found = append(found, symbols.Line{RVA: rva, Size: uint32(size), File: u.file(r.file), Line: uint32(r.line), Column: uint32(max(r.column, 0))})
	}
	return best, found
}

// ends reports whether a path is, or ends with, the file asked for.
func ends(path, file string) bool {
	have := slashed(path)
	return have == file || strings.HasSuffix(have, "/"+strings.TrimPrefix(file, "/"))
}
