package nt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/symres/symres/memsource"
)

const (
	scanChunk  = 64 << 10
	maxRecords = 16 // debug records and page-table roots kept
)

// debugRecord reads through memory for the kernel's debug record and for page
// tables that map themselves, and finds the address at which the tables show
// the record.
func (f *finder) debugRecord() (hint, error) {
	const what = "debug record"
	if f.scan == 0 {
		return hint{}, fmt.Errorf("%s: reading through memory was not asked for", what)
	}
	var records, roots []uint64
	chunk := make([]byte, scanChunk)
	for at := uint64(0); at < f.scan && (len(records) < maxRecords || len(roots) < maxRecords); {
		n, err := f.phys.ReadMemory(chunk[:min(scanChunk, f.scan-at)], at)
		for off := 0; off+pageSize <= n; off += pageSize {
			page := chunk[off:][:pageSize]
			if len(records) < maxRecords && hasRecord(page) {
				records = append(records, at+uint64(off))
			}
			if len(roots) < maxRecords && mapsItself(page, at+uint64(off)) {
				roots = append(roots, at+uint64(off))
			}
		}
		next := at + skip(n, err)
		if next <= at || errors.Is(err, memsource.ErrCanceled) { // the top of memory, or nobody waits
			break
		}
		at = next
	}
	for _, root := range roots {
		for _, record := range records {
			if addr := f.mapped(root, record); addr != 0 {
				return hint{root, addr, what}, nil
			}
		}
	}
	return hint{}, fmt.Errorf("%s: %d records and %d page tables found that do not fit", what, len(records), len(roots))
}

// skip is how far a read came, or how far it cannot go.
func skip(n int, err error) uint64 {
	done := uint64(n) &^ (pageSize - 1)
	fault, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		return max(done, pageSize)
	}
	return done + max(fault.Len&^(pageSize-1), pageSize)
}

// hasRecord reports whether a page holds a CodeView record that names a
// kernel's PDB.
func hasRecord(page []byte) bool {
	const header = 24 // signature, GUID, age
	for at := 0; ; at++ {
		i := bytes.Index(page[at:], []byte("RSDS"))
		if i < 0 || at+i+header >= len(page) {
			return false
		}
		at += i
		name, _, ok := bytes.Cut(page[at+header:min(at+header+32, len(page))], []byte{0})
		if ok && isKernelPDB(string(name)) {
			return true
		}
	}
}

// mapsItself reports whether a page is a top table with an entry in its upper
// half that points to the page itself, as Windows makes them.
func mapsItself(page []byte, pa uint64) bool {
	const frame, flags = 0x000ffffffffff000, 0x63 // present, writable, accessed, dirty
	for i := 256; i < 512; i++ {
		e := binary.LittleEndian.Uint64(page[8*i:])
		if e&frame == pa && e&flags == flags && pa != 0 {
			return true
		}
	}
	return false
}

// mapped finds the address of a physical page in the part of the kernel's half
// where images are, by the tables below root; 0 when they do not map it.
func (f *finder) mapped(root, pa uint64) uint64 {
	const kernelImages = 0x1f0 // entry of the top table: fffff800`00000000
	const present, large, frame = 1, 0x80, 0x000ffffffffff000
	table := func(e uint64) []byte {
		b := make([]byte, pageSize)
		if e&present == 0 || memsource.ReadFull(f.phys, b, e&frame) != nil {
			return nil
		}
		return b
	}
	entries := func(b []byte) func(func(uint64, uint64) bool) {
		return func(yield func(uint64, uint64) bool) {
			for i := uint64(0); i < uint64(len(b)/8); i++ {
				if e := binary.LittleEndian.Uint64(b[8*i:]); e&present != 0 && !yield(i, e) {
					return
				}
			}
		}
	}
	top, err := memsource.U64(f.phys, root+8*kernelImages)
	if err != nil {
		return 0
	}
	const base = 0xffff000000000000 | kernelImages<<39
	for i, e3 := range entries(table(top)) {
		if e3&large != 0 {
			continue
		}
		for j, e2 := range entries(table(e3)) {
			at := uint64(base) | i<<30 | j<<21
			if e2&large != 0 {
				if first := e2 & frame &^ (1<<21 - 1); pa-first < 1<<21 {
					return at + (pa - first)
				}
				continue
			}
			for n, e1 := range entries(table(e2)) {
				if e1&frame == pa {
					return at | n<<12
				}
			}
		}
	}
	return 0
}
