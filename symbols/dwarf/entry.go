package dwarf

import (
	"fmt"
	"slices"

	"github.com/symres/symres/symbols"
)

const (
	maxNesting = 1 << 16 // entries in each other
	costEntity = 64
	costScope  = 32
)

// entity is a function, a call inlined into one, or a variable with a fixed
// address.
type entity struct {
	off           uint64 // of its entry
	rva, size     uint32
	parent        int32 // the function or inlined call it was inlined into; -1 for none
	callFile      uint32
	callLine      uint32
	callColumn    uint16
	code, inlined bool
}

// scope is an entry that others are named after: a namespace, a type, a function.
type scope struct {
	off, end uint64
	parent   int32 // -1 for none
	tag      uint16
}

// part is code of an entity that holds no code of an entity in it.
type part struct {
	start, end uint32
	entity     int32
}

// unit is what was read of a unit. All but its texts does not change.
type unit struct {
	root
	b        []byte // all of it
	abbrevs  *abbreviations
	entities []entity // in the order of the entries: children behind their parents
	scopes   []scope  // likewise
	parts    []part   // by address
	texts    texts
	spent    int // what reading it took
}

// readUnit reads a unit whole.
func (t *Table) readUnit(h head, w *work) (*unit, error) {
	c, err := t.sections.open("info")
	if err != nil {
		return nil, err
	}
	u := &unit{root: root{t: t, head: h}, texts: texts{left: textsPerByte * int(h.end-h.off)}}
	if u.b, err = c.bytes(h.off, h.end-h.off); err != nil {
		return nil, err
	}
	if u.abbrevs, err = t.abbreviationsOf(h); err != nil {
		return nil, err
	}
	if err := u.root.read(u.b, u.abbrevs); err != nil {
		return nil, err
	}
	if u.children {
		return u, u.entries(w)
	}
	return u, nil
}

func (u *unit) cost() int {
	return len(u.b) + u.abbrevs.cost() + costEntity*len(u.entities) + costScope*len(u.scopes) + 12*len(u.parts) + 2*textsPerByte*len(u.b)
}

// open is an entry whose children are being read.
type open struct {
	entity int32 // the function or inlined call around, -1 for none
	scope  int32 // the innermost scope
	own    bool  // the scope is this entry
}

// parsing is a unit while its entries are read.
type parsing struct {
	*unit
	in     reader
	w      *work
	open   []open
	ranges []part // of entities, whole
}

// entries reads those of the unit, to the end of its children.
func (u *unit) entries(w *work) error {
	p := &parsing{unit: u, in: reader{b: u.b, pos: int(u.first - u.off)}, w: w, open: []open{{-1, -1, false}}}
	for len(p.open) > 0 && !p.in.done() {
		if err := p.next(); err != nil {
			return err
		}
	}
	if p.in.bad {
		return u.wrong()
	}
	for len(p.open) > 0 {
		p.close()
	}
	u.parts = split(p.ranges, u.entities)
	return nil
}

// next reads an entry.
func (p *parsing) next() error {
	at := p.off + uint64(p.in.pos)
	code := p.in.uleb()
	if code == 0 {
		p.close()
		return p.w.spend(1)
	}
	shape := p.abbrevs.get(code)
	if shape == nil {
		return fmt.Errorf("DWARF: entry at %#x: no abbreviation %d: %w", at, code, symbols.ErrFormat)
	}
	around := p.open[len(p.open)-1]
	around.own = false
	switch shape.tag {
	case tagSubprogram, tagInlined, tagVariable:
		if err := p.entity(at, shape, &around); err != nil {
			return err
		}
	default:
		if err := p.skip(shape); err != nil {
			return err
		}
	}
	if !shape.children {
		return nil
	}
	if len(p.open) >= maxNesting {
		return p.wrong()
	}
	switch shape.tag {
	case tagSubprogram, tagNamespace, tagClass, tagStructure, tagUnion, tagEnumeration:
		p.scopes = append(p.scopes, scope{off: at, parent: around.scope, tag: shape.tag})
		around.scope, around.own = int32(len(p.scopes)-1), true
		if err := p.w.spend(costScope); err != nil {
			return err
		}
	}
	p.open = append(p.open, around)
	return nil
}

// close ends the children of an entry.
func (p *parsing) close() {
	if top := p.open[len(p.open)-1]; top.own {
		p.scopes[top.scope].end = p.off + uint64(p.in.pos)
	}
	p.open = p.open[:len(p.open)-1]
}

// skip passes the values of an entry.
func (p *parsing) skip(shape *abbreviation) error {
	if shape.fixed >= 0 {
		p.in.take(uint64(shape.fixed))
		return p.w.spend(1)
	}
	for i := range shape.attributes {
		p.in.value(p.encoding, shape.attributes[i].form, shape.attributes[i].implicit)
	}
	return p.w.spend(shape.work)
}

// raw are the attributes of an entry that entities are made of.
type raw struct {
	low, high, ranges, entry value
	location                 value
	callFile, callLine       uint64
	callColumn               uint64
}

// entity reads a function, an inlined call or a variable.
func (p *parsing) entity(at uint64, shape *abbreviation, around *open) error {
	var a raw
	for i := range shape.attributes {
		one := &shape.attributes[i]
		a.set(one.name, p.in.value(p.encoding, one.form, one.implicit))
	}
	if err := p.w.spend(shape.work); err != nil || p.in.bad {
		return err
	}
	if shape.tag == tagVariable {
		return p.variable(at, &a)
	}
	return p.function(at, shape.tag, &a, around)
}

