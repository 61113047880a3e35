package dwarf

import (
	"fmt"

	"github.com/symres/symres/symbols"
)

// peeker reads the headers and the first entries of units, one behind the other, and
// little besides.
type peeker struct {
	t *Table
	c *section
	w *work

	one  root
	last shapes
	off  uint64 // where in the section the bytes lie
	held []byte
}

// shapes are the abbreviations up to one code: units tend to begin alike.
type shapes struct {
	at, code uint64
	encoding
	*abbreviations
}

// window is how many bytes are read at a time: small units lie close together.
const window = 4 << 10

// bytes returns n bytes. They change with the next call.
func (p *peeker) bytes(off, n uint64) ([]byte, error) {
	if p.c.whole != nil || n > window {
		return p.c.bytes(off, n)
	}
	if off < p.off || off+n > p.off+uint64(len(p.held)) {
		if cap(p.held) == 0 {
			p.held = make([]byte, window)
		}
		b := p.held[:min(window, uint64(p.c.size)-off)]
		p.held = b[:0] // until it is read
		if err := p.c.read(b, off); err != nil {
			return nil, err
		}
		p.off, p.held = off, b
	}
	return p.held[off-p.off:][:n], nil
}

// head reads the header at an offset. One whose version is unknown has end alone.
func (p *peeker) head(off uint64) (h head, err error) {
	c := p.c
	b, err := p.bytes(off, min(mostHeader, uint64(c.size)-off))
	if err != nil {
		return h, err
	}
	r := reader{b: b}
	n, size := r.length()
	h = head{off: off, end: off + uint64(r.pos) + n, encoding: encoding{offsetSize: uint8(size)}}
	if r.bad || n > uint64(c.size) || h.end > uint64(c.size) || h.end <= off {
		return h, fmt.Errorf("DWARF: unit at %#x: %w", off, symbols.ErrFormat)
	}
	h.version = r.u16()
	if h.version < 5 {
		h.abbrevs, h.width = r.fixed(size), r.u8()
	} else {
		h.kind, h.width, h.abbrevs = r.u8(), r.u8(), r.fixed(size)
		switch h.kind {
		case unitType, unitSplitType:
			r.take(8 + uint64(size))
		case unitSkeleton, unitSkeleton + 1:
			r.take(8)
		}
	}
	if h.body = uint8(r.pos); r.bad || off+uint64(h.body) > h.end {
		return h, fmt.Errorf("DWARF: unit at %#x: %w", off, symbols.ErrFormat)
	}
	if h.version < 2 || h.version > 5 || h.width != 4 && h.width != 8 {
		h.body = 0
	}
	return h, nil
}

// root reads the first entry of a unit. It changes with the next call.
func (p *peeker) root(h head) (*root, error) {
	r := &p.one
	*r = root{t: p.t, head: h, peek: true}
	for size := uint64(128); ; size *= 8 {
		n := min(size, h.end-h.off)
		b, err := p.bytes(h.off, n)
		if err != nil {
			return nil, err
		}
		in := reader{b: b, pos: int(h.body)}
		a, err := p.shapes(h, in.uleb())
		if err != nil {
			return nil, err
		}
		if err = r.read(b, a); err == nil || n < size {
			return r, err
		}
	}
}

// shapes returns the abbreviations of a unit up to a code.
func (p *peeker) shapes(h head, code uint64) (*abbreviations, error) {
	if l := &p.last; l.abbreviations != nil && l.at == h.abbrevs && l.code == code && l.encoding == h.encoding {
		return l.abbreviations, nil
	}
	a, err := p.t.readAbbreviations(h.abbrevs, h.encoding, code, p.w)
	if err == nil {
		p.last = shapes{h.abbrevs, code, h.encoding, a}
	}
	return a, err
}
