package peimage

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/symres/symres/internal/guid"
)

// Limits of what a scan takes for a record.
const (
	rsdsFixed = 24 // signature, GUID, age
	maxAge    = 0xffff
	maxHits   = 64
	rsds      = "RSDS"
)

// A Hit is an RSDS record that was found by its looks.
type Hit struct {
	RVA      uint64
	CodeView CodeView
}

// Scanner looks for RSDS records in the resident bytes of an image, for when
// the headers that lead to them are out. It takes bytes that look like a
// record: at a multiple of four, a GUID that is not zero, an age from 1 to
// FFFF, and a printable path that ends in .pdb; a path that runs into bytes
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
		at := bytes.Index(b[drop:], []byte(rsds))
		if at < 0 {
			drop = len(b) - min(len(b)-drop, len(rsds)-1)
			break
		}
		drop += at
		rest := b[drop:]
		if (s.rva+uint64(drop))%4 != 0 {
			drop++
			continue
		}
		if !end && len(rest) < rsdsFixed+maxPath && (len(rest) < rsdsFixed || bytes.IndexByte(rest[rsdsFixed:], 0) < 0) {
			break
		}
		if cv, ok := recordAt(rest); ok {
			s.hits = append(s.hits, Hit{s.rva + uint64(drop), cv})
		}
		drop += len(rsds)
	}
	if len(s.hits) >= maxHits {
		drop = len(b)
	}
	s.rva += uint64(drop)
	s.pending = append(s.pending[:0], b[drop:]...)
}

// recordAt takes the record at the beginning of b, all there is of it.
func recordAt(b []byte) (CodeView, bool) {
	if len(b) < rsdsFixed {
		return CodeView{}, false
	}
	cv := CodeView{Kind: rsds, GUID: guid.GUID(b[4:20]), Age: binary.LittleEndian.Uint32(b[20:])}
	path := b[rsdsFixed:min(len(b), rsdsFixed+maxPath)]
	if n := bytes.IndexByte(path, 0); n >= 0 {
		path = path[:n]
	} else {
		cv.Partial = len(b) < rsdsFixed+maxPath
	}
	cv.Path = string(path)
	named := cv.Partial || len(path) > len(".pdb") && strings.EqualFold(cv.Path[len(path)-4:], ".pdb")
	return cv, named && !cv.GUID.IsZero() && cv.Age-1 < maxAge && printable(path)
}

func printable(path []byte) bool {
	return bytes.IndexFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f }) < 0
}
