package dumpbuild

import "unicode/utf16"

// pool hands out kernel memory from an address on.
type pool struct {
	next uint64 // first free byte
	top  uint64 // end of the mapped pages
}

func newPool(start uint64) pool { return pool{start, start} }

// freshPage makes the next allocation start a page.
func (p *pool) freshPage() { p.next = roundUp(p.next, pageSize) }

// alloc returns n zero bytes with a pool header before them: the block's size
// in units of the header and, four bytes on, the tag.
func (b *builder) alloc(p *pool, tag string, n uint64) uint64 {
	need := b.lay.poolHeader + roundUp(n, b.lay.poolHeader)
	if need > pageSize {
		b.failf("pool block %q of %x bytes", tag, n)
		return p.next
	}
	if p.next%pageSize+need > pageSize {
		p.freshPage()
	}
	for b.err == nil && p.top < p.next+need {
		_, err := b.mem.mapPage(b.root, p.top, nil)
		b.fail(err)
		p.top += pageSize
	}
	b.put16(p.next+2, need/b.lay.poolHeader)
	b.write(p.next+4, []byte(tag))
	addr := p.next + b.lay.poolHeader
	p.next += need
	return addr
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
	for va := first; va < p.next; va += pageSize {
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
