package guid_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/symres/symres/guid"
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
		if _, err := guid.Parse(s); !errors.Is(err, guid.ErrSyntax) {
			t.Errorf("Parse(%q): %v, want ErrSyntax", s, err)
		}
	}
}

func TestJSON(t *testing.T) {
	want := guid.GUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `"04030201-0605-0807-090A-0B0C0D0E0F10"` {
		t.Fatalf("Marshal: %s, %v", text, err)
	}
	var got guid.GUID
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("Unmarshal: %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`"x"`), &got); !errors.Is(err, guid.ErrSyntax) || got != want {
		t.Errorf("Unmarshal of x: %v, %v", got, err)
	}
}
