package pdb

import (
	"fmt"
	"iter"
)

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

// SourceFiles enumerates the source files that the code of the module comes
// from, in the order the module lists them; some may have no code left.
//
// A damaged module gives an error, satisfying errors.Is(err, [ErrFormat]), in
// the end; an error of reading ends the sequence.
func (m Module) SourceFiles() iter.Seq2[SourceFile, error] {
	f := m.f
	return granted(f, f.msf.Work.Point(), func(yield func(SourceFile, error) bool) error {
		c, err := m.code()
		if err != nil {
			return err
		}
		for _, s := range c.files {
			file := SourceFile{Kind: s.kind}
			if file.Name, err = f.fileName(c, s.at); err != nil {
				return err
			}
			if s.own == 0 {
				sum, err := c.ms.s.Bytes(s.sum, uint32(s.size))
				if err != nil {
					return err
				}
				file.Checksum = string(sum)
			}
			if !yield(file, nil) {
				return nil
			}
		}
		return c.bad
	})
}
