package pdb

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync/atomic"
)

// codeBuilder collects a [moduleCode].
type codeBuilder struct {
	moduleCode
	text   []byte    // becomes data
	buf    []byte    // what the stream is read into
	scopes []uint32  // open records: where an inline site lies in text, notSite for others
	owners []addrKey // of the separated pieces, in the order of their records
	cur    int       // the function that is open, or noFunction
	// oldNames says that names in C11 lines have a length byte.
	oldNames bool
}

const (
	notSite    = ^uint32(0)
	noFunction = -1
)

// readLines13 reads the C13 line information.
func (c *codeBuilder) readLines13(ms *modStream) error {
	p := ms.lines13.parts()
	p.w.ahead, p.w.own = readAhead, c.buf
	defer func() { c.buf = p.w.own }()
	for p.step() {
		switch p.kind {
		case partLines, partChecksums, partInlinees, partImports, partExports:
		default:
			continue
		}
		b, err := p.bytes()
		if err != nil {
			return err
		}
		switch p.kind {
		case partLines:
			c.lines(b)
		case partChecksums:
			if len(c.files) == 0 { // lines count from the one there is
				c.checksums(b)
			}
		case partInlinees:
			c.inlinees = parseInlinees(c.inlinees, b)
		case partImports:
			c.imported(b)
		case partExports:
			c.exported(b)
		}
	}
	return p.err
}

// readSymbols walks the symbol records.
func (c *codeBuilder) readSymbols(ms *modStream) error {
	r := ms.symbols.records()
	r.w.ahead, r.w.own = readAhead, c.buf
	for r.step() {
		c.symbol(r.rec, r.off)
	}
	c.closeAll()
	c.buf = r.w.own
	return r.err
}

// symbol takes one record.
func (c *codeBuilder) symbol(rec []byte, off uint32) {
	switch kind := Kind(u16(rec, 2)); {
	case kind == kindInlineSite:
		c.site(rec, 16)
	case kind == kindInlineSite2:
		c.site(rec, 20)
	case kind.closes():
		c.close()
	case kind == KindSepCode:
		c.sepCode(rec, off)
	case kind.IsProc(), kind == KindThunk32, kind == KindThunk32ST:
		if sym, ok := parseSymbol(rec); ok {
			c.begin(function{rec: off}, sym)
		}
	case kind.opens():
		c.open(notSite)
	}
}

// begin adds a function. What was open before was never closed.
func (c *codeBuilder) begin(fn function, sym Symbol) {
	c.closeAll()
	fn.name, fn.nlen = uint32(len(c.text)), uint32(len(sym.name))
	c.text = append(c.text, sym.name...)
	fn.sites = uint32(len(c.text))
	fn.end = fn.sites
	c.cur = len(c.funcs)
	c.add(fn, sym)
}

func (c *codeBuilder) add(fn function, sym Symbol) {
	c.funcs = append(c.funcs, fn)
	c.funcAt = append(c.funcAt, place{off: sym.Offset, size: sym.Size, seg: sym.Segment})
	c.open(notSite)
}

// sepCode adds a separated piece, which stands inside its function or behind it.
func (c *codeBuilder) sepCode(rec []byte, off uint32) {
	sym, ok := parseSymbol(rec)
	if !ok {
		return
	}
	fn := function{rec: off, chunk: 1}
	c.owners = append(c.owners, makeKey(u16(rec, 30), u32(rec, 24)))
	if len(c.scopes) == 0 {
		c.begin(fn, sym)
		return
	}
	c.add(fn, sym)
}

// site adds an inline site. Outside of a function it has no meaning.
func (c *codeBuilder) site(rec []byte, head int) {
	if len(c.scopes) == 0 || len(rec) < head {
		c.open(notSite)
		return
	}
	c.open(uint32(len(c.text)))
	c.text = binary.LittleEndian.AppendUint32(c.text, u32(rec, 12))
	c.text = binary.LittleEndian.AppendUint32(c.text, 0) // written by close
	c.text = binary.LittleEndian.AppendUint32(c.text, uint32(len(rec)-head))
	c.text = append(c.text, rec[head:]...)
}

func (c *codeBuilder) open(site uint32) { c.scopes = append(c.scopes, site) }

// close ends the innermost scope. A function that ends gets its sites.
func (c *codeBuilder) close() {
	n := len(c.scopes) - 1
	if n < 0 {
		return
	}
	if site := c.scopes[n]; site != notSite {
		binary.LittleEndian.PutUint32(c.text[site+4:], uint32(len(c.text)))
	}
	c.scopes = c.scopes[:n]
	if n == 0 && c.cur >= 0 {
		c.funcs[c.cur].end = uint32(len(c.text))
		c.cur = noFunction
	}
}

func (c *codeBuilder) closeAll() {
	for len(c.scopes) > 0 {
		c.close()
	}
}

// finish sorts what was collected and copies it, so that the builder can be
// used again.
func (c *codeBuilder) finish() *moduleCode {
	sortPlaces(c.funcAt, c.funcs)
	c.adopt()
	sortPlaces(c.blockAt, c.blocks)
	slices.SortStableFunc(c.inlinees, func(a, b inlinee) int { return cmp.Compare(a.id, b.id) })
	slices.SortStableFunc(c.exports, func(a, b exportedID) int { return cmp.Compare(a.local, b.local) })
	return &moduleCode{
		data:     string(c.text),
		funcs:    slices.Clone(c.funcs),
		funcAt:   slices.Clone(c.funcAt),
		blocks:   slices.Clone(c.blocks),
		blockAt:  slices.Clone(c.blockAt),
		files:    slices.Clone(c.files),
		inlinees: slices.Clone(c.inlinees),
		imports:  slices.Clone(c.imports),
		ids:      slices.Clone(c.ids),
		exports:  slices.Clone(c.exports),
		bad:      c.bad,

		fileNames:    make([]atomic.Uint32, len(c.files)),
		inlineeNames: make([]atomic.Uint32, len(c.inlinees)),
	}
}

// reset makes the builder as good as new, but for its memory.
func (c *codeBuilder) reset() {
	c.text, c.scopes, c.owners = c.text[:0], c.scopes[:0], c.owners[:0]
	m := &c.moduleCode
	m.funcs, m.funcAt, m.blocks, m.blockAt = m.funcs[:0], m.funcAt[:0], m.blocks[:0], m.blockAt[:0]
	m.files, m.inlinees = m.files[:0], m.inlinees[:0]
	m.imports, m.ids, m.exports, m.bad = m.imports[:0], m.ids[:0], m.exports[:0], nil
	c.cur = noFunction
}

// adopt gives every separated piece its function and its number. A piece
// without one is a function of its own, without a name.
func (c *codeBuilder) adopt() {
	if len(c.owners) == 0 {
		return
	}
	var pieces []int
	for i := range c.funcs {
		if c.funcs[i].chunk != 0 {
			pieces = append(pieces, i)
		}
	}
	slices.SortFunc(pieces, func(a, b int) int { return cmp.Compare(c.funcs[a].rec, c.funcs[b].rec) })
	numbers := map[int]uint16{}
	for n, i := range pieces {
		fn := &c.funcs[i]
		fn.chunk = 0
		if owner := c.funcAt.exact(c.owners[n]); owner >= 0 && owner != i {
			numbers[owner]++
			fn.owner, fn.chunk = uint32(owner), numbers[owner]
		}
	}
}
