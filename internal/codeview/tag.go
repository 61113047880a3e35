package codeview

import "strings"

// Properties of a type with a tag (CV_prop_t of cvinfo.h).
const (
	PropForward = 0x80  // a forward reference: no members, no size
	PropScoped  = 0x100 // defined inside a function
	propUnique  = 0x200 // has a unique name: the decorated one
)

// Tag is the record of a class, structure, union, interface or enumeration.
type Tag struct {
	Leaf         Leaf // in the current form
	Props        uint32
	Fields       uint32 // field list
	Underlying   uint32 // of an enumeration
	Size         uint64
	Name, Unique []byte
}

// IsTag reports whether a current leaf is that of a tag.
func (l Leaf) IsTag() bool {
	switch l {
	case LeafClass, leafStructure, LeafUnion, LeafEnum, LeafInterface,
		LeafClass2, leafStructure2, LeafUnion2, LeafInterface2:
		return true
	}
	return false
}

// ParseTag reads a whole record; ok is false when it is no tag or damaged.
func ParseTag(rec []byte) (g Tag, ok bool) {
	r := Reader{B: rec, Off: LenField}
	if g.Leaf = r.Begin(); !g.Leaf.IsTag() {
		return Tag{}, false
	}
	g.Parse(&r)
	return g, !r.Short
}

// Parse reads the record behind its leaf, which is set already.
func (g *Tag) Parse(r *Reader) {
	switch {
	case g.Leaf >= LeafClass2:
		g.Props = r.U32()
		g.Fields = r.Ti()
	case g.Leaf == LeafEnum && r.Narrow:
		r.U16() // number of members
		g.Underlying, g.Fields, g.Props = r.Ti(), r.Ti(), uint32(r.U16())
	case g.Leaf == LeafEnum:
		r.U16()
		g.Props, g.Underlying, g.Fields = uint32(r.U16()), r.Ti(), r.Ti()
	case r.Narrow:
		r.U16()
		g.Fields, g.Props = r.Ti(), uint32(r.U16())
	default:
		r.U16()
		g.Props, g.Fields = uint32(r.U16()), r.Ti()
	}
	if g.isClass() {
		r.Ti() // derivation list
		r.Ti() // shape of the table of virtual functions
	}
	if g.Leaf >= LeafClass2 {
		r.Number() // number of members
	}
	if g.Leaf != LeafEnum {
		g.Size = r.Size()
	}
	g.Name = r.Name()
	if g.Props&propUnique != 0 && r.Off < len(r.B) {
		g.Unique = r.Name()
	}
}

func (g *Tag) isClass() bool {
	return g.Leaf != LeafEnum && g.Leaf != LeafUnion && g.Leaf != LeafUnion2
}

// Forward reports whether the tag is only declared.
func (g *Tag) Forward() bool { return g.Props&PropForward != 0 }

// Scoped reports whether the tag is local to a function.
func (g *Tag) Scoped() bool { return g.Props&PropScoped != 0 }

// Anonymous reports whether the name is one that compilers make up
// (microsoft-pdb tpi.cpp, fUDTAnon).
func (g *Tag) Anonymous() bool {
	name := string(g.Name)
	if i := strings.LastIndex(name, "::"); i >= 0 {
		name = name[i+2:]
	}
	return name == "<unnamed-tag>" || name == "__unnamed"
}

// Hashed reports whether the bucket of the tag is the hash of its name.
func (g *Tag) Hashed() bool { return !g.Forward() && !g.Scoped() && !g.Anonymous() }
