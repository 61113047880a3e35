package unwind

import (
	"encoding/binary"
	"fmt"
)

const (
	dirException = 3 // index of the exception directory
	maxProbes    = 256
)

// table returns the function table of m's code, in records of unit bytes; none
// where the image has none.
func (im *image) table(w *walker, m Machine, unit uint32) (rva, n uint32, err error) {
	h, err := im.header(w)
	if err != nil || len(h.Directories) <= dirException {
		return 0, 0, err
	}
	d := h.Directories[dirException]
	rva, size := d.RVA, d.Size
	switch {
	case h.Machine == uint16(m):
	case h.hybrid != nil:
		rva, size = h.hybrid.table, h.hybrid.size
	default:
		return 0, 0, fmt.Errorf("%w: the image is for %v", ErrUnwindData, Machine(h.Machine))
	}
	if rva == 0 || size < unit {
		return 0, 0, nil
	}
	if uint64(rva)+uint64(size) > uint64(im.module.Size) {
		return 0, 0, fmt.Errorf("%w: function table lies outside of the image", ErrUnwindData)
	}
	return rva, size / unit, nil
}

// search returns the index of the last of n records of unit bytes at table
// whose first word is not above rva, or -1. Where pages of the table are out
// around it the error says which, and the index is that of the last record
// before them: if the function that it is about does not hold rva, nobody knows.
func (im *image) search(w *walker, table, n, unit, rva uint32) (int, error) {
	lo, hi, probes := uint32(0), n, maxProbes
	for lo < hi {
		i, word, err := im.probe(w, table, unit, lo, hi, &probes)
		switch {
		case err != nil:
			return int(lo) - 1, err
		case word <= rva:
			lo = i + 1
		default:
			hi = i
		}
	}
	return int(lo) - 1, nil
}

// probe reads the first word of the record in the middle of those from lo to hi
// or, where its page is out, of one in the nearest page that can be read.
func (im *image) probe(w *walker, table, unit, lo, hi uint32, probes *int) (i, word uint32, err error) {
	mid := lo + (hi-lo)/2
	rva := table + mid*unit
	if p, off := im.kept(rva), rva%pageSize; p != nil && off <= pageSize-4 {
		w.origin = w.origin.with(p.origin)
		return mid, binary.LittleEndian.Uint32(p.bytes[off:]), nil
	}
	if word, err = im.word(w, rva); err == nil {
		return mid, word, nil
	}
	return im.detour(w, table, unit, lo, hi, probes, err)
}

// detour is probe where the page of the middle record is out, for the reason
// why.
func (im *image) detour(w *walker, table, unit, lo, hi uint32, probes *int, why error) (i, word uint32, err error) {
	mid := lo + (hi-lo)/2
	// The first record of each page above and the last of each below.
	page := (uint64(table) + uint64(mid)*uint64(unit)) &^ (pageSize - 1)
	for d := uint64(0); *probes > 0; d++ {
		*probes--
		up := (max(page+(d+1)*pageSize, uint64(table)) - uint64(table) + uint64(unit) - 1) / uint64(unit)
		down := (max(page, uint64(table)+d*pageSize) - d*pageSize - uint64(table) + uint64(unit) - 1) / uint64(unit)
		if up >= uint64(hi) && down <= uint64(lo) {
			break
		}
		for _, i := range [2]uint64{up, down - 1} {
			if i < uint64(lo) || i >= uint64(hi) {
				continue
			}
			if word, out := im.word(w, table+uint32(i)*unit); out == nil {
				return uint32(i), word, nil
			}
		}
	}
	return 0, 0, why
}

// word reads four bytes at rva.
func (im *image) word(w *walker, rva uint32) (uint32, error) {
	b, err := im.at(w, rva, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}
