package msf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/symres/symres/internal/source"
)

// tinyFile is a container with blocks of 512 bytes: an empty stream 0 and two more.
func tinyFile() []byte {
	b := make([]byte, 8*512)
	copy(b, "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00")
	dir := []uint32{3, 0, 600, 5, 5, 7, 6} // sizes, then the blocks of stream 1 and of stream 2
	for i, v := range []uint32{512, 1, 8, uint32(4 * len(dir)), 0, 3} {
		binary.LittleEndian.PutUint32(b[32+4*i:], v)
	}
	binary.LittleEndian.PutUint32(b[3*512:], 4)
	for i, v := range dir {
		binary.LittleEndian.PutUint32(b[4*512+4*i:], v)
	}
	for i := 5 * 512; i < len(b); i++ {
		b[i] = byte(i >> 9)
	}
	return b
}

func open(b []byte, mapped bool) (*Container, error) {
	made := func(section string, off int64, lost bool, err error) error {
		return fmt.Errorf("%s+%#x: %w: %w", section, off, err, ErrFormat)
	}
	src := source.NewReader(bytes.NewReader(b), int64(len(b)))
	if mapped {
		src = source.Memory{Bytes: b}
	}
	return Open(src, int64(len(b)), new(atomic.Bool), made)
}

// TestStreams reads the same bytes in every way there is.
func TestStreams(t *testing.T) {
	for _, mapped := range []bool{false, true} {
		c, err := open(tinyFile(), mapped)
		if err != nil || c.Whole() != nil {
			t.Fatal(err, c.Whole())
		}
		s, err := c.Stream(1, "test")
		if err != nil || s.Size != 600 || c.Length(2) != 5 || c.Has(3) {
			t.Fatal(s, err)
		}
		want := append(bytes.Repeat([]byte{5}, 512), bytes.Repeat([]byte{7}, 88)...)
		for range 2 {
			got, err := s.Bytes(0, 600)
			view, err2 := s.View(500, 20)
			run, err3 := s.Run(0)
			w := Walker{Stream: s, Chunk: 7}
			span, err4 := w.Span(510, 4)
			if err != nil || err2 != nil || err3 != nil || err4 != nil || !bytes.Equal(got, want) || !bytes.Equal(view, want[500:520]) || !bytes.Equal(run, want[:len(run)]) || !bytes.Equal(span, want[510:514]) {
				t.Errorf("%x, %x, %x, %x; %v %v %v %v", got, view, run, span, err, err2, err3, err4)
			}
			s.Load()
		}
		if err := c.Check(func(err error) bool { t.Error(err); return true }); err != nil {
			t.Error(err)
		}
	}
}

// FuzzOpen: all streams together are no longer than the file but for the ends of their
// last blocks, a container that is whole can be read to its end, and a mapping gives
// the bytes that reading gives.
func FuzzOpen(f *testing.F) {
	f.Add(tinyFile())
	shared := tinyFile()
	binary.LittleEndian.PutUint32(shared[4*512+4*6:], 5)
	f.Add(shared)
	f.Add(tinyFile()[:7*512+10])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := open(b, false)
		m, err2 := open(b, true)
		if (err == nil) != (err2 == nil) {
			t.Fatal(err, err2)
		}
		if err != nil {
			return
		}
		c.Check(func(error) bool { return true })
		whole, total := c.Whole() == nil, 0
		for n := uint32(1); n < min(c.dir.streams(), 64); n++ {
			s, err := c.Stream(n, "fuzz")
			if err != nil {
				continue
			}
			got, err := s.Bytes(0, s.Size)
			if whole && err != nil {
				t.Fatalf("stream %d of a whole file: %v", n, err)
			}
			total += len(got) >> c.dir.(*msf7).shift
			other, err2 := m.Stream(n, "fuzz")
			if err2 != nil {
				t.Fatal(err2)
			}
			if again, err2 := other.Bytes(0, s.Size); (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(got, again) {
				t.Fatalf("stream %d: %v, mapped %v", n, err, err2)
			}
		}
		if most := len(b)>>c.dir.(*msf7).shift + 64; whole && total > most {
			t.Fatalf("%d blocks of streams in a file of %d", total, most)
		}
	})
}
