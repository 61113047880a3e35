package cli

import (
	"errors"
	"iter"
	"strconv"

	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/pdb"
)

func (d *dump) types() error { return dumpAll(d, d.pdb.Types(), (*rows).typeRecord) }

func (r *rows) typeRecord(t pdb.Type) {
	var size uint64
	known := false
	if !t.IsForward() { // a declaration as it stands has no size
		var err error
		size, err = t.Size()
		if known = err == nil; err != nil && !errors.Is(err, pdb.ErrNotFound) {
			r.damage(err)
		}
	}
	if r.json {
		r.typeObject(t, size, known)
		return
	}
	start := len(r.b)
	b := append(hexaddr.Append(r.b, uint64(t.Index()), 6), ' ', ' ')
	b = append(append(b, t.Leaf()...), ' ', ' ')
	if known {
		b = hexaddr.Append(b, size, 1)
	} else {
		b = append(b, '-')
	}
	b = append(b, ' ', ' ')
	switch {
	case t.IsTag():
		b = append(append(b, t.Kind().String()...), ' ')
		b = append(b, t.String()...)
	case t.Kind() == pdb.TypeOther: // of use to other records only
		b = append(b, '-')
	default:
		b = append(b, t.String()...)
	}
	r.b = text.FinishRow(b, start, start)
}

func (r *rows) typeObject(t pdb.Type, size uint64, known bool) {
	r.more()
	r.hex("index", uint64(t.Index()))
	r.str("leaf", t.Leaf())
	r.str("kind", t.Kind().String())
	r.known("name", t.Name())
	r.known("unique", t.UniqueName())
	if !t.IsTag() && t.Kind() != pdb.TypeOther {
		r.str("type", t.String())
	}
	if known {
		r.num("size", size)
	}
	r.flag("forward", t.IsForward())
	r.end()
}

func (d *dump) modules() error {
	number := uint64(0)
	return dumpAll(d, d.pdb.Modules(), func(r *rows, m pdb.Module) {
		number++
		if r.json {
			r.moduleObject(number, m)
			return
		}
		start := len(r.b)
		b := strconv.AppendUint(r.b, number, 10)
		b = append(b, ' ', ' ')
		if m.HasStream {
			b = strconv.AppendUint(b, uint64(m.Stream), 10)
		} else {
			b = append(b, '-')
		}
		b = append(append(b, ' ', ' '), m.Name...)
		if m.Object != "" && m.Object != m.Name {
			b = append(append(b, ' ', ' '), m.Object...)
		}
		r.b = text.FinishRow(b, start, start)
	})
}

func (r *rows) moduleObject(number uint64, m pdb.Module) {
	r.more()
	r.num("module", number)
	r.str("name", m.Name)
	r.known("object", m.Object)
	if m.HasStream {
		r.num("stream", uint64(m.Stream))
	}
	r.end()
}

// lines prints the lines of all modules, without inlined code.
func (d *dump) lines() error { return dumpAll(d, d.allLines(), (*rows).line) }

func (d *dump) allLines() iter.Seq2[pdb.Line, error] {
	return func(yield func(pdb.Line, error) bool) {
		for m, err := range d.pdb.Modules() {
			if err != nil {
				yield(pdb.Line{}, err)
				return
			}
			for line, err := range m.Lines() {
				if !yield(line, err) {
					return
				}
			}
		}
	}
}

func (r *rows) line(l pdb.Line) {
	if r.json {
		r.lineObject(&l)
		return
	}
	start := r.place(l.Segment, l.Offset, l.RVA, l.HasRVA)
	r.b = append(hexaddr.Append(r.b, uint64(l.Size), 1), ' ', ' ')
	plain := len(r.b)
	r.b = append(append(r.b, l.File...), '(')
	r.b = strconv.AppendUint(r.b, uint64(l.Line), 10)
	if l.Column != 0 {
		r.b = strconv.AppendUint(append(r.b, ','), uint64(l.Column), 10)
	}
	r.b = text.FinishRow(append(r.b, ')'), start, plain)
}

func (r *rows) lineObject(l *pdb.Line) {
	r.more()
	if l.HasRVA {
		r.hex("rva", uint64(l.RVA))
	}
	r.num("segment", uint64(l.Segment))
	r.hex("offset", uint64(l.Offset))
	r.num("length", uint64(l.Size))
	r.str("file", l.File)
	r.num("line", uint64(l.Line))
	r.knownNum("column", uint64(l.Column))
	if l.EndLine > l.Line {
		r.num("end_line", uint64(l.EndLine))
	}
	r.num("module", uint64(l.Module))
	r.end()
}
