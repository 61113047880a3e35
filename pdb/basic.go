package pdb

// Basic says what a basic type holds; its size is [Type.Size].
type Basic uint8

// Kinds of basic types.
const (
	BasicNone    Basic = iota // no type; in a list of parameters "..."
	BasicVoid                 // void
	BasicBool                 // bool
	BasicChar                 // char, signed char, char8_t: text of 8 bits
	BasicUChar                // unsigned char
	BasicWChar                // wchar_t, char16_t, char32_t
	BasicInt                  // signed integer
	BasicUint                 // unsigned integer
	BasicFloat                // floating-point number
	BasicComplex              // complex number
	BasicHResult              // HRESULT
	BasicNullptr              // std::nullptr_t
	BasicOther                // a type of other languages
)

// Basic returns what a basic type holds, [BasicOther] for other types.
func (t Type) Basic() Basic {
	if t.kind != TypeBasic {
		return BasicOther
	}
	b, _, _ := basicType(t.index)
	return b
}

// Modes of simple type indices: bits 8 to 11 (cvinfo.h, CV_prmode_e).
const (
	simpleModeShift = 8
	simpleKindMask  = 0xFF
	// simpleNullptr, a near pointer to void, is what compilers write for the type
	// of nullptr, however wide pointers are (llvm CodeView: NullptrT).
	simpleNullptr = 0x0103
)

// simpleType returns the type of an index below 0x1000: a basic type or a
// pointer to one.
func (f *File) simpleType(index uint32) (Type, error) {
	if index == simpleNullptr {
		return Type{f: f, index: index, kind: TypeBasic, size: f.pointerBytes()}, nil
	}
	kind := index & simpleKindMask
	if index>>simpleModeShift == 0 {
		_, size, _ := basicType(kind)
		return Type{f: f, index: index, kind: TypeBasic, size: size}, nil
	}
	// Near, far and huge of 16-bit code, near and far of 32, near of 64 and 128.
	sizes := [8]uint64{0, 2, 4, 4, 4, 6, 8, 16}
	size := sizes[index>>simpleModeShift&7]
	return Type{f: f, index: index, kind: TypePointer, elem: kind, size: size}, nil
}

// pointerBytes returns how wide pointers of the program are, in bytes.
func (f *File) pointerBytes() uint64 {
	switch f.info.DBI.Machine { // IMAGE_FILE_MACHINE_* of winnt.h
	case 0x8664, 0xAA64, 0xA641, 0xA64E, 0x0200, 0x0284, 0x5064, 0x6264:
		return 8
	}
	return 4
}

func basicName(kind uint32) string {
	_, _, name := basicType(kind)
	return name
}

// basicType returns content, size in bytes and C name of a basic type
// (cvinfo.h, TYPE_ENUM_e).
func basicType(kind uint32) (b Basic, size uint64, name string) {
	for _, t := range [...]struct {
		kind uint32
		is   Basic
		size uint64
		name string
	}{
		{0x00, BasicNone, 0, "..."},
		{0x03, BasicVoid, 0, "void"},
		{0x08, BasicHResult, 4, "HRESULT"},
		{simpleNullptr, BasicNullptr, 0, "std::nullptr_t"},
		{0x10, BasicChar, 1, "signed char"},
		{0x20, BasicUChar, 1, "unsigned char"},
		{0x70, BasicChar, 1, "char"},
		{0x71, BasicWChar, 2, "wchar_t"},
		{0x7A, BasicWChar, 2, "char16_t"},
		{0x7B, BasicWChar, 4, "char32_t"},
		{0x7C, BasicChar, 1, "char8_t"},
		{0x68, BasicInt, 1, "__int8"},
		{0x69, BasicUint, 1, "unsigned __int8"},
		{0x11, BasicInt, 2, "short"},
		{0x72, BasicInt, 2, "short"},
		{0x21, BasicUint, 2, "unsigned short"},
		{0x73, BasicUint, 2, "unsigned short"},
		{0x12, BasicInt, 4, "long"},
		{0x22, BasicUint, 4, "unsigned long"},
		{0x74, BasicInt, 4, "int"},
		{0x75, BasicUint, 4, "unsigned int"},
		{0x13, BasicInt, 8, "__int64"},
		{0x76, BasicInt, 8, "__int64"},
		{0x23, BasicUint, 8, "unsigned __int64"},
		{0x77, BasicUint, 8, "unsigned __int64"},
		{0x14, BasicInt, 16, "__int128"},
		{0x78, BasicInt, 16, "__int128"},
		{0x24, BasicUint, 16, "unsigned __int128"},
		{0x79, BasicUint, 16, "unsigned __int128"},
		{0x30, BasicBool, 1, "bool"},
		{0x31, BasicBool, 2, "__bool16"},
		{0x32, BasicBool, 4, "__bool32"},
		{0x33, BasicBool, 8, "__bool64"},
		{0x46, BasicFloat, 2, "__half"},
		{0x40, BasicFloat, 4, "float"},
		{0x45, BasicFloat, 4, "float"},
		{0x44, BasicFloat, 6, "__float48"},
		{0x41, BasicFloat, 8, "double"},
		{0x42, BasicFloat, 10, "long double"},
		{0x43, BasicFloat, 16, "__float128"},
		{0x50, BasicComplex, 8, "_Complex float"},
		{0x51, BasicComplex, 16, "_Complex double"},
		{0x52, BasicComplex, 20, "_Complex long double"},
		{0x53, BasicComplex, 32, "_Complex __float128"},
		{0x04, BasicOther, 8, "CURRENCY"},
	} {
		if t.kind == kind {
			return t.is, t.size, t.name
		}
	}
	return BasicOther, 0, "__unknown"
}
