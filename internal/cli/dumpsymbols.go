package cli

import (
	"iter"
	"slices"
	"strconv"

	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/pdb"
)

func (d *dump) publics() error {
	return dumpParts(d, func(i, n int) iter.Seq2[*pdb.Symbol, error] { return pdb.Part{File: d.pdb, I: i, N: n}.Publics() })
}

func (d *dump) procs() error {
	return dumpParts(d, func(i, n int) iter.Seq2[*pdb.Symbol, error] { return pdb.Part{File: d.pdb, I: i, N: n}.Procs() })
}

func (d *dump) globals() error {
	return dumpAll(d, d.pdb.Globals(), func(r *rows, s pdb.Symbol) { r.symbol(&s) })
}

// public adds a public symbol.
func (r *rows) public(s *pdb.Symbol) {
	start := r.place(s.Segment, s.Offset, s.RVA, s.HasRVA)
	r.b = append(hexaddr.Append(r.b, uint64(s.Flags), 1), ' ', ' ')
	r.endWith(start, s.NameBytes())
}

// endWith ends the row that begins at start with a name.
func (r *rows) endWith(start int, name []byte) {
	plain := len(r.b)
	b, ok := text.AppendPrintable(r.b, name)
	if !ok || b[len(b)-1] == ' ' || len(b)-start > text.MaxLine {
		r.b = text.FinishRow(b, start, plain)
		return
	}
	r.b = append(b, '\n')
}

// sizedObject adds a public symbol with its size as JSON.
func (r *rows) sizedObject(f *pdb.File, s *pdb.Symbol) {
	sized := *s
	var err error
	if sized.Size, err = f.SizeOf(sized); err != nil {
		r.damage(err)
	}
	r.symbolObject(&sized)
}

func (r *rows) symbol(s *pdb.Symbol) {
	if r.json {
		r.symbolObject(s)
		return
	}
	start := len(r.b)
	if hasPlace(s.Kind) {
		r.place(s.Segment, s.Offset, s.RVA, s.HasRVA)
		r.b = hexaddr.Append(r.b, uint64(s.Size), 1)
	} else {
		r.b = append(r.b, "                         -"...)
	}
	r.b = append(r.b, ' ', ' ')
	r.b = append(r.b, s.Kind.String()...)
	r.b = append(r.b, ' ', ' ')
	plain := len(r.b)
	switch {
	case s.Kind.IsConstant():
		r.b = append(append(append(r.b, s.NameBytes()...), " = "...), s.Value.String()...)
		r.b = text.FinishRow(r.b, start, plain)
	case s.Module != 0 && !hasPlace(s.Kind):
		r.b = append(append(r.b, s.NameBytes()...), "  in module "...)
		r.b = text.FinishRow(strconv.AppendUint(r.b, uint64(s.Module), 10), start, plain)
	default:
		r.endWith(start, s.NameBytes())
	}
}

// place begins a row of text with segment:offset and RVA. It returns where
// the row begins.
func (r *rows) place(segment uint16, offset, rva uint32, hasRVA bool) int {
	const size = len("ssss:oooooooo  rrrrrrrr  ")
	start := len(r.b)
	r.b = slices.Grow(r.b, size)[:start+size]
	b := r.b[start:]
	hexaddr.Put4(b, segment)
	b[4] = ':'
	hexaddr.Put8(b[5:], offset)
	if copy(b[13:size], "            "); hasRVA {
		hexaddr.Put8(b[15:], rva)
	}
	return start
}

// symbolObject adds a symbol as JSON.
func (r *rows) symbolObject(s *pdb.Symbol) {
	r.more()
	r.str("kind", s.Kind.String())
	r.rawView(s.NameBytes())
	if hasPlace(s.Kind) {
		r.num("segment", uint64(s.Segment))
		r.hex("offset", uint64(s.Offset))
	}
	if s.HasRVA {
		r.hex("rva", uint64(s.RVA))
	}
	r.knownNum("size", uint64(s.Size))
	switch {
	case s.Kind.IsConstant():
		numberJSON(&r.jsonRow, "value", s.Value)
	case hasFlags(s.Kind):
		r.num("flags", uint64(s.Flags))
	}
	if s.Type != 0 {
		r.hex("type", uint64(s.Type))
	}
	r.knownNum("module", uint64(s.Module))
	r.end()
}

// hasPlace reports whether records of a kind have a segment and an offset.
func hasPlace(k pdb.Kind) bool {
	switch k {
	case pdb.KindUDT, pdb.KindUDTST, pdb.KindProcRef, pdb.KindLProcRef, pdb.KindDataRef, pdb.KindAnnotRef, pdb.KindTokenRef:
		return false
	}
	return !k.IsConstant()
}

// hasFlags reports whether records of a kind have flags.
func hasFlags(k pdb.Kind) bool { return k.IsPublic() || k.IsProc() }
