package identify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/sympath"
)

// StepKind is what can be tried next.
type StepKind uint8

// The steps. The zero value is none: nothing is missing.
const (
	StepNone         StepKind = iota
	StepAppendImage           // append a share that holds the image
	StepAppendPDB             // append a share that holds the PDB
	StepOtherPDB              // the PDB found is not the one wanted
	StepOtherBuild            // the copy verified is of another build
	StepOtherBuilds           // the copies found are of other builds
	StepTakePatched           // nothing but pages contradicts the copy: look, or check less
	StepLookAtPages           // the same of a copy verified
	StepCheckLess             // too little is known to prove the copy
	StepGoOnline              // files would have to be fetched
	StepMendStore             // a store gave an error and may have the files
	StepCopyByHand            // a store cannot be read here
	StepFindOrTake            // several modules, and copies were refused
	StepNamePath              // no symbol path was given
	StepAppendPath            // append a folder to the path
	StepDemoPath              // use the demo's own path
	StepNameRightPDB          // the PDB that was named is another
)

// Step is what to try next, as data: which of the fields count depends on the
// kind. String has the words, which speak of the options of the command symres.
type Step struct {
	Kind   StepKind
	Image  string       // the image wanted: its file name, and
	Fields Fields       // what is known of it
	File   string       // the PDB wanted: its file name, and
	PDB    sympath.ID   // its identity
	Got    sympath.ID   // the identity of the PDB found
	Check  VersionCheck // the check that takes the copy found
	Proof  Proof        // the label the copy has then
	Place  string       // the store, or the path, concerned
}

// wants is a step about the image the facts speak of.
func (f *Facts) wants(kind StepKind) Step {
	name := baseName(f.Module.Image)
	if name == "" {
		name = f.Module.Name
	}
	return Step{Kind: kind, Image: name, Fields: f.Fields}
}

// next decides what to try after a load that failed, or that came to less than
// it could.
func (o *Outcome) next(r *Report) Step {
	other := o.otherPDB()
	unproven := slices.IndexFunc(o.Refused, func(m *Match) bool { return !m.Contradicted })
	switch {
	case o.Err == nil && r.Proof != ProofNameOnly, o.Search == nil, o.Search.Symbols == nil && o.Search.Images == nil:
		return Step{}
	case o.Err == nil:
		return o.Facts.wants(StepAppendImage)
	case other != nil:
		return Step{Kind: StepOtherPDB, PDB: other.Want, Got: other.Got}
	case !r.PDBID.IsZero():
		return Step{Kind: StepAppendPDB, File: o.pdbFile(r), PDB: r.PDBID}
	case slices.ContainsFunc(o.Refused, (*Match).onlyPages):
		return Step{Kind: StepTakePatched, Check: CheckOff, Proof: ProofNameOnly}
	case unproven >= 0:
		return looser(o.Refused[unproven].Proof())
	case slices.ContainsFunc(r.Attempts, func(a sympath.Attempt) bool { return a.Status == sympath.StatusRefused }):
		return o.Facts.wants(StepOtherBuilds)
	}
	return o.Facts.wants(StepAppendImage)
}

// looser says which version check takes a copy that nothing contradicts.
func looser(p Proof) Step {
	s := Step{Kind: StepCheckLess, Check: CheckOff, Proof: p}
	if p > ProofNameOnly {
		s.Check = CheckKnown
	}
	return s
}

// pdbFile is the name of the PDB that was looked for last.
func (o *Outcome) pdbFile(r *Report) string {
	cv := o.Facts.CodeView
	if cv == nil && r.Copy != nil {
		cv = r.Copy.CodeView
	}
	return o.Facts.PDBQueries(cv)[0].File
}

// PathStep decides what to do about the symbol path when nothing better is
// known. demo says that the target is the one built into the command.
func PathStep(path string, demo bool) Step {
	switch {
	case demo:
		return Step{Kind: StepDemoPath}
	case path == "":
		return Step{Kind: StepNamePath}
	}
	return Step{Kind: StepAppendPath, Place: path}
}

// NextFor decides what to try after loads of several modules, of which some
// have no symbols. path is what
// to do about the symbol path, see [PathStep]. Where how is not the zero Step, it tells how to take the next step.
func NextFor(reports []*Report, path Step) (next, how Step) {
	s := survey(reports)
	switch {
	case path.Kind == StepNameRightPDB:
		return path, Step{}
	case s.offline:
		return Step{Kind: StepGoOnline}, Step{}
	case s.down != "":
		return Step{Kind: StepMendStore, Place: s.down}, Step{}
	case len(s.wanted) == 1 && s.unsupported == "":
		return NextAfter(s.wanted[0], path)
	case s.refused:
		return Step{Kind: StepFindOrTake, Check: CheckOff, Proof: ProofNameOnly}, Step{}
	case s.unsupported != "":
		return Step{Kind: StepCopyByHand, Place: s.unsupported}, Step{}
	}
	return path, Step{}
}

