package pdb

// parseType reads the record of a type.
func (f *File) parseType(table *typeTable, index uint32, rec []byte) (Type, error) {
	r := leafReader{b: rec, off: lenField}
	t := Type{f: f, index: index, leaf: Leaf(u16(rec, lenField))}
	leaf := r.begin()
	if leaf.isTag() {
		t.parseTag(leaf, &r)
	} else {
		t.parse(leaf, &r)
	}
	if r.short {
		return Type{}, table.bad(index, "%v of %d bytes ends early", t.leaf, len(rec))
	}
	return t, nil
}

func (t *Type) parseTag(leaf Leaf, r *leafReader) {
	g := tag{leaf: leaf}
	g.parse(r)
	t.kind = leaf.tagKind()
	t.attr, t.elem, t.list, t.size, t.name, t.uniq = g.props, g.underlying, g.fields, g.size, g.name, g.unique
}

func (l Leaf) tagKind() TypeKind {
	switch l {
	case leafClass, leafClass2:
		return TypeClass
	case leafUnion, leafUnion2:
		return TypeUnion
	case leafEnum:
		return TypeEnum
	case leafInterface, leafInterface2:
		return TypeInterface
	}
	return TypeStruct
}

// parse reads the record of a type that is no tag.
func (t *Type) parse(leaf Leaf, r *leafReader) {
	switch leaf {
	case leafModifier:
		t.kind = TypeModifier
		elem, attr := r.tiAttr()
		t.elem, t.attr = elem, uint32(attr)
	case leafPointer:
		t.kind = TypePointer
		t.parsePointer(r)
	case leafArray:
		t.kind = TypeArray
		t.elem = r.ti()
		r.ti() // of the index
		t.size = r.size()
	case leafBitField:
		t.kind = TypeBitField
		t.parseBitField(r)
	case leafProcedure:
		t.kind = TypeFunction
		t.elem = r.ti()
		t.parseCall(r)
	case leafMFunction:
		t.kind = TypeMethod
		t.elem, t.class = r.ti(), r.ti()
		r.ti() // of this
		t.parseCall(r)
	case leafAlias:
		t.kind = TypeAlias
		t.elem, t.name = r.ti(), r.name()
	}
}

// parseCall reads the calling convention and the arguments of a function.
func (t *Type) parseCall(r *leafReader) {
	t.conv = r.u8()
	r.u8()  // attributes
	r.u16() // number of parameters: the list knows
	t.list = r.ti()
}

func (t *Type) parseBitField(r *leafReader) {
	if r.narrow {
		t.bits, t.bit, t.elem = r.u8(), r.u8(), r.ti()
		return
	}
	t.elem, t.bits, t.bit = r.ti(), r.u8(), r.u8()
}

func (t *Type) parsePointer(r *leafReader) {
	if r.narrow {
		t.attr, t.elem = uint32(r.u16()), r.ti()
	} else {
		t.elem, t.attr = r.u32(), r.u32()
	}
	if mode := t.ptrMode(); mode == ptrModeMember || mode == ptrModeMethod {
		t.class = r.ti()
	}
	if t.size = uint64(t.attr >> ptrSizeShift & ptrSizeMask); t.size == 0 || r.narrow {
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
