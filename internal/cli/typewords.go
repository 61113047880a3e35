package cli

import (
	"strconv"
	"strings"

	"github.com/symres/symres/pdb"
)

// maxWords bounds how many types one line goes through.
const maxWords = 64

// typeWords spells a type as dt does: "Ptr64 _PEB", "[15] UChar", "Uint4B".
func typeWords(t pdb.Type) string {
	var b strings.Builder
	for range maxWords {
		switch t.Kind() {
		case pdb.TypeModifier, pdb.TypeAlias:
		case pdb.TypePointer:
			b.WriteString("Ptr" + pointerBits(t) + " ")
		case pdb.TypeArray:
			n := "" // of elements without a size
			if count, err := t.Len(); err == nil {
				n = strconv.FormatUint(count, 10)
			}
			b.WriteString("[" + n + "] ")
		case pdb.TypeFunction, pdb.TypeMethod:
			b.WriteString("    ") // dt gives the result, in the words of C
			if result, err := t.Elem(); err == nil {
				b.WriteString(result.String())
			}
			return b.String()
		case pdb.TypeBasic:
			b.WriteString(basicWords(t))
			return b.String()
		default:
			b.WriteString(t.String())
			return b.String()
		}
		elem, err := t.Elem()
		if err != nil {
			break
		}
		t = elem
	}
	return b.String() + "?"
}

// pointerBits is the width of a pointer, "" where it has none of its own.
func pointerBits(t pdb.Type) string {
	size, err := t.Size()
	if err != nil || size > 16 {
		return ""
	}
	return strconv.FormatUint(8*size, 10)
}

// basicWords names a basic type as dt does.
func basicWords(t pdb.Type) string {
	size, _ := t.Size() // 0 for void, which has none
	bytes := strconv.FormatUint(size, 10) + "B"
	switch t.Basic() {
	case pdb.BasicVoid:
		return "Void"
	case pdb.BasicBool:
		return "Bool"
	case pdb.BasicChar:
		return "Char"
	case pdb.BasicUChar:
		return "UChar"
	case pdb.BasicWChar:
		return "Wchar"
	case pdb.BasicInt:
		return "Int" + bytes
	case pdb.BasicUint:
		return "Uint" + bytes
	case pdb.BasicFloat:
		if name, ok := map[uint64]string{4: "Float", 8: "Double"}[size]; ok {
			return name
		}
	}
	return t.String()
}
