package sympath

import (
	"fmt"

	"github.com/symres/symres/guid"
)

// IDKind says which facts an [ID] holds.
type IDKind uint8

// The kinds of identity a symbol store indexes files by.
const (
	IDNone  IDKind = iota // identity unknown: searched by name only
	IDPDB70               // GUID and age: CodeView RSDS, PDB 7.0
	IDPDB20               // 32-bit signature and age: CodeView NB10, PDB 2.0
	IDImage               // TimeDateStamp and SizeOfImage of a PE file
	IDDBG                 // TimeDateStamp and SizeOfImage in the header of a .dbg file
)

// String returns the kind in plain words.
func (k IDKind) String() string {
	switch k {
	case IDNone:
		return "no identity"
	case IDPDB70:
		return "PDB 7.0"
	case IDPDB20:
		return "PDB 2.0"
	case IDImage:
		return "image"
	case IDDBG:
		return "DBG"
	}
	return fmt.Sprintf("IDKind(%d)", uint8(k))
}

// ID is the identity of a symbol or image file. The zero ID means that the
// identity is not known. An ID is a comparable value and safe for concurrent use.
type ID struct {
	kind   IDKind
	guid   guid.GUID
	first  uint32 // signature or TimeDateStamp
	second uint32 // age or SizeOfImage
}

// PDB70 is the identity of a PDB 7.0: the GUID and the age in the RSDS record
// of an image. In the PDB the age is in the DBI stream.
func PDB70(g guid.GUID, age uint32) ID { return ID{kind: IDPDB70, guid: g, second: age} }

// PDB20 is the identity of a PDB 2.0: the signature and age of an NB10 record.
func PDB20(signature, age uint32) ID { return ID{kind: IDPDB20, first: signature, second: age} }

// Image is the identity of a PE file: TimeDateStamp and SizeOfImage of its
// headers, unrounded.
func Image(timeDateStamp, sizeOfImage uint32) ID {
	return ID{kind: IDImage, first: timeDateStamp, second: sizeOfImage}
}

// DBG is the identity of a .dbg file: TimeDateStamp and SizeOfImage of its
// header, which repeat those of the image.
func DBG(timeDateStamp, sizeOfImage uint32) ID {
	return ID{kind: IDDBG, first: timeDateStamp, second: sizeOfImage}
}

// Kind returns which identity this is.
func (id ID) Kind() IDKind { return id.kind }

// IsZero reports whether the identity is unknown.
func (id ID) IsZero() bool { return id.kind == IDNone }

// GUID returns the GUID of an [IDPDB70], otherwise zero.
func (id ID) GUID() guid.GUID { return id.guid }

// Age returns the age of a PDB, otherwise 0.
func (id ID) Age() uint32 {
	if id.kind == IDPDB70 || id.kind == IDPDB20 {
		return id.second
	}
	return 0
}

// Signature returns the signature of an [IDPDB20], otherwise 0. It is the time
// the PDB was made, in seconds since 1970.
func (id ID) Signature() uint32 {
	if id.kind == IDPDB20 {
		return id.first
	}
	return 0
}

// TimeDateStamp returns the stamp of an image or .dbg file, otherwise 0.
func (id ID) TimeDateStamp() uint32 {
	if id.kind == IDImage || id.kind == IDDBG {
		return id.first
	}
	return 0
}

// SizeOfImage returns the size of an image or .dbg file in bytes, otherwise 0.
func (id ID) SizeOfImage() uint32 {
	if id.kind == IDImage || id.kind == IDDBG {
		return id.second
	}
	return 0
}

// Key returns the index directory in the spelling of symsrv: upper-case GUID or
// stamp, lower-case age or size without leading zeros. It is empty when there
// is no key: identity unknown, or an image whose stamp or size is 0, which
// means unknown.
func (id ID) Key() string {
	if keys := id.Keys(); len(keys) > 0 {
		return keys[0]
	}
	return ""
}

// Keys returns every spelling of the index directory in the order to try
// them. symsrv leaves out a value that is zero while other tools write the 0,
// and a PDB 2.0 signature with leading zeros is written both ways; upper and
// lower case are not listed apart, because stores are compared without case.
func (id ID) Keys() []string {
	switch id.kind {
	case IDPDB70:
		return ageKeys(id.guid.Key(), id.second)
	case IDPDB20:
		keys := ageKeys(fmt.Sprintf("%08X", id.first), id.second)
		if id.first>>28 == 0 {
			keys = append(keys, ageKeys(fmt.Sprintf("%X", id.first), id.second)...)
		}
		return keys
	case IDImage, IDDBG:
		if id.first != 0 && id.second != 0 {
			return []string{fmt.Sprintf("%08X%x", id.first, id.second)}
		}
	}
	return nil
}

func ageKeys(prefix string, age uint32) []string {
	if age == 0 {
		return []string{prefix, prefix + "0"}
	}
	return []string{fmt.Sprintf("%s%x", prefix, age)}
}

// String returns the key, or the kind if the identity has no key.
func (id ID) String() string {
	if key := id.Key(); key != "" {
		return key
	}
	return id.kind.String()
}
