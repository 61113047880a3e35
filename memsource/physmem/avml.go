package physmem

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sort"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/klauspost/compress/s2"
)

// An AVML file of version 2 (microsoft/avml, image.rs): headers like LiME's, each
// before a block of at most 16 MB as a stream of Snappy's framing format, which
// the length of that stream ends. Blocks of zeros are left out. A file may have
// blocks of LiME's form too.
const (
	avmlMagic   = 0x4c4d5641 // "AVML"
	avmlVersion = 2
	avmlTrailer = 8

	snappyChunk   = 64 << 10 // bytes, the most a chunk expands to (framing_format.txt)
	snappyPacked  = 0x00
	snappyPlain   = 0x01
	snappySkipped = 0x80 // and above: padding, names, what others put in
	snappyHeader  = 4    // type, length of three bytes
	snappySum     = 4

	maxChunks   = 1 << 24 // the index of 1 TB
	cacheChunks = 64
)

// snappyStream is memory in chunks, found by their address. The index of it is
// made when the file is opened, from the headers of the chunks: nothing is
// expanded for it.
type snappyStream struct {
	r      io.ReaderAt
	chunks []chunk // by address, disjoint in a file that is sound
	cache  *lru.Cache[uint64, []byte]

	mu  sync.Mutex // guards buf
	buf []byte
}

// chunk is where the bytes from an address on are.
type chunk struct {
	address uint64
	offset  int64  // of the chunk in the file
	size    uint32 // expanded
}

// avml walks the blocks of an AVML file.
type avml struct {
	f      *File
	stream *snappyStream
}

// readAVML walks the headers, and the chunks of the blocks.
func (f *File) readAVML() error {
	cache, err := lru.New[uint64, []byte](cacheChunks)
	if err != nil {
		return err
	}
	a := &avml{f, &snappyStream{r: io.NewSectionReader(f.r, 0, int64(f.size)), cache: cache}}
	for off := uint64(0); off < f.size; {
		next, err := a.block(off)
		if errors.Is(err, errNoBlock) {
			break
		}
		if err != nil {
			return err
		}
		off = next
	}
	if !a.stream.sort() {
		f.problem("memory image: compressed blocks overlap: %w", ErrFormat)
	}
	return nil
}

// errNoBlock ends the walk; what is wrong is among the problems.
var errNoBlock = errors.New("no block")

// block takes in the block at an offset, and returns where the next one is.
func (a *avml) block(off uint64) (next uint64, err error) {
	f, le := a.f, binary.LittleEndian
	var b [limeHeader]byte
	if f.size-off < limeHeader {
		f.problem("memory image: %d bytes after the last range: %w", f.size-off, ErrFormat)
		return 0, errNoBlock
	}
	if err := f.read("range header", b[:], off); err != nil {
		return 0, err
	}
	at := off + limeHeader
	magic, version, first, last := le.Uint32(b[:]), le.Uint32(b[4:]), le.Uint64(b[8:]), le.Uint64(b[16:])
	switch {
	case b == ([limeHeader]byte{}):
		return 0, errNoBlock
	case last < first || last-first > maxBlock || len(f.ranges) >= maxRanges:
		f.problem("memory image: a block from %#x to %#x at offset %#x cannot be: %w", first, last, off, ErrFormat)
		return 0, errNoBlock
	case magic == limeMagic && version == 1:
		f.add(Range{Address: first, Size: last - first + 1, Offset: int64(at)})
		return at + min(last-first+1, f.size-at), nil
	case magic != avmlMagic || version != avmlVersion:
		f.problem("memory image: no range header at offset %#x: %w", off, ErrFormat)
		return 0, errNoBlock
	}
	return a.compressed(first, last-first+1, at)
}

// maxBlock bounds a block: those of AVML have 16 MB.
const maxBlock = 1 << 40

// compressed takes in the chunks of a block of size bytes. Where they end before
// the block does, that is what there is of it.
func (a *avml) compressed(first, size, at uint64) (next uint64, err error) {
	f, done := a.f, uint64(0)
	for done < size {
		c, length, chunkErr := a.chunk(at)
		if chunkErr != nil {
			f.problem("memory image: block at %#x: %w", first, chunkErr)
			err = errNoBlock
			break
		}
		if c.size > 0 {
			c.address = first + done
			c.size = uint32(min(uint64(c.size), size-done))
			a.stream.chunks = append(a.stream.chunks, c)
			done += uint64(c.size)
		}
		at += length
	}
	if done > 0 {
		a.add(Range{Address: first, Size: done, Offset: a.stream.chunks[len(a.stream.chunks)-1].offset})
	}
	return at + avmlTrailer, err
}

// add makes a block of the stream readable.
func (a *avml) add(r Range) {
	if r.last() < r.Address || int64(r.last()) < 0 {
		a.f.problem("memory image: a range of %#x bytes at %#x cannot be: %w", r.Size, r.Address, ErrFormat)
		return
	}
	if err := a.f.memory.AddReader(r.Address, r.Size, a.stream, int64(r.Address)); err != nil {
		a.f.problem("memory image: %w", err)
		return
	}
	a.f.ranges = append(a.f.ranges, r)
}

