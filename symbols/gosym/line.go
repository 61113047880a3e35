package gosym

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/symres/symres/symbols"
)

const (
	pcdataInline   = 2 // PCDATA_InlTreeIndex
	funcdataInline = 3 // FUNCDATA_InlTree
	inlineSize     = 16
	maxInlined     = 64
	maxDeltas      = 64 << 10 // bytes of the values of a function
	absent         = 0xffffffff
)

// function is what the table says of a function (runtime._func).
type function struct {
	start, end uint32
	name       uint32 // in the names
	file, line uint32 // in the values
	unit       uint32 // index in the table of units
	inline     uint32 // in the values; 0 is none
	tree       uint32 // RVA of the inlined calls; 0 is none
}

// read reads what the table says of a function.
func (t *Table) read(start, end, info uint32) (function, error) {
	f := function{start: start, end: end}
	size := uint32(40)
	if t.since120 {
		size = 44
	}
	b, err := t.im.Bytes("Go function", info, size)
	if err != nil {
		return f, err
	}
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	f.name, f.file, f.line, f.unit = word(1), word(5), word(6), word(8)
	npcdata, nfuncdata := word(7), uint32(b[size-1])
	if t.gofunc == 0 || npcdata <= pcdataInline || npcdata > 64 || nfuncdata <= funcdataInline {
		return f, nil
	}
	more, err := t.im.Bytes("Go function", info+size, 4*(npcdata+nfuncdata))
	if err != nil {
		return f, err
	}
	if tree := binary.LittleEndian.Uint32(more[4*(npcdata+funcdataInline):]); tree != absent {
		f.inline, f.tree = binary.LittleEndian.Uint32(more[4*pcdataInline:]), t.gofunc+tree
	}
	return f, nil
}

// span is a run of addresses with one value.
type span struct {
	value      int32
	start, end uint32
}

