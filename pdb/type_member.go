package pdb

import (
	"iter"
	"slices"

	"github.com/symres/symres/internal/codeview"
)

// MemberKind says what a [Member] is.
type MemberKind uint8

// Kinds of members.
const (
	MemberData         MemberKind = iota + 1 // a data member, bit fields included
	MemberStatic                             // a static data member
	MemberMethod                             // a member function, one of each overload
	MemberNested                             // a type defined inside; its name may be empty
	MemberEnumerator                         // a constant of an enumeration
	MemberBase                               // a base class
	MemberVirtualBase                        // a virtual base class
	MemberIndirectBase                       // a virtual base class of a base class
	MemberVFTable                            // pointer to a table of virtual functions
	MemberFriend                             // a friend class or function
	MemberVisibility                         // an inherited member made visible
)

// String returns the kind in a word.
func (k MemberKind) String() string {
	names := [...]string{"unknown", "data", "static", "method", "type", "enumerator", "base", "virtual base",
		"indirect virtual base", "vftable", "friend", "visibility"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Member is an entry of the field list of a type. It is a small value whose
// name is a view of the file: it is of use until the File is closed. It is
// safe for concurrent use.
type Member struct {
	Kind MemberKind
	// Bits is the number of bits of a bit field, 0 for other members; Bit is
	// the position of its lowest bit in the integer at Offset.
	Bit, Bits uint8
	// Attr holds the attributes as they stand (CV_fldattr_t): bits 0 and 1 are
	// 1 private, 2 protected, 3 public; see also [Member.Virtual].
	Attr uint16
	// Offset is where a data member or base class lies, in bytes from the
	// start of the type; for virtual bases, where the pointer to the table of
	// virtual bases lies; for a member function that introduces a virtual
	// function, its offset in the table of virtual functions.
	Offset uint64
	// Index is the type index; of a bit field, that of its integer type.
	Index uint32
	// Table is, of a virtual base, the type index of the pointer at Offset.
	Table uint32
	// Value is the value of an enumerator; of a virtual base, its index in the
	// table of virtual bases.
	Value Number

	f    *File
	name []byte
}

// Name returns the name, "" for what has none, such as bases.
func (m Member) Name() string { return string(m.name) }

// NameBytes returns the name as a view that must not be changed and is valid
// until the File is closed.
func (m Member) NameBytes() []byte { return m.name }

// Type returns the type of the member: of a bit field, its integer type.
// Errors are those of [File.Type].
func (m Member) Type() (Type, error) {
	if m.f == nil {
		return Type{}, nil
	}
	return m.f.Type(m.Index)
}

// TableType returns the type of the pointer to the table of virtual bases that a
// virtual base is found through. Errors are those of [File.Type].
func (m Member) TableType() (Type, error) {
	if m.f == nil || m.Table == 0 {
		return Type{}, nil
	}
	return m.f.Type(m.Table)
}

// Virtual reports whether the member is a virtual function, and whether it
// introduces one rather than overriding it.
func (m Member) Virtual() (virtual, introduces bool) {
	prop := m.Attr >> 2 & 7
	intro := introducing(m.Attr)
	return m.Kind == MemberMethod && (prop == 1 || prop == 5 || intro), m.Kind == MemberMethod && intro
}

// introducing reports whether the attributes are those of an introducing
// virtual function, plain or pure: its record has one more field.
func introducing(attr uint16) bool {
	prop := attr >> 2 & 7
	return prop == 4 || prop == 6
}

// Members enumerates the field list of a tag, in the order of the record:
// the members of a structure, the enumerators of an enumeration. A tag that is
// only declared here is looked up first; one that is not defined gives an
// error that satisfies errors.Is(err, [ErrNotFound]). Other types have none.
// Members of an unnamed union or structure inside stand in the list themselves
// with most compilers; see [Type.Fields].
//
// Damage gives an error that satisfies errors.Is(err, [ErrFormat]) and ends
// the sequence.
func (t Type) Members() iter.Seq2[Member, error] {
	return sequenceOf(func(yield func(Member, error) bool) error {
		if !t.IsTag() {
			return nil
		}
		def, err := t.Definition()
		if err != nil || def.list == 0 {
			return err
		}
		g, err := def.f.msf.Work.Begin(def.f.msf.Work.Point())
		if err != nil {
			return err
		}
		defer g.End()
		return def.f.eachMember(def.list, def.widened(yield))
	})
}

// widened gives enumerators the width and the sign of the underlying type:
// compilers write a value in the shortest form that has its bits, so that -1 is
// what stands for the highest value of an unsigned type, and the bits of a
// negative one may stand without their sign.
func (t Type) widened(yield func(Member, error) bool) func(Member, error) bool {
	if t.kind != TypeEnum {
		return yield
	}
	elem, err := t.integer()
	if err != nil || elem.size == 0 || elem.size > 8 {
		return yield
	}
	shift, negative := 64-8*elem.size, elem.isSigned()
	return func(m Member, err error) bool {
		if m.Kind == MemberEnumerator {
			m.Value = m.Value.widen(shift, negative)
		}
		return yield(m, err)
	}
}

// integer returns the basic type an enumeration is made of.
func (t Type) integer() (Type, error) {
	elem, err := t.Elem()
	for n := 0; err == nil && n < maxTypeDepth && elem.kind != TypeBasic; n++ {
		elem, err = elem.Elem()
	}
	return elem, err
}

// isSigned reports whether a basic type is an integer with a sign. That of char
// is Microsoft's choice.
func (t Type) isSigned() bool {
	const char8 = 0x7C
	switch t.Basic() {
	case BasicInt, BasicHResult:
		return true
	case BasicChar:
		return t.index != char8
	}
	return false
}

// maxContinued bounds how many records a field list may go on in: each holds
// up to 64 KiB.
const maxContinued = 1024

// eachMember walks a field list and the records it goes on in.
func (f *File) eachMember(list uint32, yield func(Member, error) bool) error {
	t, err := f.loadTypes()
	if err != nil {
		return err
	}
	var seen []uint32
	for next := list; next != 0; {
		if len(seen) == maxContinued || slices.Contains(seen, next) {
			return t.bad(next, "field list goes on in a circle or in more than %d records", maxContinued)
		}
		seen = append(seen, next)
		rec, err := t.counted(next)
		if err != nil {
			return err
		}
		w := memberWalk{f: f, t: t, ti: next, r: codeview.Reader{B: rec, Off: codeview.LenField}, yield: yield}
		if next, err = w.walk(); err != nil {
			return err
		}
	}
	return nil
}

// memberWalk walks one record of a field list.
type memberWalk struct {
	f     *File
	t     *typeTable
	ti    uint32
	r     codeview.Reader
	next  uint32 // record the list goes on in
	yield func(Member, error) bool
}

// walk yields the entries and returns the record the list goes on in.
func (w *memberWalk) walk() (next uint32, err error) {
	if leaf := w.r.Begin(); leaf != codeview.LeafFieldList {
		return 0, w.t.bad(w.ti, "%v is no field list", leaf)
	}
	for w.r.SkipPad(); w.r.Off < len(w.r.B); w.r.SkipPad() {
		if err := w.entry(); err != nil {
			return 0, err
		}
	}
	return w.next, nil
}

// entry reads one entry and yields what is in it.
func (w *memberWalk) entry() error {
	at := w.r.Off
	leaf := w.r.Begin()
	m := Member{f: w.f}
	methods := uint32(0)
	switch {
	case leaf == codeview.LeafMethod:
		w.r.U16() // number of overloads
		methods, m.name = w.r.Ti(), w.r.Name()
	case !m.parse(leaf, w):
		return w.t.bad(w.ti, "unknown entry %v at %#x of a field list", leaf, at)
	}
	switch {
	case w.r.Short:
		return w.t.bad(w.ti, "%v at %#x of a field list ends early", leaf, at)
	case methods != 0:
		return w.overloads(methods, m)
	case m.Kind == MemberData:
		if err := m.splitBits(); err != nil {
			return err
		}
	}
	if m.Kind != 0 && !w.yield(m, nil) {
		return errStop
	}
	return nil
}

// splitBits replaces the type of a bit field by position, size and integer.
func (m *Member) splitBits() error {
	if m.Index < firstType {
		return nil
	}
	t, err := m.Type()
	if err != nil {
		return ignoreDamage(err) // whoever asks for the type will see
	}
	if bit, bits, ok := t.BitField(); ok {
		m.Bit, m.Bits, m.Index = bit, bits, t.elem
	}
	return nil
}

// parse reads an entry other than that of overloaded functions; false for an
// unknown one, behind which nothing can be read.
func (m *Member) parse(leaf codeview.Leaf, w *memberWalk) bool {
	kind, fields := entryForm(leaf)
	m.Kind = kind
	r := &w.r
	for _, field := range fields {
		switch field {
		case 'a':
			m.Attr, m.Index = r.AttrTI()
		case 'A':
			m.Attr, m.Index = r.U16(), r.Ti()
		case 'p':
			m.Index = r.PaddedTI()
		case 'b':
			m.parseVirtualBase(r)
		case 'v':
			m.virtualOffset(r)
		case 'o':
			m.Offset = r.Size()
		case 'u':
			m.Offset = uint64(r.U32())
		case 'e':
			m.Attr, m.Value = r.U16(), Number{r.Number()}
		case 'n':
			m.name = r.Name()
		case '>':
			w.next = r.PaddedTI()
		}
	}
	return fields != ""
}

// entryForm returns the kind of an entry of a field list, and its fields: attributes
// and type (a; A in this order in all forms), padded type (p), type, attributes and
// table of a virtual base (b), the offset that only introducing virtual functions have
// (v), offset (o; u of 32 bits), attributes and value of an enumerator (e), name (n), and
// the record the list goes on in (>).
func entryForm(leaf codeview.Leaf) (kind MemberKind, fields string) {
	switch leaf {
	case codeview.LeafMember:
		return MemberData, "aon"
	case codeview.LeafEnumerate:
		return MemberEnumerator, "en"
	case codeview.LeafStMember:
		return MemberStatic, "an"
	case codeview.LeafMemberModify:
		return MemberVisibility, "an"
	case codeview.LeafOneMethod:
		return MemberMethod, "Avn"
	case codeview.LeafNestType:
		return MemberNested, "pn"
	case codeview.LeafNestTypeEx:
		return MemberNested, "an"
	case codeview.LeafBClass, codeview.LeafBInterface:
		return MemberBase, "ao"
	case codeview.LeafVBClass:
		return MemberVirtualBase, "b"
	case codeview.LeafIVBClass:
		return MemberIndirectBase, "b"
	case codeview.LeafVFuncTab:
		return MemberVFTable, "p"
	case codeview.LeafVFuncOff:
		return MemberVFTable, "pu"
	case codeview.LeafFriendCls:
		return MemberFriend, "p"
	case codeview.LeafFriendFcn:
		return MemberFriend, "pn"
	case codeview.LeafIndex:
		return 0, ">"
	}
	return 0, ""
}

func (m *Member) parseVirtualBase(r *codeview.Reader) {
	if r.Narrow {
		m.Index, m.Table = r.Ti(), r.Ti()
		m.Attr = r.U16()
	} else {
		m.Attr, m.Index = r.AttrTI()
		m.Table = r.Ti()
	}
	m.Offset, m.Value = r.Size(), Number{r.Number()}
}

// virtualOffset reads the field only introducing virtual functions have.
func (m *Member) virtualOffset(r *codeview.Reader) {
	if introducing(m.Attr) {
		m.Offset = uint64(r.U32())
	}
}

// overloads yields each function of an overloaded name.
func (w *memberWalk) overloads(list uint32, m Member) error {
	rec, err := w.t.counted(list)
	if err != nil {
		return err
	}
	r := codeview.Reader{B: rec, Off: codeview.LenField}
	if leaf := r.Begin(); leaf != codeview.LeafMethodList {
		return w.t.bad(list, "%v is no method list", leaf)
	}
	m.Kind = MemberMethod
	for len(r.B)-r.Off >= 4 { // less than an entry of any form is padding
		m.Offset = 0
		if m.Attr = r.U16(); !r.Narrow {
			r.U16() // padding
		}
		m.Index = r.Ti()
		m.virtualOffset(&r)
		if r.Short {
			return w.t.bad(list, "method list ends early")
		}
		if !w.yield(m, nil) {
			return errStop
		}
	}
	return nil
}
