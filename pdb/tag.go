package pdb

import "strings"

// Properties of a type with a tag (CV_prop_t of cvinfo.h).
const (
	propForward = 0x80  // a forward reference: no members, no size
	propScoped  = 0x100 // defined inside a function
	propUnique  = 0x200 // has a unique name: the decorated one
)

// tag is the record of a class, structure, union, interface or enumeration.
type tag struct {
	leaf         Leaf // in the current form
	props        uint32
	fields       uint32 // field list
	underlying   uint32 // of an enumeration
	size         uint64
	name, unique []byte
}

// isTag reports whether a current leaf is that of a tag.
func (l Leaf) isTag() bool {
	switch l {
	case leafClass, leafStructure, leafUnion, leafEnum, leafInterface,
		leafClass2, leafStructure2, leafUnion2, leafInterface2:
		return true
	}
	return false
}

// parseTag reads a whole record; ok is false when it is no tag or damaged.
func parseTag(rec []byte) (g tag, ok bool) {
	r := leafReader{b: rec, off: lenField}
	if g.leaf = r.begin(); !g.leaf.isTag() {
		return tag{}, false
	}
	g.parse(&r)
	return g, !r.short
}

func (g *tag) parse(r *leafReader) {
	switch {
	case g.leaf >= leafClass2:
		g.props = r.u32()
		g.fields = r.ti()
	case g.leaf == leafEnum && r.narrow:
		r.u16() // number of members
		g.underlying, g.fields, g.props = r.ti(), r.ti(), uint32(r.u16())
	case g.leaf == leafEnum:
		r.u16()
		g.props, g.underlying, g.fields = uint32(r.u16()), r.ti(), r.ti()
	case r.narrow:
		r.u16()
		g.fields, g.props = r.ti(), uint32(r.u16())
	default:
		r.u16()
		g.props, g.fields = uint32(r.u16()), r.ti()
	}
	if g.isClass() {
		r.ti() // derivation list
		r.ti() // shape of the table of virtual functions
	}
	if g.leaf >= leafClass2 {
		r.number() // number of members
	}
	if g.leaf != leafEnum {
		g.size = r.size()
	}
	g.name = r.name()
	if g.props&propUnique != 0 && r.off < len(r.b) {
		g.unique = r.name()
	}
}

func (g *tag) isClass() bool {
	return g.leaf != leafEnum && g.leaf != leafUnion && g.leaf != leafUnion2
}

func (g *tag) forward() bool { return g.props&propForward != 0 }
func (g *tag) scoped() bool  { return g.props&propScoped != 0 }

// anonymous reports whether the name is one that compilers make up
// (microsoft-pdb tpi.cpp, fUDTAnon).
func (g *tag) anonymous() bool {
	name := string(g.name)
	if i := strings.LastIndex(name, "::"); i >= 0 {
		name = name[i+2:]
	}
	return name == "<unnamed-tag>" || name == "__unnamed"
}
