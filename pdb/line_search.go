package pdb

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/symres/symres/internal/codeview"
)

// Line is a piece of code and the place in a source file it comes from.
type Line struct {
	File      string // as the compiler saw it
	Line      uint32 // counted from 1
	EndLine   uint32 // the last line of the statement
	Column    uint16 // counted from 1; 0 if not known
	EndColumn uint16
	Statement bool   // false: a part of a statement; not known of inlined code
	Inlined   bool   // from a function inlined into another
	Segment   uint16 // 1-based section number
	Offset    uint32 // in the segment
	RVA       uint32 // valid if HasRVA
	HasRVA    bool   // false for code the linker or a later tool left out
	Size      uint32 // bytes of code
	Module    uint16 // number of the module, in the order of Modules, from 1
}

// LineAt returns the line of the code at an RVA in the function itself; for
// inlined code that is the line of the call, see [File.Frames]. ok is false if
// there is none, for example in code that the compiler assigned to no line.
//
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading.
func (f *File) LineAt(rva uint32) (line Line, ok bool, err error) {
	q, err := f.ask(f.msf.Work.Point())
	if err != nil {
		return Line{}, false, err
	}
	defer q.end()
	sec, err := f.layout()
	if err != nil {
		return Line{}, false, err
	}
	c, seg, off, err := f.codeAt(rva)
	if err != nil || c == nil {
		return Line{}, false, err
	}
	row, runs, i, err := c.rowAt(seg, off)
	if err != nil || row.Line() == 0 {
		return Line{}, false, err
	}
	size := runs.End(row.Off, c.blockAt[i].size) - row.Off
	line, err = f.makeLine(sec, c, row, c.blockAt[i], size)
	return line, err == nil, err
}

// Lines enumerates the lines of the module by their addresses, without inlined
// code.
//
// A damaged module gives an error, satisfying errors.Is(err, [ErrFormat]), in
// the end; an error of reading ends the sequence.
func (m Module) Lines() iter.Seq2[Line, error] {
	f := m.f
	return granted(f, f.msf.Work.Point(), func(yield func(Line, error) bool) error {
		sec, err := f.layout()
		if err != nil {
			return err
		}
		c, err := m.code()
		if err != nil {
			return err
		}
		done, err := f.eachLine(sec, c, func(line Line) bool { return yield(line, nil) })
		if done || err != nil {
			return err
		}
		return c.bad
	})
}

// eachLine visits the lines of a module. done says that visit wants no more.
func (f *File) eachLine(sec *sections, c *moduleLines, visit func(Line) bool) (done bool, err error) {
	for i, b := range c.blocks {
		if err := f.check(); err != nil {
			return false, err
		}
		runs, err := c.runs(b)
		if err != nil {
			return false, err
		}
		rows := runs.Sorted()
		for j, row := range rows {
			if row.Line() == 0 || row.Off >= c.blockAt[i].size {
				continue
			}
			size := nextOffset(rows[j:], c.blockAt[i].size) - row.Off
			line, err := f.makeLine(sec, c, row, c.blockAt[i], size)
			if err != nil {
				return false, err
			}
			if !visit(line) {
				return true, nil
			}
		}
	}
	return false, nil
}

// nextOffset returns where the code of the first row ends. Of rows at one
// offset only the last has code.
func nextOffset(rows []codeview.LineRow, end uint32) uint32 {
	if len(rows) > 1 {
		return min(end, rows[1].Off)
	}
	return end
}

func (f *File) makeLine(sec *sections, c *moduleLines, row codeview.LineRow, at codeRange, size uint32) (Line, error) {
	name, err := f.fileName(c, row.File)
	line := Line{
		File: name, Line: row.Line(), EndLine: row.EndLine(), Statement: row.Statement(),
		Column: row.Column, EndColumn: row.EndCol,
		Segment: at.seg, Offset: at.off + row.Off, Size: size, Module: uint16(c.ms.num + 1),
	}
	line.RVA, line.HasRVA = sec.rva(line.Segment, line.Offset)
	return line, err
}

// LineAddresses returns the code of a line, by address: where it stands in a
// function, and where that function was inlined. The file may be given by the
// last parts of its path ("main.c", "src/main.c"); letter case and the kind of
// slash do not matter. If no code comes from the line, the code of the next
// line that has some is returned. An empty result is not an error.
//
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading; damaged
// modules have the lines before the damage.
func (f *File) LineAddresses(file string, line uint32) ([]Line, error) {
	q, err := f.ask(f.msf.Work.Whole())
	if err != nil {
		return nil, err
	}
	defer q.end()
	sec, err := f.layout()
	if err != nil {
		return nil, err
	}
	mods, err := f.modulesWith(file)
	if err != nil {
		return nil, err
	}
	s := lineSearch{f: f, sec: sec, file: foldPath(file), line: line, files: map[string]bool{}}
	for _, i := range mods {
		c, err := f.moduleLines(i)
		if err != nil && !errors.Is(err, ErrFormat) {
			return nil, err
		}
		if err == nil {
			err = s.module(c)
		}
		if fatal(err) {
			return nil, err
		}
	}
	slices.SortStableFunc(s.found, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Offset, b.Offset))
	})
	return s.found, nil
}

