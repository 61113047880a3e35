package cli

import (
	"fmt"
	"strconv"

	"github.com/symres/symres"
	"github.com/symres/symres/pdb"
)

// text prints a type in the look of dt.
func (s *typeShow) text(t symres.Type, rows []typeField) {
	head := t.Module + "!" + t.FullName()
	if !t.IsTag() {
		s.console.line("%s : %s%s", head, debuggerType(t.Type), label(t.Proof))
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
	return debuggerType(f.Type)
}

// debuggerType spells a type as dt does: "Ptr64 Void", "[15] UChar", "Uint4B".
func debuggerType(t pdb.Type) string {
	text := ""
	for range 64 { // as deep as package pdb goes
		switch t.Kind() {
		case pdb.TypePointer:
			size, _ := t.Size() // a pointer always has one
			text += "Ptr" + strconv.FormatUint(8*size, 10) + " "
		case pdb.TypeArray:
			text += dimension(t) + " "
		case pdb.TypeModifier, pdb.TypeAlias, pdb.TypeBitField:
		default:
			return text + plainType(t)
		}
		elem, err := t.Elem()
		if err != nil {
			break
		}
		t = elem
	}
	return text + "?"
}

func dimension(t pdb.Type) string {
	if n, err := t.Len(); err == nil {
		return "[" + strconv.FormatUint(n, 10) + "]"
	}
	return "[]"
}

// plainType spells what is made of no other type. Of a function dt shows the
// result, set off by blanks.
func plainType(t pdb.Type) string {
	switch t.Kind() {
	case pdb.TypeBasic:
		return basicType(t)
	case pdb.TypeFunction, pdb.TypeMethod:
		if result, err := t.Elem(); err == nil {
			return "    " + result.String()
		}
		return "    ?"
	case pdb.TypeOther: // the shape of a table of virtual functions
		return ""
	}
	return t.String()
}

// basicType spells a basic type as dt does.
func basicType(t pdb.Type) string {
	words := map[pdb.Basic]string{pdb.BasicVoid: "Void", pdb.BasicBool: "Bool", pdb.BasicChar: "Char", pdb.BasicUChar: "UChar",
		pdb.BasicWChar: "Wchar", pdb.BasicHResult: "HRESULT"}
	size, _ := t.Size()
	switch b := t.Basic(); {
	case b == pdb.BasicInt && size == 1:
		return "Char"
	case b == pdb.BasicUint && size == 1:
		return "UChar"
	case b == pdb.BasicInt:
		return fmt.Sprintf("Int%dB", size)
	case b == pdb.BasicUint:
		return fmt.Sprintf("Uint%dB", size)
	case b == pdb.BasicFloat && size == 4:
		return "Float"
	case b == pdb.BasicFloat && size == 8:
		return "Double"
	case words[b] != "" && size <= 2, b == pdb.BasicHResult:
		return words[b]
	}
	return t.Name()
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
