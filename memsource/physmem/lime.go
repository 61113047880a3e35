package physmem

import "encoding/binary"

// A LiME header: magic, version 1, first and last physical address, 8 bytes
// that are reserved. The bytes of the range follow, then the next header.
const (
	limeMagic  = 0x4c694d45 // "EMiL"
	limeHeader = 32
)

// readLiME walks the headers. A header of zeros is an end as well.
func (f *File) readLiME() error {
	var b [limeHeader]byte
	le := binary.LittleEndian
	for off := uint64(0); off < f.size; {
		if f.size-off < limeHeader {
			f.problem("memory image: %d bytes after the last range: %w", f.size-off, ErrFormat)
			break
		}
		if err := f.read("range header", b[:], off); err != nil {
			return err
		}
		off += limeHeader
		if b == ([limeHeader]byte{}) {
			break
		}
		first, last := le.Uint64(b[8:]), le.Uint64(b[16:])
		if le.Uint32(b[:]) != limeMagic || le.Uint32(b[4:]) != 1 || last < first || last-first == 1<<64-1 {
			f.problem("memory image: no range header at offset %#x: %w", off-limeHeader, ErrFormat)
			break
		}
		if len(f.ranges) == maxRanges {
			f.problem("memory image: more than %d ranges: %w", maxRanges, ErrFormat)
			break
		}
		f.add(Range{Address: first, Size: last - first + 1, Offset: int64(off)})
		if last-first >= f.size-off {
			break
		}
		off += last - first + 1
	}
	return nil
}
