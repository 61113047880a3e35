package cab

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"
)

// Compression methods: the low four bits of CFFOLDER.typeCompress ([MS-CAB]
// 2.2). For LZX bits 8 to 12 hold the logarithm of the window.
const (
	methodStored  = 0
	methodMSZIP   = 1
	methodQuantum = 2
	methodLZX     = 3
)

// frameSize is how much a data block expands to at most, and for LZX exactly,
// the last block of a folder excepted.
const frameSize = 32 << 10

// decoder expands the data blocks of one folder in order.
type decoder interface {
	// block expands one data block to exactly n bytes, n in 1..frameSize. The
	// result is valid until the next call.
	block(data []byte, n int) ([]byte, error)
}

// newDecoder returns the decoder of a folder. Memory follows what the folder
// can expand to.
func newDecoder(f folder) (decoder, error) {
	switch window := uint(f.method >> 8 & 0x1F); f.method & 0xF {
	case methodStored:
		return stored{}, nil
	case methodMSZIP:
		return &mszip{}, nil
	case methodLZX:
		if window < minWindow || window > maxWindow {
			return nil, corrupt("LZX window of 2^%d bytes", window)
		}
		return newLZX(window, f.blocks), nil
	}
	return nil, &MethodError{Method: methodName(f.method)}
}

type stored struct{}

func (stored) block(data []byte, n int) ([]byte, error) {
	if len(data) != n {
		return nil, corrupt("stored block of %d bytes for %d", len(data), n)
	}
	return data, nil
}

// folderReader hands out the expanded frames of a folder one by one.
type folderReader struct {
	r       *bufio.Reader
	off     int64 // in the cabinet, of the next byte of r
	header  []byte
	payload []byte
	blocks  int // left
	whole   bool
	dec     decoder
	budget  budget
}

// folder opens folder i from its first block.
func (c *Cabinet) folder(i int, b budget) (*folderReader, error) {
	f := c.folders[i]
	dec, err := newDecoder(f)
	if err != nil {
		return nil, err
	}
	if f.offset > c.size {
		return nil, at(f.offset, corrupt("folder %d lies behind the end at %#x", i, c.size))
	}
	return &folderReader{
		r:      bufio.NewReaderSize(io.NewSectionReader(c.r, f.offset, c.size-f.offset), 64<<10),
		off:    f.offset,
		header: make([]byte, 8+c.reserve),
		blocks: f.blocks,
		whole:  f.method&0xF == methodLZX,
		dec:    dec,
		budget: b,
	}, nil
}

// next returns the next frame, valid until the call after; io.EOF after the
// last.
func (f *folderReader) next() ([]byte, error) {
	if f.blocks == 0 {
		return nil, io.EOF
	}
	start := f.off
	n, err := f.read()
	if err != nil {
		return nil, at(start, err)
	}
	if err := f.budget.spend(int64(n)); err != nil {
		return nil, err
	}
	f.blocks--
	frame, err := f.dec.block(f.payload, n)
	if err != nil {
		return nil, at(start, err)
	}
	return frame, nil
}

// read takes in one data block, verifies it and returns how many bytes it
// expands to.
func (f *folderReader) read() (int, error) {
	if err := f.fill(f.header); err != nil {
		return 0, short("data block header", err)
	}
	packed := int(binary.LittleEndian.Uint16(f.header[4:]))
	n := int(binary.LittleEndian.Uint16(f.header[6:]))
	f.payload = slices.Grow(f.payload[:0], packed)[:packed] // at most 64 KiB
	if err := f.fill(f.payload); err != nil {
		return 0, short("data block", err)
	}
	if err := f.verify(); err != nil {
		return 0, err
	}
	return n, f.checkSize(n)
}

func (f *folderReader) fill(b []byte) error {
	n, err := io.ReadFull(f.r, b)
	f.off += int64(n)
	return err
}

func (f *folderReader) checkSize(n int) error {
	switch {
	case n == 0:
		return ErrSpanned // its rest, and its size, are in the next cabinet
	case n > frameSize:
		return corrupt("data block of %d bytes", n)
	case f.whole && f.blocks > 1 && n != frameSize:
		return corrupt("LZX frame of %d bytes before the last", n)
	}
	return nil
}

// verify checks a data block's checksum; 0 means there is none. It covers the
// payload and, from cbData on, the header. [MS-CAB] counts the reserved area
// in, cabextract does not, so either is accepted.
func (f *folderReader) verify() error {
	want := binary.LittleEndian.Uint32(f.header)
	if want == 0 {
		return nil
	}
	sum := checksum(f.payload, 0)
	bare := checksum(f.header[4:8], sum)
	if want != bare && want != checksum(f.header[4:], sum) {
		return corrupt("data block checksum %08x, want %08x", bare, want)
	}
	return nil
}

// checksum is CSUMCompute of [MS-CAB] 3.1: the exclusive or of little-endian
// words; the last 1 to 3 bytes count in the opposite order.
func checksum(b []byte, sum uint32) uint32 {
	var wide uint64
	for ; len(b) >= 8; b = b[8:] {
		wide ^= binary.LittleEndian.Uint64(b)
	}
	sum ^= uint32(wide) ^ uint32(wide>>32)
	if len(b) >= 4 {
		sum ^= binary.LittleEndian.Uint32(b)
		b = b[4:]
	}
	var rest uint32
	for _, c := range b {
		rest = rest<<8 | uint32(c)
	}
	return sum ^ rest
}
