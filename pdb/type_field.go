package pdb

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Field is a field inside a type, found by [Type.Field]. It is a small value,
// safe for concurrent use.
type Field struct {
	Name      string // the last part of the path
	Offset    uint64 // bytes from the start of the type that was asked
	Size      uint64 // bytes to read there; of a bit field, of its integer; 0 if not known
	Bit, Bits uint8  // position and number of the bits of a bit field; Bits is 0 for others
	Type      Type   // of a bit field, its integer type
}

// Mask returns the bits of a bit field in its integer, all bits of the field
// otherwise; 0 when the field is wider than 8 bytes.
func (f Field) Mask() uint64 {
	switch {
	case f.Bits != 0 && int(f.Bits)+int(f.Bit) <= 64:
		return (1<<f.Bits - 1) << f.Bit
	case f.Bits == 0 && f.Size > 0 && f.Size <= 8:
		return 1<<(8*f.Size) - 1
	}
	return 0
}

// Fields enumerates what lies in memory where: the data members of the type
// and, in their places, those of its base classes and of members without a
// name (unnamed unions and structures). Offsets count from the start of the
// type. Pointers to tables of virtual functions are among them as
// [MemberVFTable]; virtual base classes, whose place is known only at run
// time, are not followed.
//
// A tag that is only declared is looked up; errors are those of [Type.Members].
func (t Type) Fields() iter.Seq2[Member, error] { return t.flat(false) }

// Shown is [Type.Fields] together with what debuggers show beside what lies in
// memory: static members, and virtual base classes, direct and indirect, whose
// Offset is that of the pointer to the table that leads to them.
func (t Type) Shown() iter.Seq2[Member, error] { return t.flat(true) }

func (t Type) flat(all bool) iter.Seq2[Member, error] {
	return sequenceOf(func(yield func(Member, error) bool) error {
		w := fieldWalk{yield: yield, nodes: maxTypeNodes, all: all}
		return w.walk(t, 0, 0)
	})
}

// fieldWalk flattens a type.
type fieldWalk struct {
	yield func(Member, error) bool
	nodes int // members it may still visit
	all   bool
}

func (w *fieldWalk) walk(t Type, base uint64, depth int) error {
	if depth > maxTypeDepth {
		return damage("types", 0, "type %#x has members nested more than %d deep", t.index, maxTypeDepth)
	}
	for m, err := range t.Members() {
		if err != nil {
			return err
		}
		if w.nodes--; w.nodes < 0 {
			return damage("types", 0, "type %#x has members without end", t.index)
		}
		if err := w.member(m, base, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *fieldWalk) member(m Member, base uint64, depth int) error {
	if m.Offset += base; m.Offset < base {
		return damage("types", 0, "member %q lies beyond the end of memory", m.name)
	}
	switch {
	case m.Kind == MemberBase, m.Kind == MemberData && len(m.name) == 0 && m.Bits == 0:
		inner, err := m.Type()
		if err != nil {
			return err
		}
		if w.nodes -= nodesInner; inner.skipQuals().IsForward() {
			w.nodes -= nodesLookup
		}
		if inner, err = inner.Resolve(); err != nil {
			return err
		}
		if inner.isRecord() {
			return w.walk(inner, m.Offset, depth+1)
		}
	case m.Kind != MemberData && m.Kind != MemberVFTable && !(w.all && m.Kind.isShown()):
		return nil
	}
	if !w.yield(m, nil) {
		return errStop
	}
	return nil
}

// isShown reports whether debuggers show a member that is no part of the memory of
// its type.
func (k MemberKind) isShown() bool {
	return k == MemberStatic || k == MemberVirtualBase || k == MemberIndirectBase
}

// Field finds a field by its path: names with dots between them, and element
// numbers of arrays in brackets, as in "Pcb.DirectoryTableBase" or
// "IdleTask[1].Flink". Names of members of base classes and of unnamed unions
// and structures are found too. Pointers are not followed.
//
// A path that leads nowhere gives an error that satisfies
// errors.Is(err, [ErrNotFound]); other errors are those of [Type.Members].
func (t Type) Field(path string) (Field, error) {
	f := Field{Type: t}
	for rest, more := path, true; more; {
		var part string
		if part, rest, more = strings.Cut(rest, "."); f.Bits != 0 {
			return Field{}, fmt.Errorf("pdb: %q of bit field %q: %w", part, f.Name, ErrNotFound)
		}
		if err := f.step(part); err != nil {
			return Field{}, fmt.Errorf("pdb: field %q of %v: %w", path, t, err)
		}
	}
	size, err := f.Type.Size()
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Field{}, err
	}
	f.Size = size
	return f, nil
}

// step goes from a type to one of its fields.
func (f *Field) step(part string) error {
	name, index, isArray := strings.Cut(part, "[")
	m, err := f.Type.dataMember([]byte(name))
	if err != nil {
		return err
	}
	if f.Offset += m.Offset; f.Offset < m.Offset {
		return damage("types", 0, "member %q lies beyond the end of memory", m.name)
	}
	f.Name, f.Bit, f.Bits = m.Name(), m.Bit, m.Bits
	if f.Type, err = m.Type(); err != nil || !isArray {
		return err
	}
	for text := range strings.SplitSeq(index, "[") {
		if err := f.element(text); err != nil {
			return err
		}
	}
	return nil
}

// element goes from an array to one of its elements; text ends with a bracket.
func (f *Field) element(text string) error {
	number, ok := strings.CutSuffix(text, "]")
	i, err := strconv.ParseUint(number, 0, 32)
	if !ok || err != nil {
		return fmt.Errorf("%q is no element number: %w", text, ErrNotFound)
	}
	array, err := f.Type.Resolve()
	if err != nil {
		return err
	}
	n, err := array.Len()
	if err != nil {
		return err
	}
	if i >= n {
		return fmt.Errorf("element %d of %d: %w", i, n, ErrNotFound)
	}
	f.Offset += i * (array.size / n) // inside the size, as i is less than n
	f.Type, err = array.Elem()
	return err
}

// dataMember finds a member by name: one of the type itself before those of
// its bases.
func (t Type) dataMember(name []byte) (Member, error) {
	def, err := t.Resolve()
	if err != nil {
		return Member{}, err
	}
	if len(name) > 0 {
		for _, all := range []iter.Seq2[Member, error]{def.Members(), def.Fields()} {
			for m, err := range all {
				if err != nil {
					return Member{}, err
				}
				if m.Kind == MemberData && bytes.Equal(m.name, name) {
					return m, nil
				}
			}
		}
	}
	return Member{}, fmt.Errorf("%v has no member %q: %w", def, name, ErrNotFound)
}
