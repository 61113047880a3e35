package pdb

import (
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

const (
	numLanes = 4
	minLanes = 16 << 10 // bytes that are worth more than one lane
	usualGap = 256      // bytes between records that count, or more
)

// lanes walks records that lie together in memory from several places at once.
// Where a record begins is known only when the head of the one before it was
// read, which takes longer than all else: the processor waits for one lane
// while it reads in another. Where a lane has to begin is a guess. When each
// lane ends exactly where the next begins, all of them are what a walk from the
// first record would meet; when not, nothing was learned.
type lanes struct {
	buf   []byte
	base  uint32 // of buf in the stream
	kinds kindSet
	from  [numLanes + 1]int
	hits  [numLanes][]uint32 // where in buf the records that count begin
}

// newLanes guesses where the lanes begin: at procedures, whose records say where
// they end.
func newLanes(buf []byte, base uint32) *lanes {
	l := &lanes{buf: buf, base: base, kinds: withAddress()}
	room := make([]uint32, len(buf)/usualGap)
	for i := range l.hits {
		l.hits[i] = room[i*len(room)/numLanes:][: 0 : len(room)/numLanes]
	}
	for i := 1; i < numLanes; i++ {
		l.from[i] = l.procedure(max(l.from[i-1], len(buf)/numLanes*i&^3))
	}
	l.from[numLanes] = len(buf)
	return l
}

// procedure returns where what looks like a procedure begins from at on, or the
// end.
func (l *lanes) procedure(at int) int {
	for ; at+endField+4 <= len(l.buf); at += 4 {
		head := u32(l.buf, at)
		if !Kind(head >> 16).IsProc() {
			continue
		}
		end := int64(u32(l.buf, at+endField)) - int64(l.base)
		if end > int64(at) && end+codeview.RecordHead <= int64(len(l.buf)) && Kind(u16(l.buf, int(end)+2)).closes() {
			return at
		}
	}
	return len(l.buf)
}

// run walks all lanes. It reports whether they fit together.
func (l *lanes) run() bool {
	const room = codeview.RecordHead - 1
	kinds := &l.kinds
	buf, a, b, c, d := l.buf, l.from[0], l.from[1], l.from[2], l.from[3]
	for a < l.from[1]-room && b < l.from[2]-room && c < l.from[3]-room && d < l.from[4]-room {
		nextA, countsA := kinds.head(buf, a)
		nextB, countsB := kinds.head(buf, b)
		nextC, countsC := kinds.head(buf, c)
		nextD, countsD := kinds.head(buf, d)
		if countsA || countsB || countsC || countsD {
			l.note(0, a, countsA)
			l.note(1, b, countsB)
			l.note(2, c, countsC)
			l.note(3, d, countsD)
		}
		a, b, c, d = nextA, nextB, nextC, nextD
	}
	return l.finish(0, a) && l.finish(1, b) && l.finish(2, c) && l.finish(3, d)
}

func (l *lanes) note(lane, at int, counts bool) {
	if counts {
		l.hits[lane] = append(l.hits[lane], uint32(at))
	}
}

// finish walks a lane to its end. It reports whether that is where the next
// begins.
func (l *lanes) finish(lane, at int) bool {
	end := l.from[lane+1]
	for at+codeview.RecordHead <= end {
		next, counts := l.kinds.head(l.buf, at)
		l.note(lane, at, counts)
		at = next
	}
	return at == end && !l.damaged(lane)
}

// damaged reports whether a lane met what is no record. It is told of by a walk
// that goes one by one.
func (l *lanes) damaged(lane int) bool {
	for _, at := range l.hits[lane] {
		if u16(l.buf, int(at)) < codeview.RecordHead-codeview.LenField {
			return true
		}
	}
	return false
}

func (l *lanes) visit(visit func(off uint32, rec []byte)) {
	for _, hits := range l.hits {
		for _, at := range hits {
			end := int(at) + int(u16(l.buf, int(at))) + codeview.LenField
			visit(l.base+at, l.buf[at:end:end])
		}
	}
}

// eachAddress visits the records of a module that may have an address; see
// addressOf. It returns damage that ends the walk early. rec is good until visit
// returns. own is memory to read into, which grows.
func (ms *modStream) eachAddress(own *[]byte, visit func(off uint32, rec []byte)) error {
	buf := ms.symbols.InPlace()
	if buf == nil && ms.s != nil && ms.s.Copies() {
		buf = ms.symbols.Into(own)
	}
	if len(buf) >= minLanes {
		if l := newLanes(buf, ms.symbols.Off); l.run() {
			l.visit(visit)
			return nil
		}
	}
	r := recordsOf(ms.symbols)
	if r.W.Chunk = msf.ReadAhead; buf != nil {
		r.W.Off, r.W.Buf = ms.symbols.Off, buf
	}
	kinds := withAddress()
	for r.stepPlaced(&kinds) {
		if kinds.has(r.kind()) {
			visit(r.Off, r.Rec)
		}
	}
	return r.Err
}

// stepPlaced moves to the next record of one of the kinds, or to another one if
// that is easier. It goes over the others, which are most, without leaving the
// loop.
func (r *recordWalk) stepPlaced(kinds *kindSet) bool {
	if r.Next >= r.W.Off && r.Next < r.End {
		buf := r.W.Buf[:min(len(r.W.Buf), int(r.End-r.W.Off))]
		at := int(r.Next - r.W.Off)
		last := at
		for at+codeview.RecordHead <= len(buf) {
			next, counts := kinds.head(buf, at)
			if last = at; counts {
				break
			}
			at = next
		}
		r.Next = r.W.Off + uint32(last)
	}
	return r.Step()
}

// kindSet is a set of kinds that answers without a branch: which kind comes next
// cannot be foretold. It has the upper bits of a kind, and 1, in the place the
// lower ones are the number of, so there is no room for kinds that share those.
type kindSet [1 << kindBits]uint8

const kindBits = 9

// withAddress returns the kinds addressOf has an answer for.
func withAddress() (s kindSet) {
	for _, k := range [...]Kind{KindGProc32, KindLProc32, KindGProc32ID, KindLProc32ID, KindGData32, KindLData32,
		KindLProc32DPC, KindLProc32DPCID, KindGManProc, KindLManProc, KindGProc32ST, KindLProc32ST, KindThunk32, KindThunk32ST,
		KindTrampoline, KindSepCode, KindGManData, KindLManData, KindGData32ST, KindLData32ST} {
		s[k&(1<<kindBits-1)] = uint8(k>>kindBits) + 1
	}
	return s
}

func (s *kindSet) has(k Kind) bool { return s[k&(1<<kindBits-1)] == uint8(k>>kindBits)+1 }

// head returns where the record behind the one at at begins, and whether the
// latter is of a kind of the set, or none.
func (s *kindSet) head(buf []byte, at int) (next int, counts bool) {
	head := u32(buf, at)
	return at + int(head&0xFFFF) + codeview.LenField, s.has(Kind(head>>16)) || head&0xFFFE == 0
}

// addressOf returns the address of a private symbol an address can be answered
// with. Compilers give the tables of switch statements variables without a
// name; Microsoft's debuggers do not see them either.
func addressOf(rec []byte) (addressKey, bool) {
	if kind := Kind(u16(rec, 2)); kind.IsCode() || kind.IsData() {
		f, _ := formOf(kind)
		if len(rec) >= int(f.length) && (f.name == 0 || len(rec) > int(f.name) && rec[f.name] != 0) {
			return makeKey(u16(rec, int(f.seg)), u32(rec, int(f.off))), true
		}
	}
	return 0, false
}
