package crashdump

import (
	"encoding/binary"
	"fmt"
)

// summaryHead is the fixed part of the head of a summary dump: signatures, +8
// options, +c HeaderSize, +10 BitmapSize, +14 Pages, +18 RTL_BITMAP, whose
// pointer is as wide as the kernel's. (Dump.h of Microsoft's Singularity release;
// the places behind it are computed.)
const summaryHead = 0x18

// loadSummary reads the head of a dump of type 2, as Windows 2000 to 7 wrote
// them: a bitmap as in later dumps behind another head. A head whose HeaderSize
// cannot be where the first page is has the later form.
func (f *File) loadSummary() (pageMap, error) {
	head, at := make([]byte, summaryHead), f.header.size()
	if err := f.readFull("summary head", head, at); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	first := uint64(le.Uint32(head[0xc:]))
	if first == 0 || first%(1<<f.header.pageShift()) != 0 {
		return f.loadBitmap()
	}
	if s := string(head[:8]); s != "SDMPDUMP" {
		return nil, fmt.Errorf("crash dump: no SDMP signature at offset %#x: %w", at, ErrFormat)
	}
	start := at + summaryHead + 8 // RTL_BITMAP of 32 bits: a size and a pointer
	if f.header.Bits == 64 {
		start += 8
	}
	m := &bitmapMap{start: start, data: first}
	if err := f.settle(m, uint64(le.Uint32(head[0x14:])), uint64(le.Uint32(head[0x10:]))); err != nil {
		return nil, err
	}
	return f.newBitmap(m), nil
}
