package dumpbuild

import "unicode/utf16"

// pool hands out kernel memory from an address on.
type pool struct {
	next uint64 // first free byte
	top  uint64 // end of the mapped pages
	page uint64 // size of one
}

func newPool(start, page uint64) pool { return pool{start, start, page} }

// freshPage makes the next allocation start a page.
func (p *pool) freshPage() { p.next = roundUp(p.next, p.page) }

// alloc returns n zero bytes with a pool header before them: the block's size
// in units of the header and, four bytes on, the tag.
func (b *builder) alloc(p *pool, tag string, n uint64) uint64 {
	need := b.lay.poolHeader + roundUp(n, b.lay.poolHeader)
	if need > p.page {
		b.failf("pool block %q of %x bytes", tag, n)
		return p.next
	}
	if p.next%p.page+need > p.page {
		p.freshPage()
	}
	for b.err == nil && p.top < p.next+need {
		_, err := b.mem.mapPage(b.root, p.top, nil)
		b.fail(err)
		p.top += p.page
	}
	if b.mem.ia64 == nil { // the form of headers in pages of 8 KB is not known
		b.put16(p.next+2, need/b.lay.poolHeader)
		b.write(p.next+4, []byte(tag))
	}
	addr := p.next + b.lay.poolHeader
	p.next += need
	return addr
}

// allocAt is alloc at an address that is asked for, if that is not 0: there the
// structure is alone, without a header.
func (b *builder) allocAt(at uint64, p *pool, tag string, n uint64) uint64 {
	if at == 0 {
		return b.alloc(p, tag, n)
	}
	b.ensure(b.root, at, n)
	return at
}

// aloneIf makes the allocations of f fill pages of their own, moved to the
// pagefile at the end, when out is set.
func (b *builder) aloneIf(out bool, p *pool, f func()) {
	if !out {
		f()
		return
	}
	p.freshPage()
	first := p.next
	f()
	p.freshPage()
	for va := first; va < p.next; va += p.page {
		b.out = append(b.out, va)
	}
}

// text allocates a string and writes its UNICODE_STRING at at.
func (b *builder) text(p *pool, tag string, at uint64, s string) {
	var raw []byte
	for _, u := range utf16.Encode([]rune(s)) {
		raw = append(raw, byte(u), byte(u>>8))
	}
	if len(raw) > 0x400 {
		b.failf("name %q is too long", s)
		return
	}
	buf := b.alloc(p, tag, uint64(len(raw)+2))
	b.write(buf, raw)
	b.put16(at, uint64(len(raw)))
	b.put16(at+2, uint64(len(raw)+2))
	b.putPtr(at+b.lay.pointer, buf)
}