func (a *raw) set(name uint16, v value) {
	switch name {
	case attrLowPC:
		a.low = v
	case attrHighPC:
		a.high = v
	case attrRanges:
		a.ranges = v
	case attrEntryPC:
		a.entry = v
	case attrLocation:
		a.location = v
	case attrCallFile:
		a.callFile = v.u
	case attrCallLine:
		a.callLine = v.u
	case attrCallColumn:
		a.callColumn = v.u
	}
}

// function takes down a function or an inlined call that has code. What encloses
// its children changes to it, or to nothing for a function without code.
func (p *parsing) function(at uint64, tag uint16, a *raw, around *open) error {
	first, number := len(p.ranges), int32(len(p.entities))
	err := p.eachRange(a.low, a.high, a.ranges, p.w, func(start, end uint32) {
		p.ranges = append(p.ranges, part{start, end, number})
	})
	if p.w.out() {
		return err
	}
	own := p.ranges[first:]
	if len(own) == 0 { // one that cannot be read is as good as none
		if tag == tagSubprogram {
			around.entity = -1
		}
		return nil
	}
	e := entity{off: at, parent: -1, code: true, rva: own[0].start, size: own[0].end - own[0].start}
	p.begin(&e, a, own)
	if tag == tagInlined {
		e.inlined, e.parent = true, around.entity
		e.callFile, e.callLine, e.callColumn = uint32(min(a.callFile, 1<<32-1)), uint32(min(a.callLine, 1<<32-1)), uint16(min(a.callColumn, 1<<16-1))
	}
	p.entities = append(p.entities, e)
	around.entity = number
	return p.w.spend(costEntity)
}

// begin finds where a function in several parts is entered.
func (p *parsing) begin(e *entity, a *raw, parts []part) {
	if a.entry.form == 0 {
		return
	}
	rva := e.rva + uint32(a.entry.u) // from the first address (DWARF 5, 2.18)
	if !a.entry.isConstant() {
		addr, err := p.address(a.entry)
		if err != nil {
			return
		}
		rva, _ = p.t.rva(addr)
	}
	for _, part := range parts {
		if part.start == rva {
			e.rva, e.size = rva, part.end-part.start
		}
	}
}

// variable takes down a variable that has a fixed address: its location is an
// expression of DW_OP_addr or DW_OP_addrx alone.
func (p *parsing) variable(at uint64, a *raw) error {
	in := reader{b: a.location.b}
	var addr uint64
	var err error
	switch {
	case len(in.b) < 2:
		return nil
	case in.b[0] == opAddr && len(in.b) == 1+int(p.width):
		in.u8()
		addr = in.fixed(int(p.width))
	case in.b[0] == opAddrx:
		in.u8()
		if addr, err = p.address(value{form: formAddrx, u: in.uleb()}); err != nil || in.bad || in.pos != len(in.b) {
			return nil
		}
	default:
		return nil
	}
	if rva, ok := p.t.rva(addr); ok {
		p.entities = append(p.entities, entity{off: at, parent: -1, rva: rva})
	}
	return p.w.spend(costEntity)
}

// split cuts ranges into parts that do not overlap: an inlined call covers what it
// was inlined into, and a function one that began before it.
func split(ranges []part, entities []entity) []part {
	slices.SortStableFunc(ranges, func(a, b part) int {
		switch {
		case a.start != b.start:
			return int(int64(a.start) - int64(b.start))
		case a.end != b.end:
			return int(int64(b.end) - int64(a.end))
		}
		return int(a.entity - b.entity)
	})
	parts := make([]part, 0, len(ranges))
	var stack []part
	at := uint32(0) // up to here it is done
	upTo := func(end uint32) {
		if top := stack[len(stack)-1]; end > at {
			if n := len(parts); n > 0 && parts[n-1].end == at && parts[n-1].entity == top.entity {
				parts[n-1].end = end
			} else {
				parts = append(parts, part{at, end, top.entity})
			}
			at = end
		}
	}
	for _, r := range ranges {
		for len(stack) > 0 && stack[len(stack)-1].end <= r.start {
			upTo(stack[len(stack)-1].end)
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 {
			upTo(r.start)
		}
		for len(stack) > 0 && stack[len(stack)-1].end < r.end {
			if entities[r.entity].inlined {
				r.end = stack[len(stack)-1].end
				break
			}
			stack = stack[:len(stack)-1]
		}
		at = max(at, r.start)
		stack = append(stack, r)
	}
	for len(stack) > 0 {
		upTo(stack[len(stack)-1].end)
		stack = stack[:len(stack)-1]
	}
	return parts
}

// at are the function that holds an address and the calls inlined there, from the
// inside out.
func (u *unit) at(rva uint32) (list []*entity) {
	i, ok := slices.BinarySearchFunc(u.parts, rva, func(p part, rva uint32) int {
		switch {
		case p.end <= rva:
			return -1
		case p.start > rva:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	for e := u.parts[i].entity; e >= 0; e = u.entities[e].parent {
		list = append(list, &u.entities[e])
	}
	return list
}
