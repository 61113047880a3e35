package dwarf

import (
	"fmt"
	"iter"
	"sort"

	"github.com/symres/symres/symbols"
)

// Kinds of entries of .debug_loclists (DWARF 5, 7.7.3).
const (
	lleEnd = iota
	lleBaseAddressx
	lleStartxEndx
	lleStartxLength
	lleOffsetPair
	lleDefault
	lleBaseAddress
	lleStartEnd
	lleStartLength
)

const maxLocals = 1 << 14 // variables of a frame

// Variables implements [symbols.Locals].
func (t *Table) Variables(f *symbols.StackFrame) iter.Seq2[symbols.Variable, error] {
	return func(yield func(symbols.Variable, error) bool) {
		if f.Module == nil {
			return
		}
		q := &query{t: t, frame: f, rva: f.RVA(), w: t.work()}
		p, err := t.at(q.rva)
		for i := len(p.chain) - 1; i >= 0 && err == nil; i-- {
			err = q.function(p, p.chain[i], len(p.chain)-1-i)
		}
		for _, v := range q.found {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			yield(symbols.Variable{}, err)
		}
	}
}

// query asks for the variables of one frame.
type query struct {
	t     *Table
	frame *symbols.StackFrame
	rva   uint32
	w     *work
	base  value // of the frame, an expression
	early bool  // the function has not made its frame yet
	depth int
	found []symbols.Variable
}

// function finds the variables of a function, or of a call that was inlined.
func (q *query) function(p place, e *entity, depth int) error {
	d := &die{}
	if _, err := p.unit.die(e.off, d); err != nil {
		return err
	}
	q.depth = depth
	if depth == 0 {
		q.base = d.get(attrFrameBase)
		q.early = p.lines.inPrologue(e, q.rva)
	}
	first := len(q.found)
	if err := q.block(d, 0); err != nil {
		return err
	}
	own := q.found[first:]
	params := make([]symbols.Variable, 0, len(own))
	for _, param := range []bool{true, false} {
		for _, v := range own {
			if v.Param == param {
				params = append(params, v)
			}
		}
	}
	copy(own, params)
	return nil
}

// inPrologue reports whether an address is in front of the row where the body of a
// function begins: the one that is marked, or else the second.
func (l *lineTable) inPrologue(e *entity, rva uint32) bool {
	if l == nil || rva-e.rva >= e.size {
		return false
	}
	first := sort.Search(len(l.rows), func(i int) bool { return l.rows[i].rva > e.rva })
	begin := e.rva
	for i := first; i < len(l.rows) && l.rows[i].rva < e.rva+e.size; i++ {
		if l.rows[i].body {
			begin = l.rows[i].rva
			break
		}
		if begin == e.rva {
			begin = l.rows[i].rva
		}
	}
	return rva < begin
}

// block finds the variables of a block and of those in it that hold the address.
func (q *query) block(d *die, nested int) error {
	var inner []die
	err := d.children(q.w, func(c *die) (bool, error) {
		switch c.shape.tag {
		case tagParameter, tagVariable:
			v, ok, err := q.variable(c)
			if ok {
				q.found = append(q.found, v)
			}
			return len(q.found) < maxLocals, err
		case tagBlock:
			in, err := q.holds(c)
			if in {
				again := die{}
				_, err = c.unit.die(c.off, &again)
				inner = append(inner, again)
			}
			return true, err
		}
		return true, nil
	})
	for i := 0; i < len(inner) && err == nil && nested < maxScopes; i++ {
		err = q.block(&inner[i], nested+1)
	}
	return err
}

// holds reports whether a block holds the address.
func (q *query) holds(d *die) (in bool, err error) {
	err = d.unit.eachRange(d.get(attrLowPC), d.get(attrHighPC), d.get(attrRanges), q.w, func(start, end uint32) {
		in = in || q.rva >= start && q.rva < end
	})
	return in, err
}

// origin is the entry that has an attribute: this one, or one it refers to.
func (d *die) origin(attribute uint16, w *work) (*die, error) {
	for range maxReferred {
		if d.has(attribute) {
			return d, nil
		}
		to, ok, err := d.follow(attrAbstractOrigin, w)
		if err == nil && !ok {
			to, ok, err = d.follow(attrSpecification, w)
		}
		if !ok || err != nil {
			return nil, err
		}
		d = to
	}
	return nil, nil
}

// variable finds a parameter or variable; false for one without a name, and for
// one that is declared here and lies elsewhere.
func (q *query) variable(d *die) (v symbols.Variable, ok bool, err error) {
	named, err := d.origin(attrName, q.w)
	if named == nil || err != nil || d.has(attrDeclaration) {
		return v, false, err
	}
	if v.Name, err = named.unit.text(named.get(attrName), q.w); err != nil {
		return v, false, err
	}
	v.Param, v.Depth = d.shape.tag == tagParameter, q.depth
	typed, err := d.origin(attrType, q.w)
	if err != nil {
		return v, false, err
	}
	if v.Type.Name = "?"; typed != nil {
		if v.Type, err = typed.valueType(q.w); err != nil {
			return v, false, err
		}
	}
	v.Pieces, v.Err = q.pieces(d, v.Type.Size)
	return v, true, nil
}