// spans yields what a table of values says of a function, address by address. A
// table is steps of value and address.
func (t *Table) spans(f function, table uint32) iter.Seq2[span, error] {
	return func(yield func(span, error) bool) {
		s, run := span{value: -1, end: f.start}, run{t: t, at: t.values + table}
		for first := true; s.end < f.end; first = false {
			delta, err := run.varint()
			if err == nil && delta == 0 && !first {
				return
			}
			s.value += int32(delta>>1) ^ -int32(delta&1)
			s.start = s.end
			if err == nil {
				s.end, err = run.advance(s.end)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// value is what a table of values says at rva, -1 for nothing.
func (t *Table) value(f function, table, rva uint32) (int32, error) {
	for s, err := range t.spans(f, table) {
		if err != nil || rva < s.end {
			return s.value, err
		}
	}
	return -1, nil
}

// run reads a table of values.
type run struct {
	t    *Table
	at   uint32
	b    []byte
	used int
}

// varint reads a number of up to five bytes.
func (r *run) varint() (v uint32, err error) {
	for shift := 0; shift < 35; shift += 7 {
		if len(r.b) == 0 {
			if r.used > maxDeltas || r.at >= r.t.im.SizeOfImage {
				return 0, fmt.Errorf("lines of a Go function: they do not end: %w", symbols.ErrFormat)
			}
			n := min(64, r.t.im.SizeOfImage-r.at)
			if r.b, err = r.t.im.Bytes("Go lines", r.at, n); err != nil {
				return 0, err
			}
			r.at, r.used = r.at+n, r.used+int(n)
		}
		c := r.b[0]
		r.b = r.b[1:]
		v |= uint32(c&0x7f) << shift
		if c&0x80 == 0 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("lines of a Go function: a number of more than 32 bits: %w", symbols.ErrFormat)
}

// advance reads how far a value goes from pc on.
func (r *run) advance(pc uint32) (uint32, error) {
	delta, err := r.varint()
	end := pc + delta*r.t.quantum
	if err == nil && end <= pc {
		err = fmt.Errorf("lines of a Go function: a step of no bytes: %w", symbols.ErrFormat)
	}
	return end, err
}

// file is the name of a file of the function.
func (t *Table) file(f function, n int32) (string, error) {
	if n < 0 || f.unit == absent {
		return "", nil
	}
	b, err := t.im.Bytes("Go files", t.units+4*(f.unit+uint32(n)), 4)
	if err != nil {
		return "", err
	}
	off := binary.LittleEndian.Uint32(b)
	if off == absent {
		return "", nil
	}
	return t.im.Text("name of a Go file", t.files+off)
}

// place is the file and line of an address.
func (t *Table) place(f function, rva uint32) (file string, line uint32, err error) {
	n, err := t.value(f, f.file, rva)
	if err != nil {
		return "", 0, err
	}
	if file, err = t.file(f, n); err != nil {
		return "", 0, err
	}
	l, err := t.value(f, f.line, rva)
	return file, uint32(max(l, 0)), err
}

// Frames implements [symbols.Lines].
func (t *Table) Frames(rva uint32) (frames []symbols.Frame, err error) {
	f, err := t.function(rva)
	if err != nil {
		if errors.Is(err, errNoFunction) {
			err = nil
		}
		return nil, err
	}
	for at := rva; len(frames) < maxInlined; {
		var frame symbols.Frame
		if frame.File, frame.Line, err = t.place(f, at); err != nil {
			return frames, err
		}
		call, inlined, err := t.inlined(f, at)
		if err != nil {
			return frames, err
		}
		if !inlined {
			frame.Function, err = t.im.Text("name of a Go function", t.names+f.name)
			return append(frames, frame), err
		}
		if frame.Function, err = t.im.Text("name of a Go function", t.names+call.name); err != nil {
			return frames, err
		}
		frame.Inlined = true
		frames = append(frames, frame)
		at = f.start + call.parent
		if at < f.start || at >= f.end {
			return frames, fmt.Errorf("inlined calls of a Go function: a call outside of its function: %w", symbols.ErrFormat)
		}
	}
	return frames, nil
}

// call is an inlined call: what was called, and an address of the caller in the
// function.
type call struct{ name, parent uint32 }

// inlined is the call that the code at rva was inlined for.
func (t *Table) inlined(f function, rva uint32) (call, bool, error) {
	if f.tree == 0 || f.inline == 0 {
		return call{}, false, nil
	}
	n, err := t.value(f, f.inline, rva)
	if err != nil || n < 0 {
		return call{}, false, err
	}
	b, err := t.im.Bytes("Go inlined calls", f.tree+inlineSize*uint32(n), inlineSize)
	if err != nil {
		return call{}, false, err
	}
	return call{binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])}, true, nil
}

// LineAddresses implements [symbols.Lines]. It reads the lines of every function.
func (t *Table) LineAddresses(file string, line uint32) ([]symbols.Line, error) {
	s := &search{t: t, want: slashed(file), line: line, best: absent}
	left := t.im.Budget()
	for i := range t.n {
		f, err := t.at(i)
		if err == nil {
			err = left.Spend(perFunction)
		}
		if err == nil {
			err = s.function(f, &left)
		}
		if errors.Is(err, symbols.ErrLimit) {
			return s.found, err
		}
		s.failed = cmp.Or(s.failed, err)
	}
	if len(s.found) > 0 {
		s.failed = nil
	}
	return s.found, s.failed
}

func slashed(path string) string { return strings.ToLower(strings.ReplaceAll(path, `\`, "/")) }

// search looks for the code of a line, or of the next that has some.
type search struct {
	t      *Table
	want   string
	line   uint32
	best   uint32 // the line of what was found
	found  []symbols.Line
	failed error
}

// function looks at the lines of a function.
func (s *search) function(f function, left *symbols.Budget) error {
	for run, err := range s.t.spans(f, f.line) {
		if err == nil {
			err = left.Spend(0)
		}
		if err != nil {
			return err
		}
		if l := uint32(max(run.value, 0)); l >= s.line && l <= s.best {
			if err := s.take(f, run.start, min(run.end, f.end), l); err != nil {
				return err
			}
		}
	}
	return nil
}

// take notes code of a line if it is of the file.
func (s *search) take(f function, at, end, line uint32) error {
	name, _, err := s.t.place(f, at)
	if err != nil {
		return err
	}
	have := slashed(name)
	if have != s.want && !strings.HasSuffix(have, "/"+strings.TrimPrefix(s.want, "/")) {
		return nil
	}
	if line < s.best {
		s.best, s.found = line, nil
	}
	if n := len(s.found); n > 0 && s.found[n-1].RVA+s.found[n-1].Size == at {
		s.found[n-1].Size += end - at
		return nil
	}
	s.found = append(s.found, symbols.Line{RVA: at, Size: end - at, File: name, Line: line})
	return nil
}
