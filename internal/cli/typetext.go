package cli

import (
	"strconv"

	"github.com/symres/symres/pdb"
)

// print prints a type as dt does.
func (v *typeView) print(t pdb.Type) {
	if v.noisy && t.IsTag() {
		v.title(t)
	}
	switch {
	case len(v.fields) > 0:
		for _, path := range v.fields {
			if f, ok := v.field(t, path); ok {
				v.row(f.Offset, path, fieldWords(f.Type, f.Bit, f.Bits))
			}
		}
	case t.Kind() == pdb.TypeEnum:
		for m := range v.members(t) {
			v.console.line("   %s = 0n%s", m.Name(), m.Value)
		}
	case t.IsTag():
		for m := range v.members(t) {
			v.member(m)
		}
	default:
		v.console.line("   %s", typeWords(t))
	}
}

// title is the first line of dt -v.
func (v *typeView) title(t pdb.Type) {
	n := 0
	for range v.members(t) {
		n++
	}
	size, err := t.Size()
	if err != nil {
		v.console.line("%s %s, %d elements", t.Kind(), t, n)
		return
	}
	v.console.line("%s %s, %d elements, 0x%x bytes", t.Kind(), t, n, size)
}

func (v *typeView) member(m pdb.Member) {
	t, err := m.Type()
	if err != nil {
		v.damage(err)
	}
	switch m.Kind {
	case pdb.MemberStatic:
		v.console.line("   static %-16s : %s", m.Name(), typeWords(t))
	case pdb.MemberVFTable:
		v.row(m.Offset, "__VFN_table", "Ptr"+pointerBits(t))
	default:
		v.row(m.Offset, m.Name(), fieldWords(t, m.Bit, m.Bits))
	}
}

// row prints one field.
func (v *typeView) row(offset uint64, name, words string) {
	b := appendHex(append(v.text[:0], "   +0x"...), offset, 3)
	b = append(append(b, ' '), name...)
	for n := len(name); n < 16; n++ {
		b = append(b, ' ')
	}
	v.text = append(append(b, " : "...), words...)
	v.console.row(v.text)
}

// fieldWords is what dt says of a field.
func fieldWords(t pdb.Type, bit, bits uint8) string {
	switch bits {
	case 0:
		return typeWords(t)
	case 1:
		return "Pos " + strconv.Itoa(int(bit)) + ", 1 Bit"
	}
	return "Pos " + strconv.Itoa(int(bit)) + ", " + strconv.Itoa(int(bits)) + " Bits"
}
