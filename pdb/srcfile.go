package pdb

import "fmt"

// ChecksumKind is how the checksum of a source file was made (cvinfo.h,
// CV_SourceChksum_t).
type ChecksumKind uint8

// Kinds of checksums.
const (
	ChecksumNone   ChecksumKind = 0
	ChecksumMD5    ChecksumKind = 1
	ChecksumSHA1   ChecksumKind = 2
	ChecksumSHA256 ChecksumKind = 3
)

// String returns the usual name of the kind.
func (k ChecksumKind) String() string {
	switch k {
	case ChecksumNone:
		return "none"
	case ChecksumMD5:
		return "MD5"
	case ChecksumSHA1:
		return "SHA1"
	case ChecksumSHA256:
		return "SHA256"
	}
	return fmt.Sprintf("checksum kind %d", uint8(k))
}

// SourceFile is a source file of a module. It does not depend on the File.
type SourceFile struct {
	Name     string // as the compiler saw it
	Kind     ChecksumKind
	Checksum string // the bytes of the checksum, none where there is none
}

// SourceFiles returns the source files that the code of a module comes from,
// in the order the module lists them. The module is its number in the order of
// [File.Modules], counted from 1. Files of which no code is left are among them.
//
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading.
func (f *File) SourceFiles(module int) ([]SourceFile, error) {
	c, err := f.moduleCode(module - 1)
	if err != nil {
		return nil, err
	}
	list := make([]SourceFile, 0, len(c.files))
	for _, s := range c.files {
		name, err := f.fileName(c, s.at)
		if err != nil {
			return nil, err
		}
		sum, err := c.ms.s.bytes(s.sum, uint32(s.size))
		if err != nil {
			return nil, err
		}
		list = append(list, SourceFile{Name: name, Kind: s.kind, Checksum: string(sum)})
	}
	return list, c.bad
}
