package physmem

// NextData returns the first address at or above addr at which the image may have
// something else than zeros, as far as the file system tells of holes in the file;
// else addr itself. Above the last range it is the top of the address space. It is
// safe for concurrent use.
func (f *File) NextData(addr uint64) uint64 {
	holes, ok := f.r.(interface{ NextData(off int64) int64 })
	if !ok || f.format == FormatAVML {
		return addr
	}
	next := ^uint64(0)
	for _, r := range f.ranges { // by address; those that overlap all count
		if r.Address >= next {
			break
		}
		if r.last() < addr {
			continue
		}
		from := max(addr, r.Address)
		in := uint64(holes.NextData(r.Offset+int64(from-r.Address)) - r.Offset)
		if in < r.Size {
			next = min(next, r.Address+in)
		}
	}
	return max(next, addr)
}
