package eval

import (
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/pdb"
)

// typeKind is what a type of C++ is to the evaluator.
type typeKind uint8

const (
	typeVoid typeKind = iota
	typeInt           // signed, characters as well
	typeUint
	typeBool
	typeFloat
	typeEnum
	typePointer
	typeArray
	typeStruct
	typeFunction
)

// ctype is a type of C++.
type ctype struct {
	kind typeKind
	name string // of all but pointers and arrays
	size uint64
	elem *ctype   // of pointers and arrays made here
	def  pdb.Type // of a type of a PDB
	char bool     // shown as a character
}

func scalar(kind typeKind, name string, size uint64) ctype {
	return ctype{kind: kind, name: name, size: size, char: name == "char" || name == "unsigned char" || name == "wchar_t"}
}

// builtin returns a type by the name that C++ and the debugger have for it.
func builtin(name string) (ctype, bool) {
	signed := map[string]uint64{"char": 1, "short": 2, "int": 4, "long": 4, "int64": 8, "__int64": 8}
	base, unsigned := strings.CutPrefix(name, "unsigned")
	base = strings.TrimSpace(base)
	if unsigned && base == "" {
		base = "int"
	}
	if size := signed[base]; size != 0 {
		base = strings.TrimLeft(base, "_")
		if unsigned {
			return scalar(typeUint, "unsigned "+base, size), true
		}
		return scalar(typeInt, base, size), true
	}
	switch name {
	case "void":
		return scalar(typeVoid, name, 0), true
	case "bool":
		return scalar(typeBool, name, 1), true
	case "wchar_t":
		return scalar(typeUint, name, 2), true
	case "float":
		return scalar(typeFloat, name, 4), true
	case "double":
		return scalar(typeFloat, name, 8), true
	}
	return ctype{}, false
}

func mustBuiltin(name string) ctype {
	t, _ := builtin(name)
	return t
}

// sized is the unsigned or signed integer of a target's addresses.
func sized(signed bool, bits int) ctype {
	name := map[int]string{32: "int", 64: "int64"}[bits]
	if signed {
		return mustBuiltin(name)
	}
	return mustBuiltin("unsigned " + name)
}

func pointerTo(t ctype, bits int) ctype {
	return ctype{kind: typePointer, size: uint64(bits) / 8, elem: &t}
}

// typeOf makes a type of one of a PDB.
func typeOf(t pdb.Type) (ctype, error) {
	for range 64 { // as deep as package pdb goes
		size, sizeErr := t.Size()
		c := ctype{size: size, def: t, name: t.Name()}
		switch t.Kind() {
		case pdb.TypePointer:
			c.kind = typePointer
			return c, sizeErr
		case pdb.TypeArray:
			c.kind = typeArray
			return c, sizeErr
		case pdb.TypeEnum:
			c.kind = typeEnum
			return c, nil
		case pdb.TypeFunction, pdb.TypeMethod:
			c.kind, c.name = typeFunction, "<function>"
			return c, nil
		case pdb.TypeBasic:
			return basicOf(t, size), nil
		case pdb.TypeModifier, pdb.TypeAlias, pdb.TypeBitField:
			elem, err := t.Elem()
			if err != nil {
				return ctype{}, err
			}
			t = elem
			continue
		}
		if t.IsTag() {
			c.kind = typeStruct
			if d, err := t.Definition(); err == nil {
				c.def = d
				c.size, _ = d.Size()
			}
			return c, nil
		}
		return ctype{}, fmt.Errorf("type %s: %w", t, errNoValues)
	}
	return ctype{}, errNoValues
}

var errNoValues = errors.New("the type has no values")

// basicOf is a basic type. Those of Windows' names are as wide as they say.
func basicOf(t pdb.Type, size uint64) ctype {
	name := map[uint64]string{1: "char", 2: "short", 4: "int", 8: "int64"}[size]
	if size == 4 && strings.Contains(t.Name(), "long") {
		name = "long"
	}
	switch t.Basic() {
	case pdb.BasicVoid:
		return mustBuiltin("void")
	case pdb.BasicBool:
		return scalar(typeBool, "bool", size)
	case pdb.BasicFloat:
		return scalar(typeFloat, map[bool]string{true: "float", false: "double"}[size == 4], size)
	case pdb.BasicWChar:
		return mustBuiltin("wchar_t")
	case pdb.BasicUint, pdb.BasicUChar:
		return scalar(typeUint, "unsigned "+name, size)
	case pdb.BasicHResult:
		name = "long"
	}
	return scalar(typeInt, name, size)
}

// element is the type behind a pointer or in an array.
func (t ctype) element() (ctype, error) {
	if t.elem != nil {
		return *t.elem, nil
	}
	elem, err := t.def.Elem()
	if err != nil {
		return ctype{}, err
	}
	return typeOf(elem)
}

// String spells the type as the debugger does: "struct _LIST_ENTRY **", "char [64]".
func (t ctype) String() string {
	switch t.kind {
	case typePointer, typeArray:
	case typeStruct:
		return structWord(t.def) + " " + t.name
	default:
		return t.name
	}
	stars, dims := "", ""
	for range 64 {
		if t.kind == typePointer {
			stars += "*"
		} else if t.kind == typeArray {
			n, _ := t.def.Len() // what is not known is 0
			dims += fmt.Sprintf(" [%d]", n)
		} else {
			break
		}
		elem, err := t.element()
		if err != nil {
			return "? " + stars + dims
		}
		t = elem
	}
	text := t.String()
	if stars != "" {
		text += " " + stars
	}
	return text + dims
}

func structWord(t pdb.Type) string {
	switch t.Kind() {
	case pdb.TypeUnion:
		return "union"
	case pdb.TypeClass:
		return "class"
	}
	return "struct"
}

// isInteger reports whether values of the type are whole numbers to calculate with.
func (t ctype) isInteger() bool {
	return t.kind == typeInt || t.kind == typeUint || t.kind == typeEnum
}
