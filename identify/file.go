package identify

import (
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

var errWrongSize = errors.New("the file has not the size it says")

// FileID reads the identity of a symbol or image file from its content, and
// checks that the file is complete. It fits [sympath.Options].Verify. The
// identity is the GUID and DBI age of a PDB, or its signature and age if q asks
// for these; the GUID of a portable PDB with the age FFFFFFFF; or TimeDateStamp
// and SizeOfImage of an image. Safe for concurrent use.
func FileID(q sympath.Query, r io.ReaderAt, size int64) (sympath.ID, error) {
	first := make([]byte, min(max(size, 0), pdb.SniffLen))
	if _, err := r.ReadAt(first, 0); err != nil && err != io.EOF {
		return sympath.ID{}, err
	}
	switch pdb.Sniff(first) {
	case pdb.FormatPE:
		return verifyImage(r, size)
	case pdb.FormatPortable:
		guid, err := pdb.PortableID(r, size)
		return sympath.PDB70(guid, pe.PortableAge), err
	}
	return verifyPDB(q, r, size)
}

func verifyPDB(q sympath.Query, r io.ReaderAt, size int64) (sympath.ID, error) {
	p, err := pdb.New(r, size)
	if err != nil {
		return sympath.ID{}, err
	}
	defer p.Close()
	if err := p.Whole(); err != nil {
		return sympath.ID{}, err
	}
	guid, age := p.ID()
	if q.ID.Kind() == sympath.IDPDB20 {
		return sympath.PDB20(p.Info().Signature, age), nil
	}
	return sympath.PDB70(guid, age), nil
}

func verifyImage(r io.ReaderAt, size int64) (sympath.ID, error) {
	h, err := pedisk.ReadHeaders(r, size)
	if err != nil {
		return sympath.ID{}, err
	}
	if err := errors.Join(h.NTErr, h.SectionErr); err != nil {
		return sympath.ID{}, err
	}
	for _, s := range h.Sections {
		if end := uint64(s.RawOffset) + uint64(s.RawSize); s.RawOffset != 0 && uint64(size) < end {
			return sympath.ID{}, fmt.Errorf("%w: section %s ends at %d of %d bytes", errWrongSize, s.Name, end, size)
		}
	}
	return sympath.Image(h.TimeDateStamp, h.SizeOfImage), nil
}
