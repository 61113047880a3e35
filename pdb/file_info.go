package pdb

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/wire"
)

const versionVC70 = 20000404 // from this version on the info stream has a GUID

// Info is the head of the PDB info stream, and that of the stream of debug information.
type Info struct {
	Version   uint32 // 20000404 in every current PDB
	Signature uint32 // time_t of creation, or a hash in reproducible builds
	Age       uint32 // raised by every tool that writes the PDB; see [File.ID]
	GUID      guid.GUID

	HasDBI bool      // false for a PDB without debug information (a type server), which is valid and has no symbols
	DBI    DBIHeader // of the stream of debug information
}

func loadInfo(m *msf.Container) (Info, error) {
	s, err := m.Stream(streamInfo, "PDB info")
	if err != nil {
		return Info{}, err
	}
	b, err := s.Bytes(0, min(s.Size, infoHead))
	if err != nil {
		return Info{}, err
	}
	c := wire.New(s.Name, b)
	i := Info{Version: c.U32(), Signature: c.U32(), Age: c.U32()}
	if i.Version >= versionVC70 {
		copy(i.GUID[:], c.Bytes(16))
	}
	return i, cursorErr(c.Err())
}

const infoHead = 28

// Feature codes of the info stream (microsoft-pdb pdbcommon.h, locator.h).
const (
	FeatureVC110       = 20091201   // the IPI stream exists; the last code
	FeatureVC140       = 20140508   // the IPI stream exists
	FeatureNoTypeMerge = 0x4D544F4E // "NOTM"
	FeatureMinimal     = 0x494E494D // "MINI": linked with /DEBUG:FASTLINK
)

// NamedStream is an entry of the named stream map.
type NamedStream struct {
	Name   string
	Stream uint32
}

// infoTail is what follows the head of the info stream.
type infoTail struct {
	named    []NamedStream
	features []uint32
}

// Stream returns the bytes of a named stream: of "srcsrv", for one, the text that says
// where the sources can be had from, and of "sourcelink" the same as JSON. They are data
// here: no command in them is run and nothing is fetched. A name the PDB does not have
// gives nil and no error. [File.Status] lists the names. Other errors satisfy
// errors.Is(err, [ErrFormat]) or come from reading.
func (f *File) Stream(name string) (*io.SectionReader, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	defer f.leave()
	s, err := f.namedStream(name)
	if s == nil || err != nil {
		return nil, err
	}
	return io.NewSectionReader(openStream{f, s}, 0, int64(s.Size)), nil
}

// openStream reads a stream as long as its file is open.
type openStream struct {
	f *File
	s *msf.Stream
}

func (o openStream) ReadAt(p []byte, off int64) (int, error) {
	if err := o.f.enter(); err != nil {
		return 0, err
	}
	defer o.f.leave()
	return o.s.ReadAt(p, off)
}

// stream opens a stream, nil for noStream.
func (f *File) stream(num uint32, what string) (*msf.Stream, error) {
	if num == noStream {
		return nil, nil
	}
	return f.msf.Stream(num, what)
}

// namedStream opens a named stream, nil for one that the PDB does not have.
func (f *File) namedStream(name string) (*msf.Stream, error) {
	t, err := f.tail()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.named, func(n NamedStream) bool { return n.Name == name })
	if i < 0 {
		return nil, nil
	}
	return f.msf.Stream(t.named[i].Stream, name)
}

func (f *File) tail() (*infoTail, error) { return load(f, &f.named, f.readTail) }

func (f *File) readTail() (*infoTail, error) {
	s, err := f.msf.Stream(streamInfo, "PDB info")
	if err != nil {
		return nil, err
	}
	if f.info.Version < versionVC70 || s.Size <= infoHead {
		return new(infoTail), nil // the GUID and what follows came with VC70
	}
	b, err := s.Bytes(infoHead, s.Size-infoHead)
	if err != nil {
		return nil, err
	}
	c := wire.At(s.Name, infoHead, b)
	t := &infoTail{named: parseNamed(c)}
	for c.Len() >= 4 {
		code := c.U32()
		t.features = append(t.features, code)
		if code == FeatureVC110 {
			break // Microsoft's reader stops here too
		}
	}
	if err := c.Err(); err != nil {
		return nil, cursorErr(err)
	}
	slices.SortFunc(t.named, func(a, b NamedStream) int { return strings.Compare(a.Name, b.Name) })
	return t, nil
}

// parseNamed reads the named stream map: the names, then a hash table from
// name offset to stream number. The table is read as a plain list: its bit
// vectors only say which slots are in use.
func parseNamed(c *wire.Cursor) []NamedStream {
	names := c.Bytes(count(c, c.U32(), 1))
	n := c.U32()
	c.U32()                          // capacity
	c.Skip(4 * count(c, c.U32(), 4)) // slots in use
	c.Skip(4 * count(c, c.U32(), 4)) // slots deleted
	used := count(c, n, 8)
	list := make([]NamedStream, 0, used)
	left := 2 * len(names) // the names lie beside each other, so all together are shorter
	for range used {
		at := c.Offset()
		off, num := c.U32(), c.U32()
		name, ok := cstr(names, off)
		if !ok {
			c.Fail(fmt.Errorf("named stream at %#x: name offset %#x lies outside %d bytes of names", at, off, len(names)))
			return nil
		}
		if left -= len(name); left < 0 {
			c.Fail(fmt.Errorf("named streams share their names: %w", ErrLimit))
			return nil
		}
		list = append(list, NamedStream{Name: string(name), Stream: num})
	}
	c.U32() // a name index count that is always 0
	return list
}

