package cab

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Archive is a cabinet or a zip archive whose members are listed. It is safe for
// concurrent use when the [io.ReaderAt] below it is.
type Archive struct {
	// Format is MSCF or Zip.
	Format Format

	size    int64
	cabinet *Cabinet
	zip     []*zip.File
	members []Member
}

// List reads the directory of the cabinet or zip archive in the first size bytes of
// r; folders are left out. Errors are [ErrFormat] for anything else, [ErrMembers] for a
// zip archive whose directory is too long, [ErrCorrupt], or those of r.
func List(r io.ReaderAt, size int64) (*Archive, error) {
	first := make([]byte, SniffLen)
	n, err := r.ReadAt(first[:min(size, SniffLen)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("container: %w", err)
	}
	a := &Archive{Format: Sniff(first[:n]), size: size}
	switch a.Format {
	case MSCF:
		if a.cabinet, err = New(r, size); err == nil {
			a.members = a.cabinet.Members()
		}
	case Zip:
		err = a.listZip(r)
	default:
		err = ErrFormat
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Archive) listZip(r io.ReaderAt) error {
	z, err := newZip(r, a.size)
	if err != nil {
		return err
	}
	for _, f := range z.File {
		if f.Mode()&fs.ModeDir == 0 {
			a.zip = append(a.zip, f)
			size := int64(min(f.UncompressedSize64, 1<<62))
			a.members = append(a.members, Member{Name: displayName([]byte(f.Name), !f.NonUTF8), Size: size})
		}
	}
	return nil
}

// Members returns the files, in the order of the archive: names for display, and the
// sizes it claims. The slice is the caller's.
func (a *Archive) Members() []Member { return append([]Member(nil), a.members...) }

// Open opens the file at index i of [Archive.Members] for one reading. Errors are
// those of [Cabinet.Open] and [Expand].
func (a *Archive) Open(i int, l Limits) (io.ReadCloser, error) {
	if a.cabinet == nil {
		return openZip(a.zip[i], l.budget(a.size))
	}
	r, err := a.cabinet.Open(a.members[i], l)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}
