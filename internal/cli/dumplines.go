package cli

import (
	"iter"
	"strconv"

	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/pdb"
)

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
