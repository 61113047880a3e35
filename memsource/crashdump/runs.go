package crashdump

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"

	"github.com/symres/symres/memsource"
)

// run is a row of physical pages that lie back to back in a full dump.
type run struct {
	page, count uint64
	off         uint64 // file offset of the first
}

// runMap is the page map of a full dump: the runs in ascending order, disjoint.
type runMap struct {
	runs  []run
	shift uint
	bad   []error
}

// loadRuns reads the PHYSICAL_MEMORY_DESCRIPTOR. It lies in a fixed place of
// the header (700 bytes, 43 runs with the padding behind it), so the number of
// runs is bounded by the header itself.
func (f *File) loadRuns() (pageMap, error) {
	claimed, total, runs := f.descriptor()
	n := f.runCount()
	if n == 0 {
		return nil, fmt.Errorf("crash dump: full dump without a physical memory descriptor: %w", ErrFormat)
	}
	m := &runMap{shift: f.header.pageShift()}
	switch {
	case claimed > uint64(len(runs)):
		m.bad = append(m.bad, fmt.Errorf("crash dump: header claims %d memory runs and has room for %d: %w", claimed, len(runs), ErrFormat))
	case claimed != n:
		m.bad = append(m.bad, fmt.Errorf("crash dump: header claims %d memory runs, and %d have its pages: %w", claimed, n, ErrFormat))
	}
	sum := m.place(runs[:n], f.header.size())
	if sum != total {
		m.bad = append(m.bad, fmt.Errorf("crash dump: %d pages in the runs, %d in the header: %w", sum, total, ErrFormat))
	}
	m.sortDisjoint()
	return m, nil
}

// described reports whether the header has a descriptor.
func (f *File) described() bool { return f.runCount() != 0 }

// runCount is how many runs there are: as many as the header claims, unless
// others have all the pages it claims, or all that the file holds.
func (f *File) runCount() uint64 {
	n, total, runs := f.descriptor()
	n = min(n, uint64(len(runs)))
	held := f.held()
	if sum := pagesOf(runs[:n]); n != 0 && (sum == total || sum == held) {
		return n
	}
	for _, want := range []uint64{total, held} {
		if by := rowsOf(runs, want); want != 0 && by > 0 {
			return uint64(by)
		}
	}
	return n
}

// pagesOf is the sum of the pages, a large number where that cannot be.
func pagesOf(runs []run) (sum uint64) {
	for _, r := range runs {
		if r.count > maxPages || sum > maxPages {
			return math.MaxUint64
		}
		sum += r.count
	}
	return sum
}

// descriptor returns the claimed number of runs and of pages, and every run
// there is room for.
func (f *File) descriptor() (n, pages uint64, runs []run) {
	b, le := f.raw, binary.LittleEndian
	if f.header.Bits == 32 {
		for off := 0x6c; off+8 <= 0x320; off += 8 {
			runs = append(runs, run{page: uint64(le.Uint32(b[off:])), count: uint64(le.Uint32(b[off+4:]))})
		}
		return uint64(b.u32(0x64)), uint64(b.u32(0x68)), runs
	}
	for off := 0x98; off+16 <= 0x348; off += 16 {
		runs = append(runs, run{page: le.Uint64(b[off:]), count: le.Uint64(b[off+8:])})
	}
	return uint64(b.u32(0x88)), b.u64(0x90), runs
}

// place gives each run its place in the file and returns the sum of their
// pages. A run that cannot exist ends the list: what follows it has no place.
func (m *runMap) place(runs []run, off uint64) (sum uint64) {
	for i, r := range runs {
		if r.count > maxPages || r.page > maxPages<<6-r.count || sum > maxPages-r.count {
			m.bad = append(m.bad, fmt.Errorf("crash dump: memory run %d (page %#x, %#x pages) cannot be: %w", i, r.page, r.count, ErrFormat))
			return sum
		}
		if r.count == 0 {
			continue
		}
		r.off = off + sum<<m.shift
		sum += r.count
		m.runs = append(m.runs, r)
	}
	return sum
}

// sortDisjoint orders the runs by page and cuts what overlaps an earlier one.
func (m *runMap) sortDisjoint() {
	slices.SortStableFunc(m.runs, func(a, b run) int { return cmp.Compare(a.page, b.page) })
	out, end := m.runs[:0], uint64(0)
	for _, r := range m.runs {
		if r.page < end {
			m.bad = append(m.bad, fmt.Errorf("crash dump: memory runs overlap at page %#x: %w", r.page, ErrFormat))
			cut := min(end-r.page, r.count)
			r = run{page: r.page + cut, count: r.count - cut, off: r.off + cut<<m.shift}
		}
		if r.count > 0 {
			out, end = append(out, r), r.page+r.count
		}
	}
	m.runs = out
}

// find implements pageMap.
func (m *runMap) find(page uint64) (stretch, error) {
	i := sort.Search(len(m.runs), func(i int) bool { return m.runs[i].page+m.runs[i].count > page })
	if i == len(m.runs) {
		return stretch{reason: memsource.ReasonNotInDump}, nil
	}
	r := m.runs[i]
	if page < r.page {
		return stretch{pages: r.page - page, reason: memsource.ReasonNotInDump}, nil
	}
	in := page - r.page
	return stretch{pages: r.count - in, off: r.off + in<<m.shift, held: true}, nil
}

// problems implements pageMap.
func (m *runMap) problems(fileSize uint64) []error {
	out, missing := slices.Clone(m.bad), uint64(0)
	for _, r := range m.runs {
		missing += missingPages(r.off, r.count, fileSize, m.shift)
	}
	return appendError(out, truncated(missing))
}

// missingPages counts those of the count pages at off that the file does not hold whole.
func missingPages(off, count, fileSize uint64, shift uint) uint64 {
	if off >= fileSize {
		return count
	}
	if held := (fileSize - off) >> shift; held < count {
		return count - held
	}
	return 0
}

func truncated(missing uint64) error {
	if missing == 0 {
		return nil
	}
	return fmt.Errorf("crash dump: the file ends before the last %d pages: %w", missing, io.ErrUnexpectedEOF)
}