// chunk reads the header of a chunk; size is 0 for one that holds no memory.
func (a *avml) chunk(at uint64) (c chunk, length uint64, err error) {
	var b [snappyHeader + snappySum + binary.MaxVarintLen32]byte
	n := 0
	if at < a.f.size {
		n, err = a.f.r.ReadAt(b[:min(uint64(len(b)), a.f.size-at)], int64(at))
	}
	if n < snappyHeader {
		return c, 0, errors.Join(ErrFormat, io.ErrUnexpectedEOF, notEOF(err))
	}
	size := uint64(b[1]) | uint64(b[2])<<8 | uint64(b[3])<<16
	length = snappyHeader + size
	if length > a.f.size-at {
		return c, 0, fmt.Errorf("chunk at offset %#x: %w: %w", at, ErrFormat, io.ErrUnexpectedEOF)
	}
	expanded := size - snappySum
	switch {
	case b[0] >= snappySkipped:
		return c, length, nil
	case b[0] != snappyPacked && b[0] != snappyPlain || size <= snappySum:
		return c, 0, fmt.Errorf("chunk of type %#x and %d bytes at offset %#x: %w", b[0], size, at, ErrFormat)
	case b[0] == snappyPacked:
		var used int
		if expanded, used = binary.Uvarint(b[snappyHeader+snappySum : n]); used <= 0 {
			expanded = 0
		}
	}
	if expanded == 0 || expanded > snappyChunk || len(a.stream.chunks) >= maxChunks {
		return c, 0, fmt.Errorf("chunk of %d bytes at offset %#x: %w", expanded, at, ErrFormat)
	}
	return chunk{offset: int64(at), size: uint32(expanded)}, length, nil
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// sort orders the chunks by address, so that they can be searched, and reports
// whether no two overlap. Of those that do, either may be read.
func (s *snappyStream) sort() bool {
	slices.SortStableFunc(s.chunks, func(a, b chunk) int { return cmp.Compare(a.address, b.address) })
	for i := 1; i < len(s.chunks); i++ {
		if before := s.chunks[i-1]; s.chunks[i].address-before.address < uint64(before.size) {
			return false
		}
	}
	return true
}

// ReadAt reads memory: off is a physical address.
func (s *snappyStream) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := uint64(off) + uint64(n)
		i := sort.Search(len(s.chunks), func(i int) bool { return s.chunks[i].address > at }) - 1
		for i >= 0 && at-s.chunks[i].address >= uint64(s.chunks[i].size) && s.chunks[i].address+snappyChunk > at {
			i-- // a shorter one begins nearer
		}
		if i < 0 || at-s.chunks[i].address >= uint64(s.chunks[i].size) {
			return n, io.EOF
		}
		data, err := s.expanded(s.chunks[i])
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data[at-s.chunks[i].address:])
	}
	return n, nil
}

// expanded returns the bytes of a chunk, which are kept for a while.
func (s *snappyStream) expanded(c chunk) ([]byte, error) {
	if b, ok := s.cache.Get(uint64(c.offset)); ok {
		return b[:c.size], nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.expand(c)
	if err != nil {
		return nil, fmt.Errorf("chunk at offset %#x: %w", c.offset, err)
	}
	s.cache.Add(uint64(c.offset), b)
	return b[:c.size], nil
}

// expand reads and expands a chunk, and holds it against its checksum.
func (s *snappyStream) expand(c chunk) ([]byte, error) {
	var head [snappyHeader + snappySum]byte
	if _, err := s.r.ReadAt(head[:], c.offset); err != nil {
		return nil, err
	}
	size := int(head[1]) | int(head[2])<<8 | int(head[3])<<16
	if size <= snappySum || size > 2*snappyChunk {
		return nil, fmt.Errorf("%d bytes: %w", size, ErrFormat)
	}
	if s.buf == nil {
		s.buf = make([]byte, 2*snappyChunk)
	}
	b := s.buf[:size-snappySum]
	if _, err := s.r.ReadAt(b, c.offset+snappyHeader+snappySum); err != nil {
		return nil, err
	}
	out := append([]byte(nil), b...)
	if head[0] == snappyPacked {
		if n, err := s2.DecodedLen(b); err != nil || n > snappyChunk || n < int(c.size) {
			return nil, fmt.Errorf("expands to %d bytes: %w", n, ErrFormat)
		}
		var err error
		if out, err = s2.Decode(nil, b); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
	}
	if len(out) < int(c.size) || masked(out) != binary.LittleEndian.Uint32(head[snappyHeader:]) {
		return nil, fmt.Errorf("checksum: %w", ErrFormat)
	}
	return out, nil
}

// masked is the checksum of the framing format: CRC-32C, turned and added to.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}
