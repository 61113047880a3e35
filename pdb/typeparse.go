package pdb

import "github.com/symres/symres/internal/codeview"

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
