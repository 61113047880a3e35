package fsx

import "os"

// NextData returns the first offset at or above off at which the file may hold
// something else than zeros, which is its size where nothing follows: holes of a
// sparse file are passed over without reading them. Where the system or the file
// system does not tell, it is off.
func (f *File) NextData(off int64) int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if h, ok := f.r.(interface{ NextData(off int64) int64 }); ok && !f.closed {
		return h.NextData(off)
	}
	file, ok := f.closer.(*os.File)
	if f.closed || !ok {
		return off
	}
	return NextData(file, f.size, off)
}

// NextData is [File.NextData] for an open file of that size, which is read at
// offsets only: where it stands is changed.
func NextData(f *os.File, size, off int64) int64 {
	if off < 0 || off >= size {
		return off
	}
	next, none, err := seekData(f, off)
	switch {
	case none:
		return size
	case err != nil || next < off:
		return off
	}
	return min(next, size)
}
