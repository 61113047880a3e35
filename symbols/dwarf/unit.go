package dwarf

import (
	"cmp"
	"fmt"
	"sort"

	"github.com/symres/symres/symbols"
)

// head is what the header of a unit says.
type head struct {
	off, end uint64 // in the section
	abbrevs  uint64 // where its abbreviations are
	body     uint8  // bytes of the header
	kind     uint8  // unitCompile and so on; 0 before DWARF 5
	encoding
}

const (
	mostHeader = 40
	costUnit   = 96
)

// root is the first entry of a unit: what the others are read with.
type root struct {
	t *Table
	head
	peek bool // read single values, not pages: nobody asked about this unit yet

	first    uint64 // the offset of the entry behind it
	tag      uint16
	children bool

	low, high value
	ranges    value
	name, dir value
	stmtList  value
	// where its parts of .debug_str_offsets, .debug_addr, .debug_rnglists and
	// .debug_loclists begin
	strs, addrs, rngs, locs uint64
}

// readRoot reads the first entry of a unit out of its bytes b.
func (r *root) read(b []byte, a *abbreviations) error {
	in := reader{b: b, pos: int(r.body)}
	shape := a.get(in.uleb())
	if shape == nil {
		return r.wrong()
	}
	r.tag, r.children = shape.tag, shape.children
	for i := range shape.attributes {
		at := &shape.attributes[i]
		r.attribute(at.name, in.value(r.encoding, at.form, at.implicit))
	}
	r.first = r.off + uint64(in.pos)
	if in.bad {
		return r.wrong()
	}
	return nil
}

func (r *root) wrong() error {
	return fmt.Errorf("DWARF: unit at %#x: %w", r.off, symbols.ErrFormat)
}

func (r *root) attribute(name uint16, v value) {
	switch name {
	case attrLowPC:
		r.low = v
	case attrHighPC:
		r.high = v
	case attrRanges:
		r.ranges = v
	case attrName:
		r.name = v
	case attrCompDir:
		r.dir = v
	case attrStmtList:
		r.stmtList = v
	case attrStrOffsetsBase:
		r.strs = v.u
	case attrAddrBase, attrGNUAddrBase:
		r.addrs = v.u
	case attrRnglistsBase:
		r.rngs = v.u
	case attrLoclistsBase:
		r.locs = v.u
	}
}

// piece returns at most n bytes of a section.
func (r *root) piece(c *section, off, n uint64) ([]byte, error) {
	if r.peek {
		return c.upTo(off, n)
	}
	b, err := c.page(off)
	if err == nil && uint64(len(b)) < n {
		return c.upTo(off, n)
	}
	return b[:min(uint64(len(b)), n)], err
}

// number reads an integer out of a table of a section.
func (r *root) number(section string, base, index uint64, size int) (uint64, error) {
	c, err := r.t.sections.open(section)
	if err != nil {
		return 0, err
	}
	off := base + index*uint64(size)
	if index > uint64(c.size) || off < base {
		return 0, c.outside(index)
	}
	b, err := r.piece(c, off, uint64(size))
	if err == nil && len(b) < size {
		return 0, c.outside(off)
	}
	in := reader{b: b}
	return in.fixed(size), err
}

// address is the address a value stands for.
func (r *root) address(v value) (uint64, error) {
	switch v.form {
	case formAddr:
		return v.u, nil
	case formAddrx, formAddrx1, formAddrx2, formAddrx3, formAddrx4, formGNUAddrIndex:
		return r.number("addr", r.addrs, v.u, int(r.width))
	}
	return 0, r.wrong()
}

// text is the text a value stands for; "" for none.
func (r *root) text(v value, w *work) (text string, err error) {
	switch v.form {
	case formString:
		text = string(v.b)
	case formStrp:
		text, err = r.textAt("str", v.u)
	case formLineStrp:
		text, err = r.textAt("line_str", v.u)
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4, formGNUStrIndex:
		var off uint64
		if off, err = r.number("str_offsets", r.strs, v.u, int(r.offsetSize)); err == nil {
			text, err = r.textAt("str", off)
		}
	}
	return text, cmp.Or(err, w.spend(costText+len(text)))
}

func (r *root) textAt(section string, off uint64) (string, error) {
	c, err := r.t.sections.open(section)
	if err != nil {
		return "", err
	}
	return c.text(off)
}

// span is code of a unit, in RVAs.
type span struct {
	start, end uint32
	unit       int32 // its number
}

// index says which units there are and which covers which addresses.
type index struct {
	units []head
	spans []span   // by their starts
	ends  []uint32 // the highest end of a span and all before it
	loose []int32  // units that do not say what they cover
}

// newIndex reads the header and the first entry of each unit. What is wrong with a
// unit makes it one that does not say what it covers; a wrong length ends the list.
func (t *Table) newIndex() (*index, error) {
	c, err := t.sections.open("info")
	if err != nil {
		return nil, err
	}
	x, w := &index{}, t.work()
	peek := &peeker{t: t, c: c, w: w}
	for off := uint64(0); off < uint64(c.size); {
		h, err := peek.head(off)
		if err != nil {
			return x.sorted(), err
		}
		if err := w.spend(costUnit); err != nil {
			return x.sorted(), err
		}
		if off = h.end; h.body == 0 {
			continue
		}
		x.units = append(x.units, h)
		if err := x.cover(peek, h); err != nil {
			return x.sorted(), err
		}
	}
	return x.sorted(), nil
}

// cover notes what a unit says it covers. Only too much work is an error.
func (x *index) cover(peek *peeker, h head) error {
	number := int32(len(x.units) - 1)
	r, err := peek.root(h)
	if err == nil {
		if r.tag != tagCompileUnit {
			return nil
		}
		before := len(x.spans)
		err = r.eachRange(r.low, r.high, r.ranges, peek.w, func(start, end uint32) {
			x.spans = append(x.spans, span{start, end, number})
		})
		if err == nil && (len(x.spans) > before || r.low.form != 0 && r.high.form != 0) {
			return nil // with neither it is unknown, with both it has nothing in the image
		}
	}
	if peek.w.out() {
		return err
	}
	x.loose = append(x.loose, number)
	return nil
}

func (x *index) sorted() *index {
	sort.SliceStable(x.spans, func(i, j int) bool { return x.spans[i].start < x.spans[j].start })
	x.ends = make([]uint32, len(x.spans))
	var end uint32
	for i, s := range x.spans {
		end = max(end, s.end)
		x.ends[i] = end
	}
	return x
}

const maxCovering = 8 // units asked about one address

// covering are the units that cover an address, the one that begins last first.
func (x *index) covering(rva uint32) (list []int32) {
	i := sort.Search(len(x.spans), func(i int) bool { return x.spans[i].start > rva }) - 1
	for ; i >= 0 && x.ends[i] > rva && len(list) < maxCovering; i-- {
		if x.spans[i].end > rva {
			list = append(list, x.spans[i].unit)
		}
	}
	return list
}

// unitOf is the number of the unit that holds an offset of .debug_info.
func (x *index) unitOf(off uint64) (int32, bool) {
	i := sort.Search(len(x.units), func(i int) bool { return x.units[i].off > off }) - 1
	return int32(i), i >= 0 && off < x.units[i].end
}
