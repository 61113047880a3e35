package symres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/sympath"
)

// next says what to try next after a load that failed with err, or that came
// to less than it could.
func (l *loader) next(err error) string {
	r := l.report
	var other *otherPDB
	switch {
	case err == nil && r.Proof >= ProofImage, l.session.cfg.Symbols == nil && l.session.cfg.Images == nil:
		return ""
	case err == nil && r.Proof == ProofNameOnly:
		return "append a share that holds " + l.wanted()
	case err == nil:
		return ""
	case errors.As(err, &other):
		return other.what + "; append a share that holds the one it wants"
	case !r.PDBID.IsZero():
		return fmt.Sprintf("append a share that holds %s, key %s", wtext.Printable(l.pdbFile()), r.PDBID.Key())
	case l.patched:
		return patchedPages + "; the version check off takes it, labelled name-only"
	case l.unproven != nil:
		return l.looser(l.unproven.proof())
	case l.refusedImage():
		return "the copies found are of other builds; append a share that holds " + l.wanted()
	}
	return "append a share that holds " + l.wanted()
}

// looser says which version check takes a copy that nothing contradicts.
func (l *loader) looser(p Proof) string {
	check := CheckOff
	if p > ProofNameOnly {
		check = CheckKnown
	}
	return fmt.Sprintf("nothing contradicts the copy found, but too little is known of the target to prove it; "+
		"the version check %v takes it, labelled %v", check, p)
}

// wanted describes the image in the numbers that are known of it.
func (l *loader) wanted() string {
	name := baseName(l.module.Image)
	if name == "" {
		name = l.module.Name
	}
	t := l.target
	size := t.sizeRounded
	if t.sizeOfImage != 0 {
		size = uint64(t.sizeOfImage)
	}
	text := wtext.Printable(name) + ","
	for _, f := range []struct {
		name  string
		value uint64
	}{{"stamp", uint64(t.timeDateStamp)}, {"size", size}, {"checksum", uint64(t.checkSum)}} {
		if f.value != 0 {
			text += fmt.Sprintf(" %s %x", f.name, f.value)
		}
	}
	return strings.TrimSuffix(text, ",")
}

// pdbFile is the name of the PDB that was looked for last.
func (l *loader) pdbFile() string {
	switch {
	case l.cv != nil:
		return l.pdbName(l.cv)
	case l.report.Copy != nil && l.report.Copy.CodeView != nil:
		return l.pdbName(l.report.Copy.CodeView)
	}
	return l.stem() + ".pdb"
}

// refusedImage reports whether a copy of the image was found and refused.
func (l *loader) refusedImage() bool {
	for _, a := range l.report.Attempts {
		if a.Status == sympath.StatusRefused {
			return true
		}
	}
	return false
}
