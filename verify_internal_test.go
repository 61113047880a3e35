package symres

import (
	"errors"
	"strings"
	"testing"
)

// TestVerdict walks the version-check table of the package's documentation:
// what the target knows, what the copy says, and what each check makes of it.
func TestVerdict(t *testing.T) {
	const stamp, size, sum = 0x39ff5d00, 0x1900, 0x1029a
	good := &Image{TimeDateStamp: stamp, SizeOfImage: size, CheckSum: sum}
	for _, c := range []struct {
		name              string
		target            target
		copy              Image
		proof             Proof
		known, strict     bool
		refusalNamesField string
	}{
		{"all known and equal", target{stamp, sum, size, 0x2000, 0x1000}, *good, ProofImage, true, true, ""},
		{"loader's rounded size", target{stamp, sum, 0, 0x2000, 0x1000}, *good, ProofImage, true, true, ""},
		{"stamp unknown", target{0, sum, 0, 0x2000, 0x1000}, *good, ProofWeak, true, false, ""},
		{"only size known", target{0, 0, 0, 0x2000, 0x1000}, *good, ProofWeak, true, false, ""},
		{"8 KB pages", target{0, sum, 0, 0x2000, 0x2000}, *good, ProofWeak, true, false, ""},
		{"only checksum known", target{0, sum, 0, 0, 0x1000}, *good, ProofWeak, true, false, ""},
		{"nothing known", target{pageSize: 0x1000}, *good, ProofNameOnly, false, false, "nothing known"},
		{"stamp differs", target{stamp + 1, sum, size, 0x2000, 0x1000}, *good, ProofNameOnly, false, false, "TimeDateStamp differs: target 39ff5d01, copy 39ff5d00"},
		{"checksum differs under equal stamp and size", target{stamp, sum + 1, size, 0x2000, 0x1000}, *good, ProofNameOnly, false, false, "CheckSum differs: target 1029b, copy 1029a"},
		{"copy is bigger", target{0, sum, 0, 0x1000, 0x1000}, *good, ProofNameOnly, false, false, "SizeOfImage differs: target 1000, copy 2000"},
		{"exact size differs inside a page", target{0, 0, size + 4, 0x2000, 0x1000}, *good, ProofNameOnly, false, false, "SizeOfImage differs: target 1904, copy 1900"},
		{"copy has no checksum", target{stamp, sum, size, 0x2000, 0x1000}, Image{TimeDateStamp: stamp, SizeOfImage: size}, ProofImage, true, true, ""},
		{"zero is never a match", target{0, 0, 0, 0, 0x1000}, Image{}, ProofNameOnly, false, false, "nothing known"},
	} {
		v := c.target.compare(&c.copy)
		if p := v.proof(); p != c.proof {
			t.Errorf("%s: proof %v, want %v", c.name, p, c.proof)
		}
		for check, want := range map[VersionCheck]bool{CheckKnown: c.known, CheckStrict: c.strict, CheckOff: true} {
			err := v.accepts(check)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrMismatch) {
				t.Errorf("%s, check %v: %v, accepted should be %v", c.name, check, err, want)
			}
			if err != nil && check == CheckKnown && !strings.Contains(err.Error(), c.refusalNamesField) {
				t.Errorf("%s: %q does not say %q", c.name, err, c.refusalNamesField)
			}
		}
	}
}

// TestProofOf is the table of the documentation of [Proof], every cell.
func TestProofOf(t *testing.T) {
	for _, c := range []struct {
		pages Verdict
		want  [4]Proof // by identity, weakest first
	}{
		{Unverified, [4]Proof{ProofNameOnly, ProofWeak, ProofImage, ProofExact}},
		{Likely, [4]Proof{ProofWeak, ProofWeak, ProofImage, ProofExact}},
		{Confirmed, [4]Proof{ProofExact, ProofExact, ProofExact, ProofExact}},
		{Mismatch, [4]Proof{ProofNameOnly, ProofNameOnly, ProofNameOnly, ProofNameOnly}},
	} {
		for i, want := range c.want {
			if got := ProofOf(Identity(i), c.pages, false); got != want {
				t.Errorf("%v, pages %v: %v, want %v", Identity(i), c.pages, got, want)
			}
			if got := ProofOf(Identity(i), c.pages, true); got != ProofNameOnly {
				t.Errorf("%v, pages %v, contradicted: %v, want name-only", Identity(i), c.pages, got)
			}
		}
	}
	tied := verdict{identity: IdentityImageKey, tied: true}
	if p := tied.proof(); p != ProofWeak {
		t.Errorf("an image key that several copies have: %v, want weak", p)
	}
}

func TestParseVersionCheck(t *testing.T) {
	for _, v := range []VersionCheck{CheckKnown, CheckStrict, CheckOff} {
		if got, err := ParseVersionCheck(strings.ToUpper(v.String())); got != v || err != nil {
			t.Errorf("%v: got %v, %v", v, got, err)
		}
	}
	if _, err := ParseVersionCheck("maybe"); err == nil {
		t.Error("maybe was accepted")
	}
}
