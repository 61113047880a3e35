package pdb

import (
	"fmt"

	"github.com/symres/symres/internal/codeview"
)

// parseType reads the record of a type.
func (f *File) parseType(table *typeTable, index uint32, rec []byte) (Type, error) {
	r := codeview.Reader{B: rec, Off: codeview.LenField}
	t := Type{f: f, index: index, leaf: codeview.Leaf(u16(rec, codeview.LenField))}
	leaf := r.Begin()
	if leaf.IsTag() {
		t.parseTag(leaf, &r)
	} else {
		t.parse(leaf, &r)
	}
	if r.Short {
		return Type{}, table.bad(index, "%v of %d bytes ends early", t.leaf, len(rec))
	}
	return t, nil
}

func (t *Type) parseTag(leaf codeview.Leaf, r *codeview.Reader) {
	g := codeview.Tag{Leaf: leaf}
	g.Parse(r)
	t.kind = tagKind(leaf)
	t.attr, t.elem, t.list, t.size, t.name, t.uniq = g.Props, g.Underlying, g.Fields, g.Size, g.Name, g.Unique
}

// tagKind says what a tag is.
func tagKind(l codeview.Leaf) TypeKind {
	switch l {
	case codeview.LeafClass, codeview.LeafClass2:
		return TypeClass
	case codeview.LeafUnion, codeview.LeafUnion2:
		return TypeUnion
	case codeview.LeafEnum:
		return TypeEnum
	case codeview.LeafInterface, codeview.LeafInterface2:
		return TypeInterface
	}
	return TypeStruct
}

// parse reads the record of a type that is no tag.
func (t *Type) parse(leaf codeview.Leaf, r *codeview.Reader) {
	switch leaf {
	case codeview.LeafModifier:
		t.kind = TypeModifier
		elem, attr := r.TiAttr()
		t.elem, t.attr = elem, uint32(attr)
	case codeview.LeafPointer:
		t.kind = TypePointer
		t.parsePointer(r)
	case codeview.LeafArray:
		t.kind = TypeArray
		t.elem = r.Ti()
		r.Ti() // of the index
		t.size = r.Size()
	case codeview.LeafBitField:
		t.kind = TypeBitField
		t.parseBitField(r)
	case codeview.LeafProcedure:
		t.kind = TypeFunction
		t.elem = r.Ti()
		t.parseCall(r)
	case codeview.LeafMFunction:
		t.kind = TypeMethod
		t.elem, t.class = r.Ti(), r.Ti()
		r.Ti() // of this
		t.parseCall(r)
	case codeview.LeafAlias:
		t.kind = TypeAlias
		t.elem, t.name = r.Ti(), r.Name()
	}
}

// parseCall reads the calling convention and the arguments of a function.
func (t *Type) parseCall(r *codeview.Reader) {
	t.conv = r.U8()
	r.U8()  // attributes
	r.U16() // number of parameters: the list knows
	t.list = r.Ti()
}

func (t *Type) parseBitField(r *codeview.Reader) {
	if r.Narrow {
		t.bits, t.bit, t.elem = r.U8(), r.U8(), r.Ti()
		return
	}
	t.elem, t.bits, t.bit = r.Ti(), r.U8(), r.U8()
}

func (t *Type) parsePointer(r *codeview.Reader) {
	if r.Narrow {
		t.attr, t.elem = uint32(r.U16()), r.Ti()
	} else {
		t.elem, t.attr = r.U32(), r.U32()
	}
	if mode := t.ptrMode(); mode == ptrModeMember || mode == ptrModeMethod {
		t.class = r.Ti()
	}
	if t.size = uint64(t.attr >> ptrSizeShift & ptrSizeMask); t.size == 0 || r.Narrow {
		t.size = pointerSize(t.attr & ptrTypeMask)
	}
}

// pointerSize returns the size of a pointer whose record does not say it.
func pointerSize(form uint32) uint64 {
	switch form {
	case 0x00: // near, of 16-bit code
		return 2
	case ptrTypeFar32:
		return 6
	case ptrTypeNear64:
		return 8
	}
	return 4
}

// Const reports whether the type is const: a modifier or a pointer.
func (t Type) Const() bool { return t.hasFlag(modConst, ptrConst) }

