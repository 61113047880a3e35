package dwarf

// die is an entry (debugging information entry) with its values.
type die struct {
	unit   *unit
	off    uint64 // in .debug_info
	next   uint64 // the offset of what follows it: a child, if it has any
	shape  *abbreviation
	values []value
}

// die reads the entry at an offset; false at the end of the children around it.
func (u *unit) die(off uint64, d *die) (bool, error) {
	if !u.holds(off) {
		return false, u.wrong()
	}
	in := reader{b: u.b, pos: int(off - u.off)}
	code := in.uleb()
	d.unit, d.off, d.values = u, off, d.values[:0]
	if code == 0 {
		d.next = u.off + uint64(in.pos)
		return false, nil
	}
	if d.shape = u.abbrevs.get(code); d.shape == nil {
		return false, u.wrong()
	}
	for i := range d.shape.attributes {
		one := &d.shape.attributes[i]
		d.values = append(d.values, in.value(u.encoding, one.form, one.implicit))
	}
	if d.next = u.off + uint64(in.pos); in.bad {
		return false, u.wrong()
	}
	return true, nil
}

// get returns a value, with form 0 if the entry does not have the attribute.
func (d *die) get(attribute uint16) value {
	for i := range d.shape.attributes {
		if d.shape.attributes[i].name == attribute {
			return d.values[i]
		}
	}
	return value{}
}

func (d *die) has(attribute uint16) bool { return d.get(attribute).form != 0 }

// follow reads the entry that an attribute refers to, in this unit or in another
// one; false if there is none.
func (d *die) follow(attribute uint16, w *work) (*die, bool, error) {
	off := d.unit.reference(d.get(attribute))
	if off == 0 {
		return nil, false, nil
	}
	u, err := d.unit.t.unitAt(d.unit, off, w)
	if err != nil {
		return nil, false, err
	}
	to := &die{}
	ok, err := u.die(off, to)
	if err == nil {
		err = w.spend(to.cost())
	}
	return to, ok, err
}

func (d *die) cost() int {
	if d.shape == nil {
		return 1
	}
	return d.shape.work
}

// children calls yield for each entry directly in this one, until it returns false
// or an error. The entry is good until the next one.
func (d *die) children(w *work, yield func(*die) (bool, error)) error {
	if !d.shape.children {
		return nil
	}
	child := die{}
	for off, depth := d.next, 0; ; off = child.next {
		ok, err := d.unit.die(off, &child)
		if err != nil {
			return err
		}
		if err := w.spend(child.cost()); err != nil {
			return err
		}
		switch {
		case !ok && depth == 0:
			return nil
		case !ok:
			depth--
		case depth > 0 && child.shape.children:
			depth++
		case depth == 0:
			if more, err := yield(&child); !more || err != nil {
				return err
			}
			if !child.shape.children {
				break
			}
			if next := d.unit.reference(child.get(attrSibling)); next > child.next && next < d.unit.end {
				child.next = next
			} else {
				depth++
			}
		}
	}
}
