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
