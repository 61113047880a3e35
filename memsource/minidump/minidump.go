// Package minidump reads user minidumps (MDMP): what MiniDumpWriteDump, Windows
// Error Reporting, Breakpad, Crashpad and Wine write when a process crashes.
//
// The format before it, USERDU64 and USERDUMP, is read as well.
//
// [Open] reads the header and the directory of streams. [File.Modules] lists
// the loaded modules, nearly always with the CodeView record that names the
// PDB, which matters because the memory of a small dump holds no image headers.
// [File.Memory] is a source over the pieces of memory saved, [File.Exception]
// and [File.Threads] give the addresses worth naming, [File.System],
// [File.Process] and [File.Comments] say where the dump is from. Breakpad and
// Crashpad write dumps of other systems too, see [Platform].
//
// Pieces of memory begin and end anywhere, may be a few bytes long, unsorted
// and overlapping; a read crosses from one to the next. A byte that was not
// saved faults as NotInDump, or as NotMapped where the dump's list of regions
// says that nothing was there.
//
// # Security
//
// Everything in a dump may be forged. Counts and offsets are limited by the
// size of the file, and so is the total length of all names. A violation is an
// error in its list or in [File.Problems]; entries that were read before it
// remain available.
//
// The layouts are those of minidumpapiset.h and winnt.h; what real writers
// make of them (unaligned and unused streams, padding after counts, empty
// CodeView records) was measured on dumps of dbghelp, Breakpad and Wine.
package minidump

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/wire"
	"github.com/symres/symres/memsource"
)

var (
	// ErrFormat means that the file is not a minidump, or that a part of it
	// extends beyond the end of the file.
	ErrFormat = errors.New("not a valid minidump")
	// ErrNoStream means the dump has no stream of the kind asked for.
	ErrNoStream = errors.New("the minidump has no such stream")
)

// File is an open minidump. Its methods are safe for concurrent use, Close
// excepted: reads after Close fail.
type File struct {
	// immutable after New
	r        io.ReaderAt
	size     uint64
	closer   io.Closer
	header   Header
	streams  []Stream
	system   System
	problems []error
	user     *userDump // of the format before MDMP; else nil

	memory func() (*memsource.Sparse, []error) // reads the lists once
}

// Header is the MINIDUMP_HEADER.
type Header struct {
	Version   uint32    // low half 0xA793, high half the writer's own
	TimeStamp time.Time // when the dump was written, in UTC; to the second
	Flags     uint64    // MINIDUMP_TYPE, how much was asked to be saved
}

const (
	signature  = "MDMP\x93\xa7" // the version's low half is fixed
	headerSize = 32
)

// Sniff reports whether first, the first bytes of a file, begins a minidump.
// It needs 8 bytes. Dumps of the format before MDMP are minidumps here too, see
// [File.IsUserDump].
func Sniff(first []byte) bool {
	return bytes.HasPrefix(first, []byte(signature)) || isUserDump(first)
}

// Open opens the minidump at path and reads its header and directory. The file
// must be a regular one. Errors wrap [ErrFormat] when it is something else than
// a minidump, else they are those of the file system.
func Open(path string) (*File, error) {
	f, o, err := fsx.OpenAs(path, New)
	if err != nil {
		return nil, err
	}
	f.closer = o
	return f, nil
}

// New reads the header and the directory of the minidump in the first size
// bytes of r, which must stay readable, and be safe for concurrent reads, as
// long as the File is used. Errors wrap [ErrFormat], or are those of r.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: uint64(max(size, 0))}
	f.memory = sync.OnceValues(f.loadMemory)
	head, err := f.bytes("header", 0, headerSize)
	if err != nil {
		return nil, err
	}
	if !Sniff(head) {
		return nil, fmt.Errorf("minidump: no MDMP, USERDU64 or USERDUMP signature at the start: %w", ErrFormat)
	}
	if isUserDump(head) {
		return newUser(f)
	}
	c := wire.New("minidump header", head)
	c.Skip(4)
	f.header.Version = c.U32()
	count, directory := c.U32(), c.U32()
	c.Skip(4) // checksum, which nobody computes
	f.header.TimeStamp = time.Unix(int64(c.U32()), 0).UTC()
	f.header.Flags = c.U64()
	if err := f.readDirectory(uint64(directory), uint64(count)); err != nil {
		return nil, err
	}
	f.readSystem()
	return f, nil
}

// Close releases the file if Open opened it.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Header returns what the header says.
func (f *File) Header() Header { return f.header }

// Problems lists the problems of the dump that did not prevent opening: streams
// or memory beyond the end of the file, counts that do not fit their stream,
// streams that are there twice. They wrap [ErrFormat] or are those of the file.
// The lists of memory are read for it.
func (f *File) Problems() []error {
	_, more := f.memory()
	return append(append([]error(nil), f.problems...), more...)
}

func (f *File) problem(format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("minidump: "+format, args...))
}

// bytes returns the n bytes at off, all of which must be in the file.
func (f *File) bytes(what string, off, n uint64) ([]byte, error) {
	if !wire.In(off, n, f.size) {
		return nil, fmt.Errorf("minidump: %s: %d bytes at offset %#x, the file has %#x: %w: %w",
			what, n, off, f.size, ErrFormat, io.ErrUnexpectedEOF)
	}
	b := make([]byte, n)
	if got, err := f.r.ReadAt(b, int64(off)); got < len(b) {
		return nil, fmt.Errorf("minidump: %s at offset %#x: %w", what, off, orUnexpected(err))
	}
	return b, nil
}

// orUnexpected is the error of a read that fell short.
func orUnexpected(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
