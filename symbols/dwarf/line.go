package dwarf

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/symres/symres/symbols"
)

// LineAddresses implements [symbols.Lines]. It reads the names of the files of all
// line tables, and those tables that have the file.
func (t *Table) LineAddresses(file string, line uint32) ([]symbols.Line, error) {
	x, failed := t.index()
	if x == nil {
		return nil, failed
	}
	c, err := t.sections.open("info")
	if err != nil {
		return nil, err
	}
	w := t.work()
	s := &lineSearch{t: t, w: w, peek: &peeker{t: t, c: c, w: w}, file: slashed(file), line: line, best: math.MaxUint32, seen: map[uint64]bool{}}
	for _, h := range x.units {
		failed = cmp.Or(failed, s.unit(h))
		if s.w.out() {
			break
		}
	}
	slices.SortStableFunc(s.found, func(a, b symbols.Line) int { return cmp.Compare(a.RVA, b.RVA) })
	return s.found, failed
}

func slashed(path string) string { return strings.ToLower(strings.ReplaceAll(path, `\`, "/")) }

// lineSearch looks for the code of the first line at or behind line that has some.
type lineSearch struct {
	t     *Table
	w     *work
	peek  *peeker
	file  string
	line  uint32
	best  uint32 // that line, as far as it is known
	found []symbols.Line
	seen  map[uint64]bool // line tables
}

func (s *lineSearch) unit(h head) error {
	r, err := s.peek.root(h)
	if err != nil || r.tag != tagCompileUnit || r.stmtList.form == 0 || s.seen[r.stmtList.u] {
		return err
	}
	s.seen[r.stmtList.u] = true
	p, err := s.t.readProgram(r, s.w)
	if err != nil {
		return err
	}
	names, err := s.files(p, r)
	if len(names) == 0 || err != nil {
		return err
	}
	var rows []row
	err = p.run(s.w, func(r row) error {
		rows = append(rows, r)
		return s.w.spend(costRow)
	})
	sortRows(rows)
	for i := range rows {
		if i+1 < len(rows) && !rows[i].end {
			s.row(rows[i], rows[i+1].rva, names[rows[i].file])
		}
	}
	return err
}

// files are the names of those files of a table that are the one asked for.
func (s *lineSearch) files(p *program, r *root) (map[uint32]string, error) {
	var names map[uint32]string
	for i := range len(p.files) + 1 {
		name, err := p.file(r, uint32(i), s.w)
		if err != nil {
			return nil, err
		}
		if name != "" && ends(name, s.file) {
			if names == nil {
				names = map[uint32]string{}
			}
			names[uint32(i)] = name
		}
	}
	return names, nil
}

// row takes down the code of a row, up to end.
func (s *lineSearch) row(r row, end uint32, name string) {
	if name == "" || r.line < s.line || r.line > s.best || end == r.rva {
		return
	}
	if r.line < s.best {
		s.best, s.found = r.line, nil
	}
	if n := len(s.found); n > 0 && s.found[n-1].RVA+s.found[n-1].Size == r.rva {
		s.found[n-1].Size += end - r.rva
		return
	}
	s.found = append(s.found, symbols.Line{RVA: r.rva, Size: end - r.rva, File: name, Line: r.line, Column: uint32(r.column)})
}

// ends reports whether a path is, or ends with, the file asked for.
func ends(path, file string) bool {
	have := slashed(path)
	return have == file || strings.HasSuffix(have, "/"+strings.TrimPrefix(file, "/"))
}
