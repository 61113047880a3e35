package dwarf

import (
	"cmp"
	"strconv"

	"github.com/symres/symres/symbols"
)

const (
	maxTypes = 32      // types that lead to one: pointers, arrays, typedefs
	maxArray = 1 << 40 // bytes
)

// Encodings of base types (DWARF 5, 7.8).
const (
	ateAddress = iota + 1
	ateBoolean
	_
	ateFloat
	ateSigned
	ateSignedChar
	ateUnsigned
	ateUnsignedChar
	ateUTF = 0x10
)

// plain is a type without what names it only: typedefs, const and so on. It is nil
// for void, and for a type that cannot be read.
func (d *die) plain(w *work) (*die, error) {
	for range maxTypes {
		switch d.shape.tag {
		case tagTypedef, tagConst, tagVolatile, tagRestrict, tagAtomic:
		default:
			return d, nil
		}
		to, ok, err := d.follow(attrType, w)
		if !ok || err != nil {
			return nil, err
		}
		d = to
	}
	return nil, d.unit.wrong()
}

// size is how many bytes a value of the type has, 0 if that is not known.
func (d *die) size(w *work) (uint64, error) {
	times := uint64(1)
	for range maxTypes {
		p, err := d.plain(w)
		if p == nil || err != nil {
			return 0, err
		}
		if v := p.get(attrByteSize); v.form != 0 {
			return times * v.u, nil
		}
		switch p.shape.tag {
		case tagPointer, tagReference, tagRvalue:
			return times * uint64(p.unit.width), nil
		case tagArray, tagEnumeration:
		default:
			return 0, nil
		}
		n := uint64(1)
		if p.shape.tag == tagArray {
			if n, err = p.length(w); err != nil {
				return 0, err
			}
		}
		if times *= n; n > maxArray || times > maxArray {
			return 0, nil
		}
		to, ok, err := p.follow(attrType, w)
		if !ok || err != nil {
			return 0, err
		}
		d = to
	}
	return 0, nil
}

// length is how many elements an array has, in all its dimensions; 0 if that is
// not known.
func (d *die) length(w *work) (uint64, error) {
	n, known := uint64(1), false
	err := d.children(w, func(c *die) (bool, error) {
		if c.shape.tag == tagSubrange {
			m, ok := c.bound()
			known = ok && (known || n == 1)
			if n *= m; n > maxArray {
				known = false
			}
			return known, nil
		}
		return true, nil
	})
	if !known {
		n = 0
	}
	return n, err
}

// bound is how many elements a dimension has.
func (d *die) bound() (uint64, bool) {
	if v := d.get(attrCount); v.isConstant() {
		return v.u, true
	}
	v := d.get(attrUpperBound)
	if !v.isConstant() || v.u == ^uint64(0) || v.form == formData4 && v.u == 1<<32-1 {
		return 0, false // [] is written with the bound -1, or without any
	}
	return v.u + 1, true
}

// form says how values of a plain type are shown.
func (d *die) form() symbols.Form {
	switch d.shape.tag {
	case tagPointer, tagReference, tagRvalue:
		return symbols.FormPointer
	case tagArray:
		return symbols.FormArray
	case tagEnumeration:
		return symbols.FormEnum
	case tagBase:
		switch d.get(attrEncoding).u {
		case ateAddress:
			return symbols.FormPointer
		case ateBoolean:
			return symbols.FormBool
		case ateFloat:
			return symbols.FormFloat
		case ateSigned:
			return symbols.FormInt
		case ateSignedChar, ateUnsignedChar, ateUTF:
			return symbols.FormChar
		case ateUnsigned:
			return symbols.FormUint
		}
	}
	return symbols.FormOther
}

// typeName spells a type as C does, without the names of what a declarator needs:
// "const char*", "int[4]", "point".
func (d *die) typeName(w *work) (string, error) {
	var suffix, qualifiers string // the latter are those of what comes next
	for range maxTypes {
		switch d.shape.tag {
		case tagPointer, tagToMember:
			suffix, qualifiers = "*"+qualifiers+suffix, ""
		case tagReference:
			suffix = "&" + suffix
		case tagRvalue:
			suffix = "&&" + suffix
		case tagArray:
			n, err := d.length(w)
			if err != nil {
				return "", err
			}
			suffix = "[" + strconv.FormatUint(n, 10) + "]" + suffix
		case tagConst:
			qualifiers += " const"
		case tagVolatile:
			qualifiers += " volatile"
		case tagRestrict, tagAtomic:
		default:
			name, err := d.ownName(w)
			if name == "" && d.shape.tag == tagSubroutine {
				name = "function"
			}
			return inFront(qualifiers) + cmp.Or(name, "<unnamed-tag>") + suffix, err
		}
		to, ok, err := d.follow(attrType, w)
		if err != nil {
			return "", err
		}
		if !ok {
			break
		}
		d = to
	}
	return inFront(qualifiers) + "void" + suffix, nil
}

// inFront puts qualifiers in front of a name rather than behind it.
func inFront(qualifiers string) string {
	if qualifiers == "" {
		return ""
	}
	return qualifiers[1:] + " "
}

// ownName is the name of a type with those of the scopes around it.
func (d *die) ownName(w *work) (string, error) {
	name, err := d.unit.text(d.get(attrName), w)
	if name == "" || err != nil {
		return "", err
	}
	return d.unit.t.qualified(d.unit, d.off, name, w, 1)
}

// valueType describes the type that an entry refers to.
func (d *die) valueType(w *work) (v symbols.ValueType, err error) {
	t, ok, err := d.follow(attrType, w)
	if !ok || err != nil {
		return symbols.ValueType{Name: "?"}, err
	}
	if v.Name, err = t.typeName(w); err != nil {
		return v, err
	}
	if v.Size, err = t.size(w); err != nil {
		return v, err
	}
	p, err := t.plain(w)
	if p == nil || err != nil {
		return v, err
	}
	switch v.Form = p.form(); v.Form {
	case symbols.FormPointer, symbols.FormArray:
		err = p.element(&v, w)
	case symbols.FormEnum:
		v.Constant = func(n uint64) string { return p.constant(n, v.Size) }
	}
	return v, err
}

// element describes what a pointer points to, or an array consists of.
func (d *die) element(v *symbols.ValueType, w *work) error {
	to, ok, err := d.follow(attrType, w)
	if !ok || err != nil {
		return err
	}
	if to, err = to.plain(w); to == nil || err != nil {
		return err
	}
	v.Elem = to.form()
	v.ElemSize, err = to.size(w)
	return err
}

// constant names the first enumerator that has a value of so many bytes.
func (d *die) constant(n, size uint64) (name string) {
	mask := ^uint64(0)
	if size < 8 {
		mask = 1<<(8*size) - 1
	}
	w := d.unit.t.work()
	err := d.children(w, func(c *die) (bool, error) {
		v := c.get(attrConstValue)
		if c.shape.tag != tagEnumerator || uint64(v.signed())&mask != n&mask && v.u&mask != n&mask {
			return true, nil
		}
		var err error
		name, err = c.unit.text(c.get(attrName), w)
		return false, err
	})
	if err != nil {
		return ""
	}
	return name
}
