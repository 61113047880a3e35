package dwarf

import (
	"fmt"

	"github.com/symres/symres/symbols"
)

// Kinds of entries of .debug_rnglists (DWARF 5, 7.25).
const (
	rleEnd = iota
	rleBaseAddressx
	rleStartxEndx
	rleStartxLength
	rleOffsetPair
	rleBaseAddress
	rleStartEnd
	rleStartLength
)

// eachRange calls yield for each range of code that an entry names by its
// attributes, in RVAs. Parts outside of the image are left out.
func (r *root) eachRange(low, high, ranges value, w *work, yield func(start, end uint32)) error {
	emit := func(start, end uint64) {
		if a, ok := r.t.rva(start); ok && end > start {
			yield(a, uint32(min(end-r.t.im.ImageBase, uint64(r.t.im.SizeOfImage))))
		}
	}
	if ranges.form != 0 {
		return r.list(ranges, w, emit)
	}
	if low.form == 0 || high.form == 0 {
		return nil
	}
	start, err := r.address(low)
	if err != nil {
		return err
	}
	end := start + high.u
	if !high.isConstant() {
		if end, err = r.address(high); err != nil {
			return err
		}
	}
	emit(start, end)
	return w.spend(costRange)
}

// list reads a list of ranges.
func (r *root) list(v value, w *work, emit func(start, end uint64)) error {
	base := uint64(0)
	if r.low.form != 0 {
		var err error
		if base, err = r.address(r.low); err != nil {
			return err
		}
	}
	name, parse := "ranges", (*root).oldRanges
	if r.version >= 5 {
		name, parse = "rnglists", (*root).ranges5
	}
	off := v.u
	if v.form == formRnglistx {
		rel, err := r.number(name, r.rngs, v.u, int(r.offsetSize))
		if err != nil {
			return err
		}
		off = r.rngs + rel
	}
	c, err := r.t.sections.open(name)
	if err != nil {
		return err
	}
	var got []uint64
	for size := uint64(64); ; size *= 8 {
		b, err := r.piece(c, off, size)
		if err != nil {
			return err
		}
		in := reader{b: b}
		got, err = parse(r, &in, base, got[:0], w)
		if err != nil {
			return err
		}
		if !in.bad {
			break
		}
		if uint64(len(b)) < size {
			return fmt.Errorf("DWARF: ranges at %#x do not end: %w", off, symbols.ErrFormat)
		}
	}
	for i := 0; i < len(got); i += 2 {
		emit(got[i], got[i+1])
	}
	return nil
}

// oldRanges reads pairs of addresses of .debug_ranges (DWARF 3 and 4, 2.17.3).
func (r *root) oldRanges(in *reader, base uint64, got []uint64, w *work) ([]uint64, error) {
	most := uint64(1)<<(8*r.width) - 1
	if r.width == 8 {
		most = ^uint64(0)
	}
	for !in.bad {
		start, end := in.fixed(int(r.width)), in.fixed(int(r.width))
		switch {
		case start == most:
			base = end
		case start == 0 && end == 0:
			return got, nil
		default:
			got = append(got, base+start, base+end)
		}
		if err := w.spend(costRange); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// ranges5 reads a list of .debug_rnglists.
func (r *root) ranges5(in *reader, base uint64, got []uint64, w *work) ([]uint64, error) {
	indexed := func() (a uint64, err error) { return r.address(value{form: formAddrx, u: in.uleb()}) }
	for !in.bad {
		if err := w.spend(costRange); err != nil {
			return nil, err
		}
		var start, end uint64
		var err error
		switch kind := in.u8(); kind {
		case rleEnd:
			return got, nil
		case rleBaseAddressx:
			if base, err = indexed(); err != nil && !in.bad {
				return nil, err
			}
			continue
		case rleBaseAddress:
			base = in.fixed(int(r.width))
			continue
		case rleStartxEndx:
			start, err = indexed()
			if err == nil {
				end, err = indexed()
			}
		case rleStartxLength:
			start, err = indexed()
			end = start + in.uleb()
		case rleOffsetPair:
			start = base + in.uleb()
			end = base + in.uleb()
		case rleStartEnd:
			start, end = in.fixed(int(r.width)), in.fixed(int(r.width))
		case rleStartLength:
			start = in.fixed(int(r.width))
			end = start + in.uleb()
		default:
			return nil, fmt.Errorf("DWARF: range of kind %d: %w", kind, symbols.ErrFormat)
		}
		if in.bad {
			break
		}
		if err != nil {
			return nil, err
		}
		got = append(got, start, end)
	}
	return got, nil
}
