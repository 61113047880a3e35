package pdb

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

// noFile is the file of a position whose file is not known (yet).
const noFile = ^uint32(0)

// sourcePos is a place in a source file.
type sourcePos struct {
	file   uint32 // place of its checksum in the checksums of the module
	line   uint32
	column uint32 // 0 unknown
}

// inlineRange is a piece of code that an inlined function was expanded to.
type inlineRange struct {
	chunk      uint32 // 0: offsets count from the function; n: from its n-th separated piece
	start, end uint32
	pos        sourcePos
}

// annotations runs the annotations of an inline site. It belongs to one
// goroutine. Damage ends it: what came before is as good as it was.
//
//	for a := runAnnotations(b); a.step(); {
//		use a.out
//	}
type annotations struct {
	b     []byte
	cur   inlineRange // where the program is; cur.end is not used
	open  inlineRange // the last range without a length, if isOpen
	queue inlineRange // comes after out, if queued

	isOpen, queued bool
	out            inlineRange
}

// runAnnotations starts at the beginning of the function. Lines count from the
// line the inlined function begins at, which is in its file until another one
// is named.
func runAnnotations(b []byte) annotations {
	return annotations{b: b, cur: inlineRange{pos: sourcePos{file: noFile}}}
}

// step runs up to the next range that is complete. A range without a length
// reaches to the start of the next one; the last one has a length.
//
// The rule for opChangeLengthOffset was measured on files of Microsoft's
// compiler and follows cvinfo.h ("length of code, default next start"): its
// range has its own length, which does not move the offset, and it ends the
// open range before it where it starts.
func (a *annotations) step() bool {
	if a.queued {
		a.out, a.queued = a.queue, false
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
func (a *annotations) apply(op, x uint32) (done, ok bool) {
	switch op {
	case opCodeOffset:
		a.cur.start = x
	case opCodeBase:
		a.cur.chunk, a.cur.start, a.isOpen = x, 0, false
	case opChangeOffset:
		return a.start(x)
	case opChangeLength:
		return a.length(x)
	case opChangeFile:
		a.cur.pos.file = x
	case opChangeLine:
		a.cur.pos.line += signedDelta(x)
	case opColumnStart:
		a.cur.pos.column = x
	case opChangeOffsetLine:
		a.cur.pos.line += signedDelta(x >> 4)
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
func (a *annotations) advance(delta uint32) bool {
	a.cur.start += delta
	return a.cur.start >= delta
}

// closeOpen makes the open range, which ends at end, the next one.
func (a *annotations) closeOpen(end uint32) bool {
	was := a.isOpen && end > a.open.start
	if was {
		a.out, a.out.end = a.open, end
	}
	a.isOpen = false
	return was
}

// start begins a range that has no length yet.
func (a *annotations) start(delta uint32) (done, ok bool) {
	if !a.advance(delta) {
		return false, false
	}
	done = a.closeOpen(a.cur.start)
	a.open, a.isOpen = a.cur, true
	return done, true
}

// length gives the range begun last its length and moves behind it, as LLVM
// does; in files of Microsoft's compiler nothing follows.
func (a *annotations) length(n uint32) (done, ok bool) {
	if !a.advance(n) {
		return false, false
	}
	return a.isOpen && a.closeOpen(a.open.start+n), true
}

// piece begins a range of n bytes. The open range reaches up to it.
func (a *annotations) piece(n, delta uint32) (done, ok bool) {
	if !a.advance(delta) || n > ^a.cur.start {
		return false, false
	}
	piece := a.cur
	piece.end = piece.start + n
	if a.closeOpen(piece.start) {
		a.queue, a.queued = piece, n > 0
		return true, true
	}
	a.out = piece
	return n > 0, true
}

// operand reads a compressed number of 1, 2 or 4 bytes (CVUncompressData).
func (a *annotations) operand() (uint32, bool) {
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
