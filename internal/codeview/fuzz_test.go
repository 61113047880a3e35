package codeview

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
	"testing"

	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/source"
)

// FuzzReader: whatever the bytes, a reader ends, stays inside them, and a name it
// reads is a part of them.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x05\x15\x02\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00S\x00"))
	f.Add([]byte{0x03, 0x14, 1, 0, 2, 0, 3, 'a', 'b', 'c'})
	f.Add([]byte{0, 0x80, 0xFF, 0x17, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Reader{B: b}
		r.Begin()
		for !r.Short && r.Off < len(b) {
			before := r.Off
			r.Number()
			if name := r.Name(); !bytes.Contains(b, name) {
				t.Fatalf("%q is not in %q", name, b)
			}
			if r.SkipPad(); r.Off > len(b) || !r.Short && r.Off <= before {
				t.Fatalf("from %d to %d of %d", before, r.Off, len(b))
			}
		}
		if g, ok := ParseTag(append([]byte{0, 0}, b...)); ok && !bytes.Contains(b, g.Name) {
			t.Fatalf("%q is not in %q", g.Name, b)
		}
	})
}

// image is a container with blocks of 512 bytes in which stream 1 is b.
func image(b []byte) []byte {
	le := binary.LittleEndian
	n := (len(b) + 511) / 512
	dir := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 2), 0), uint32(len(b)))
	for i := range n {
		dir = le.AppendUint32(dir, uint32(5+i))
	}
	out := make([]byte, (5+n)*512)
	for i, v := range []uint32{512, 1, uint32(5 + n), uint32(len(dir)), 0, 3} {
		le.PutUint32(out[32+4*i:], v)
	}
	le.PutUint32(out[3*512:], 4)
	copy(out[4*512:], dir)
	copy(out[5*512:], b)
	return out
}

// FuzzRecords: a walk over records reaches the end or says where it broke off, and
// finds what looking at the record does.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{4, 0, 6, 0, 1, 2, 2, 0, 6, 0}, uint16(0))
	f.Add([]byte{4, 0, 6, 0, 1, 2, 1, 0, 6, 0}, uint16(3))
	f.Fuzz(func(t *testing.T, b []byte, chunk uint16) {
		b = b[:min(len(b), 50_000)]
		image := image(b)
		made := func(_ string, _ int64, _ bool, err error) error { return err }
		c, err := msf.Open(source.NewReader(bytes.NewReader(image), int64(len(image))), int64(len(image)), new(atomic.Bool), made)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.Stream(1, "fuzz")
		if err != nil {
			t.Fatal(err)
		}
		r := Records{W: msf.Walker{Stream: s, Chunk: uint32(chunk)}, End: s.Size}
		next := uint32(0)
		for r.Step() {
			rec, err := RecordAt(s, r.Off)
			if err != nil || r.Off != next || !bytes.Equal(rec, r.Rec) || !bytes.Equal(rec, b[r.Off:r.Next]) {
				t.Fatalf("at %d: %x, %v, %x", r.Off, r.Rec, err, rec)
			}
			next = r.Next
		}
		if r.Err == nil && next != s.Size {
			t.Fatalf("ended at %d of %d", next, s.Size)
		}
	})
}
