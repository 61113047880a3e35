package cab

import "encoding/binary"

// Parameters of LZX ([MS-PATCH] 2; window sizes as in cabinets).
const (
	minWindow = 15 // log2 of bytes
	maxWindow = 21

	literals      = 256
	lengthHeaders = 8 // match lengths a main symbol tells apart
	minMatch      = 2
	lengthSymbols = 249

	blockVerbatim     = 1
	blockAligned      = 2
	blockUncompressed = 3
)

// lzx expands the frames of one LZX folder.
//
// Frames are 32 KiB and windows a multiple of that, so a frame never wraps
// around the end of the window and is handed out where it was expanded.
type lzx struct {
	in     bitReader
	window []byte
	pos    int   // in window, where the next byte goes
	total  int64 // bytes expanded so far
	recent [3]uint32
	slots  [50]slot

	kind   uint32 // of the current block
	left   int    // bytes the current block has yet to give
	pad    bool   // a byte follows to make an uncompressed block even
	begun  bool   // the stream header was read
	e8Size int32  // 0: no translation of calls
	e8     []byte // a translated frame

	trees lzxTrees
}

// slot is a class of match offsets: base and how many bits to add.
type slot struct {
	base  uint32
	extra uint8
}

// newLZX returns a decoder. The window is cut to what the folder's data blocks
// can fill: a small file does not pay for a large window.
func newLZX(window uint, blocks int) *lzx {
	z := &lzx{
		window: make([]byte, min(1<<window, max(blocks, 1)*frameSize)),
		recent: [3]uint32{1, 1, 1},
	}
	base := uint32(0)
	used := 0
	for i := range z.slots {
		extra := uint8(min(max(i/2-1, 0), 17))
		z.slots[i] = slot{base, extra}
		if base < 1<<window {
			used = i + 1
		}
		base += 1 << extra
	}
	z.trees = newTrees(literals + lengthHeaders*used)
	return z
}

// block implements decoder. Each data block starts on a word of its own; what
// is left of it behind its frame is padding.
func (z *lzx) block(data []byte, n int) ([]byte, error) {
	z.in.reset(data)
	if z.pos == len(z.window) {
		z.pos = 0
	}
	start, end := z.pos, z.pos+n
	if end > len(z.window) {
		return nil, corrupt("LZX frame of %d bytes behind a short one", n)
	}
	if !z.begun {
		z.streamHeader()
	}
	for z.pos < end {
		if err := z.run(end); err != nil {
			return nil, err
		}
	}
	z.skipPad()
	out := z.translate(z.window[start:end])
	z.total += int64(n)
	return out, nil
}

func (z *lzx) streamHeader() {
	z.begun = true
	if z.in.bits(1) == 1 {
		z.e8Size = int32(z.in.bits(16)<<16 | z.in.bits(16))
	}
}

// run expands from the current block, or from the next when that is used up,
// to the end of the block or of the frame.
func (z *lzx) run(end int) error {
	if z.left == 0 {
		if err := z.blockHeader(); err != nil {
			return err
		}
	}
	start := z.pos
	stop := min(end, start+z.left)
	z.pos = stop
	z.left -= stop - start
	if z.kind == blockUncompressed {
		return z.copyRaw(start, stop)
	}
	err := z.matches(start, stop)
	if z.in.overrun() {
		return corrupt("LZX data end inside a frame")
	}
	return err
}

// blockHeader reads the header of the next block, with its trees.
func (z *lzx) blockHeader() error {
	z.skipPad()
	z.kind = z.in.bits(3)
	z.left = int(z.in.bits(24))
	var err error
	switch z.kind {
	case blockVerbatim, blockAligned:
		err = z.trees.read(&z.in, z.kind == blockAligned)
	case blockUncompressed:
		err = z.rawHeader()
	default:
		err = corrupt("LZX block of type %d", z.kind)
	}
	if err == nil && z.left == 0 {
		err = corrupt("LZX block of no bytes")
	}
	return err
}

// rawHeader reads the recent offsets in front of uncompressed data.
func (z *lzx) rawHeader() error {
	z.in.align()
	p := z.in.raw(12)
	if len(p) < 12 {
		return corrupt("LZX data end inside a block header")
	}
	for i := range z.recent {
		z.recent[i] = binary.LittleEndian.Uint32(p[4*i:])
	}
	z.pad = z.left&1 == 1
	return nil
}

