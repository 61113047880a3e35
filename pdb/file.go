package pdb

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/kept"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/source"
)

// Fixed stream numbers (microsoft-pdb).
const (
	noStream   = 0xFFFF // names none
	streamInfo = 1
	streamTPI  = 2
	streamDBI  = 3
	streamIPI  = 4
)

// File is an open PDB. It is safe for concurrent use.
type File struct {
	closed atomic.Bool
	users  atomic.Int64 // questions being answered, and 1 until Close
	closer io.Closer    // nil when the caller owns the reader

	// immutable after open
	msf  *msf.Container
	info Info
	dbi  *dbi

	given []Section // of the image, for a PDB without any: see UseSections

	// built when first asked for
	named        kept.Value[infoTail]
	sections     kept.Value[sections]
	instead      kept.Value[sections] // of damaged ones
	contribs     kept.Value[contribs]
	mods         kept.Value[modules]
	pubs         kept.Value[publics]
	soundBuckets kept.Value[bool] // see hasSoundBuckets
	global       kept.Value[globals]
	index        kept.Value[Index]
	types        kept.Value[typeTable]
	ids          kept.Value[typeTable]
	strs         kept.Value[stringTable]
	lines        kept.Value[moduleLineList]
	outlines     sync.Pool // of *outline, to collect in
	modNames     kept.Value[map[string]int]
	idNames      kept.Strings
}

// Open opens the PDB at path. It must be a regular file and must not change
// until [File.Close], because later calls read it. If it was shortened or
// written to, reads fail. If it was replaced by renaming, the original file is
// read.
//
// A file that is not a PDB 7 gives a [*KindError], a damaged one a
// [*FormatError]; both satisfy errors.Is with [ErrFormat] or [ErrUnsupported].
func Open(path string) (*File, error) { return openWith(fsx.OpenSteady, path) }

// OpenMapped is [Open] for a file that no other program changes. The file is
// mapped into memory, which makes bulk work several times faster and single
// lookups cheaper. If a mapped file is shortened, reading it crashes the
// process, and so does using the name of a Symbol after Close. If the file
// cannot be mapped, it is read.
func OpenMapped(path string) (*File, error) { return openWith(fsx.Map, path) }

func openWith(open func(string) (*fsx.File, error), path string) (*File, error) {
	r, err := open(path)
	if err != nil {
		return nil, err
	}
	f, err := New(r, r.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), r.Close())
	}
	f.closer = r
	return f, nil
}

// New reads a PDB of size bytes from r, which must stay usable until the File
// is closed. Close does not close r. The errors are the same as for [Open].
//
// A reader that holds the file in memory may have the methods
//
//	Mapped() []byte          // the whole file, never written to
//	WillNeed(off, n int64)   // fetches bytes that are about to be read
//
// If Mapped returns size bytes the File uses them instead of reading. A reader of
// something far away may have the method
//
//	Prefetch(parts iter.Seq2[int64, int64])
//
// It is told offsets and lengths that will be read next, none of which waits for another,
// so that they cost one round trip together. Damaged files have some that lie outside.
// It is called by several goroutines at once.
func New(r io.ReaderAt, size int64) (*File, error) {
	first := make([]byte, max(0, min(size, SniffLen)))
	if err := source.ReadFull(r, first, 0); err != nil {
		return nil, err
	}
	if kind := Sniff(first); kind != FormatPDB7 {
		return nil, &KindError{Format: kind}
	}
	if m, ok := r.(mapping); ok && size > 0 && int64(len(m.Mapped())) == size {
		return newFile(source.Memory{Bytes: m.Mapped(), Need: m.WillNeed}, size)
	}
	return newFile(source.NewReader(r, size), size)
}

// mapping is a reader that holds its file in memory.
type mapping interface {
	Mapped() []byte
	WillNeed(off, n int64)
}

// newFile opens a PDB 7 over any source.
func newFile(src source.Source, size int64) (*File, error) {
	f := new(File)
	f.users.Store(1)
	var err error
	if f.msf, err = msf.Open(src, size, &f.closed, formatError); err != nil {
		return nil, err
	}
	ahead := f.msf.Batch()
	for _, n := range []uint32{streamInfo, streamTPI, streamDBI, streamIPI} {
		ahead.Ends(n, 16<<10, 64)
	}
	ahead.Read()
	if f.info, err = loadInfo(f.msf); err != nil {
		return nil, err
	}
	if f.dbi, err = loadDBI(f.msf, f.info.Age); err != nil {
		return nil, err
	}
	if f.info.HasDBI = f.dbi.s != nil; f.info.HasDBI {
		f.info.DBI = f.dbi.DBIHeader
		f.expectTables()
	}
	return f, nil
}

// Close closes the File. Later calls and running sequences fail with
// [ErrClosed], and names of symbols must no longer be used. The underlying file
// is closed after the calls in other goroutines, and the sequence from which
// Close is called, have ended. A second Close does nothing and returns nil.
func (f *File) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	return f.leave()
}

// enter begins the answer to a question: until leave the file stays open. It
// is called by every exported method that looks into the file.
func (f *File) enter() error {
	for {
		n := f.users.Load()
		if n == 0 || f.closed.Load() {
			return ErrClosed
		}
		if f.users.CompareAndSwap(n, n+1) {
			return nil
		}
	}
}

// leave ends the answer to a question. The last to leave closes the file.
func (f *File) leave() error {
	if f.users.Add(-1) == 0 && f.closer != nil {
		return f.closer.Close()
	}
	return nil
}

// question is one that is being answered.
type question struct {
	f *File
	budget.Grant
}

// ask is enter for a question that may cost so much.
func (f *File) ask(n int64) (question, error) {
	if err := f.enter(); err != nil {
		return question{}, err
	}
	g, err := f.msf.Work.Begin(n)
	if err != nil {
		f.leave()
	}
	return question{f, g}, err
}

// end is the leave of a question.
func (q question) end() {
	q.Grant.End()
	q.f.leave()
}

// check is asked at the start of every question, so that answers from memory
// stop with Close too.
func (f *File) check() error {
	if f.closed.Load() {
		return ErrClosed
	}
	return nil
}

// load returns what is built once, as long as the file is open: answers from memory
// stop with Close too.
func load[T any](f *File, l *kept.Value[T], build func() (*T, error)) (*T, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return l.Get(build)
}

// ID returns the identity by which an image refers to its PDB: the GUID in the
// info stream and the age in the DBI stream. The age in the info stream is
// different if a tool has rewritten the PDB. It is used only for a PDB without
// a DBI stream, such as the compiler's vc140.pdb.
func (f *File) ID() (guid.GUID, uint32) {
	return f.info.GUID, f.dbi.Age
}

// Info returns the head of the PDB info stream, and that of the stream of debug
// information.
func (f *File) Info() Info { return f.info }

// Whole returns nil if the file contains every block that the directory or a
// stream uses. Otherwise it returns a [*FormatError] that names the first
// incomplete stream, or a read error. It reads only the directory, about a
// thousandth of the file. Unused blocks are ignored: tools pad files, and the
// number of blocks in the superblock may be larger or smaller than the file.
func (f *File) Whole() error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.leave()
	return f.msf.Whole()
}

// Memory returns approximately how many bytes the File keeps in memory to speed
// up later calls: pages of the file, streams, and indices. A mapping does not
// count. The memory is released only with the File. A newly opened File holds a
// few KB.
func (f *File) Memory() int64 {
	n := f.msf.Held() + f.idNames.Size()
	if s := f.strs.Built(); s != nil {
		n += s.known.Size()
	}
	return n
}
