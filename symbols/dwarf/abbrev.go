package dwarf

import (
	"fmt"

	"github.com/symres/symres/symbols"
)

// attribute is one of an abbreviation: what it is and how it is written.
type attribute struct {
	name, form uint16
	implicit   int64
}

// abbreviation is the shape of entries.
type abbreviation struct {
	tag        uint16
	children   bool
	fixed      int // bytes of such an entry, -1 where they depend on it
	attributes []attribute
	work       int // what reading such an entry counts as
}

// abbreviations are those of a unit, by their codes.
type abbreviations struct {
	dense  []abbreviation // of the codes from 1 on, as compilers number them
	others map[uint64]*abbreviation
	bytes  int
}

const costAttribute = 24

func (a *abbreviations) get(code uint64) *abbreviation {
	if code-1 < uint64(len(a.dense)) {
		return &a.dense[code-1]
	}
	return a.others[code]
}

// readAbbreviations reads the abbreviations at an offset, up to the one of a code
// or, where that is 0, all.
func (t *Table) readAbbreviations(off uint64, e encoding, code uint64, w *work) (*abbreviations, error) {
	c, err := t.sections.open("abbrev")
	if err != nil {
		return nil, err
	}
	size := uint64(256)
	for {
		b, err := c.upTo(off, size)
		if err != nil {
			return nil, err
		}
		a, complete, err := parseAbbreviations(b, e, code, w)
		if complete || err != nil {
			return a, err
		}
		if uint64(len(b)) < size {
			return nil, fmt.Errorf("DWARF: abbreviations at %#x do not end: %w", off, symbols.ErrFormat)
		}
		size *= 8
	}
}

func parseAbbreviations(b []byte, e encoding, code uint64, w *work) (a *abbreviations, complete bool, err error) {
	r := reader{b: b}
	a = &abbreviations{}
	for !r.bad {
		number := r.uleb()
		if number == 0 {
			return a, !r.bad, nil
		}
		one := parseAbbreviation(&r, e)
		a.bytes += costAttribute * (1 + len(one.attributes))
		if err := w.spend(costAttribute * (1 + len(one.attributes))); err != nil {
			return nil, false, err
		}
		switch {
		case r.bad:
		case number == uint64(len(a.dense))+1:
			a.dense = append(a.dense, one)
		default:
			if a.others == nil {
				a.others = map[uint64]*abbreviation{}
			}
			if a.others[number] == nil && number > uint64(len(a.dense)) {
				a.others[number] = &one
			}
		}
		if number == code && !r.bad {
			return a, true, nil
		}
	}
	return nil, false, nil
}

func parseAbbreviation(r *reader, e encoding) abbreviation {
	a := abbreviation{tag: uint16(min(r.uleb(), 0xffff)), children: r.u8() != 0, work: 1}
	for !r.bad {
		one := attribute{name: uint16(min(r.uleb(), 0xffff)), form: uint16(min(r.uleb(), 0xffff))}
		if one.form == formImplicitConst {
			one.implicit = r.sleb()
		}
		if one.name == 0 && one.form == 0 {
			break
		}
		a.attributes = append(a.attributes, one)
		n := e.fixedSize(one.form)
		if a.work++; n == 0 { // an entry of no bytes can have any number
			a.work += workForNothing
		}
		if n < 0 {
			a.fixed = -1
		} else if a.fixed >= 0 {
			a.fixed += n
		}
	}
	return a
}

func (a *abbreviations) cost() int { return a.bytes }
