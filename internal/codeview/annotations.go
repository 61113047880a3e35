package codeview

// Operations of binary annotations (cvinfo.h, BinaryAnnotationOpcode). An
// S_INLINESITE record ends with a list of them: it is a program that walks
// through the code of the inlined function and its lines side by side.
const (
	opPad                = 0
	opCodeOffset         = 1  // offset
	opCodeBase           = 2  // number of a separated piece of code
	opChangeOffset       = 3  // delta
	opChangeLength       = 4  // length
	opChangeFile         = 5  // place of its checksum
	opChangeLine         = 6  // signed delta
	opLineEndDelta       = 7  // not used here
	opRangeKind          = 8  // not used here
	opColumnStart        = 9  // column
	opColumnEndDelta     = 10 // not used here
	opChangeOffsetLine   = 11 // offset delta in 4 bits, signed line delta in the rest
	opChangeLengthOffset = 12 // length, offset delta
	opColumnEnd          = 13 // not used here
)

// NoFile is the file of a position whose file is not known (yet).
const NoFile = ^uint32(0)

// Position is a place in a source file.
type Position struct {
	File   uint32 // place of its checksum in the checksums of the module
	Line   uint32
	Column uint32 // 0 unknown
}

// Range is a piece of code that an inlined function was expanded to.
type Range struct {
	Chunk      uint32 // 0: offsets count from the function; n: from its n-th separated piece
	Start, End uint32
	Pos        Position
}

// Annotations runs the annotations of an inline site. It belongs to one
// goroutine. Damage ends it: what came before is as good as it was.
//
//	for a := RunAnnotations(b); a.Step(); {
//		use a.Out
//	}
type Annotations struct {
	b     []byte
	cur   Range // where the program is; cur.end is not used
	open  Range // the last range without a length, if isOpen
	queue Range // comes after out, if queued

	isOpen, queued bool
	Out            Range
}

// RunAnnotations starts at the beginning of the function. Lines count from the
// line the inlined function begins at, which is in its file until another one
// is named.
func RunAnnotations(b []byte) Annotations {
	return Annotations{b: b, cur: Range{Pos: Position{File: NoFile}}}
}

// Step runs up to the next range that is complete. A range without a length
// reaches to the start of the next one; the last one has a length.
//
// The rule for opChangeLengthOffset was measured on files of Microsoft's
// compiler and follows cvinfo.h ("length of code, default next start"): its
// range has its own length, which does not move the offset, and it ends the
// open range before it where it starts.
func (a *Annotations) Step() bool {
	if a.queued {
		a.Out, a.queued = a.queue, false
		return true
	}
	for {
		op, ok := a.operand()
		if !ok {
			return false
		}
		if op == opPad {
			continue
		}
		x, ok := a.operand()
		if !ok {
			return false
		}
		if done, ok := a.apply(op, x); done || !ok {
			return done && ok
		}
	}
}

// apply runs one operation. done says that out is a new range; ok is false
// where the annotations break off.
func (a *Annotations) apply(op, x uint32) (done, ok bool) {
	switch op {
	case opCodeOffset:
		a.cur.Start = x
	case opCodeBase:
		a.cur.Chunk, a.cur.Start, a.isOpen = x, 0, false
	case opChangeOffset:
		return a.start(x)
	case opChangeLength:
		return a.length(x)
	case opChangeFile:
		a.cur.Pos.File = x
	case opChangeLine:
		a.cur.Pos.Line += signedDelta(x)
	case opColumnStart:
		a.cur.Pos.Column = x
	case opChangeOffsetLine:
		a.cur.Pos.Line += signedDelta(x >> 4)
		return a.start(x & 0xF)
	case opChangeLengthOffset:
		delta, more := a.operand()
		if !more {
			return false, false
		}
		return a.piece(x, delta)
	case opLineEndDelta, opRangeKind, opColumnEndDelta, opColumnEnd:
	default:
		return false, false
	}
	return false, true
}

// advance moves the offset.
func (a *Annotations) advance(delta uint32) bool {
	a.cur.Start += delta
	return a.cur.Start >= delta
}

// closeOpen makes the open range, which ends at end, the next one.
func (a *Annotations) closeOpen(end uint32) bool {
	was := a.isOpen && end > a.open.Start
	if was {
		a.Out, a.Out.End = a.open, end
	}
	a.isOpen = false
	return was
}

// start begins a range that has no length yet.
func (a *Annotations) start(delta uint32) (done, ok bool) {
	if !a.advance(delta) {
		return false, false
	}
	done = a.closeOpen(a.cur.Start)
	a.open, a.isOpen = a.cur, true
	return done, true
}

// length gives the range begun last its length and moves behind it, as LLVM
// does; in files of Microsoft's compiler nothing follows.
func (a *Annotations) length(n uint32) (done, ok bool) {
	if !a.advance(n) {
		return false, false
	}
	return a.isOpen && a.closeOpen(a.open.Start+n), true
}

// piece begins a range of n bytes. The open range reaches up to it.
func (a *Annotations) piece(n, delta uint32) (done, ok bool) {
	if !a.advance(delta) || n > ^a.cur.Start {
		return false, false
	}
	piece := a.cur
	piece.End = piece.Start + n
	if a.closeOpen(piece.Start) {
		a.queue, a.queued = piece, n > 0
		return true, true
	}
	a.Out = piece
	return n > 0, true
}

// operand reads a compressed number of 1, 2 or 4 bytes (CVUncompressData).
func (a *Annotations) operand() (uint32, bool) {
	b := a.b
	switch {
	case len(b) >= 1 && b[0] < 0x80:
		a.b = b[1:]
		return uint32(b[0]), true
	case len(b) >= 2 && b[0] < 0xC0:
		a.b = b[2:]
		return uint32(b[0]&0x3F)<<8 | uint32(b[1]), true
	case len(b) >= 4 && b[0] < 0xE0:
		a.b = b[4:]
		return uint32(b[0]&0x1F)<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), true
	}
	return 0, false
}

// signedDelta returns a number whose sign is in bit 0, to be added.
func signedDelta(x uint32) uint32 {
	if x&1 != 0 {
		return -(x >> 1)
	}
	return x >> 1
}
