package pdb

import "fmt"

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
