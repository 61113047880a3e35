package pdblocals

import (
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/symbols"
)

// valueType describes a type of a program whose addresses have so many bytes.
// What cannot be read of it is left out.
func valueType(f *pdb.File, index uint32, word uint64) symbols.ValueType {
	t, err := f.Type(index)
	if err != nil {
		return symbols.ValueType{Name: "?"}
	}
	v := symbols.ValueType{Name: t.String()}
	v.Size, _ = t.Size()
	if t, err = t.Resolve(); err != nil {
		return v
	}
	v.Form = formOf(t)
	switch t.Kind() {
	case pdb.TypePointer, pdb.TypeArray:
		if v.Form == symbols.FormPointer { // clang writes the size of a structure for a reference to it
			v.Size = word
		}
		if elem, err := t.Elem(); err == nil {
			if elem, err = elem.Resolve(); err == nil {
				v.Elem = formOf(elem)
				v.ElemSize, _ = elem.Size()
			}
		}
	case pdb.TypeEnum:
		v.Constant = func(value uint64) string { return constant(t, value, v.Size) }
	}
	return v
}

func formOf(t pdb.Type) symbols.Form {
	switch t.Kind() {
	case pdb.TypePointer:
		if _, err := t.Class(); err == nil { // to a member: it is an offset, or more
			return symbols.FormOther
		}
		return symbols.FormPointer
	case pdb.TypeArray:
		return symbols.FormArray
	case pdb.TypeEnum:
		return symbols.FormEnum
	}
	switch t.Basic() {
	case pdb.BasicBool:
		return symbols.FormBool
	case pdb.BasicChar, pdb.BasicUChar, pdb.BasicWChar:
		return symbols.FormChar
	case pdb.BasicInt:
		return symbols.FormInt
	case pdb.BasicUint, pdb.BasicHResult:
		return symbols.FormUint
	case pdb.BasicFloat:
		return symbols.FormFloat
	case pdb.BasicNullptr:
		return symbols.FormPointer
	}
	return symbols.FormOther
}

// constant names the first constant of an enumeration that has a value of so
// many bytes.
func constant(t pdb.Type, value, size uint64) string {
	mask := ^uint64(0)
	if size < 8 {
		mask = 1<<(8*size) - 1
	}
	for m, err := range t.Members() {
		if err != nil {
			break
		}
		if n, ok := number(m.Value); ok && m.Kind == pdb.MemberEnumerator && n&mask == value&mask {
			return m.Name()
		}
	}
	return ""
}

// number is a constant as the bytes of its value have it.
func number(n pdb.Number) (uint64, bool) {
	if v, ok := n.Uint64(); ok {
		return v, true
	}
	v, ok := n.Int64()
	return uint64(v), ok
}
