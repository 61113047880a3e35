package dumpbuild

import (
	"errors"
	"io"
	"math"
	"os"
)

// Swap is a paging file: pieces of 4 KB by their byte offset. It ends with the last
// one, and what no page was written to reads as zeros.
type Swap map[uint64][]byte

// size is where the last page ends.
func (s Swap) size() (end int64) {
	for off := range s {
		end = max(end, int64(off)+pageSize)
	}
	return end
}

// ReadAt implements [io.ReaderAt]. Safe for concurrent use.
func (s Swap) ReadAt(p []byte, off int64) (int, error) {
	end := s.size()
	if off < 0 || off >= end || off > math.MaxInt64-int64(len(p)) {
		return 0, io.EOF
	}
	short := int64(len(p)) > end-off
	p = p[:min(int64(len(p)), end-off)]
	clear(p)
	for n := 0; n < len(p); {
		at := uint64(off) + uint64(n)
		page, in := s[at&^(pageSize-1)], at%pageSize
		if page != nil {
			copy(p[n:], page[in:])
		}
		n += int(pageSize - in)
	}
	if short {
		return len(p), io.EOF
	}
	return len(p), nil
}

// WriteFile writes the paging file, with holes for what has no page.
func (s Swap) WriteFile(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(s.size())
	for off, page := range s {
		if err == nil {
			_, err = f.WriteAt(page, int64(off))
		}
	}
	return errors.Join(err, f.Close())
}

// freeSlot returns the next page of a paging file that nothing is in.
func (b *builder) freeSlot(n int) uint32 {
	for b.facts.PageFiles[n][uint64(b.slot)*b.mem.page()] != nil {
		b.slot++
	}
	b.slot++
	return b.slot - 1
}

// swap puts a page into a paging file.
func (b *builder) swap(n int, off uint64, content []byte) {
	if b.facts.PageFiles == nil {
		b.facts.PageFiles = map[int]Swap{}
	}
	if b.facts.PageFiles[n] == nil {
		b.facts.PageFiles[n] = Swap{}
	}
	page := make([]byte, b.mem.page())
	copy(page, content)
	for ; len(page) > 0; page, off = page[pageSize:], off+pageSize { // a Swap has pieces of 4 KB
		b.facts.PageFiles[n][off] = page[:pageSize:pageSize]
	}
}
