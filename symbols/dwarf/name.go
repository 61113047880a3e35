package dwarf

import (
	"cmp"
	"errors"
	"slices"
	"sort"
	"strings"

	"github.com/symres/symres/pdb/undname"
	"github.com/symres/symres/symbols"
)

const (
	maxReferred = 8  // entries one after the other that a name is looked for in
	maxScopes   = 64 // in each other
)

// entryName is what an entry is called. Where it has no linkage name, display is
// its name with those of the scopes around it.
type entryName struct {
	linkage, name, display string
}

// entry reads the attributes of the entry at an offset of .debug_info.
func (u *unit) entry(off uint64, set func(name uint16, v value)) error {
	in := reader{b: u.b, pos: int(off - u.off)}
	shape := u.abbrevs.get(in.uleb())
	if shape == nil {
		return u.wrong()
	}
	for i := range shape.attributes {
		one := &shape.attributes[i]
		set(one.name, in.value(u.encoding, one.form, one.implicit))
	}
	if in.bad {
		return u.wrong()
	}
	return nil
}

// reference is the offset of the entry a value refers to, 0 for none.
func (u *unit) reference(v value) uint64 {
	switch v.form {
	case formRef1, formRef2, formRef4, formRef8, formRefUdata:
		return u.off + v.u
	case formRefAddr:
		return v.u
	}
	return 0
}

// holds reports whether the entries of the unit are around an offset.
func (u *unit) holds(off uint64) bool { return off >= u.off+uint64(u.body) && off < u.end }

// at returns the unit that holds an offset: u, or another one.
func (t *Table) unitAt(u *unit, off uint64, w *work) (*unit, error) {
	if u.holds(off) {
		return u, nil
	}
	x, err := t.index()
	if x == nil {
		return nil, err
	}
	number, ok := x.unitOf(off)
	if !ok {
		return nil, u.wrong()
	}
	other, err := t.unit(x, number)
	if err != nil {
		return nil, errors.Join(err, w.spend(leastPart))
	}
	if !other.holds(off) {
		return nil, u.wrong()
	}
	return other, w.visit(other)
}

// nameOf finds what an entry is called; its name can be that of another one it
// refers to.
func (t *Table) nameOf(u *unit, off uint64, w *work) (entryName, error) {
	return t.nameIn(u, off, w, 0)
}

func (t *Table) nameIn(u *unit, off uint64, w *work, depth int) (n entryName, err error) {
	for range maxReferred {
		var name, linkage, to value
		err := u.entry(off, func(attr uint16, v value) {
			switch attr {
			case attrName:
				name = v
			case attrLinkageName, attrMIPSLinkage:
				linkage = v
			case attrAbstractOrigin, attrSpecification:
				to = v
			}
		})
		if err = cmp.Or(err, w.spend(costText)); err != nil {
			return n, err
		}
		if n.linkage, err = u.text(linkage, w); n.linkage != "" || err != nil {
			return n, err
		}
		if name.form != 0 && n.name == "" {
			if n.name, err = u.text(name, w); err != nil {
				return n, err
			}
			if n.display, err = t.qualified(u, off, n.name, w, depth); err != nil {
				return n, err
			}
		}
		if off = u.reference(to); off == 0 {
			break
		}
		if u, err = t.unitAt(u, off, w); err != nil {
			return n, err
		}
	}
	return n, nil
}

// around is the innermost scope around an offset, -1 for none.
func (u *unit) around(off uint64) int32 {
	i := int32(sort.Search(len(u.scopes), func(i int) bool { return u.scopes[i].off >= off })) - 1
	for i >= 0 && u.scopes[i].end <= off {
		i = u.scopes[i].parent
	}
	return i
}

// qualified puts the names of the scopes around an entry in front of its name.
func (t *Table) qualified(u *unit, off uint64, name string, w *work, depth int) (string, error) {
	var names []string
	for i := u.around(off); i >= 0 && len(names) < maxScopes; i = u.scopes[i].parent {
		s := &u.scopes[i]
		if s.tag == tagSubprogram {
			if depth > 0 {
				break
			}
			f, err := t.nameIn(u, s.off, w, depth+1)
			if err != nil {
				return "", err
			}
			full, _ := undname.Full(f.linkage, 0)
			names = append(names, cmp.Or(full, f.display))
			break
		}
		own, err := u.scopeName(s, w)
		if err != nil {
			return "", err
		}
		names = append(names, own)
	}
	if len(names) == 0 {
		return name, nil
	}
	slices.Reverse(names)
	return strings.Join(append(names, name), "::"), nil
}

func (u *unit) scopeName(s *scope, w *work) (string, error) {
	var name value
	err := u.entry(s.off, func(attr uint16, v value) {
		if attr == attrName {
			name = v
		}
	})
	if err != nil {
		return "", err
	}
	text, err := u.text(name, w)
	if text == "" && s.tag == tagNamespace {
		text = "(anonymous namespace)"
	}
	return cmp.Or(text, "<unnamed-tag>"), err
}

// shown is the name as it is shown: undecorated.
func (n entryName) shown() string {
	s := symbols.Symbol{Raw: cmp.Or(n.linkage, n.name), Name: n.display}
	return s.Display()
}