// pieces finds where the parts of a variable are.
func (q *query) pieces(d *die, size uint64) ([]symbols.Piece, error) {
	if c := d.get(attrConstValue); c.form != 0 {
		b := c.b
		if b == nil {
			b = word(c.u, size)
		}
		return []symbols.Piece{{Value: b}}, nil
	}
	at := d.get(attrLocation)
	b, always := at.b, true
	if at.form == 0 {
		return nil, symbols.ErrOptimizedOut
	}
	if at.b == nil {
		var err error
		always = false
		if b, err = q.listed(d, at); err != nil {
			return nil, fmt.Errorf("%w: %w", symbols.ErrPlace, err)
		}
	}
	if len(b) == 0 {
		return nil, symbols.ErrOptimizedOut
	}
	if always && (q.early || q.frame.Leaving) && b[0] == opFbreg && len(q.base.b) == 1 {
		return []symbols.Piece{{Err: symbols.ErrNoFrame}}, nil
	}
	x := &expression{unit: d.unit, frame: q.frame, base: q.base, in: reader{b: b}}
	return x.pieces(size), nil
}

// listed returns the expression that a list of locations has for the address, none
// if the variable is nowhere there.
func (q *query) listed(d *die, at value) ([]byte, error) {
	u := d.unit
	name, parse := "loc", (*query).oldLocations
	off := at.u
	if u.version >= 5 {
		name, parse = "loclists", (*query).locations5
	}
	if at.form == formLoclistx {
		rel, err := u.number(name, u.locs, at.u, int(u.offsetSize))
		if err != nil {
			return nil, err
		}
		off = u.locs + rel
	}
	c, err := u.t.sections.open(name)
	if err != nil {
		return nil, err
	}
	for size := uint64(256); ; size *= 8 {
		b, err := u.piece(c, off, size)
		if err != nil {
			return nil, err
		}
		in := reader{b: b}
		found, err := parse(q, u, &in)
		if err != nil || !in.bad {
			return found, err
		}
		if uint64(len(b)) < size {
			return nil, fmt.Errorf("DWARF: locations at %#x do not end: %w", off, symbols.ErrFormat)
		}
	}
}

// address is the one asked about, as the linker wrote it.
func (q *query) address() uint64 { return q.t.im.ImageBase + uint64(q.rva) }

// lowest is what offsets of a unit's lists are counted from at first.
func (u *unit) lowest() (uint64, error) {
	if u.low.form == 0 {
		return 0, nil
	}
	return u.address(u.low)
}

// oldLocations reads a list of .debug_loc (DWARF 2 to 4, 2.6.2).
func (q *query) oldLocations(u *unit, in *reader) ([]byte, error) {
	base, err := u.lowest()
	if err != nil {
		return nil, err
	}
	most := ^uint64(0) >> (64 - 8*uint(u.width))
	for !in.bad {
		start, end := in.fixed(int(u.width)), in.fixed(int(u.width))
		if start == most {
			base = end
			continue
		}
		if start == 0 && end == 0 {
			break
		}
		b := in.take(in.fixed(2))
		if a := q.address(); a >= base+start && a < base+end {
			return b, nil
		}
		if err := q.w.spend(costRange); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// locations5 reads a list of .debug_loclists.
func (q *query) locations5(u *unit, in *reader) (fallback []byte, err error) {
	base, err := u.lowest()
	indexed := func() (a uint64) {
		if n := in.uleb(); err == nil && !in.bad {
			a, err = u.address(value{form: formAddrx, u: n})
		}
		return a
	}
	for err == nil && !in.bad {
		var start, end uint64
		err = q.w.spend(costRange)
		switch kind := in.u8(); kind {
		case lleEnd:
			return fallback, err
		case lleBaseAddressx:
			base = indexed()
			continue
		case lleBaseAddress:
			base = in.fixed(int(u.width))
			continue
		case lleStartxEndx:
			start, end = indexed(), indexed()
		case lleStartxLength:
			start = indexed()
			end = start + in.uleb()
		case lleOffsetPair:
			start = base + in.uleb()
			end = base + in.uleb()
		case lleDefault:
			fallback = in.take(in.uleb())
			continue
		case lleStartEnd:
			start, end = in.fixed(int(u.width)), in.fixed(int(u.width))
		case lleStartLength:
			start = in.fixed(int(u.width))
			end = start + in.uleb()
		default:
			return nil, fmt.Errorf("DWARF: location of kind %d: %w", kind, symbols.ErrFormat)
		}
		b := in.take(in.uleb())
		if a := q.address(); err == nil && !in.bad && a >= start && a < end {
			return b, nil
		}
	}
	return nil, err
}
