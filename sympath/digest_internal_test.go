package sympath

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"go.uber.org/goleak"
)

// TestDigest: the digest is that of all bytes, however they come, and nothing
// is left running.
func TestDigest(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	data := bytes.Repeat([]byte("0123456789abcdef"), 300_000) // 4.8 MB
	for _, size := range []int{0, 1, 1000, digestBeside - 1, digestBeside, digestBeside + 1, len(data)} {
		for _, piece := range []int{1 << 20, 300_001, 64 << 10} {
			d := newDigest()
			d.write([]byte("to be forgotten"))
			d.reset()
			for b := data[:size]; len(b) > 0; b = b[min(piece, len(b)):] {
				d.write(b[:min(piece, len(b))])
			}
			if got, want := d.sum(), sha256.Sum256(data[:size]); !bytes.Equal(got, want[:]) {
				t.Errorf("%d bytes in pieces of %d: %x, want %x", size, piece, got, want)
			}
		}
	}
	d := newDigest()
	d.write(data)
	d.wait() // left without an answer
}
