package pe

import (
	"bytes"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/sympath"
)

// CodeViewKind says which form a CodeView record has. The zero value is
// unknown.
type CodeViewKind uint8

// The kinds.
const (
	CodeViewUnknown CodeViewKind = CodeViewKind(peimage.CodeViewUnknown)
	CodeViewRSDS    CodeViewKind = CodeViewKind(peimage.CodeViewRSDS) // GUID and age: PDB 7.0
	CodeViewNB10    CodeViewKind = CodeViewKind(peimage.CodeViewNB10) // signature and age: PDB 2.0
)

// String returns the signature the record begins with, or unknown.
func (k CodeViewKind) String() string { return peimage.CodeViewKind(k).String() }

// MarshalText is String; it never fails.
func (k CodeViewKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// CodeView is the record by which an image names its PDB: RSDS (GUID, Age) or
// NB10 (Signature, Age). Path is the path that the linker recorded. It comes
// from the author of the image and is never opened.
//
// Source: microsoft-pdb (locator.cpp), LLVM CVDebugRecord.h.
type CodeView struct {
	Kind      CodeViewKind
	GUID      guid.GUID
	Signature uint32
	Age       uint32
	Path      string
	Partial   bool // Path is cut short by a page that is out
	Portable  bool // the PDB is a portable one, of .NET, which has no native symbols
}

// ID returns the identity under which symbol stores file the PDB. A record of
// unknown kind counts as RSDS if it has a GUID, and has the zero ID otherwise.
func (c *CodeView) ID() sympath.ID {
	switch {
	case c.Kind == CodeViewNB10:
		return sympath.PDB20(c.Signature, c.Age)
	case c.Kind == CodeViewUnknown && c.GUID.IsZero():
		return sympath.ID{}
	case c.Portable:
		return sympath.PDB70(c.GUID, PortableAge)
	}
	return sympath.PDB70(c.GUID, c.Age)
}

// PortableAge stands in the key of a portable PDB where others have their age
// (SSQP key conventions of dotnet/symstore).
const PortableAge = 0xFFFFFFFF

// ParseCodeView reads a record without its image, as in a minidump. The error
// wraps [ErrFormat] if the bytes are not a record, and [errors.ErrUnsupported]
// if the symbols are inside the image.
func ParseCodeView(record []byte) (*CodeView, error) {
	cv, err := peimage.ReadCodeView(bytes.NewReader(record), 0, uint32(min(uint64(len(record)), MaxImage-1)))
	if err != nil {
		return nil, err
	}
	return fromRecord(cv), nil
}

func fromRecord(cv peimage.CodeView) *CodeView {
	return &CodeView{CodeViewKind(cv.Kind), cv.GUID, cv.Signature, cv.Age, cv.Path, cv.Partial, cv.Portable}
}
