package pdb

import (
	"strconv"
	"strings"

	"github.com/symres/symres/internal/budget"
)

// maxTypeText bounds the text of one type.
const maxTypeText = 64 << 10

// String returns the type as C spells it without a name: "_PEB*",
// "unsigned char[15]", "int (__stdcall *)(void*, ...)". Types that cannot be
// read, or are nested too deep, show as "?".
func (t Type) String() string { return t.Declare("") }

// Declare returns the declaration of a variable, member or function of the
// type: "_PEB* Peb", "unsigned char ImageFileName[15]", "int (*f)(int)". Of a
// bit field it has the width: "unsigned long Flags : 3".
func (t Type) Declare(name string) string {
	if t.f == nil {
		return (&declarator{nodes: maxTypeNodes}).declare(t, name, 0)
	}
	w := &t.f.msf.Work
	if w.Over() != nil {
		return "?"
	}
	d := declarator{nodes: maxTypeNodes}
	text := d.declare(t, name, 0)
	w.Owe(max(0, len(text)+(maxTypeNodes-d.nodes)*budget.PerRecord-int(w.OfType()))) // no more than usual costs nothing
	return text
}

// declarator renders types. It belongs to one goroutine.
type declarator struct {
	nodes int // types it may still visit
	text  int // bytes written so far, at least
}

// shape is what stands around a name in a declaration.
type shape struct {
	left, right string
	quals       string // const and so on, of the type to come
	name        string
}

func (s *shape) String() string {
	left := s.left
	if s.name != "" && left != "" && !strings.Contains(left, "(") {
		left += " "
	}
	return left + s.name + s.right
}

// declare puts types around a name from the outside in.
func (d *declarator) declare(t Type, name string, depth int) string {
	s := &shape{name: name}
	var err error
	for ; ; depth++ {
		d.nodes--
		if err != nil || depth > maxTypeDepth || d.nodes < 0 || d.text > maxTypeText {
			return s.join("?")
		}
		d.text += len(t.name) + 8
		switch t.kind {
		case TypePointer:
			t, err = d.pointer(s, t)
		case TypeArray:
			s.right += d.dimension(t)
			t, err = t.Elem()
		case TypeModifier:
			s.quals = t.qualifiers() + s.quals
			t, err = t.Elem()
		case TypeBitField:
			s.right += " : " + strconv.Itoa(int(t.bits))
			t, err = t.Elem()
		case TypeFunction, TypeMethod:
			s.right += "(" + d.params(t, depth) + ")"
			s.convention(t)
			t, err = t.Elem()
		default:
			return s.join(t.base())
		}
	}
}

// join puts the innermost type before the rest.
func (s *shape) join(base string) string {
	rest := s.String()
	if rest != "" && !strings.ContainsAny(rest[:1], "*&[ ") {
		rest = " " + rest
	}
	return s.quals + base + rest
}

// base returns the name of a type that is not made of others.
func (t Type) base() string {
	switch {
	case t.kind == TypeOther:
		return "<" + t.leaf.String() + ">"
	case t.IsTag() && len(t.name) == 0:
		return "<unnamed-tag>"
	}
	return t.Name()
}

func (t Type) qualifiers() string {
	var q string
	if t.Const() {
		q += "const "
	}
	if t.Volatile() {
		q += "volatile "
	}
	if t.Unaligned() {
		q += "__unaligned "
	}
	return q
}

// pointer adds a pointer and returns what it points to.
func (d *declarator) pointer(s *shape, t Type) (Type, error) {
	star := "*"
	switch t.ptrMode() {
	case ptrModeLRef:
		star = "&"
	case ptrModeRRef:
		star = "&&"
	case ptrModeMember, ptrModeMethod:
		class := "?"
		if c, err := t.Class(); err == nil {
			class = c.base()
			d.text += len(class)
		}
		star = class + "::*"
	}
	quals := t.qualifiers() + s.quals
	if t.attr&ptrRestrict != 0 {
		quals += "__restrict "
	}
	s.quals = ""
	if quals != "" {
		star += " " + strings.TrimSuffix(quals, " ")
	}
	s.left = star + s.left
	elem, err := t.Elem()
	if err != nil {
		return t, err
	}
	if k := elem.skipQuals().kind; k == TypeArray || k == TypeFunction || k == TypeMethod {
		s.left, s.right = "("+s.left, s.right+")"
	} else if t.ptrMode() >= ptrModeMember && t.ptrMode() <= ptrModeMethod {
		s.left = " " + s.left
	}
	return elem, nil
}

// skipQuals returns the type behind const and volatile.
func (t Type) skipQuals() Type {
	for range maxTypeDepth {
		if t.kind != TypeModifier {
			break
		}
		next, err := t.Elem()
		if err != nil {
			break
		}
		t = next
	}
	return t
}

// dimension returns the dimension of an array; it is left open where the size
// of the element is not known.
func (d *declarator) dimension(t Type) string {
	if elem, err := t.Elem(); err == nil && elem.skipQuals().IsForward() {
		d.nodes -= nodesLookup
	}
	n, err := t.Len()
	if err != nil {
		return "[]"
	}
	return "[" + strconv.FormatUint(n, 10) + "]"
}

// params returns the parameters of a function, each rendered by itself.
func (d *declarator) params(t Type, depth int) string {
	var b strings.Builder
	sep := ""
	for p, err := range t.Params() {
		b.WriteString(sep)
		sep = ", "
		if err != nil {
			b.WriteString("?")
			break
		}
		if d.nodes < 0 || d.text > maxTypeText {
			b.WriteString("...")
			break
		}
		b.WriteString(d.declare(p, "", depth+1))
	}
	if b.Len() == 0 {
		return "void"
	}
	return b.String()
}

// convention adds the calling convention of a function, unless it is the usual
// one: __cdecl, and __thiscall of a member function.
func (s *shape) convention(t Type) {
	name := callingConvention(t.conv)
	if name == "" || t.conv == convThis && t.kind == TypeMethod {
		return
	}
	if rest, ok := strings.CutPrefix(s.left, "("); ok {
		s.left = "(" + name + " " + rest
		return
	}
	s.left = name + s.left
}

const convThis = 0x0B

// callingConvention names a calling convention (CV_call_e), "" for the usual
// ones of C and for those compilers do not spell.
func callingConvention(conv uint8) string {
	switch conv {
	case 0x02, 0x03:
		return "__pascal"
	case 0x04, 0x05:
		return "__fastcall"
	case 0x07, 0x08:
		return "__stdcall"
	case 0x09, 0x0A:
		return "__syscall"
	case convThis:
		return "__thiscall"
	case 0x16:
		return "__clrcall"
	case 0x18:
		return "__vectorcall"
	}
	return ""
}

// Basic is the kind of a basic type; for its size see [Type.Size].
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
