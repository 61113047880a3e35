package cli

import (
	"strings"

	"github.com/symres/symres/pdb"
)

// object prints a type as JSON.
func (v *typeView) object(name string, t pdb.Type) {
	r := &v.json
	r.begin()
	r.str("name", nameOf(name, t))
	r.str("kind", t.Kind().String())
	if !t.IsTag() || t.Kind() == pdb.TypeEnum {
		r.known("type", elemText(t))
	}
	if size, err := t.Size(); err == nil {
		r.num("size", size)
	}
	switch {
	case len(v.fields) > 0:
		r.openList("fields")
		for _, path := range v.fields {
			if f, ok := v.field(t, path); ok {
				v.fieldObject(path, pdb.MemberData, f)
			}
		}
		r.closeList()
	case t.Kind() == pdb.TypeEnum:
		v.values(t)
	case t.IsTag():
		r.openList("fields")
		for m := range v.members(t) {
			v.memberObject(m)
		}
		r.closeList()
	}
	v.console.write(r.end())
}

// nameOf is what the type is called; asked is what it was asked for by.
func nameOf(asked string, t pdb.Type) string {
	if t.IsTag() && t.Name() != "" {
		return t.Name()
	}
	if _, rest, ok := strings.Cut(asked, "!"); ok {
		return rest
	}
	return asked
}

// elemText is what an enumeration or a typedef is made of.
func elemText(t pdb.Type) string {
	if t.Kind() != pdb.TypeEnum {
		return t.String()
	}
	if elem, err := t.Elem(); err == nil {
		return elem.String()
	}
	return ""
}

func (v *typeView) values(t pdb.Type) {
	r := &v.json
	r.openList("values")
	for m := range v.members(t) {
		r.openObject()
		r.str("name", m.Name())
		if n, ok := m.Value.Int64(); ok {
			r.int("value", n)
		} else {
			r.str("value", m.Value.String())
		}
		r.closeObject()
	}
	r.closeList()
}

func (v *typeView) memberObject(m pdb.Member) {
	t, err := m.Type()
	if err != nil {
		v.damage(err)
	}
	name := m.Name()
	if m.Kind == pdb.MemberVFTable {
		name = "__VFN_table"
	}
	size, _ := t.Size() // unknown is 0
	v.fieldObject(name, m.Kind, pdb.Field{Offset: m.Offset, Size: size, Bit: m.Bit, Bits: m.Bits, Type: t})
}

func (v *typeView) fieldObject(name string, kind pdb.MemberKind, f pdb.Field) {
	r := &v.json
	r.openObject()
	r.str("name", name)
	if kind != pdb.MemberStatic {
		r.hex("offset", f.Offset)
	}
	r.str("type", f.Type.String())
	r.knownNum("size", f.Size)
	if f.Bits != 0 {
		r.num("bit", uint64(f.Bit))
		r.num("bits", uint64(f.Bits))
	}
	r.flag("static", kind == pdb.MemberStatic)
	r.closeObject()
}