// Volatile reports whether the type is volatile: a modifier or a pointer.
func (t Type) Volatile() bool { return t.hasFlag(modVolatile, ptrVolatile) }

// Unaligned reports whether the type is __unaligned: a modifier or a pointer.
func (t Type) Unaligned() bool { return t.hasFlag(modUnaligned, ptrUnaligned) }

func (t Type) hasFlag(modifier, pointer uint32) bool {
	return t.kind == TypeModifier && t.attr&modifier != 0 || t.kind == TypePointer && t.attr&pointer != 0
}

// Flags of modifiers and attributes of pointers (cvinfo.h).
const (
	modConst     = 1
	modVolatile  = 2
	modUnaligned = 4

	ptrTypeMask   = 0x1F
	ptrTypeFar32  = 0x0B
	ptrTypeNear64 = 0x0C
	ptrModeShift  = 5
	ptrModeMask   = 7
	ptrModeLRef   = 1
	ptrModeMember = 2 // to a data member
	ptrModeMethod = 3 // to a member function
	ptrModeRRef   = 4
	ptrVolatile   = 0x200
	ptrConst      = 0x400
	ptrUnaligned  = 0x800
	ptrRestrict   = 0x1000
	ptrSizeShift  = 13
	ptrSizeMask   = 0x3F
)

func (t Type) ptrMode() uint32 { return t.attr >> ptrModeShift & ptrModeMask }

const (
	maxTypeDepth = 64      // how deep types may nest before a rendering stops
	maxTypeNodes = 100_000 // how many types or members one answer may visit
	nodesInner   = 16      // what a type inside counts as: its record is far away
	nodesLookup  = 500     // what a type counts as that is found by name
)

// Size returns how many bytes a value of the type takes. A tag that is only
// declared is looked up. void, functions and records of no type have no size:
// errors.Is(err, [ErrNotFound]), as for a tag that is not defined in this PDB.
func (t Type) Size() (uint64, error) {
	for range maxTypeDepth {
		switch t.kind {
		case TypeBasic:
			if t.size == 0 {
				return 0, fmt.Errorf("pdb: size of %s: %w", t.Name(), ErrNotFound)
			}
			return t.size, nil
		case TypePointer, TypeArray:
			return t.size, nil
		case TypeEnum, TypeModifier, TypeBitField, TypeAlias:
		case TypeStruct, TypeClass, TypeUnion, TypeInterface:
			if !t.IsForward() {
				return t.size, nil
			}
		default:
			return 0, fmt.Errorf("pdb: size of a %v: %w", t.kind, ErrNotFound)
		}
		next, err := t.inner()
		if err != nil {
			return 0, err
		}
		t = next
	}
	return 0, damage("types", 0, "type %#x is nested more than %d deep", t.index, maxTypeDepth)
}

// inner returns the type that has the size of t: the definition of a tag that
// is only declared, or what t is made of.
func (t Type) inner() (Type, error) {
	if t.IsForward() {
		return t.Definition()
	}
	return t.Elem()
}

// Len returns the number of elements of an array. An array of elements without
// a size, and a type that is no array, have none: errors.Is(err, [ErrNotFound]).
func (t Type) Len() (uint64, error) {
	if t.kind != TypeArray {
		return 0, fmt.Errorf("pdb: length of a %v: %w", t.kind, ErrNotFound)
	}
	elem, err := t.Elem()
	if err != nil {
		return 0, err
	}
	size, err := elem.Size()
	if err != nil {
		return 0, err
	}
	if size == 0 {
		return 0, fmt.Errorf("pdb: length of an array of empty %v: %w", elem.kind, ErrNotFound)
	}
	return t.size / size, nil
}

// Resolve returns the type behind aliases, const and volatile, and the
// definition of a tag that is only declared here.
func (t Type) Resolve() (Type, error) {
	for range maxTypeDepth {
		if t.kind != TypeModifier && t.kind != TypeAlias {
			return t.Definition()
		}
		next, err := t.Elem()
		if err != nil {
			return Type{}, err
		}
		t = next
	}
	return Type{}, damage("types", 0, "type %#x is nested more than %d deep", t.index, maxTypeDepth)
}
