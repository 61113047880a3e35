// Package fold compares and finds text without regard to the case of ASCII letters. The
// hashes of PDBs see no further.
package fold

import "bytes"

// Finder finds a piece of text in bytes without regard to the case of ASCII
// letters. It looks for one byte of the piece, the rarest in symbol names, at
// the speed of [bytes.IndexByte], and compares the rest where that is.
type Finder struct {
	text   []byte // in lower case
	anchor int    // which byte is looked for
	lo, hi byte   // that byte in either case; equal when it is no letter
	b      []byte // what is searched
	nextLo int    // where the next lo and hi are: at or behind what was asked for last
	nextHi int
}

// common lists the bytes of symbol names from the most to the least frequent.
const common = "e@t?astrionclds_pumg0hfv1by2xk3wz4q857j96"

// NewFinder returns a finder of a text that is not empty.
func NewFinder(text string) *Finder {
	f := &Finder{text: bytes.ToLower([]byte(text))}
	best := -1
	for i, c := range f.text {
		if rank := bytes.IndexByte([]byte(common), c); best < 0 || rank < 0 || best < len(common) && rank > best {
			if best = rank; rank < 0 {
				best = len(common) // rarer than any listed
			}
			f.anchor = i
		}
	}
	f.lo = f.text[f.anchor]
	f.hi = upper(f.lo)
	return f
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c &^ 0x20
	}
	return c
}

// Reset makes b what is searched.
func (f *Finder) Reset(b []byte) { f.b, f.nextLo, f.nextHi = b, -1, -1 }

// Next returns where the piece begins first, at or behind from, and -1 if it
// does not any more.
func (f *Finder) Next(from int) int {
	for {
		at := f.anchorFrom(from + f.anchor)
		if at < 0 || at-f.anchor > len(f.b)-len(f.text) {
			return -1
		}
		if at -= f.anchor; f.equal(f.b[at : at+len(f.text)]) {
			return at
		}
		from = at + 1
	}
}

// anchorFrom returns the first place of the anchor byte, at or behind from.
func (f *Finder) anchorFrom(from int) int {
	if from > len(f.b) {
		return -1
	}
	f.nextLo = seekByte(f.b, f.lo, f.nextLo, from)
	if f.lo == f.hi {
		if f.nextLo == len(f.b) {
			return -1
		}
		return f.nextLo
	}
	f.nextHi = seekByte(f.b, f.hi, f.nextHi, from)
	at := min(f.nextLo, f.nextHi)
	if at == len(f.b) {
		return -1
	}
	return at
}

// seekByte returns the first place of c at or behind from, len(b) if there is
// none. It was at known before.
func seekByte(b []byte, c byte, known, from int) int {
	if known >= from {
		return known
	}
	if i := bytes.IndexByte(b[from:], c); i >= 0 {
		return from + i
	}
	return len(b)
}

func (f *Finder) equal(b []byte) bool {
	for i, c := range f.text {
		if Lower(b[i]) != c {
			return false
		}
	}
	return true
}

// In reports whether the piece is anywhere in b. What is searched stays.
func (f Finder) In(b []byte) bool {
	f.Reset(b)
	return f.Next(0) >= 0
}

// Len returns the bytes of the piece.
func (f *Finder) Len() int { return len(f.text) }

// Lower returns the lower case of an ASCII letter, any other byte as it is.
func Lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
