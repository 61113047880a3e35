package cab_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
)

// known are the errors a damaged container may give; anything else is one
// that callers cannot class.
func known(err error) bool {
	for _, e := range []error{cab.ErrFormat, cab.ErrCorrupt, cab.ErrSpanned, cab.ErrMembers, cab.ErrTooLarge, errors.ErrUnsupported} {
		if errors.Is(err, e) {
			return true
		}
	}
	return err == nil
}

// FuzzExpand gives anything to Expand. Reading in pieces of piece bytes gives
// what reading at once does, the same error included; of a damaged zip how much
// comes before the error may differ, since archive/zip drops the bytes of the
// read that went too far. A claimed size holds or is an error; limits hold;
// every error is classed.
func FuzzExpand(f *testing.F) {
	rnd := rand.New(rand.NewPCG(31, 31))
	for _, m := range everyMethod() {
		f.Add(single(f, m, sample(rnd, 300)), uint16(7))
	}
	f.Add(gzipped(f, "n", []byte("hello")), uint16(1))
	f.Add(zipped(f, map[string][]byte{"n": []byte("hello")}), uint16(2))
	long := zipped(f, map[string][]byte{"n": bytes.Repeat([]byte("hello"), 20)})
	directory := bytes.LastIndex(long, []byte("PK\x01\x02"))
	long[directory+24] = 40 // of the 100 bytes: the end of a piece of 32 lies before it
	f.Add(long, uint16(31))
	f.Fuzz(func(t *testing.T, b []byte, piece uint16) {
		limits := cab.Limits{MaxSize: 1 << 20}
		whole, err := expand(b, limits)
		if !known(err) || len(whole) > 1<<20 {
			t.Fatalf("%d bytes, %v", len(whole), err)
		}
		s, openErr := cab.Expand(bytes.NewReader(b), int64(len(b)), limits)
		if openErr != nil {
			if err == nil || openErr.Error() != err.Error() {
				t.Fatalf("%v, then %v", err, openErr)
			}
			return
		}
		pieces, again := inPieces(s, 1+int(piece))
		same := bytes.Equal(pieces, whole)
		if err != nil && s.Format == cab.Zip {
			same = bytes.HasPrefix(pieces, whole) || bytes.HasPrefix(whole, pieces)
		}
		if !same || (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Fatalf("%d bytes, %v; in pieces %d bytes, %v", len(whole), err, len(pieces), again)
		}
		if err == nil && s.Size >= 0 && s.Size != int64(len(whole)) {
			t.Fatalf("%d bytes, %d claimed", len(whole), s.Size)
		}
	})
}

// inPieces reads all of r with a buffer of n bytes.
func inPieces(r io.Reader, n int) ([]byte, error) {
	var all []byte
	for buf := make([]byte, n); ; {
		k, err := r.Read(buf)
		all = append(all, buf[:k]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// FuzzMembers opens every member of anything: each gives the bytes it claims
// or an error that is classed.
func FuzzMembers(f *testing.F) {
	rnd := rand.New(rand.NewPCG(32, 32))
	for _, m := range everyMethod() {
		f.Add(build(f, cabbuild.Cabinet{Next: "n", Reserve: cabbuild.Reserve{Header: 3, Folder: 2, Data: 1}, Folders: []cabbuild.Folder{
			{Method: m, Files: []cabbuild.File{{Name: "a", Data: sample(rnd, 200)}, {Name: "b", Data: sample(rnd, 30)}}},
			{Method: cabbuild.Stored{}, Files: []cabbuild.File{{Name: "c", Data: []byte("c")}}},
		}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := cab.New(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !known(err) {
				t.Fatal(err)
			}
			return
		}
		for _, m := range c.Members()[:min(4, len(c.Members()))] {
			r, err := c.Open(m, cab.Limits{MaxSize: 1 << 20})
			if err == nil {
				var n int64
				if n, err = io.Copy(io.Discard, r); err == nil && n != m.Size {
					t.Fatalf("%d bytes, %d claimed", n, m.Size)
				}
			}
			if !known(err) {
				t.Fatal(err)
			}
		}
	})
}

// FuzzLZXRoundTrip encodes data, the bytes given and size more that seed
// makes, with the block plan that plan spells, and reads them back.
func FuzzLZXRoundTrip(f *testing.F) {
	f.Add([]byte("a"), uint64(0), uint16(0), uint8(0), []byte{1}, int32(0))
	f.Add([]byte{}, uint64(1), uint16(3000), uint8(1), []byte{1, 200, 2, 3, 3, 77}, int32(3000))
	f.Add([]byte("x"), uint64(2), uint16(65000), uint8(6), []byte{3, 255, 2, 255, 1, 255}, int32(1))
	f.Add(bytes.Repeat([]byte{0xE8, 1, 2, 0, 0}, 99), uint64(3), uint16(40000), uint8(3), []byte{2, 128}, int32(40000))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64, size uint16, window uint8, plan []byte, e8 int32) {
		data = append(bytes.Clone(data), sample(rand.New(rand.NewPCG(seed, 34)), int(size))...)
		if len(data) == 0 || len(data) > 1<<17 {
			return
		}
		m := cabbuild.LZX{Window: 15 + int(window%7), E8Size: max(e8, 0)}
		for ; len(plan) >= 2; plan = plan[2:] {
			m.Blocks = append(m.Blocks, cabbuild.Block{Kind: cabbuild.BlockKind(1 + plan[0]%3), Size: 1 + int(plan[1])*299})
		}
		m.Blocks = append(m.Blocks, cabbuild.Block{Kind: cabbuild.Verbatim, Size: 40_000})
		c := cabbuild.Cabinet{Folders: []cabbuild.Folder{{Method: m, Files: []cabbuild.File{{Name: "f", Data: data}}}}}
		b, err := c.Bytes()
		if errors.Is(err, cabbuild.ErrInvalid) {
			return // so many tiny blocks that a frame does not fit
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := expand(b, cab.Limits{})
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%+v: %d of %d bytes, %v", m, len(got), len(data), err)
		}
	})
}
