package guid_test

import (
	"testing"

	"github.com/symres/symres/internal/guid"
)

func TestSpellings(t *testing.T) {
	const want = "0F7FCF88442F4B0E9FB51DC4A754D9DE"
	for _, s := range []string{want, "{0f7fcf88-442f-4b0e-9fb5-1dc4a754d9de}", "0F7FCF88-442F-4B0E-9FB5-1DC4A754D9DE"} {
		g, err := guid.Parse(s)
		if err != nil || g.Key() != want {
			t.Errorf("Parse(%q) = %s, %v; want %s", s, g.Key(), err, want)
		}
		if g.String() != "0F7FCF88-442F-4B0E-9FB5-1DC4A754D9DE" {
			t.Errorf("String = %s", g)
		}
		if g[0] != 0x88 || g[8] != 0x9f || g.IsZero() {
			t.Errorf("bytes % x are not in file order", g)
		}
	}
	for _, s := range []string{"", "0F7FCF88", want + "00", "zz" + want[2:]} {
		if _, err := guid.Parse(s); err == nil {
			t.Errorf("Parse(%q) gave no error", s)
		}
	}
}
