package cabbuild

import (
	"encoding/binary"
	"fmt"
)

// BlockKind is a type of LZX block; its value is the code in the stream.
type BlockKind uint8

// The three types of block.
const (
	Verbatim     BlockKind = 1
	Aligned      BlockKind = 2
	Uncompressed BlockKind = 3
)

// Block plans one LZX block: its type and how many bytes it expands to, which
// may be more than a frame.
type Block struct {
	Kind BlockKind
	Size int
}

// LZX compresses by LZX.
type LZX struct {
	// Window is the logarithm of the window in bytes, 15 to 21.
	Window int
	// Blocks are used in turn, over and over. None means verbatim blocks of
	// one frame each.
	Blocks []Block
	// E8Size is the file size that the translation of x86 calls assumes; 0
	// means no translation.
	E8Size int32
}

// Type implements [Method].
func (l LZX) Type() uint16 { return uint16(l.Window)<<8 | 3 }

// Pack implements [Method]. Windows and block sizes outside of the format, and
// so many small blocks that a frame overflows, are [ErrInvalid].
func (l LZX) Pack(data []byte) ([]Frame, error) {
	if l.Window < 15 || l.Window > 21 {
		return nil, fmt.Errorf("%w: LZX window 2^%d", ErrInvalid, l.Window)
	}
	plan := l.Blocks
	if len(plan) == 0 {
		plan = []Block{{Verbatim, FrameSize}}
	}
	if l.E8Size != 0 {
		data = absoluteCalls(data, l.E8Size)
	}
	e := newEncoder(data, l.Window)
	e.streamHeader(l.E8Size)
	for i := 0; e.pos < len(data); i++ {
		b := plan[i%len(plan)]
		if b.Size < 1 || b.Size > 1<<24-1 {
			return nil, fmt.Errorf("%w: LZX block of %d bytes", ErrInvalid, b.Size)
		}
		e.block(b.Kind, min(len(data), e.pos+b.Size))
		if len(e.out.out) > 0xFFFF {
			return nil, fmt.Errorf("%w: frame at %#x overflows, its blocks are too small", ErrInvalid, e.frame)
		}
	}
	e.cut()
	return e.frames, nil
}

// absoluteCalls replaces the relative targets behind E8 bytes, frame by frame,
// by absolute ones where these are inside the file; what a decoder would take
// for an absolute one is moved out of its way.
func absoluteCalls(data []byte, size int32) []byte {
	out := append([]byte(nil), data...)
	for start := 0; start < len(out); start += FrameSize {
		frame := out[start:min(len(out), start+FrameSize)]
		for i := 0; i < len(frame)-10; i++ {
			if frame[i] != 0xE8 {
				continue
			}
			at := int64(start + i)
			rel := int64(int32(binary.LittleEndian.Uint32(frame[i+1:])))
			switch {
			case rel+at >= 0 && rel+at < int64(size):
				binary.LittleEndian.PutUint32(frame[i+1:], uint32(rel+at))
			case rel >= int64(size)-at && rel < int64(size):
				binary.LittleEndian.PutUint32(frame[i+1:], uint32(rel-int64(size)))
			}
			i += 4
		}
	}
	return out
}

// encoder is one LZX stream being written.
type encoder struct {
	data   []byte
	pos    int // in data, of what is written next
	frame  int // in data, where the current frame began
	out    bitWriter
	frames []Frame
	window int
	slots  []slot
	recent [3]int
	find   finder

	mainLengths, lengthLengths []uint8 // of the block before
}

// slot is a class of match offsets.
type slot struct{ base, extra int }

func newEncoder(data []byte, window int) *encoder {
	e := &encoder{data: data, window: 1 << window, recent: [3]int{1, 1, 1}, find: newFinder(data)}
	for base, i := 0, 0; base < e.window; i++ {
		extra := min(max(i/2-1, 0), 17)
		e.slots = append(e.slots, slot{base, extra})
		base += 1 << extra
	}
	e.mainLengths = make([]uint8, 256+8*len(e.slots))
	e.lengthLengths = make([]uint8, 249)
	return e
}

func (e *encoder) streamHeader(e8 int32) {
	if e8 == 0 {
		e.out.put(0, 1)
		return
	}
	e.out.put(1, 1)
	e.out.put(uint32(e8)>>16, 16)
	e.out.put(uint32(e8)&0xFFFF, 16)
}

// advance moves on by n bytes, which lie in one frame, and closes the frame
// when it is full.
func (e *encoder) advance(n int) {
	e.pos += n
	if e.pos%FrameSize == 0 {
		e.cut()
	}
}

// cut closes the current frame, if there is anything in it.
func (e *encoder) cut() {
	if e.pos > e.frame {
		e.out.align()
		e.frames = append(e.frames, Frame{e.out.take(), e.pos - e.frame})
		e.frame = e.pos
	}
}

// block writes the next block, up to end.
func (e *encoder) block(kind BlockKind, end int) {
	size := end - e.pos
	var tokens []token
	var codes blockCodes
	if kind != Uncompressed {
		tokens = e.parse(end)
		codes = newBlockCodes(tokens, len(e.mainLengths), kind == Aligned)
	}
	e.out.put(uint32(kind), 3)
	e.out.put(uint32(size)>>8, 16)
	e.out.put(uint32(size)&0xFF, 8)
	if kind == Uncompressed {
		e.raw(end)
		return
	}
	e.writeCodes(&codes)
	for _, t := range tokens {
		codes.write(&e.out, t)
		e.advance(t.length)
	}
}

// raw writes the rest of an uncompressed block.
func (e *encoder) raw(end int) {
	e.out.alignBeforeRaw()
	for _, r := range e.recent {
		e.out.raw(binary.LittleEndian.AppendUint32(nil, uint32(r)))
	}
	odd := (end-e.pos)%2 == 1
	for e.pos < end {
		n := min(end-e.pos, FrameSize-e.pos%FrameSize)
		e.out.raw(e.data[e.pos : e.pos+n])
		e.find.add(e.pos, n)
		if odd && e.pos+n == end {
			e.out.raw([]byte{0})
		}
		e.advance(n)
	}
}
