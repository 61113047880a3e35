package identify

import (
	"bytes"

	"github.com/symres/symres/internal/fingerprint"
	"github.com/symres/symres/memsource"
)

const (
	// maxScan bounds the part of a module that is scanned and compared.
	maxScan = 1 << 30
	// maxKept bounds the resident bytes of a module that are kept between the
	// scan and the comparison. The pages of a larger module are read twice.
	maxKept = 64 << 20
)

// resident gives the bytes of a module that are in memory, in ascending order.
// They are read from the target once, at the first call of each, and kept for
// as long as the facts are.
type resident struct {
	src        memsource.Source
	base, size uint64
	kept       []memsource.Extent
	read       bool
	overflow   bool
	pages      int // in memory, at least in part
}

// there reports whether there is memory to read.
func (r *resident) there() bool { return r != nil && r.src != nil }

func (r *resident) each(use func(rva uint64, data []byte)) {
	if !r.there() {
		return
	}
	if r.read && !r.overflow {
		for _, e := range r.kept {
			use(e.Addr-r.base, e.Data)
		}
		return
	}
	r.kept, r.pages = nil, 0
	total, last := 0, ^uint64(0)
	for e, err := range memsource.ReadExtents(r.src, r.base, r.size) {
		if err != nil {
			continue // a hole, and a canceled context ends the walk by itself
		}
		first, end := e.Addr/fingerprint.PageSize, (e.Addr+uint64(len(e.Data))-1)/fingerprint.PageSize
		if r.pages += int(end - first + 1); first == last {
			r.pages--
		}
		last = end
		if total += len(e.Data); total <= maxKept {
			r.kept = append(r.kept, memsource.Extent{Addr: e.Addr, Data: bytes.Clone(e.Data)})
		}
		use(e.Addr-r.base, e.Data)
	}
	if r.read, r.overflow = true, total > maxKept; r.overflow {
		r.kept = nil
	}
}
