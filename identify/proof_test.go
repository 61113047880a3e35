package identify

import (
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/pe"
)

// TestVerdict walks the version-check table of the package's documentation:
// what the target knows, what the copy says, and what each check makes of it.
func TestVerdict(t *testing.T) {
	const stamp, size, sum = 0x39ff5d00, 0x1900, 0x1029a
	good := &pe.Image{TimeDateStamp: stamp, SizeOfImage: size, CheckSum: sum}
	for _, c := range []struct {
		name              string
		target            Fields
		page              uint64
		copy              pe.Image
		proof             Proof
		known, strict     bool
		refusalNamesField string
	}{
		{"all known and equal", Fields{stamp, sum, size, 0x2000}, 0x1000, *good, ProofImage, true, true, ""},
		{"loader's rounded size", Fields{stamp, sum, 0, 0x2000}, 0x1000, *good, ProofImage, true, true, ""},
		{"stamp unknown", Fields{0, sum, 0, 0x2000}, 0x1000, *good, ProofWeak, true, false, ""},
		{"only size known", Fields{0, 0, 0, 0x2000}, 0x1000, *good, ProofWeak, true, false, ""},
		{"8 KB pages", Fields{0, sum, 0, 0x2000}, 0x2000, *good, ProofWeak, true, false, ""},
		{"only checksum known", Fields{0, sum, 0, 0}, 0x1000, *good, ProofWeak, true, false, ""},
		{"nothing known", Fields{}, 0x1000, *good, ProofNameOnly, false, false, "nothing known"},
		{"stamp differs", Fields{stamp + 1, sum, size, 0x2000}, 0x1000, *good, ProofNameOnly, false, false, "TimeDateStamp differs: target 39ff5d01, copy 39ff5d00"},
		{"checksum differs under equal stamp and size", Fields{stamp, sum + 1, size, 0x2000}, 0x1000, *good, ProofNameOnly, false, false, "CheckSum differs: target 1029b, copy 1029a"},
		{"copy is bigger", Fields{0, sum, 0, 0x1000}, 0x1000, *good, ProofNameOnly, false, false, "SizeOfImage differs: target 1000, copy 2000"},
		{"exact size differs inside a page", Fields{0, 0, size + 4, 0x2000}, 0x1000, *good, ProofNameOnly, false, false, "SizeOfImage differs: target 1904, copy 1900"},
		{"copy has no checksum", Fields{stamp, sum, size, 0x2000}, 0x1000, pe.Image{TimeDateStamp: stamp, SizeOfImage: size}, ProofImage, true, true, ""},
		{"zero is never a match", Fields{0, 0, 0, 0}, 0x1000, pe.Image{}, ProofNameOnly, false, false, "nothing known"},
	} {
		f := &Facts{Fields: c.target, PageSize: c.page, resident: new(resident)}
		v := matched(f, &c.copy)
		if p := v.Proof(); p != c.proof {
			t.Errorf("%s: proof %v, want %v", c.name, p, c.proof)
		}
		for check, want := range map[VersionCheck]bool{CheckKnown: c.known, CheckStrict: c.strict, CheckOff: true} {
			err := v.Accept(check)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrMismatch) {
				t.Errorf("%s, check %v: %v, accepted should be %v", c.name, check, err, want)
			}
			if err != nil && check == CheckKnown && !strings.Contains(err.Error(), c.refusalNamesField) {
				t.Errorf("%s: %q does not say %q", c.name, err, c.refusalNamesField)
			}
		}
	}
}

// matched holds a copy without pages against the facts.
func matched(f *Facts, image *pe.Image) *Match {
	c := &Copy{Found: new(Found), Image: image}
	c.fields = f.compareFields(c)
	return c.match()
}

// TestProofOf is the table of the documentation of [Proof], every cell.
func TestProofOf(t *testing.T) {
	for _, c := range []struct {
		pages Verdict
		want  [5]Proof // by identity, unknown and then weakest first
	}{
		{VerdictUnverified, [5]Proof{ProofNameOnly, ProofNameOnly, ProofWeak, ProofImage, ProofExact}},
		{VerdictLikely, [5]Proof{ProofWeak, ProofWeak, ProofWeak, ProofImage, ProofExact}},
		{VerdictConfirmed, [5]Proof{ProofExact, ProofExact, ProofExact, ProofExact, ProofExact}},
		{VerdictMismatch, [5]Proof{ProofNameOnly, ProofNameOnly, ProofNameOnly, ProofNameOnly, ProofNameOnly}},
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
	tied := Basis{Identity: IdentityImageKey, Tied: true}
	if p := tied.Proof(); p != ProofWeak {
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