// count returns n when n items of size bytes can still follow, and fails the
// cursor otherwise.
func count(c *wire.Cursor, n uint32, size int) int {
	if uint64(n)*uint64(size) > uint64(c.Len()) {
		c.Fail(fmt.Errorf("%d items of %d bytes: %w", n, size, io.ErrUnexpectedEOF))
		return 0
	}
	return int(n)
}

// Detail says how much a PDB contains beyond public symbols, and the reason if
// that is little.
type Detail uint8

// The levels of detail.
const (
	DetailPrivate  Detail = iota // private symbols of at least one module
	DetailPublic                 // linked without debug information: public symbols at most
	DetailStripped               // private symbols were taken out (/PDBSTRIPPED); those left name static functions at most
	DetailFastlink               // linked with /DEBUG:FASTLINK: publics, names and lines are here, the rest was left in the object files
	DetailTypes                  // types without a program: the compiler's own PDB or a type server
	DetailEmpty                  // neither symbols nor types
)

// String returns a description.
func (d Detail) String() string {
	switch d {
	case DetailPrivate:
		return "private symbols"
	case DetailPublic:
		return "public symbols only: linked without debug information"
	case DetailStripped:
		return "public symbols only: stripped"
	case DetailFastlink:
		return "linked with /DEBUG:FASTLINK: sizes, types and variables were left in the object files"
	case DetailTypes:
		return "types only: the PDB of a compiler or type server"
	case DetailEmpty:
		return "empty"
	}
	return "unknown"
}

// Status is what is special about a PDB.
type Status struct {
	Detail       Detail
	Incremental  bool // linked incrementally: functions are reached through thunks, dead records are left behind
	Rearranged   bool // the image was rearranged after linking; addresses are translated (OMAP)
	SourceServer bool // says how to fetch its sources, in the stream srcsrv
	SourceLink   bool // the same as JSON, in the streams sourcelink and sourcelink$1 and so on

	Features []uint32      // codes of what the PDB has, such as [FeatureVC140]
	Streams  []NamedStream // such as "/names", "srcsrv" and "sourcelink", ordered by name
}

// Status tells what kinds of answers the PDB can give. It reads little: heads
// of streams and the list of modules. Errors satisfy errors.Is(err,
// [ErrFormat]) or come from reading.
func (f *File) Status() (s Status, err error) {
	if err := f.enter(); err != nil {
		return Status{}, err
	}
	defer f.leave()
	if s.Detail, err = f.detail(); err != nil {
		return Status{}, err
	}
	sec, err := f.layout()
	if err != nil {
		return Status{}, err
	}
	s.Rearranged = sec.omap != nil
	s.Incremental = f.dbi.Flags&DBIIncremental != 0
	tail, err := f.tail()
	if err != nil {
		return Status{}, err
	}
	s.Features, s.Streams = slices.Clone(tail.features), slices.Clone(tail.named)
	for _, n := range tail.named {
		s.SourceServer = s.SourceServer || n.Name == "srcsrv"
		s.SourceLink = s.SourceLink || n.Name == "sourcelink" || strings.HasPrefix(n.Name, "sourcelink$")
	}
	return s, nil
}

func (f *File) detail() (Detail, error) {
	if !f.info.HasDBI {
		if f.msf.Length(streamTPI) > tpiEmpty {
			return DetailTypes, nil
		}
		return DetailEmpty, nil
	}
	tail, err := f.tail()
	switch {
	case err != nil:
		return 0, err
	case slices.Contains(tail.features, FeatureMinimal):
		return DetailFastlink, nil
	case f.dbi.Flags&DBIStripped != 0:
		return DetailStripped, nil
	}
	g, err := f.loadGlobals()
	if err != nil {
		return 0, err
	}
	if g.gss != nil && g.table.n > 0 {
		return DetailPrivate, nil
	}
	return f.detailOfModules()
}

// tpiEmpty is the size of a type stream without types: its header.
const tpiEmpty = 56

// detailOfModules answers for a PDB whose table of globals is empty.
func (f *File) detailOfModules() (Detail, error) {
	list, err := f.loadModules()
	if err != nil {
		return 0, err
	}
	for i := range list.len() {
		m, err := f.moduleAt(list, i)
		if err != nil {
			return 0, err
		}
		if m.stream != noStream && m.syms > 4 && m.c13 > 0 {
			return DetailPrivate, nil
		}
	}
	p, err := f.loadPublics()
	if err != nil {
		return 0, err
	}
	if p.psi == nil || p.table.n == 0 {
		return DetailEmpty, nil
	}
	return DetailPublic, nil
}
