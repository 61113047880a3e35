package cli

import (
	"fmt"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/values"
	"github.com/symres/symres/pdb"
)

// text prints a type in the look of dt.
func (s *typeShow) text(t symres.Type, rows []typeField) {
	head := t.Module + "!" + t.FullName()
	if !t.IsTag() {
		s.console.line("%s : %s%s", head, values.DebuggerType(t.Type), label(t.Proof))
		return
	}
	s.console.line("%s%s", head, label(t.Proof))
	if s.noisy {
		s.summary(t, len(rows))
	}
	for _, row := range rows {
		if t.Kind() == pdb.TypeEnum && s.field == "" {
			s.console.line("   %s = 0n%v", row.name, row.value)
			continue
		}
		switch row.kind {
		case pdb.MemberStatic:
			s.console.line("   =static %-15s : %s", row.name, row.text())
		case pdb.MemberVirtualBase, pdb.MemberIndirectBase:
			s.console.line("   +0x%03x->[%v] %-11s : %s", row.Offset, row.number, row.name, word(row.kind))
		default:
			s.console.line("   +0x%03x %-16s : %s", row.Offset, row.name, row.text())
		}
	}
}

// summary is the line dt -v adds.
func (s *typeShow) summary(t symres.Type, rows int) {
	size := "of unknown size"
	if n, err := t.Size(); err == nil {
		size = fmt.Sprintf("0x%x bytes", n)
	}
	s.console.line("%v %s, %d elements, %s", t.Kind(), t.Name(), rows, size)
}

func (f *typeField) text() string {
	switch {
	case f.Bits == 1:
		return fmt.Sprintf("Pos %d, 1 Bit", f.Bit)
	case f.Bits != 0:
		return fmt.Sprintf("Pos %d, %d Bits", f.Bit, f.Bits)
	}
	return values.DebuggerType(f.Type)
}

// object prints a type as JSON.
func (s *typeShow) object(t symres.Type, rows []typeField) {
	s.begin(t)
	r := &s.json
	switch {
	case !t.IsTag() && s.field == "":
		r.str("type", t.String())
	case t.Kind() == pdb.TypeEnum:
		r.openList("values")
		for _, row := range rows {
			r.openObject()
			r.str("name", row.name)
			numberJSON(r, "value", row.value)
			r.closeObject()
		}
		r.closeList()
	default:
		r.openList("fields")
		for _, row := range rows {
			row.object(r)
			s.spill()
		}
		r.closeList()
	}
	s.close(t)
}

// begin writes what every object about a type begins with.
func (s *typeShow) begin(t symres.Type) {
	r := &s.json
	r.begin()
	r.str("name", t.FullName())
	r.str("kind", t.Kind().String())
	if size, err := t.Size(); err == nil {
		r.num("size", size)
	}
}

// spill writes what there is of a long line: the spelling of one type can be
// long, and a line has many. The last byte stays, which says what may follow.
func (s *typeShow) spill() {
	const enough = 64 << 10
	if n := len(s.json.b) - 1; n >= enough {
		s.console.write(s.json.b[:n])
		s.json.b = append(s.json.b[:0], s.json.b[n])
	}
}

// close writes where the type is from, and the line.
func (s *typeShow) close(t symres.Type) {
	r := &s.json
	r.flag("forward", t.IsForward())
	r.str("module", t.Module)
	r.str("proof", t.Proof.String())
	s.console.write(r.end())
}

// word names the kind of a row that is no data member, "" for the others.
func word(k pdb.MemberKind) string {
	switch k {
	case pdb.MemberStatic:
		return "static"
	case pdb.MemberVirtualBase:
		return "virtual base"
	case pdb.MemberIndirectBase:
		return "indirect virtual base"
	case vbptr:
		return "vbptr"
	}
	return ""
}

func (f *typeField) object(r *jsonRow) {
	r.openObject()
	r.str("name", f.name)
	r.known("kind", word(f.kind))
	switch f.kind {
	case pdb.MemberStatic:
	case pdb.MemberVirtualBase, pdb.MemberIndirectBase:
		r.hex("vbptr", f.Offset)
		numberJSON(r, "index", f.number)
	default:
		r.hex("offset", f.Offset)
	}
	if f.vtable {
		r.str("type", "void**")
	} else {
		r.str("type", f.Type.String())
	}
	if f.Bits != 0 {
		r.num("bit", uint64(f.Bit))
		r.num("bits", uint64(f.Bits))
	}
	r.closeObject()
}

// numberJSON writes a number of any size.
func numberJSON(r *jsonRow, key string, n pdb.Number) {
	if v, ok := n.Int64(); ok {
		r.int(key, v)
	} else if v, ok := n.Uint64(); ok {
		r.num(key, v)
	} else {
		r.str(key, n.String())
	}
}
