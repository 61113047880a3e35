package identify

import (
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/sympath"
)

// ErrMismatch is wrapped by errors about a file that differs from the one in
// the target.
var ErrMismatch = errors.New("not the target's image")

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

// ParseVersionCheck reads known, strict or off.
func ParseVersionCheck(s string) (VersionCheck, error) {
	for _, v := range []VersionCheck{CheckKnown, CheckStrict, CheckOff} {
		if strings.EqualFold(s, v.String()) {
			return v, nil
		}
	}
	return 0, fmt.Errorf("version check %q: want known, strict or off", s)
}

// Identity says by which facts a file was matched to the target.
type Identity uint8

// The identities, strongest last. The zero value is unknown: nothing was
// matched.
const (
	IdentityUnknown      Identity = iota
	IdentityName                  // nothing to compare
	IdentityChecksumSize          // size, checksum or stamp alone is known and equal
	IdentityImageKey              // TimeDateStamp and SizeOfImage are known and equal
	IdentityPDB                   // the PDB's GUID and age were read from the target
	IdentityMemory                // the symbols themselves were read from the target
)

// Verdict is what comparing a copy with the target came to, fields and pages
// together.
type Verdict uint8

// The verdicts, from the one that proves nothing to the one that proves most.
const (
	VerdictUnverified Verdict = iota // nothing to go by
	VerdictMismatch                  // a field or a resident range of pages differs
	VerdictLikely                    // what is known agrees; a sibling of the file might agree as well
	VerdictConfirmed                 // resident pages are equal, and the checksum binds the rest of the file
)

// Proof labels how well a symbol's image was proven. It is a function of two
// axes, the [Identity] by which the files were matched and the [Verdict] of the
// page comparison, and of whether anything known contradicts the match:
//
//	contradicted, or pages mismatch   name-only, whatever the rest is (only under CheckOff)
//	pages confirmed                   exact
//	pdb-id                            exact
//	memory                            exact
//	image-key                         image; weak where other copies agree as well
//	checksum-size                     weak
//	name, pages likely                weak
//	name                              name-only
type Proof uint8

// The labels, weakest first. The zero value means that there is nothing to
// label.
const (
	ProofUnknown Proof = iota
	ProofNameOnly
	ProofWeak
	ProofImage
	ProofExact
)

// ProofOf returns the label for an identity and a verdict, see [Proof].
func ProofOf(i Identity, pages Verdict, contradicted bool) Proof {
	switch {
	case contradicted || pages == VerdictMismatch:
		return ProofNameOnly
	case i == IdentityPDB || i == IdentityMemory || pages == VerdictConfirmed:
		return ProofExact
	case i == IdentityImageKey:
		return ProofImage
	case i == IdentityChecksumSize || pages == VerdictLikely:
		return ProofWeak
	}
	return ProofNameOnly
}

// Basis is the evidence on which a label is based.
type Basis struct {
	Identity     Identity
	Pages        Verdict // VerdictUnverified if no pages were compared
	Contradicted bool    // something known contradicts the match
	Tied         bool    // other copies agree as well
}

// Proof returns the label, see [ProofOf]. If Tied is set it is at most
// [ProofWeak].
func (b Basis) Proof() Proof {
	p := ProofOf(b.Identity, b.Pages, b.Contradicted)
	if b.Tied {
		p = min(p, ProofWeak)
	}
	return p
}

// PDBMismatch is the error about a PDB with another identity than the expected
// one.
type PDBMismatch struct{ Want, Got sympath.ID }

// Error says what differs.
func (e *PDBMismatch) Error() string { return ErrMismatch.Error() + ": " + e.what() }

// Unwrap returns [ErrMismatch].
func (e *PDBMismatch) Unwrap() error { return ErrMismatch }

func (e *PDBMismatch) what() string {
	if e.Want.Kind() == sympath.IDPDB70 && e.Got.Kind() == sympath.IDPDB70 && e.Want.GUID() == e.Got.GUID() {
		return fmt.Sprintf("the PDB found has age %d, the image wants %d", e.Got.Age(), e.Want.Age())
	}
	return fmt.Sprintf("the PDB found is %v, the image wants %v", e.Got, e.Want)
}
