package cli

import "testing"

func TestAppendDisplacement(t *testing.T) {
	cold := -int64(0xC0)
	for d, want := range map[uint64]string{0: "f", 1: "f+0x1", 0x1234: "f+0x1234", uint64(cold): "f-0xc0"} {
		if got := string(appendDisplacement([]byte("f"), d)); got != want {
			t.Errorf("%#x: %s, want %s", d, got, want)
		}
	}
}
