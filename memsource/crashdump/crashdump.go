// Package crashdump reads Windows kernel crash dumps: MEMORY.DMP files and the
// small "minidump" files a bug check leaves in %SystemRoot%\Minidump.
//
// Open reads only the header. The rest of the contents depends on the type:
//
//   - full (1), summary (2), bitmap (5, 6) and range (8, 9, 10) dumps hold pages
//     of physical memory: [File.Physical] is a source over physical addresses, to be put under a
//     page-table walker such as memsource/paging;
//   - triage dumps (4) hold pieces of virtual memory ([File.Blocks]) and a list
//     of the loaded drivers with name, base, size, checksum and time stamp
//     ([File.Drivers]), which is all that is needed to find their symbols.
//
// Other types are named and refused with [ErrUnsupported], unless the signature
// behind the header says what they are. A dump is never
// read whole: pages, bitmap chunks and list entries are fetched when asked for.
// Everything in a dump may be forged; counts and offsets are believed only as
// far as the file reaches, and what does not fit is listed by [File.Problems].
//
// The layouts are those of the public readers kdmp-parser, volatility3, rekall
// and Ghidra, and of Dump.h in Microsoft's Singularity release; the driver and
// data block layouts were measured on real dumps of x64, ARM64 and ARM.
package crashdump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/symres/symres/internal/fsx"
)

var (
	// ErrFormat means the file is not a crash dump, or its parts contradict each other.
	ErrFormat = errors.New("not a valid crash dump")
	// ErrUnsupported means a type of crash dump that is not read yet; the error names it.
	ErrUnsupported = errors.New("crash dump type not supported")
	// ErrNoPages means the dump has no physical pages because it is a triage dump.
	ErrNoPages = errors.New("a triage dump holds no physical pages")
	// ErrNoBlocks means the dump has no triage data because it is a page dump.
	ErrNoBlocks = errors.New("not a triage dump")
)

// File is an open crash dump. Its methods are safe for concurrent use, Close
// excepted: reads after Close fail.
type File struct {
	// immutable after New
	r        io.ReaderAt
	size     uint64
	closer   io.Closer
	header   Header
	raw      rawHeader
	triage   TriageHeader
	problems []error

	pagesOnce func() (pageMap, error)
	blockOnce func() ([]block, error)
}

// Sniff reports whether first, the first bytes of a file, begins a crash dump.
// It needs 8 bytes.
func Sniff(first []byte) bool {
	return bytes.HasPrefix(first, []byte("PAGEDU64")) || bytes.HasPrefix(first, []byte("PAGEDUMP"))
}

// Open opens the crash dump at path and reads its header. The file must be a
// regular one. Errors wrap [ErrFormat] if the file is not a dump, or come from
// the file system.
func Open(path string) (*File, error) {
	f, o, err := fsx.OpenAs(path, New)
	if err != nil {
		return nil, err
	}
	f.closer = o
	return f, nil
}

// New reads the header of the crash dump in the first size bytes of r, which
// must stay readable, and be safe for concurrent reads, as long as the File is
// used. Errors wrap [ErrFormat], or are those of r.
func New(r io.ReaderAt, size int64) (*File, error) {
	if size < 0 {
		return nil, fmt.Errorf("crash dump: negative size: %w", ErrFormat)
	}
	f := &File{r: r, size: uint64(size)}
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	if f.header.Type == TypeTriage {
		f.readTriageHeader()
	}
	f.pagesOnce = sync.OnceValues(f.loadPages)
	f.blockOnce = sync.OnceValues(f.loadBlocks)
	return f, nil
}

func (f *File) readHeader() error {
	head := make([]byte, headerSize64)
	n, err := f.readSome(head, 0)
	if err != nil {
		return fmt.Errorf("crash dump header: %w", err)
	}
	head = head[:n]
	if !Sniff(head) {
		return fmt.Errorf("crash dump: no PAGEDU64 or PAGEDUMP at the start: %w", ErrFormat)
	}
	want := headerSize64
	if head[6] == 'M' {
		want = headerSize32
	}
	if n < want {
		return fmt.Errorf("crash dump: header cut short, %d of %d bytes: %w: %w", n, want, ErrFormat, io.ErrUnexpectedEOF)
	}
	f.raw = rawHeader(head[:want:want])
	if want == headerSize32 {
		f.header = parseHeader32(f.raw)
	} else {
		f.header = parseHeader64(f.raw)
	}
	return nil
}

// Close releases the file if Open opened it.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Header returns what the header says, without checking it.
func (f *File) Header() Header { return f.header }

// Problems lists the problems of the dump that did not prevent opening: pages
// or blocks beyond the end of the file, counts that disagree, runs that
// overlap. Reads that a problem touches return a Fault of their own. For a
// bitmap dump the rest of the bitmap is read to count its pages.
//
// A triage dump may be shorter than RequiredDumpSpace; that is not a problem.
func (f *File) Problems() []error {
	out := append([]error(nil), f.problems...)
	if f.header.Type == TypeTriage {
		_, err := f.blockOnce()
		return appendError(out, err)
	}
	pages, err := f.pagesOnce()
	if err != nil {
		return append(out, err)
	}
	return append(out, pages.problems(f.size)...)
}

func appendError(list []error, err error) []error {
	if err != nil {
		list = append(list, err)
	}
	return list
}

// readSome fills buf from off as far as the file reaches. The error is an I/O
// error, never io.EOF.
func (f *File) readSome(buf []byte, off uint64) (int, error) {
	if off >= f.size || off > math.MaxInt64 {
		return 0, nil
	}
	if left := f.size - off; uint64(len(buf)) > left {
		buf = buf[:left]
	}
	n, err := f.r.ReadAt(buf, int64(off))
	if n == len(buf) || errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// readFull is readSome that takes a short read for an error: one that wraps
// [ErrFormat] and io.ErrUnexpectedEOF, and says what was being read.
func (f *File) readFull(what string, buf []byte, off uint64) error {
	n, err := f.readSome(buf, off)
	if err == nil && n < len(buf) {
		err = fmt.Errorf("needs %d bytes, the file has %d: %w: %w", len(buf), n, ErrFormat, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return fmt.Errorf("crash dump: %s at offset %#x: %w", what, off, err)
	}
	return nil
}
