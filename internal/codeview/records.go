package codeview

import (
	"bytes"

	"github.com/symres/symres/internal/msf"
)

// A record is u16 length of what follows the field, u16 kind, data.
const (
	RecordHead = 4
	LenField   = 2
	MaxRecord  = 0xFFFF + LenField
)

// Records walks the records of an area. It belongs to one goroutine.
//
//	for r.Step() {
//		use r.Kind(), r.Rec, r.Off
//	}
//	if r.Err != nil ...
type Records struct {
	W    msf.Walker
	Off  uint32 // of the record in the stream
	Next uint32 // where the next one begins
	End  uint32
	Rec  []byte // the whole record: u16 length, u16 kind, data
	Err  error  // why the walk ended early
}

// Kind returns the kind of the record.
func (r *Records) Kind() uint16 { return u16(r.Rec, 2) }

// Step moves to the next record. It reports false at the end and after damage,
// which is in err.
func (r *Records) Step() bool {
	off := r.Next
	if d := off - r.W.Off; off < r.End && off >= r.W.Off && uint64(d)+RecordHead <= uint64(len(r.W.Buf)) {
		b := r.W.Buf[d:]
		n := uint32(u16(b, 0)) + LenField
		if n >= RecordHead && n <= r.End-off && n <= uint32(len(b)) {
			r.Rec, r.Off, r.Next = b[:n:n], off, off+n
			return true
		}
	}
	return r.stepSlow()
}

// stepSlow is step across the end of a run and over damage.
func (r *Records) stepSlow() bool {
	off := r.Next
	if off >= r.End || r.Err != nil {
		return false
	}
	n := uint32(RecordHead)
	if n <= r.End-off {
		var head []byte
		if head, r.Err = r.W.Span(off, RecordHead); r.Err != nil {
			return false
		}
		n = uint32(u16(head, 0)) + LenField
	}
	if n < RecordHead || n > r.End-off {
		r.Err = r.W.Stream.Damage(off, "symbol record of %d bytes before %#x", n, r.End)
		return false
	}
	if r.Rec, r.Err = r.W.Span(off, n); r.Err != nil {
		return false
	}
	r.Off, r.Next = off, off+n
	return true
}

// RecordIn returns the symbol record at off of the stream that is walked.
func RecordIn(w *msf.Walker, off uint32) ([]byte, error) {
	if d := off - w.Off; off >= w.Off && uint64(d)+RecordHead <= uint64(len(w.Buf)) {
		b := w.Buf[d:]
		if n := int(u16(b, 0)) + LenField; n >= RecordHead && n <= len(b) {
			return b[:n:n], nil
		}
	}
	return record(w.Stream, off, w.Span)
}

// RecordAt returns the symbol record at off, for a question about one.
func RecordAt(s *msf.Stream, off uint32) ([]byte, error) { return record(s, off, s.View) }

// record returns a record across the end of a run and over damage.
func record(s *msf.Stream, off uint32, span func(off, n uint32) ([]byte, error)) ([]byte, error) {
	head, err := span(off, RecordHead)
	if err != nil {
		return nil, err
	}
	n := uint32(u16(head, 0)) + LenField
	if n < RecordHead {
		return nil, s.Damage(off, "symbol record of %d bytes", n)
	}
	return span(off, n)
}

// UntilNUL returns the bytes of b before its first NUL, all of b without one:
// a name is bounded by its record whatever is in it.
func UntilNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i:i]
	}
	return b[:len(b):len(b)]
}
