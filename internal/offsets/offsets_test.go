package offsets_test

import (
	"slices"
	"testing"

	"github.com/symres/symres/internal/offsets"
)

// TestSet adds offsets out of order and twice, well placed and not, and asks for them
// as a whole, in parts and one by one.
func TestSet(t *testing.T) {
	s := offsets.New(4096)
	for _, off := range []uint32{4000, 8, 8, 132, 5, 1 << 20, 5} {
		s.Add(off)
	}
	want := []uint32{8, 132, 4000, 5, 1 << 20}
	if got := slices.Collect(s.All()); !slices.Equal(got, want) || !s.Aside() {
		t.Errorf("got %v, want %v", got, want)
	}
	var got []uint32
	for i := range 3 {
		part := s.Part(i, 3)
		got = slices.AppendSeq(got, part.All())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the parts have %v, want %v", got, want)
	}
	for off, want := range map[uint32]uint32{8: 8, 131: 8, 132: 132, 4095: 4000, 1 << 30: 4000} {
		if got, ok := s.Below(off); !ok || got != want {
			t.Errorf("Below(%d) = %d, %v, want %d", off, got, ok, want)
		}
	}
	if off, ok := s.Below(7); ok {
		t.Errorf("Below(7) = %d, want none", off)
	}
}
