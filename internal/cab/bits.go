package cab

import (
	"encoding/binary"
	"math/bits"
)

// bitReader reads an LZX data block: little-endian 16-bit words, each used
// from its top bit down. It goes on with zero bits behind the end and counts
// them, so that the hot path needs no check; overrun tells afterwards.
type bitReader struct {
	in   []byte
	pos  int    // of the next byte not in acc
	acc  uint64 // the next n bits, from the top; zeros below
	n    uint
	past uint // bits in acc, the lowest ones, that the input did not have
}

func (b *bitReader) reset(in []byte) { *b = bitReader{in: in} }

// need makes at least 32 bits available.
func (b *bitReader) need() {
	if b.n < 32 {
		b.refill()
	}
}

func (b *bitReader) refill() {
	if len(b.in)-b.pos >= 4 {
		words := bits.RotateLeft32(binary.LittleEndian.Uint32(b.in[b.pos:]), 16)
		b.acc |= uint64(words) << (32 - b.n)
		b.pos += 4
		b.n += 32
		return
	}
	for b.n < 32 {
		if len(b.in)-b.pos >= 2 {
			b.acc |= uint64(binary.LittleEndian.Uint16(b.in[b.pos:])) << (48 - b.n)
			b.pos += 2
		} else {
			b.past += 16
		}
		b.n += 16
	}
}

// drop passes over k bits, at most as many as are available.
func (b *bitReader) drop(k uint) {
	b.acc <<= k
	b.n -= k
}

// bits reads k bits, 0 to 32.
func (b *bitReader) bits(k uint) uint32 {
	b.need()
	v := uint32(b.acc >> 32 >> (32 - k))
	b.drop(k)
	return v
}

// overrun reports whether bits were used that the input did not have.
func (b *bitReader) overrun() bool { return b.past > b.n }

// align goes to the raw bytes that follow the header of an uncompressed block:
// up to the next word, or past one word when already there ([MS-PATCH]
// 2.3.2.1: 1 to 16 bits).
func (b *bitReader) align() {
	b.need()
	k := b.n % 16
	if k == 0 {
		k = 16
	}
	b.drop(k)
	if !b.overrun() {
		b.pos -= int(b.n-b.past) / 8
	}
	b.acc, b.n, b.past = 0, 0, 0
}

// raw returns up to n of the bytes at the position align led to.
func (b *bitReader) raw(n int) []byte {
	p := b.in[b.pos:min(len(b.in), b.pos+n)]
	b.pos += len(p)
	return p
}
