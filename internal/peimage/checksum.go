package peimage

import (
	"encoding/binary"
	"io"
)

// Checksum computes the checksum of an image file of size bytes as the linker
// does: the one's complement sum of its 16-bit words without the CheckSum
// field, and the size of the file on top of it. A byte past the last word
// counts as a word. It reads the file once, from the beginning to the end.
//
// Source: the algorithm of CheckSumMappedFile, which the PE specification
// names; compared with images that Microsoft and lld checksummed.
func Checksum(r io.ReaderAt, size int64) (uint32, error) {
	lfanew, err := readDOS(r)
	if err != nil {
		return 0, err
	}
	const field = ntFixed + 64 // of CheckSum, from the NT headers on
	at := lfanew + field
	var sum uint64
	buf := make([]byte, 64<<10)
	for off := int64(0); off < size; off += int64(len(buf)) {
		b := buf[:min(size-off, int64(len(buf)))]
		if n, err := r.ReadAt(b, off); n < len(b) {
			return 0, eof(err)
		}
		for k := max(at-off, 0); k < min(at+4-off, int64(len(b))); k++ {
			b[k] = 0
		}
		sum += words(b)
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint32(sum + uint64(size)), nil
}

// words adds up the 16-bit words of b, which is even but at the end of a file.
func words(b []byte) (sum uint64) {
	for ; len(b) >= 8; b = b[8:] {
		v := binary.LittleEndian.Uint64(b)
		sum += v&0xffff + v>>16&0xffff + v>>32&0xffff + v>>48
	}
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(binary.LittleEndian.Uint16(b))
	}
	if len(b) > 0 {
		sum += uint64(b[0])
	}
	return sum
}
