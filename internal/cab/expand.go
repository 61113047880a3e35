package cab

import (
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Format is a kind of container, told by its first bytes.
type Format uint8

// The formats [Sniff] tells apart.
const (
	Unknown Format = iota // no container
	MSCF                  // cabinet
	Zip
	Gzip
	SZDD // MS-DOS compress.exe; not supported
	KWAJ // the same, of MS-DOS 6; not supported
)

// String returns the format in a word.
func (f Format) String() string {
	switch f {
	case MSCF:
		return "cabinet"
	case Zip:
		return "zip"
	case Gzip:
		return "gzip"
	case SZDD:
		return "SZDD"
	case KWAJ:
		return "KWAJ"
	}
	return "unknown"
}

// SniffLen is how many bytes [Sniff] needs to see.
const SniffLen = 8

// Sniff tells a container by its first bytes.
func Sniff(first []byte) Format {
	for _, m := range []struct {
		magic  string
		format Format
	}{
		{"MSCF", MSCF},
		{"PK\x03\x04", Zip},
		{"\x1f\x8b\x08", Gzip},
		{"SZDD\x88\xf0\x27\x33", SZDD},
		{"KWAJ\x88\xf0\x27\xd1", KWAJ},
	} {
		if len(first) >= len(m.magic) && string(first[:len(m.magic)]) == m.magic {
			return m.format
		}
	}
	return Unknown
}

// File is the one member of a container, being expanded. It is an
// [io.ReadCloser] and not safe for concurrent use.
type File struct {
	// Format is the kind of the container.
	Format Format
	// Name is the member's recorded name without directories, for display
	// only; "" when there is none.
	Name string
	// Size is the expanded size the container claims, in bytes, -1 when it
	// claims none. Reading ends with an error when it does not hold.
	Size int64

	r     io.Reader
	close func() error
}

// Expand opens the single member of the container in the first size bytes of
// r. What it is, is told by its first bytes.
//
// Errors are [ErrFormat] for no container at all, [ErrMembers], [ErrSpanned]
// for a cabinet of a set, a [MethodError], a [LimitError] when the claimed
// size is too large, [ErrCorrupt], or those of r. Reading fails in the same
// ways, so a file is whole only when it was read up to [io.EOF].
func Expand(r io.ReaderAt, size int64, l Limits) (*File, error) {
	first := make([]byte, SniffLen)
	n, err := r.ReadAt(first[:min(size, SniffLen)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("container: %w", err)
	}
	switch f := Sniff(first[:n]); f {
	case MSCF:
		return expandCabinet(r, size, l)
	case Zip:
		return expandZip(r, size, l)
	case Gzip:
		return expandGzip(r, size, l)
	case SZDD, KWAJ:
		return nil, &MethodError{Method: f.String()}
	}
	return nil, ErrFormat
}

// Read implements [io.Reader].
func (f *File) Read(p []byte) (int, error) { return f.r.Read(p) }

// Close ends the expansion. It does not close what was given to [Expand].
func (f *File) Close() error { return f.close() }

func noClose() error { return nil }

func expandCabinet(r io.ReaderAt, size int64, l Limits) (*File, error) {
	c, err := New(r, size)
	if err != nil {
		return nil, err
	}
	if c.Spanned() {
		return nil, ErrSpanned
	}
	if len(c.members) != 1 {
		return nil, fmt.Errorf("%w: cabinet with %d", ErrMembers, len(c.members))
	}
	m := c.members[0]
	if m.offset != 0 {
		return nil, at(0, corrupt("the only file begins at %#x of its folder", m.offset))
	}
	s, err := c.open(m, l, true)
	if err != nil {
		return nil, err
	}
	return &File{Format: MSCF, Name: m.Name, Size: m.Size, r: s, close: noClose}, nil
}

func expandGzip(r io.ReaderAt, size int64, l Limits) (*File, error) {
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, foreign("gzip", err)
	}
	name := displayName([]byte(z.Name), true)
	return &File{Format: Gzip, Name: name, Size: -1, r: &limited{r: z, what: "gzip", budget: l.budget(size)}, close: z.Close}, nil
}

// zipDirectory is the most of a zip archive that is read to find its members,
// in bytes: enough for the longest archive comment and the longest entry, each
// of whose three variable parts has at most 64 KiB.
const zipDirectory = 512 << 10

func expandZip(r io.ReaderAt, size int64, l Limits) (*File, error) {
	z, err := newZip(r, size)
	if err != nil {
		return nil, err
	}
	m, err := onlyFile(z)
	if err != nil {
		return nil, err
	}
	return openZip(m, l.budget(size))
}

// newZip reads the directory of a zip archive.
func newZip(r io.ReaderAt, size int64) (*zip.Reader, error) {
	metered := &meter{r: r, left: zipDirectory}
	z, err := zip.NewReader(metered, size)
	if metered.left < 0 {
		return nil, fmt.Errorf("%w: zip directory of more than %d bytes", ErrMembers, zipDirectory)
	}
	if z == nil || err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, foreign("zip", err)
	}
	metered.off = true
	return z, nil
}

// onlyFile returns the one member that is not a directory.
func onlyFile(z *zip.Reader) (*zip.File, error) {
	var only *zip.File
	files := 0
	for _, f := range z.File {
		if f.Mode()&fs.ModeDir == 0 {
			only = f
			files++
		}
	}
	if files != 1 {
		return nil, fmt.Errorf("%w: zip with %d", ErrMembers, files)
	}
	return only, nil
}

func openZip(m *zip.File, b budget) (*File, error) {
	if m.Flags&1 != 0 {
		return nil, &MethodError{Method: "zip encryption"}
	}
	if m.UncompressedSize64 > 1<<62 {
		return nil, b.err
	}
	if claim := b; claim.spend(int64(m.UncompressedSize64)) != nil {
		return nil, claim.err
	}
	r, err := m.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, &MethodError{Method: fmt.Sprintf("zip %d", m.Method)}
	}
	if err != nil {
		return nil, foreign("zip", err)
	}
	return &File{
		Format: Zip, Name: displayName([]byte(m.Name), !m.NonUTF8), Size: int64(m.UncompressedSize64),
		r: &limited{r: r, what: "zip", budget: b}, close: r.Close,
	}, nil
}

// limited enforces a budget on a stream of the standard library and gives its
// errors this package's sentinels.
type limited struct {
	r      io.Reader
	what   string
	budget budget
	err    error
}

func (s *limited) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if over := s.budget.spend(int64(n)); over != nil {
		n, err = 0, over
	}
	switch {
	case err == nil || errors.Is(err, ErrTooLarge):
		s.err = err
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		s.err = io.EOF
	default:
		s.err = foreign(s.what, err)
	}
	return n, s.err
}

// meter is a reader that stops after so many bytes, until it is off, and in
// front of the first byte, where a damaged zip directory can lead.
type meter struct {
	r    io.ReaderAt
	left int64
	off  bool
}

// ReadAt implements [io.ReaderAt].
func (m *meter) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	if !m.off {
		if m.left -= int64(len(p)); m.left < 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	return m.r.ReadAt(p, at)
}
