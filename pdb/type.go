package pdb

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/symres/symres/internal/codeview"
)

// TypeKind says what a [Type] is.
type TypeKind uint8

// Kinds of types.
const (
	TypeOther     TypeKind = iota // a record that describes no type by itself, such as a list
	TypeBasic                     // int, char, void: see [Type.Basic]
	TypePointer                   // and references and pointers to members
	TypeArray                     // of a number of elements
	TypeStruct                    // struct
	TypeClass                     // class
	TypeUnion                     // union
	TypeInterface                 // interface (COM)
	TypeEnum                      // enum
	TypeBitField                  // some bits of an integer
	TypeModifier                  // const, volatile or unaligned something
	TypeFunction                  // function
	TypeMethod                    // member function
	TypeAlias                     // another name of a type
)

// String returns the kind in a word, for structures and so on the one C has.
func (k TypeKind) String() string {
	names := [...]string{"other", "basic", "pointer", "array", "struct", "class", "union", "interface",
		"enum", "bitfield", "modifier", "function", "method", "alias"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("TypeKind(%d)", uint8(k))
}

// Type is a type of the PDB. It is a small value whose names are views of the
// file: it is of use until the File is closed. It is safe for concurrent use.
//
// The zero Type is nothing: its kind is [TypeOther] and its size is not known.
type Type struct {
	f     *File
	index uint32
	leaf  codeview.Leaf
	kind  TypeKind
	bits  uint8  // of a bit field
	bit   uint8  // of a bit field: position
	conv  uint8  // calling convention of a function
	attr  uint32 // properties of a tag, attributes of a pointer, flags of a modifier
	elem  uint32 // pointee, element, base, underlying type, result
	list  uint32 // field list of a tag, arguments of a function
	class uint32 // of a member function or a pointer to a member
	size  uint64
	name  []byte
	uniq  []byte
}

// Index returns the number other records refer to the type by. Numbers below
// 0x1000 are basic types and pointers to them, which have no record.
func (t Type) Index() uint32 { return t.index }

// Leaf returns the name that the kind of record the type comes from has in
// Microsoft's headers, such as "LF_STRUCTURE", "" for a type without a record.
func (t Type) Leaf() string {
	if t.leaf == 0 {
		return ""
	}
	return t.leaf.String()
}

// Kind returns what the type is.
func (t Type) Kind() TypeKind { return t.kind }

// Name returns the name of a type that has one: a tag ("_EPROCESS",
// "ns::C<int>", "<unnamed-tag>"), a basic type or an alias; "" otherwise.
// [Type.String] is for every type.
func (t Type) Name() string {
	if t.kind == TypeBasic {
		return basicName(t.index)
	}
	return string(t.name)
}

// NameBytes returns the name of a tag or an alias as a view that must not be
// changed and is valid until the File is closed.
func (t Type) NameBytes() []byte { return t.name }

// UniqueName returns the decorated name of a tag (".?AU_EPROCESS@@"), ""
// where the compiler wrote none.
func (t Type) UniqueName() string { return string(t.uniq) }

// IsTag reports whether the type is a structure, class, union, interface or
// enumeration.
func (t Type) IsTag() bool { return t.isRecord() || t.kind == TypeEnum }

// isRecord reports whether the type has data members.
func (t Type) isRecord() bool { return t.kind >= TypeStruct && t.kind <= TypeInterface }

// IsForward reports whether the type is a tag that is only declared here; see
// [Type.Definition].
func (t Type) IsForward() bool { return t.IsTag() && t.attr&codeview.PropForward != 0 }

// IsAnonymous reports whether the type is a tag without a name of its own.
func (t Type) IsAnonymous() bool {
	g := codeview.Tag{Name: t.name}
	return t.IsTag() && (len(t.name) == 0 || g.Anonymous())
}

// IsScoped reports whether the type is a tag that is local to a function. Such
// a type is found by its unique name, not by its name.
func (t Type) IsScoped() bool { return t.IsTag() && t.attr&codeview.PropScoped != 0 }

// BitField returns the position of the lowest bit and the number of bits of a
// bit field, whose integer type is [Type.Elem].
func (t Type) BitField() (bit, bits uint8, ok bool) {
	return t.bit, t.bits, t.kind == TypeBitField
}

// Type returns the type of an index, as symbols and other types refer to it.
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading.
func (f *File) Type(index uint32) (Type, error) {
	if index < firstType {
		return f.simpleType(index)
	}
	t, err := f.loadTypes()
	if err != nil {
		return Type{}, err
	}
	rec, err := t.record(index)
	if err != nil {
		return Type{}, err
	}
	return f.parseType(t, index, rec)
}

// TypeByName returns the structure, class, union, interface or enumeration of
// this name, spelled as in the source with its scope ("_EPROCESS", "ns::C");
// the unique name of a type that is local to a function will do too. It is the
// definition where the PDB has one; where it has several, the one its hash
// table marks as current, or the last.
//
// The first lookups scan the hash values of all types, 4 bytes each; later
// ones use an index made then. A name that the hash table does not lead to is
// looked for in all records, once.
//
// Errors satisfy errors.Is with [ErrNotFound] when there is no such type, with
// [ErrFormat] when the PDB is damaged, or come from reading.
func (f *File) TypeByName(name string, how ...NameFlag) (Type, error) {
	equal := bytes.Equal
	if slices.Contains(how, IgnoreCase) {
		equal = bytes.EqualFold
	}
	t, err := f.loadTypes()
	if err != nil {
		return Type{}, err
	}
	ti, ok, err := t.findNamed(name, equal)
	if err != nil {
		return Type{}, err
	}
	if !ok {
		return Type{}, fmt.Errorf("pdb: type %q: %w", name, ErrNotFound)
	}
	return f.Type(ti)
}

// Types enumerates all types that have records, in the order of their indices.
// Forward references and lists are among them; see [Type.Kind] and
// [Type.IsForward].
//
// A damaged record gives an error, satisfying errors.Is(err, [ErrFormat]), in
// its place; damage behind which no record can be found and errors of reading
// end the sequence.
func (f *File) Types() iter.Seq2[Type, error] {
	most := 4 * f.msf.Work.Whole() // the text of a type is made of those of many
	return granted(f, most, func(yield func(Type, error) bool) error {
		t, err := f.loadTypes()
		if err != nil || t.s == nil {
			return err
		}
		w := t.records(typeEntry{ti: t.begin})
		for w.step() {
			if err := cmp.Or(f.check(), f.msf.Work.Over()); err != nil {
				return err
			}
			if !yield(f.parseType(t, w.ti, w.Rec)) {
				return nil
			}
		}
		return w.Err
	})
}

// Definition returns the definition of a tag that is only declared, and any
// other type as it is. A type that is not defined in this PDB gives an error
// that satisfies errors.Is(err, [ErrNotFound]).
func (t Type) Definition() (Type, error) {
	if !t.IsForward() {
		return t, nil
	}
	table, err := t.f.loadTypes()
	if err != nil {
		return Type{}, err
	}
	ti, ok, err := table.findDefinition(&codeview.Tag{Props: t.attr, Name: t.name, Unique: t.uniq})
	if err != nil {
		return Type{}, err
	}
	if !ok {
		return Type{}, fmt.Errorf("pdb: definition of %q: %w", t.name, ErrNotFound)
	}
	return t.f.Type(ti)
}

// Elem returns the type a type is made of: what a pointer points to, the
// element of an array, what a modifier modifies, the integer of a bit field or
// an enumeration, the result of a function. Other types give an error that
// satisfies errors.Is(err, [ErrNotFound]).
func (t Type) Elem() (Type, error) {
	switch t.kind {
	case TypePointer, TypeArray, TypeEnum, TypeBitField, TypeModifier, TypeFunction, TypeMethod, TypeAlias:
		return t.f.Type(t.elem)
	}
	return Type{}, fmt.Errorf("pdb: element of %v %q: %w", t.kind, t.name, ErrNotFound)
}

// Class returns the class of a member function or of a pointer to a member.
// Other types give an error that satisfies errors.Is(err, [ErrNotFound]).
func (t Type) Class() (Type, error) {
	if t.class == 0 {
		return Type{}, fmt.Errorf("pdb: class of %v: %w", t.kind, ErrNotFound)
	}
	return t.f.Type(t.class)
}

// Params enumerates the types of the parameters of a function. A basic type
// whose index is 0 as the last one stands for "...". A damaged list ends with
// an error that satisfies errors.Is(err, [ErrFormat]).
func (t Type) Params() iter.Seq2[Type, error] {
	return sequenceOf(func(yield func(Type, error) bool) error {
		if t.kind != TypeFunction && t.kind != TypeMethod || t.list == 0 {
			return nil
		}
		args, err := t.f.argList(t.list)
		if err != nil {
			return err
		}
		for n := args.count(); n > 0 && yield(t.f.Type(args.Ti())); n-- {
		}
		return nil
	})
}

// argList opens an argument list.
func (f *File) argList(ti uint32) (*argReader, error) {
	t, err := f.loadTypes()
	if err != nil {
		return nil, err
	}
	rec, err := t.counted(ti)
	if err != nil {
		return nil, err
	}
	r := &argReader{codeview.Reader{B: rec, Off: codeview.LenField}}
	if leaf := r.Begin(); leaf != codeview.LeafArgList {
		return nil, t.bad(ti, "%v is no list of arguments", leaf)
	}
	return r, nil
}

// argReader reads an argument list.
type argReader struct{ codeview.Reader }

// count reads how many arguments follow, at most as many as there are.
func (r *argReader) count() uint32 {
	n, size := r.Ti(), 4
	if r.Narrow {
		size = 2
	}
	return min(n, uint32((len(r.B)-r.Off)/size))
}
