package peimage

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/symres/symres/guid"
)

// Limits of what a scan takes for a record.
const (
	rsdsFixed = 24 // signature, GUID, age
	nb10Fixed = 16 // signature, offset, time stamp, age
	maxAge    = 0xffff
	maxHits   = 64
)

// The signatures, as 32-bit words.
const (
	sigSize = 4
	sigRSDS = 'R' | 'S'<<8 | 'D'<<16 | 'S'<<24
	sigNB10 = 'N' | 'B'<<8 | '1'<<16 | '0'<<24
)

// A Hit is a CodeView record that was found by its looks.
type Hit struct {
	RVA      uint64
	CodeView CodeView
}

// Scanner looks for RSDS and NB10 records in the resident bytes of an image, for
// when the headers that lead to them are out. It takes bytes that look like a
// record: at a multiple of four, a GUID that is not zero (of NB10, a time stamp
// that is not, and the offset 0 of symbols in a file of their own), an age from
// 1 to FFFF, and a printable path that ends in .pdb; a path that runs into bytes
// that are not there is partial. A record may straddle any number of calls. A
// Scanner belongs to one goroutine.
type Scanner struct {
	hits    []Hit
	pending []byte // what a record may begin in, or continue
	rva     uint64 // of pending
}

// Add takes the resident bytes at rva. Calls come in ascending order; bytes
// that follow those of the last call continue them.
func (s *Scanner) Add(rva uint64, data []byte) {
	if s.rva+uint64(len(s.pending)) != rva {
		s.search(true)
		s.pending, s.rva = s.pending[:0], rva
	}
	s.pending = append(s.pending, data...)
	s.search(false)
}

// Hits ends the scan and returns what was found, by RVA.
func (s *Scanner) Hits() []Hit {
	s.search(true)
	s.pending = nil
	return s.hits
}

// search takes the records out of what is pending. Without the end, it leaves
// what more bytes may complete.
func (s *Scanner) search(end bool) {
	b := s.pending
	drop := 0
	for len(s.hits) < maxHits {
		at := signature(b[drop:], s.rva+uint64(drop))
		if at < 0 {
			drop = len(b) - min(len(b)-drop, sigSize-1)
			break
		}
		drop += at
		rest := b[drop:]
		fixed := fixedSize(rest)
		if !end && len(rest) < fixed+maxPath && (len(rest) < fixed || bytes.IndexByte(rest[fixed:], 0) < 0) {
			break
		}
		if cv, ok := recordAt(rest); ok {
			s.hits = append(s.hits, Hit{s.rva + uint64(drop), cv})
		}
		drop += sigSize
	}
	if len(s.hits) >= maxHits {
		drop = len(b)
	}
	s.rva += uint64(drop)
	s.pending = append(s.pending[:0], b[drop:]...)
}

// signature returns where in b, the bytes at rva, a record may begin; -1 is
// nowhere.
func signature(b []byte, rva uint64) int {
	for at := int(-rva & 3); at+sigSize <= len(b); at += sigSize {
		if sig := binary.LittleEndian.Uint32(b[at:]); sig == sigRSDS || sig == sigNB10 {
			return at
		}
	}
	return -1
}

// fixedSize is how long the record at the beginning of b is without its path.
func fixedSize(b []byte) int {
	if binary.LittleEndian.Uint32(b) == sigNB10 {
		return nb10Fixed
	}
	return rsdsFixed
}

// recordAt takes the record at the beginning of b, all there is of it.
func recordAt(b []byte) (CodeView, bool) {
	fixed := fixedSize(b)
	if len(b) < fixed {
		return CodeView{}, false
	}
	le := binary.LittleEndian
	cv := CodeView{Kind: CodeViewRSDS, Age: le.Uint32(b[fixed-4:])}
	identified := false
	if fixed == nb10Fixed {
		cv.Kind, cv.Signature = CodeViewNB10, le.Uint32(b[8:])
		identified = le.Uint32(b[4:]) == 0 && cv.Signature != 0
	} else {
		cv.GUID = guid.GUID(b[4:20])
		identified = !cv.GUID.IsZero()
	}
	path := b[fixed:min(len(b), fixed+maxPath)]
	if n := bytes.IndexByte(path, 0); n >= 0 {
		path = path[:n]
	} else {
		cv.Partial = len(b) < fixed+maxPath
	}
	cv.Path = string(path)
	named := cv.Partial || len(path) > len(".pdb") && strings.EqualFold(cv.Path[len(path)-4:], ".pdb")
	return cv, named && identified && cv.Age-1 < maxAge && printable(path)
}

func printable(path []byte) bool {
	return bytes.IndexFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f }) < 0
}
