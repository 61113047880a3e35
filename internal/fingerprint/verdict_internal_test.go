package fingerprint

import "testing"

// TestVerdict_bytes: equal pages confirm a copy from 1 KB on, and only if the
// rest of the file is bound to the target or was compared as well.
func TestVerdict_bytes(t *testing.T) {
	for _, c := range []struct {
		equal        uint64
		strong       int
		bound, whole bool
		want         Verdict
	}{
		{confirmBytes, 1, true, false, Confirmed},
		{confirmBytes, 1, false, true, Confirmed},
		{confirmBytes, 1, false, false, Likely},
		{confirmBytes - 1, 1, true, true, Likely},
		{confirmBytes, 0, true, true, Likely},
		{1, 0, false, false, Likely},
		{0, 0, true, true, Unverified},
	} {
		r := &Result{Equal: c.equal, Strong: c.strong, whole: c.whole}
		if got := r.Verdict(c.bound, false); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
		r.Differing = 1
		if got := r.Verdict(c.bound, true); got != Mismatch {
			t.Errorf("%+v, and a page that differs: %v", c, got)
		}
	}
}