// NextAfter is [NextFor] for one module.
func NextAfter(r *Report, path Step) (next, how Step) {
	if r.Next.Kind == StepNone {
		return path, Step{}
	}
	return r.Next, path
}

// surveyed is what the attempts for all modules show.
type surveyed struct {
	wanted            []*Report // without symbols, with something to try
	refused, offline  bool
	unsupported, down string // stores
}

func survey(reports []*Report) (s surveyed) {
	for _, r := range reports {
		missing := !r.Loaded()
		if missing && r.Next.Kind != StepNone {
			s.wanted = append(s.wanted, r)
		}
		for _, a := range r.Attempts {
			switch a.Status {
			case sympath.StatusOffline:
				s.offline = true
			case sympath.StatusUnsupported:
				s.unsupported = a.Store
			case sympath.StatusRefused:
				s.refused = s.refused || missing
			case sympath.StatusError:
				if s.down == "" && missing && remote(a) {
					s.down = a.Store
				}
			}
		}
	}
	return s
}

// remote tells a place on a server or share from one here.
func remote(a sympath.Attempt) bool {
	return a.Origin == sympath.OriginHTTP || a.Origin == sympath.OriginUNC || strings.HasPrefix(a.Location, `\\`)
}

// patchedPages is what to think of a copy that only some pages contradict.
const patchedPages = "all else agrees, so these pages may have been patched in memory, or the copy is of a sibling build"

// String says what to try, in words; nothing for the zero Step.
func (s Step) String() string {
	switch s.Kind {
	case StepAppendImage:
		return "append a share that holds " + s.image()
	case StepAppendPDB:
		return fmt.Sprintf("append a share that holds %s, key %s", wtext.Printable(s.File), s.PDB.Key())
	case StepOtherPDB:
		return (&PDBMismatch{s.PDB, s.Got}).what() + "; append a share that holds the one it wants"
	case StepOtherBuild:
		return "the copy is of another build; append a share that holds " + s.image()
	case StepOtherBuilds:
		return "the copies found are of other builds; append a share that holds " + s.image()
	case StepTakePatched:
		return fmt.Sprintf("%s; the version check %v takes it, labelled %v", patchedPages, s.Check, s.Proof)
	case StepLookAtPages:
		return patchedPages + "; look at them"
	case StepCheckLess:
		return fmt.Sprintf("nothing contradicts the copy found, but too little is known of the target to prove it; "+
			"the version check %v takes it, labelled %v", s.Check, s.Proof)
	}
	return s.path()
}

// path has the words for what concerns the symbol path.
func (s Step) path() string {
	switch s.Kind {
	case StepGoOnline:
		return "leave --offline out, or list what is needed with 'symres fetch --manifest' and fetch it on another machine"
	case StepMendStore:
		return "see to " + s.Place + ", which may have the files but gave an error; 'symres path --check' asks every element"
	case StepCopyByHand:
		return "copy the files from " + s.Place + " into a folder by other means, and put it on the path: --sympath DIR"
	case StepFindOrTake:
		return fmt.Sprintf("find the copy that matches, or take what was refused with --version-check %v, labelled %v", s.Check, s.Proof)
	case StepNamePath:
		return "name the folder that holds copies of the images and their PDBs: --sympath DIR"
	case StepAppendPath:
		return "put copies of the image and its PDB into a folder and append it to the path: --sympath '" + s.Place + ";DIR'"
	case StepDemoPath:
		return "leave --sympath out to use the demo's own share, or name a folder with copies of the image and its PDB: --sympath DIR"
	case StepNameRightPDB:
		return "name the PDB that was linked with the image, or use this one anyway with --version-check off"
	}
	return ""
}

// image describes the image in the numbers that are known of it.
func (s Step) image() string {
	f := s.Fields
	if f.SizeOfImage != 0 {
		f.Mapped = uint64(f.SizeOfImage)
	}
	text := wtext.Printable(s.Image)
	if words := fieldWords(Stamp(f.TimeDateStamp), Size(f.Mapped), CheckSum(f.CheckSum)); len(words) > 0 {
		text += ", " + joined(words, " ")
	}
	return text
}

// MarshalText is String; it never fails.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
