package symres

import (
	"fmt"
	"strings"
)

// VersionCheck says how much an on-disk copy must agree with what is known of
// the target before it is used.
type VersionCheck uint8

// The version checks.
const (
	// CheckKnown wants at least one field that both sides know to be equal,
	// and none to differ. It is the default.
	CheckKnown VersionCheck = iota
	// CheckStrict also wants proof [ProofImage] or [ProofExact].
	CheckStrict
	// CheckOff trusts: the first image on the path is taken, and a PDB of
	// another identity where no exact one is on the path. What contradicts
	// the target is labelled [ProofNameOnly].
	CheckOff
)

// String returns the spelling of the command line: known, strict, off.
func (v VersionCheck) String() string {
	return map[VersionCheck]string{CheckKnown: "known", CheckStrict: "strict", CheckOff: "off"}[v]
}

// ParseVersionCheck reads known, strict or off.
func ParseVersionCheck(s string) (VersionCheck, error) {
	for _, v := range []VersionCheck{CheckKnown, CheckStrict, CheckOff} {
		if strings.EqualFold(s, v.String()) {
			return v, nil
		}
	}
	return 0, fmt.Errorf("version check %q: want known, strict or off", s)
}

// Identity says by what a file was matched to the target, strongest last.
type Identity uint8

// The identities.
const (
	IdentityName         Identity = iota // nothing to compare
	IdentityChecksumSize                 // size, checksum or stamp alone is known and equal
	IdentityImageKey                     // TimeDateStamp and SizeOfImage are known and equal
	IdentityPDB                          // the PDB's GUID and age were read from the target
)

// String returns the word of the JSON contract.
func (i Identity) String() string {
	return map[Identity]string{IdentityName: "name", IdentityChecksumSize: "checksum-size",
		IdentityImageKey: "image-key", IdentityPDB: "pdb-id"}[i]
}

// Proof labels how well a symbol's image was proven. It is a function of two
// axes, the [Identity] by which the files were matched and the [Verdict] of the
// page comparison, and of whether anything known contradicts the match:
//
//	contradicted, or pages mismatch   name-only, whatever the rest is (only under CheckOff)
//	pages confirmed                   exact
//	pdb-id                            exact
//	image-key                         image; weak where other copies agree as well
//	checksum-size                     weak
//	name, pages likely                weak
//	name                              name-only
type Proof uint8

// The labels, weakest first.
const (
	ProofNameOnly Proof = iota
	ProofWeak
	ProofImage
	ProofExact
)

// String returns the word of the JSON contract.
func (p Proof) String() string {
	return map[Proof]string{ProofNameOnly: "name-only", ProofWeak: "weak", ProofImage: "image", ProofExact: "exact"}[p]
}

// ProofOf is the documented function behind the labels.
func ProofOf(i Identity, pages Verdict, contradicted bool) Proof {
	switch {
	case contradicted || pages == Mismatch:
		return ProofNameOnly
	case i == IdentityPDB || pages == Confirmed:
		return ProofExact
	case i == IdentityImageKey:
		return ProofImage
	case i == IdentityChecksumSize || pages == Likely:
		return ProofWeak
	}
	return ProofNameOnly
}

// verdict is what comparing a copy with the target came to.
type verdict struct {
	evidence []Evidence
	identity Identity
	differs  bool   // something known contradicts the copy
	agree    bool   // fields agree that make it likely without pages
	tied     bool   // other copies agree as well
	pages    *Pages // nil where nothing was compared
}

// proof is the label.
func (v verdict) proof() Proof {
	p := ProofOf(v.identity, v.pages.verdict(), v.differs)
	if v.tied {
		p = min(p, ProofWeak)
	}
	return p
}

// mismatch says which fields differ, or that none could be compared.
func (v verdict) mismatch() error {
	var words []string
	for _, e := range v.evidence {
		if e.Result == Differs {
			words = append(words, e.String())
		}
	}
	if len(words) == 0 {
		return fmt.Errorf("%w: nothing known of the target to compare it with", ErrMismatch)
	}
	return fmt.Errorf("%w: %s", ErrMismatch, strings.Join(words, "; "))
}

// accepts applies the version check.
func (v verdict) accepts(c VersionCheck) error {
	proof := v.proof()
	switch {
	case c == CheckOff:
		return nil
	case proof == ProofNameOnly:
		return v.mismatch()
	case c == CheckStrict && proof < ProofImage:
		return fmt.Errorf("%w: only proof %v, and the version check is strict", ErrMismatch, proof)
	}
	return nil
}

// target holds what is known of a module's image before any copy is opened.
// Zero fields are unknown.
type target struct {
	timeDateStamp uint32
	checkSum      uint32
	sizeOfImage   uint32 // as in the header
	sizeRounded   uint64 // as the loader keeps it: whole pages
	pageSize      uint64 // what it rounds to
}

func roundUp(n, to uint64) uint64 { return (n + to - 1) / to * to }

// compare holds the fields of an image copy against the target.
func (t target) compare(m *Image) verdict {
	stamp := evidence("TimeDateStamp", uint64(t.timeDateStamp), uint64(m.TimeDateStamp))
	sum := evidence("CheckSum", uint64(t.checkSum), uint64(m.CheckSum))
	size := t.compareSize(m)
	stamp.Strength, size.Strength, sum.Strength = StrengthMedium, StrengthWeak, StrengthMedium
	if m.Repro {
		stamp.Note = "a hash of the build, not a time"
	}
	v := verdict{evidence: []Evidence{stamp, size, sum}}
	v.differs = stamp.Result == Differs || size.Result == Differs || sum.Result == Differs
	switch {
	case stamp.Result == Equal && size.Result == Equal:
		v.identity = IdentityImageKey
	case stamp.Result == Equal || size.Result == Equal || sum.Result == Equal:
		v.identity = IdentityChecksumSize
	}
	v.agree = v.identity == IdentityImageKey || sum.Result == Equal && size.Result == Equal
	return v
}

// compareSize compares the exact size where it is known. A loader's size is
// rounded up to a page, so there the copy's is rounded up as well.
func (t target) compareSize(m *Image) Evidence {
	if t.sizeOfImage != 0 {
		return evidence("SizeOfImage", uint64(t.sizeOfImage), uint64(m.SizeOfImage))
	}
	return evidence("SizeOfImage", t.sizeRounded, roundUp(uint64(m.SizeOfImage), t.pageSize))
}
