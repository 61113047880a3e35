// Package physmem reads images of physical memory other than crash dumps: raw
// images, LiME and AVML files, ELF cores as QEMU's dump-guest-memory writes
// them, and what VMware saves of a machine. [ForeignOf] names what is not read.
//
// A [File] is a [memsource.Source] over physical addresses, to be put under a
// page-table walker such as memsource/paging. The notes in QEMU's cores say
// where page tables begin ([File.CPUs]). Other images do not, so package nt
// searches for them.
//
// Opening reads headers only, and later reads access only the requested bytes,
// so that sparse files of any size work.
//
// The layouts are those of elf.h, of LiME's own header, of QEMU's note as measured
// on cores of QEMU 7.2, of AVML's and Snappy's own descriptions, and of VMware's
// saved states as volatility and crash read them.
//
// # Security
//
// An image may be forged. Counts are bounded by the file and by limits of this
// package, ranges may overlap and reach beyond the file, and a walk over
// headers always moves on. What does not fit is listed by [File.Problems].
package physmem

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/memsource"
)

var (
	// ErrFormat means the file is no image of physical memory, or its headers
	// contradict each other.
	ErrFormat = errors.New("not a valid image of physical memory")
	// ErrUnsupported means that the kind of image is not supported; the error
	// names it.
	ErrUnsupported = errors.New("kind of memory image not supported")
)

// Format is how an image is written.
type Format uint8

// The formats. The zero Format is invalid.
const (
	FormatRaw    Format = iota + 1 // the byte at offset n is that at physical address n
	FormatLiME                     // ranges, each behind a header of its own
	FormatELF                      // an ELF core whose segments are physical memory
	FormatAVML                     // ranges as in LiME, compressed
	FormatVMware                   // a saved state of VMware with its memory
)

// String returns "raw", "LiME", "ELF core", "AVML" or "VMware".
func (f Format) String() string {
	switch f {
	case FormatRaw:
		return "raw"
	case FormatLiME:
		return "LiME"
	case FormatELF:
		return "ELF core"
	case FormatAVML:
		return "AVML"
	case FormatVMware:
		return "VMware"
	}
	return "unknown"
}

// SniffLen is how many first bytes [Sniff] looks at.
const SniffLen = 18

// Sniff tells the format by the first bytes of a file: LiME, AVML, VMware, ELF for
// a core of any kind, or 0. Raw images have no mark.
func Sniff(first []byte) Format {
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(first[at:]) }
	switch {
	case len(first) >= 8 && word(0) == limeMagic && word(4) == 1:
		return FormatLiME
	case len(first) >= 8 && word(0) == avmlMagic && word(4) == avmlVersion:
		return FormatAVML
	case vmwareState(first):
		return FormatVMware
	case len(first) >= SniffLen && bytes.HasPrefix(first, []byte("\x7fELF")) && elfType(first) == elfCore:
		return FormatELF
	}
	return 0
}

// Range is a run of physical memory in the file.
type Range struct {
	Address uint64 // physical
	Size    uint64 // bytes; at least 1
	Offset  int64  // in the file, which may end before; of AVML, where the last of it is
}

// last is the last address.
func (r Range) last() uint64 { return r.Address + (r.Size - 1) }

// maxRanges bounds the ranges of an image: a machine has a few dozen.
const maxRanges = 1 << 16

// File is an open image. It is safe for concurrent use, Close excepted: reads
// after Close fail.
type File struct {
	// immutable after New
	r        io.ReaderAt
	size     uint64
	closer   io.Closer
	format   Format
	machine  uint16
	cpus     []CPU
	ranges   []Range
	memory   memsource.Sparse
	problems []error
}

// Open opens the image at path, which must be a regular file. Errors are those
// of [New] and of the file system.
func Open(path string) (*File, error) {
	f, o, err := fsx.OpenAs(path, New)
	if err != nil {
		return nil, err
	}
	f.closer = o
	return f, nil
}

// New reads the headers of the image in the first size bytes of r, which must
// stay readable, and be safe for concurrent reads, as long as the File is used.
// A file without the mark of another format is a raw image. Errors wrap
// [ErrFormat] for an empty file and for headers without any memory,
// [ErrUnsupported] for cores of other systems, are a [*ForeignError] for the
// kinds of file [ForeignOf] knows, or those of r.
func New(r io.ReaderAt, size int64) (*File, error) {
	if size <= 0 {
		return nil, fmt.Errorf("memory image of %d bytes: %w", size, ErrFormat)
	}
	f := newFile(r, size)
	first := make([]byte, min(size, ForeignLen))
	if err := f.read("first bytes", first, 0); err != nil {
		return nil, err
	}
	if foreign, ok := ForeignOf(first); ok {
		return nil, &ForeignError{foreign}
	}
	var err error
	switch f.format = Sniff(first); f.format {
	case FormatLiME:
		err = f.readLiME()
	case FormatELF:
		err = f.readELF()
	case FormatAVML:
		err = f.readAVML()
	case FormatVMware:
		err = f.readVMware()
	default:
		f.format = FormatRaw
		f.add(Range{Size: f.size})
	}
	if err != nil {
		return nil, err
	}
	return f.finished()
}

