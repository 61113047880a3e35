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

// Proof labels how well a symbol's image was proven. It is a function of the
// [Identity] and of whether anything known contradicts it:
//
//	pdb-id         exact
//	image-key      image
//	checksum-size  weak
//	name           name-only
//	contradicted   name-only, whatever the identity (only under CheckOff)
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
func ProofOf(i Identity, contradicted bool) Proof {
	if contradicted {
		return ProofNameOnly
	}
	return map[Identity]Proof{IdentityName: ProofNameOnly, IdentityChecksumSize: ProofWeak,
		IdentityImageKey: ProofImage, IdentityPDB: ProofExact}[i]
}

// Comparison is what comparing one field gave.
type Comparison uint8

// The comparisons.
const (
	Unknown Comparison = iota // one side does not know the field
	Equal
	Differs
)

// String returns equal, differs or unknown.
func (c Comparison) String() string {
	return map[Comparison]string{Unknown: "unknown", Equal: "equal", Differs: "differs"}[c]
}

// Evidence is one field of the target held against a copy. The values are
// hexadecimal text; an empty one is unknown.
type Evidence struct {
	Field        string // "TimeDateStamp", "SizeOfImage", "CheckSum", "PDB"
	Target, Copy string
	Result       Comparison
}

// String returns one line for people.
func (e Evidence) String() string {
	if e.Result == Unknown {
		return fmt.Sprintf("%s unknown", e.Field)
	}
	return fmt.Sprintf("%s %s: target %s, copy %s", e.Field, e.Result, e.Target, e.Copy)
}

// verdict is what comparing a copy with the target came to.
type verdict struct {
	evidence []Evidence
	identity Identity
	differs  bool
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
	proof := ProofOf(v.identity, v.differs)
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

// compare holds an image copy against the target.
func (t target) compare(m *Image) verdict {
	stamp := evidence("TimeDateStamp", uint64(t.timeDateStamp), uint64(m.TimeDateStamp))
	sum := evidence("CheckSum", uint64(t.checkSum), uint64(m.CheckSum))
	size := t.compareSize(m)
	v := verdict{evidence: []Evidence{stamp, size, sum}}
	v.differs = stamp.Result == Differs || size.Result == Differs || sum.Result == Differs
	switch {
	case stamp.Result == Equal && size.Result == Equal:
		v.identity = IdentityImageKey
	case stamp.Result == Equal || size.Result == Equal || sum.Result == Equal:
		v.identity = IdentityChecksumSize
	}
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

// evidence compares one field; zero means unknown and is never a match.
func evidence(field string, target, copied uint64) Evidence {
	e := Evidence{Field: field}
	if target != 0 {
		e.Target = fmt.Sprintf("%x", target)
	}
	if copied != 0 {
		e.Copy = fmt.Sprintf("%x", copied)
	}
	switch {
	case target == 0 || copied == 0:
	case target == copied:
		e.Result = Equal
	default:
		e.Result = Differs
	}
	return e
}
