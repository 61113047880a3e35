package cab_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
)

// BenchmarkExpand measures expanded bytes per second, on data half of which
// repeats.
func BenchmarkExpand(b *testing.B) {
	data := sample(rand.New(rand.NewPCG(1, 2)), 4<<20)
	for _, c := range []struct {
		name   string
		method cabbuild.Method
	}{
		{"stored", cabbuild.Stored{}},
		{"mszip", cabbuild.MSZIP{}},
		{"lzx21", cabbuild.LZX{Window: 21, Blocks: []cabbuild.Block{{Kind: cabbuild.Aligned, Size: 90000}}}},
		{"lzx21_e8", cabbuild.LZX{Window: 21, E8Size: 4 << 20, Blocks: []cabbuild.Block{{Kind: cabbuild.Verbatim, Size: 90000}}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			packed := single(b, c.method, data)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := cab.Expand(bytes.NewReader(packed), int64(len(packed)), cab.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, f); err != nil || n != int64(len(data)) {
					b.Fatal(n, err)
				}
			}
		})
	}
}
