package cli

import (
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/vadmath"
)

// TestReloadOf_nameless: an image without a name is called in its command what
// it is called in a session, so that the one leads to the other.
func TestReloadOf_nameless(t *testing.T) {
	s, err := symres.NewSession(symres.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, start := range []vadmath.VPN{0x400, 0x7f78e9e0} {
		e := vadmath.Entry{Type: vadmath.TypeImage, Pages: vadmath.Pages{Start: start, End: start + 0x31}}
		r, err := reloadOf(e, vadmath.Page4K)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(symres.Module{Base: r.Base, Size: r.Size}); err != nil {
			t.Fatal(err)
		}
		list := s.Modules()
		if name := list[len(list)-1].Module.Name; r.Image != name {
			t.Errorf("%s in the command, %s in a session", r.Image, name)
		}
	}
}