// NewRanges makes an image of raw memory whose ranges are known: those at their
// offsets in the first size bytes of r, which must stay readable, and be safe for
// concurrent reads, as long as the File is used. Errors are those of [New].
func NewRanges(r io.ReaderAt, size int64, ranges ...Range) (*File, error) {
	if size <= 0 {
		return nil, fmt.Errorf("memory image of %d bytes: %w", size, ErrFormat)
	}
	f := newFile(r, size)
	f.format = FormatRaw
	for _, r := range ranges {
		f.add(r)
	}
	return f.finished()
}

func newFile(r io.ReaderAt, size int64) *File {
	return &File{r: r, size: uint64(size), memory: memsource.Sparse{Missing: memsource.ReasonNotInDump}}
}

// finished orders the ranges of an image that was read.
func (f *File) finished() (*File, error) {
	if len(f.ranges) == 0 {
		return nil, fmt.Errorf("memory image (%v) without any memory: %w", f.format, errors.Join(append(f.problems, ErrFormat)...))
	}
	slices.SortStableFunc(f.ranges, func(a, b Range) int { return cmp.Compare(a.Address, b.Address) })
	return f, nil
}

// add takes a range into the image, unless it cannot be.
func (f *File) add(r Range) {
	switch {
	case r.Size == 0:
		return
	case r.Offset < 0 || r.last() < r.Address || uint64(math.MaxInt64-r.Offset) < r.Size:
		f.problem("memory image: a range of %#x bytes at %#x cannot be: %w", r.Size, r.Address, ErrFormat)
		return
	case uint64(r.Offset) > f.size || f.size-uint64(r.Offset) < r.Size:
		f.problem("memory image: the file ends before the range at %#x does: %w", r.Address, io.ErrUnexpectedEOF)
	}
	if err := f.memory.AddReader(r.Address, r.Size, io.NewSectionReader(f.r, 0, int64(f.size)), r.Offset); err != nil {
		f.problem("memory image: %w", err)
		return
	}
	f.ranges = append(f.ranges, r)
}

func (f *File) problem(format string, args ...any) {
	const enough = 100
	if len(f.problems) < enough {
		f.problems = append(f.problems, fmt.Errorf(format, args...))
	}
}

// read fills buf from the file.
func (f *File) read(what string, buf []byte, off uint64) error {
	if off > f.size || uint64(len(buf)) > f.size-off {
		return fmt.Errorf("memory image: %s at offset %#x is beyond the end of the file: %w: %w", what, off, ErrFormat, io.ErrUnexpectedEOF)
	}
	if n, err := f.r.ReadAt(buf, int64(off)); n < len(buf) {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("memory image: %s at offset %#x: %w", what, off, err)
	}
	return nil
}

// ReadMemory implements [memsource.Source]. Addresses are physical. What no
// range holds faults with NotInDump and Len reaching to the next range, what
// lies beyond the end of the file with Truncated. Where ranges overlap the one
// that comes later in the file wins.
func (f *File) ReadMemory(buf []byte, addr uint64) (int, error) {
	n, err := f.memory.ReadMemory(buf, addr)
	if fault, ok := errors.AsType[*memsource.Fault](err); ok && fault.Reason == memsource.ReasonNotInDump {
		missing := *fault
		missing.Physical = fault.Addr
		return n, &missing
	}
	return n, err
}

// Close releases the file if Open opened it.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Format returns how the image is written.
func (f *File) Format() Format { return f.format }

// Machine returns the IMAGE_FILE_MACHINE_* value of the target, 0 when the
// image does not say.
func (f *File) Machine() uint16 { return f.machine }

// CPUs returns the processors whose registers the image has, in its order.
func (f *File) CPUs() []CPU { return slices.Clone(f.cpus) }

// Ranges returns the physical memory in the image, by address.
func (f *File) Ranges() []Range { return slices.Clone(f.ranges) }

// Problems lists the problems of the image that did not prevent opening. Reads
// that a problem touches return a Fault of their own.
func (f *File) Problems() []error { return slices.Clone(f.problems) }
