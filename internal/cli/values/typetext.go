package values

import (
	"fmt"
	"strconv"

	"github.com/symres/symres/pdb"
)

// DebuggerType spells a type as dt does: "Ptr64 Void", "[15] UChar", "Uint4B".
func DebuggerType(t pdb.Type) string {
	text := ""
	for range 64 { // as deep as package pdb goes
		switch t.Kind() {
		case pdb.TypePointer:
			size, _ := t.Size() // a pointer always has one
			text += "Ptr" + strconv.FormatUint(8*size, 10) + " "
		case pdb.TypeArray:
			text += dimension(t) + " "
		case pdb.TypeModifier, pdb.TypeAlias, pdb.TypeBitField:
		default:
			return text + plainType(t)
		}
		elem, err := t.Elem()
		if err != nil {
			break
		}
		t = elem
	}
	return text + "?"
}

func dimension(t pdb.Type) string {
	if n, err := t.Len(); err == nil {
		return "[" + strconv.FormatUint(n, 10) + "]"
	}
	return "[]"
}

// plainType spells what is made of no other type. Of a function dt shows the
// result, set off by blanks.
func plainType(t pdb.Type) string {
	switch t.Kind() {
	case pdb.TypeBasic:
		return basicType(t)
	case pdb.TypeFunction, pdb.TypeMethod:
		if result, err := t.Elem(); err == nil {
			return "    " + result.String()
		}
		return "    ?"
	case pdb.TypeOther: // the shape of a table of virtual functions
		return ""
	}
	return t.String()
}

// basicType spells a basic type as dt does.
func basicType(t pdb.Type) string {
	words := map[pdb.Basic]string{pdb.BasicVoid: "Void", pdb.BasicBool: "Bool", pdb.BasicChar: "Char", pdb.BasicUChar: "UChar",
		pdb.BasicWChar: "Wchar", pdb.BasicHResult: "HRESULT"}
	size, _ := t.Size()
	switch b := t.Basic(); {
	case b == pdb.BasicInt && size == 1:
		return "Char"
	case b == pdb.BasicUint && size == 1:
		return "UChar"
	case b == pdb.BasicInt:
		return fmt.Sprintf("Int%dB", size)
	case b == pdb.BasicUint:
		return fmt.Sprintf("Uint%dB", size)
	case b == pdb.BasicFloat && size == 4:
		return "Float"
	case b == pdb.BasicFloat && size == 8:
		return "Double"
	case words[b] != "" && size <= 2, b == pdb.BasicHResult:
		return words[b]
	}
	return t.Name()
}
