package fingerprint

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/symres/symres/internal/peimage"
)

// Section characteristics (winnt.h).
const (
	scnUninitialized = 0x00000080
	scnDiscardable   = 0x02000000
	scnExecute       = 0x20000000
	scnWrite         = 0x80000000
)

// relocsStripped is a characteristic of a file that can only be mapped at the
// base it was linked for (winnt.h).
const relocsStripped = 1

// Indices of data directories (winnt.h).
const (
	dirImport      = 1
	dirBaseReloc   = 5
	dirLoadConfig  = 10
	dirIAT         = 12
	dirDelayImport = 13
)

// maxImage bounds the image: the result has an entry for each of its pages.
const maxImage = 1 << 30

// ErrBase is wrapped by the error of a file that cannot be mapped at a base.
var ErrBase = errors.New("the image cannot be at this base")

// segment is a run of RVAs that come from one place of the file.
type segment struct {
	start, end uint64
	off        int64
	raw        uint64 // bytes the file has; zeros follow
	skip       Reason // not 0: not compared
}

// mask is a run of RVAs that the loader or the kernel fills in.
type mask struct {
	start, end uint64
	why        Reason
}

// Image is a file laid out at a base. It is immutable and safe for concurrent
// use as far as its reader is.
type Image struct {
	r        io.ReaderAt
	h        *peimage.Headers
	base     uint64
	size     uint64 // of the image, whole pages
	segments []segment
	relocs   []reloc // where the base is not the preferred one, by RVA
	masks    []mask  // by RVA
}

// Load reads what the file behind r, with headers h, says about being mapped
// at base. r is read later too. The error wraps [peimage.ErrFormat] for headers
// or relocations that make no sense and [ErrBase] for a file without the
// relocations that base takes.
func Load(r io.ReaderAt, h *peimage.Headers, base uint64) (*Image, error) {
	if err := errors.Join(h.NTErr, h.DirErr, h.SectionErr); err != nil {
		return nil, err
	}
	if h.SizeOfImage == 0 || h.SizeOfImage > maxImage {
		return nil, fmt.Errorf("%w: SizeOfImage %#x", peimage.ErrFormat, h.SizeOfImage)
	}
	i := &Image{r: r, h: h, base: base, size: (uint64(h.SizeOfImage) + PageSize - 1) &^ (PageSize - 1)}
	i.segments = segments(h, i.size)
	if base != h.ImageBase {
		if err := i.readRelocs(); err != nil {
			return nil, err
		}
	}
	i.readMasks()
	return i, nil
}

// segments returns the sections by RVA, and the headers in front of them. A
// section that reaches into the one before it is cut: images have none.
func segments(h *peimage.Headers, size uint64) []segment {
	list := []segment{{end: uint64(h.SizeOfHeaders), skip: Header}}
	for _, s := range h.Sections {
		virtual := uint64(s.VirtualSize)
		if virtual == 0 {
			virtual = uint64(s.RawSize)
		}
		seg := segment{
			start: uint64(s.VirtualAddress), end: uint64(s.VirtualAddress) + virtual,
			off: int64(s.RawOffset), raw: uint64(s.RawSize), skip: skipped(s),
		}
		if seg.skip == 0 && (seg.raw == 0 || seg.off == 0) {
			seg.skip = NotFromFile
		}
		list = append(list, seg)
	}
	slices.SortStableFunc(list, func(a, b segment) int { return cmp.Compare(a.start, b.start) })
	kept, last := list[:0], uint64(0)
	for _, s := range list {
		s.end = min(s.end, size)
		if s.start >= last && s.start < s.end {
			kept, last = append(kept, s), s.end
		}
	}
	return kept
}

// skipped returns why the bytes of a section in memory may be anything.
func skipped(s peimage.Section) Reason {
	switch {
	case s.Characteristics&scnUninitialized != 0:
		return NotFromFile
	case s.Characteristics&scnDiscardable != 0 || strings.HasPrefix(s.Name, "INIT"):
		return Discardable
	case s.Characteristics&scnWrite != 0:
		return Writable
	}
	return 0
}

// between returns those of the ordered runs that overlap [from, to).
func between[T any](runs []T, from, to uint64, bounds func(T) (start, end uint64)) []T {
	first, _ := slices.BinarySearchFunc(runs, from, func(r T, at uint64) int {
		if _, end := bounds(r); end <= at {
			return -1
		}
		return 1
	})
	last := first
	for last < len(runs) {
		if start, _ := bounds(runs[last]); start >= to {
			break
		}
		last++
	}
	return runs[first:last]
}

func (i *Image) segmentsIn(from, to uint64) []segment {
	return between(i.segments, from, to, func(s segment) (uint64, uint64) { return s.start, s.end })
}

func (i *Image) masksIn(from, to uint64) []mask {
	return between(i.masks, from, to, func(m mask) (uint64, uint64) { return m.start, m.end })
}

// fill reads the layout's bytes at rva, of compared sections only. What the
// file has no bytes for is zero; an error is that of the file.
func (i *Image) fill(p []byte, rva uint64) error {
	clear(p)
	for _, s := range i.segmentsIn(rva, rva+uint64(len(p))) {
		from, to := max(s.start, rva), min(s.end, s.start+s.raw, rva+uint64(len(p)))
		if s.skip != 0 || from >= to {
			continue
		}
		b := p[from-rva : to-rva]
		if n, err := i.r.ReadAt(b, s.off+int64(from-s.start)); n < len(b) {
			return fmt.Errorf("image file: %w", err)
		}
	}
	return nil
}

// directory returns the bytes of a data directory, as far as the file has them.
func (i *Image) directory(n int) []byte {
	if n >= len(i.h.Directories) {
		return nil
	}
	d := i.h.Directories[n]
	return i.at(uint64(d.RVA), uint64(d.Size))
}

// at returns up to size bytes of the file's image at rva: no more than the
// section has in the file.
func (i *Image) at(rva, size uint64) []byte {
	for _, s := range i.segmentsIn(rva, rva+1) {
		if s.skip == Header || rva < s.start || rva-s.start >= s.raw {
			continue
		}
		b := make([]byte, min(size, s.raw-(rva-s.start), i.size))
		n, err := i.r.ReadAt(b, s.off+int64(rva-s.start))
		if err != nil && !errors.Is(err, io.EOF) {
			return nil
		}
		return b[:n]
	}
	return nil
}
