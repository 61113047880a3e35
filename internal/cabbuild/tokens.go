package cabbuild

import "slices"

// token is a literal or a match. length is 1 for a literal.
type token struct {
	symbol     int // in the main code
	length     int
	lengthCode int // in the length code, -1 for none
	rest       int // the offset's distance from its slot's base
	extra      int // how many bits rest has
}

// parse turns data up to end into tokens. No match crosses the end of a frame.
func (e *encoder) parse(end int) []token {
	var tokens []token
	for pos := e.pos; pos < end; {
		longest := min(257, end-pos, FrameSize-pos%FrameSize)
		length, offset := e.best(pos, longest)
		t := token{symbol: int(e.data[pos]), length: 1, lengthCode: -1}
		if length >= 2 {
			t = e.match(length, offset)
		}
		tokens = append(tokens, t)
		e.find.add(pos, t.length)
		pos += t.length
	}
	return tokens
}

// best picks the match to use at pos: a recent offset when it is about as good
// as the longest match. Length 0 means none is worth it.
func (e *encoder) best(pos, longest int) (length, offset int) {
	length, offset = e.find.longest(pos, longest, e.window-3)
	if length < 4 {
		length = 0
	}
	for _, r := range e.recent {
		if n := e.find.common(pos, r, longest); n >= 2 && n+1 >= length {
			return n, r
		}
	}
	return length, offset
}

// match makes the token of a match and keeps the recent offsets.
func (e *encoder) match(length, offset int) token {
	t := token{length: length, lengthCode: max(length-9, -1)}
	index := slices.Index(e.recent[:], offset)
	if index >= 0 {
		e.recent[index], e.recent[0] = e.recent[0], offset
	} else {
		e.recent = [3]int{offset, e.recent[0], e.recent[1]}
		formatted := offset + 2
		for index = len(e.slots) - 1; e.slots[index].base > formatted; index-- {
		}
		t.rest, t.extra = formatted-e.slots[index].base, e.slots[index].extra
	}
	t.symbol = 256 + 8*index + min(length-2, 7)
	return t
}

// finder finds earlier occurrences by hash chains over three bytes.
type finder struct {
	data []byte
	head map[[3]byte]int
	prev []int32
}

// tries is how many earlier occurrences are looked at.
const tries = 24

func newFinder(data []byte) finder {
	return finder{data: data, head: map[[3]byte]int{}, prev: make([]int32, len(data))}
}

// add makes the n positions from pos on known.
func (f *finder) add(pos, n int) {
	for ; n > 0 && pos+3 <= len(f.data); pos, n = pos+1, n-1 {
		key := [3]byte(f.data[pos:])
		last, ok := f.head[key]
		if !ok {
			last = -1
		}
		f.prev[pos], f.head[key] = int32(last), pos
	}
}

// longest returns the longest match at pos of those tried.
func (f *finder) longest(pos, longest, window int) (length, offset int) {
	if pos+3 > len(f.data) {
		return 0, 0
	}
	at, ok := f.head[[3]byte(f.data[pos:])]
	for try := 0; ok && try < tries && at >= 0 && pos-at <= window; try++ {
		if n := f.common(pos, pos-at, longest); n > length {
			length, offset = n, pos-at
		}
		at = int(f.prev[at])
	}
	return length, offset
}

// common returns how many bytes at pos equal those offset bytes back.
func (f *finder) common(pos, offset, longest int) int {
	n := 0
	for offset <= pos && n < longest && f.data[pos+n] == f.data[pos+n-offset] {
		n++
	}
	return n
}
