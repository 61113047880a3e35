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
	switch kind {
	case 0x00:
		return BasicNone, 0, "..."
	case 0x03:
		return BasicVoid, 0, "void"
	case 0x08:
		return BasicHResult, 4, "HRESULT"
	case simpleNullptr:
		return BasicNullptr, 0, "std::nullptr_t"
	case 0x10:
		return BasicChar, 1, "signed char"
	case 0x20:
		return BasicUChar, 1, "unsigned char"
	case 0x70:
		return BasicChar, 1, "char"
	case 0x71:
		return BasicWChar, 2, "wchar_t"
	case 0x7A:
		return BasicWChar, 2, "char16_t"
	case 0x7B:
		return BasicWChar, 4, "char32_t"
	case 0x7C:
		return BasicChar, 1, "char8_t"
	}
	if b, size, name = basicInt(kind); size == 0 {
		b, size, name = basicReal(kind)
	}
	return b, size, name
}

func basicInt(kind uint32) (Basic, uint64, string) {
	switch kind {
	case 0x68:
		return BasicInt, 1, "__int8"
	case 0x69:
		return BasicUint, 1, "unsigned __int8"
	case 0x11, 0x72:
		return BasicInt, 2, "short"
	case 0x21, 0x73:
		return BasicUint, 2, "unsigned short"
	case 0x12:
		return BasicInt, 4, "long"
	case 0x22:
		return BasicUint, 4, "unsigned long"
	case 0x74:
		return BasicInt, 4, "int"
	case 0x75:
		return BasicUint, 4, "unsigned int"
	case 0x13, 0x76:
		return BasicInt, 8, "__int64"
	case 0x23, 0x77:
		return BasicUint, 8, "unsigned __int64"
	case 0x14, 0x78:
		return BasicInt, 16, "__int128"
	case 0x24, 0x79:
		return BasicUint, 16, "unsigned __int128"
	}
	return BasicOther, 0, ""
}

func basicReal(kind uint32) (Basic, uint64, string) {
	switch kind {
	case 0x30:
		return BasicBool, 1, "bool"
	case 0x31:
		return BasicBool, 2, "__bool16"
	case 0x32:
		return BasicBool, 4, "__bool32"
	case 0x33:
		return BasicBool, 8, "__bool64"
	case 0x46:
		return BasicFloat, 2, "__half"
	case 0x40, 0x45:
		return BasicFloat, 4, "float"
	case 0x44:
		return BasicFloat, 6, "__float48"
	case 0x41:
		return BasicFloat, 8, "double"
	case 0x42:
		return BasicFloat, 10, "long double"
	case 0x43:
		return BasicFloat, 16, "__float128"
	case 0x50:
		return BasicComplex, 8, "_Complex float"
	case 0x51:
		return BasicComplex, 16, "_Complex double"
	case 0x52:
		return BasicComplex, 20, "_Complex long double"
	case 0x53:
		return BasicComplex, 32, "_Complex __float128"
	case 0x04:
		return BasicOther, 8, "CURRENCY"
	}
	return BasicOther, 0, "__unknown"
}