// lineSearch collects the code of the first line at or behind one that has any.
type lineSearch struct {
	f     *File
	sec   *sections
	file  string // folded
	line  uint32
	found []Line          // all of one line
	files map[string]bool // which names are meant, as far as they were asked
	err   error           // why the search ends early
}

// take adds a line if it is one of those wanted.
func (s *lineSearch) take(l Line) {
	switch {
	case l.Line < s.line || !s.means(l.File):
		return
	case len(s.found) > 0 && l.Line > s.found[0].Line:
		return
	case len(s.found) > 0 && l.Line < s.found[0].Line:
		s.found = s.found[:0]
	}
	s.found = append(s.found, l)
	s.spend(perFound)
}

// spend counts what is done for a line.
func (s *lineSearch) spend(n int) {
	if err := s.f.msf.Work.Spend(n); s.err == nil {
		s.err = err
	}
}

const (
	perFound = 1024 // what an answer counts as: whoever asked looks at it
	longPath = 1024 // bytes of a name that is counted each time it is compared
)

// means reports whether a file is the one wanted.
func (s *lineSearch) means(name string) bool {
	if len(name) > longPath {
		s.spend(len(name))
	}
	is, ok := s.files[name]
	if !ok {
		is = endsPath(foldPath(name), s.file)
		s.files[name] = is
	}
	return is
}

func (s *lineSearch) module(c *moduleLines) error {
	if ok, err := s.concerns(c); !ok || err != nil {
		return err
	}
	if _, err := s.f.eachLine(s.sec, c, func(l Line) bool { s.take(l); return s.err == nil }); err != nil || s.err != nil {
		return cmp.Or(err, s.err)
	}
	return cmp.Or(s.inlined(c), s.err)
}

// concerns reports whether the module has code from the file.
func (s *lineSearch) concerns(c *moduleLines) (bool, error) {
	for _, file := range c.files {
		name, err := s.f.fileName(c, file.at)
		if err != nil || s.means(name) {
			return err == nil, err
		}
	}
	return false, nil
}

// inlined takes the code of inlined functions.
func (s *lineSearch) inlined(c *moduleLines) error {
	o, err := s.f.outlineOf(c.ms)
	if err != nil {
		return err
	}
	for i, fn := range o.funcs {
		r, err := c.ms.body(fn)
		for err == nil && s.err == nil && r.Step() {
			if kind := r.kind(); kind != kindInlineSite && kind != kindInlineSite2 {
				continue
			}
			if err := s.site(c, o.funcAt[i], r.Rec); err != nil {
				return err
			}
		}
		if err := cmp.Or(err, r.Err); err != nil {
			return err
		}
	}
	return nil
}

// site takes the code of an inline site of the function at a place.
func (s *lineSearch) site(c *moduleLines, fn codeRange, rec []byte) error {
	head := siteHead(rec)
	if len(rec) < head {
		return nil
	}
	i := c.inlinee(u32(rec, 12))
	if i < 0 {
		return nil
	}
	for a := codeview.RunAnnotations(rec[head:]); a.Step(); {
		if a.Out.Chunk != 0 { // lies elsewhere
			continue
		}
		pos := a.Out.Pos
		if pos.File == codeview.NoFile {
			pos.File = c.inlinees[i].file
		}
		name, err := s.f.fileName(c, pos.File)
		if err != nil {
			return err
		}
		at := makeRange(fn.seg, fn.off+a.Out.Start, a.Out.End-a.Out.Start)
		l := Line{
			File: name, Line: pos.Line + c.inlinees[i].line, Column: uint16(pos.Column), Inlined: true,
			Segment: at.seg, Offset: at.off, Size: at.size, Module: uint16(c.ms.num + 1),
		}
		l.EndLine = l.Line
		l.RVA, l.HasRVA = s.sec.rva(l.Segment, l.Offset)
		s.take(l)
	}
	return nil
}

// foldPath makes paths comparable: lower case, one kind of slash.
func foldPath(path string) string {
	return strings.ToLower(strings.ReplaceAll(path, "/", `\`))
}

// endsPath reports whether a folded path is, or ends in, the elements of another.
func endsPath(path, end string) bool {
	rest, ok := strings.CutSuffix(path, end)
	return ok && end != "" && (rest == "" || strings.HasSuffix(rest, `\`) || strings.HasPrefix(end, `\`))
}