func (z *lzx) copyRaw(pos, stop int) error {
	if copy(z.window[pos:stop], z.in.raw(stop-pos)) < stop-pos {
		return corrupt("LZX data end inside an uncompressed block")
	}
	return nil
}

// skipPad passes over the byte that evens out an uncompressed block. It may
// follow in the next data block when the block ends with the frame.
func (z *lzx) skipPad() {
	if z.pad && z.left == 0 && len(z.in.raw(1)) == 1 {
		z.pad = false
	}
}

// matches expands literals and matches from pos up to stop. Matches do not cross the
// end of a block or frame. Behind the end of the input it sees zero bits and
// ends all the same, since every symbol gives at least one byte.
func (z *lzx) matches(pos, stop int) error {
	in, main, window := &z.in, z.trees.main, z.window
	for pos < stop {
		in.need()
		symbol, ok := main.decode(in)
		if !ok {
			return corrupt("LZX symbol of an empty code")
		}
		if symbol < literals {
			window[pos] = byte(symbol)
			pos++
			continue
		}
		length, offset, err := z.match(symbol - literals)
		if err != nil {
			return err
		}
		reach := min(z.total+int64(pos%frameSize), int64(len(window)))
		if int64(offset)-1 >= reach || offset == 0 || length > stop-pos {
			return corrupt("LZX match of %d bytes %d back, %d written, %d to go", length, offset, reach, stop-pos)
		}
		copyMatch(window, pos, int(offset), length)
		pos += length
	}
	return nil
}

// match reads the rest of a match and returns its length and offset.
func (z *lzx) match(symbol int) (length int, offset uint32, err error) {
	in := &z.in
	length = symbol%lengthHeaders + minMatch
	if symbol%lengthHeaders == lengthHeaders-1 {
		more, ok := z.trees.length.decode(in)
		if !ok {
			return 0, 0, corrupt("LZX match length of an empty code")
		}
		length += more
	}
	index := symbol / lengthHeaders
	if index < len(z.recent) {
		offset = z.recent[index]
		z.recent[index], z.recent[0] = z.recent[0], offset
		return length, offset, nil
	}
	s := z.slots[index]
	offset = s.base - 2
	in.need()
	if z.kind == blockAligned && s.extra >= 3 {
		offset += in.bits(uint(s.extra)-3) << 3
		low, ok := z.trees.aligned.decode(in)
		if !ok {
			return 0, 0, corrupt("LZX offset of an empty code")
		}
		offset += uint32(low)
	} else {
		offset += in.bits(uint(s.extra))
	}
	z.recent = [3]uint32{offset, z.recent[0], z.recent[1]}
	return length, offset, nil
}

// copyMatch copies n bytes that lie offset bytes back, byte by byte in effect:
// a match may repeat what it writes, and its source may wrap.
func copyMatch(window []byte, pos, offset, n int) {
	from := pos - offset
	if from < 0 {
		from += len(window)
		k := copy(window[pos:pos+n], window[from:])
		pos, n, from = pos+k, n-k, 0
	}
	dst := window[pos : pos+n]
	for k := 0; k < n; {
		k += copy(dst[k:], window[from:pos+k])
	}
}

// translate undoes the conversion of x86 call targets (E8 and 32 bits) to
// absolute ones. It is done per frame, on a copy since the window keeps the
// converted bytes, neither in the last ten bytes of a frame nor beyond the
// first 32,768 frames.
func (z *lzx) translate(frame []byte) []byte {
	if z.e8Size == 0 || z.total >= 1<<30 {
		return frame
	}
	z.e8 = append(z.e8[:0], frame...)
	for i := 0; i < len(frame)-10; i++ {
		if z.e8[i] == 0xE8 {
			z.call(z.e8[i+1:], int32(z.total)+int32(i))
			i += 4
		}
	}
	return z.e8
}

// call makes the absolute target at b relative to the call at position at.
func (z *lzx) call(b []byte, at int32) {
	target := int32(binary.LittleEndian.Uint32(b))
	switch {
	case target >= 0 && target < z.e8Size:
		binary.LittleEndian.PutUint32(b, uint32(target-at))
	case target < 0 && target >= -at:
		binary.LittleEndian.PutUint32(b, uint32(target+z.e8Size))
	}
}
