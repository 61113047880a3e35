package cli

import (
	"strconv"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/pdb"
)

func (d *dump) publics() error {
	return dumpAll(d, d.pdb.Publics(), func(s pdb.Symbol) {
		if !d.console.json {
			d.text = d.place(s.Segment, s.Offset, s.RVA, s.HasRVA)
			d.text = append(hexaddr.Append(d.text, uint64(s.Flags), 1), ' ', ' ')
			d.text = append(d.text, s.NameBytes()...)
			d.write()
			return
		}
		var err error
		if s.Size, err = d.pdb.SizeOf(s); err != nil {
			d.damage(err)
		}
		d.symbolObject(s)
	})
}

func (d *dump) procs() error { return dumpAll(d, d.pdb.Procs(), d.symbol) }

func (d *dump) globals() error { return dumpAll(d, d.pdb.Globals(), d.symbol) }

func (d *dump) symbol(s pdb.Symbol) {
	if d.console.json {
		d.symbolObject(s)
		return
	}
	if hasPlace(s.Kind) {
		d.text = d.place(s.Segment, s.Offset, s.RVA, s.HasRVA)
		d.text = hexaddr.Append(d.text, uint64(s.Size), 1)
	} else {
		d.text = append(d.text[:0], "                         -"...)
	}
	d.text = append(d.text, ' ', ' ')
	d.text = append(d.text, s.Kind.String()...)
	d.text = append(d.text, ' ', ' ')
	d.text = append(d.text, s.NameBytes()...)
	switch {
	case s.Kind.IsConstant():
		d.text = append(d.text, " = "...)
		d.text = append(d.text, s.Value.String()...)
	case !hasPlace(s.Kind) && s.Module != 0:
		d.text = append(d.text, "  in module "...)
		d.text = strconv.AppendUint(d.text, uint64(s.Module), 10)
	}
	d.write()
}

// place begins a line of text with segment:offset and RVA.
func (d *dump) place(segment uint16, offset, rva uint32, hasRVA bool) []byte {
	const at = 4 // the upper half of the segment, which goes
	b := [at + 25]byte([]byte("    ssss:oooooooo            "))
	hexaddr.Put8(b[0:], uint32(segment))
	hexaddr.Put8(b[at+5:], offset)
	if hasRVA {
		hexaddr.Put8(b[at+15:], rva)
	}
	return append(d.text[:0], b[at:]...)
}

// symbolObject prints a symbol as JSON.
func (d *dump) symbolObject(s pdb.Symbol) {
	r := &d.json
	r.begin()
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
		numberJSON(r, "value", s.Value)
	case hasFlags(s.Kind):
		r.num("flags", uint64(s.Flags))
	}
	if s.Type != 0 {
		r.hex("type", uint64(s.Type))
	}
	r.knownNum("module", uint64(s.Module))
	d.write()
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
