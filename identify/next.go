package identify

import (
	"errors"
	"fmt"
	"math"
	"net"
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
	StepReach                 // a server or share was not reached and may have the files
	StepNoDebug               // the copy is the right one, and names no PDB
	StepAskMicrosoft          // no server is on the path, and Microsoft's may have the files
)

// Step is the next step to try, as data. The kind decides which fields are
// used. String returns a text that refers to the options of the symres command.
type Step struct {
	Kind   StepKind
	Image  string       // file name of the missing image
	Fields Fields       // known fields of the missing image
	File   string       // file name of the missing PDB
	PDB    sympath.ID   // its identity
	Got    sympath.ID   // the identity of the PDB found
	Check  VersionCheck // the version check that accepts the copy found
	Proof  Proof        // the label that the copy gets with this check
	Place  string       // the store, or the path, concerned
}

// wants is a step about the image the facts speak of, by the name and in the
// numbers that stores are asked for first.
func (f *Facts) wants(kind StepKind) Step {
	s := Step{Kind: kind, Image: f.names()[0], Fields: f.Fields}
	if s.Image == "" {
		s.Image = f.Module.Name
	}
	return s
}

// next decides what to try after a load that failed, or that came to less than
// it could.
func (o *Outcome) next(r *Report) Step {
	other := o.otherPDB()
	unproven := slices.IndexFunc(o.Refused, func(m *Match) bool { return !m.Contradicted })
	switch {
	case o.Err == nil && r.Proof != ProofNameOnly, o.Facts.Module.System != "", o.Search == nil, o.Search.Symbols == nil && o.Search.Images == nil:
		return Step{}
	case o.Err == nil:
		return o.Facts.wants(StepAppendImage)
	case other != nil:
		return Step{Kind: StepOtherPDB, PDB: other.Want, Got: other.Got}
	case !r.PDBID.IsZero():
		return orReach(r, Step{Kind: StepAppendPDB, File: o.pdbFile(r), PDB: r.PDBID})
	case slices.ContainsFunc(o.Refused, (*Match).onlyPages):
		return Step{Kind: StepTakePatched, Check: CheckOff, Proof: ProofNameOnly}
	case unproven >= 0:
		return looser(o.Refused[unproven].Proof())
	case slices.ContainsFunc(r.Attempts, namesNoPDB):
		return Step{Kind: StepNoDebug, File: o.Facts.PDBQueries(nil)[0].File, Check: CheckOff, Proof: ProofNameOnly}
	case slices.ContainsFunc(r.Attempts, func(a sympath.Attempt) bool { return a.Status == sympath.StatusRefused }):
		s := o.Facts.wants(StepOtherBuilds)
		s.Check, s.Proof = CheckOff, ProofNameOnly
		return orReach(r, s)
	}
	return orReach(r, o.Facts.wants(StepAppendImage))
}

// namesNoPDB reports whether a file was refused that is the image, and names no
// PDB.
func namesNoPDB(a sympath.Attempt) bool {
	e, ok := errors.AsType[*noPDBError](a.Err)
	return ok && e.right
}

// orReach is what to do about a server or share that failed, which may have what
// is missing, or else the step.
func orReach(r *Report, s Step) Step {
	if failed, ok := mending(r.Attempts); ok {
		return failed
	}
	return s
}

// mending is the step about the first server or share that failed.
func mending(attempts []sympath.Attempt) (Step, bool) {
	for _, a := range attempts {
		if a.Status == sympath.StatusError && remote(a) {
			if Unreachable(a) {
				return Step{Kind: StepReach, Place: a.Store}, true
			}
			return Step{Kind: StepMendStore, Place: a.Store}, true
		}
	}
	return Step{}, false
}

// Unreachable reports whether an attempt failed because a server or share could
// not be reached or did not answer, so that it is unknown whether it has the
// file.
func Unreachable(a sympath.Attempt) bool {
	_, ok := errors.AsType[net.Error](a.Err)
	return ok && a.Status == sympath.StatusError && remote(a)
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

// PathStep returns the step for the symbol path if nothing better is known.
// demo says that the target is the one built into the command.
func PathStep(path string, demo bool) Step {
	switch {
	case demo:
		return Step{Kind: StepDemoPath}
	case path == "":
		return Step{Kind: StepNamePath}
	}
	return Step{Kind: StepAppendPath, Place: path}
}

// NextFor returns the next step after loads of several modules, some of which
// have no symbols. path is the step for the symbol path, see [PathStep]. If how
// is not the zero Step, it says how to take the next step.
func NextFor(reports []*Report, path Step) (next, how Step) {
	s := survey(reports)
	switch {
	case path.Kind == StepNameRightPDB:
		return path, Step{}
	case s.foreign == len(reports) && s.foreign > 0:
		return Step{}, Step{} // no path leads to what does not exist
	case s.offline:
		return Step{Kind: StepGoOnline}, Step{}
	case s.down.Kind != StepNone:
		return s.down, Step{}
	case len(s.wanted) == 1 && s.unsupported == "":
		return NextAfter(s.wanted[0], path)
	case s.refused:
		return Step{Kind: StepFindOrTake, Check: CheckOff, Proof: ProofNameOnly}, Step{}
	case s.unsupported != "":
		return Step{Kind: StepCopyByHand, Place: s.unsupported}, Step{}
	}
	for _, r := range s.wanted {
		if ask := r.Next.ask(&r.Module, path); ask != path {
			return ask, Step{}
		}
	}
	return path, Step{}
}

// NextAfter is [NextFor] for one module.
func NextAfter(r *Report, path Step) (next, how Step) {
	switch r.Next.Kind {
	case StepNone:
		if r.Module.System != "" {
			return Step{}, Step{} // no path leads to what does not exist
		}
		return path, Step{}
	case StepReach, StepMendStore, StepNoDebug:
		return r.Next, Step{}
	}
	return r.Next, r.Next.ask(&r.Module, path)
}

// ask has Microsoft's public server asked for what the step wants, where the
// module is one of Windows and no server or share is on the path.
func (s Step) ask(m *Module, path Step) Step {
	wanted := s.Kind == StepAppendPDB && !s.PDB.IsZero() || s.image().Key() != ""
	if !wanted || !m.ofWindows() || path.Kind != StepNamePath && path.Kind != StepAppendPath || asksOthers(path.Place) {
		return path
	}
	return Step{Kind: StepAskMicrosoft, Place: path.Place}
}

// asksOthers reports whether a symbol path leads to a server or a share.
func asksOthers(path string) bool {
	p, err := sympath.Parse(path)
	if err != nil {
		return false
	}
	there := func(e sympath.Element) bool { return e.Kind == sympath.ElementHTTP || e.Kind == sympath.ElementUNC }
	return slices.ContainsFunc(p.Expand().Elements(), func(e sympath.Element) bool {
		return there(e) || slices.ContainsFunc(e.Stores, there)
	})
}

// FetchStep returns the next step for files that are missing on a symbol path,
// or the zero Step if none is known.
func FetchStep(attempts []sympath.Attempt, path string) Step {
	failed, ok := mending(attempts)
	switch {
	case ok:
		return failed
	case slices.ContainsFunc(attempts, func(a sympath.Attempt) bool { return a.Status == sympath.StatusOffline }):
		return Step{Kind: StepGoOnline}
	case !asksOthers(path):
		return Step{Kind: StepAskMicrosoft, Place: path}
	}
	return Step{}
}

// surveyed is what the attempts for all modules show.
type surveyed struct {
	wanted           []*Report // without symbols, with something to try
	refused, offline bool
	unsupported      string // a store
	down             Step   // about the first server or share that failed
	foreign          int    // modules of other systems than Windows
}

func survey(reports []*Report) (s surveyed) {
	for _, r := range reports {
		missing := !r.Loaded()
		if r.Module.System != "" {
			s.foreign++
		}
		if missing && r.Next.Kind != StepNone {
			s.wanted = append(s.wanted, r)
		}
		if down, ok := mending(r.Attempts); ok && missing && s.down.Kind == StepNone {
			s.down = down
		}
		for _, a := range r.Attempts {
			switch a.Status {
			case sympath.StatusOffline:
				s.offline = true
			case sympath.StatusUnsupported:
				s.unsupported = a.Store
			case sympath.StatusRefused:
				s.refused = s.refused || missing
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

// String returns the step in words, "" for the zero Step.
func (s Step) String() string {
	switch s.Kind {
	case StepAppendImage:
		return "append a share that holds " + s.wanted()
	case StepAppendPDB:
		return fmt.Sprintf("append a share that holds %s, key %s", wtext.Printable(s.File), s.PDB.Key())
	case StepOtherPDB:
		return (&PDBMismatch{s.PDB, s.Got}).what() + "; append a share that holds the one it wants"
	case StepOtherBuild:
		return "the copy is of another build; append a share that holds " + s.wanted()
	case StepOtherBuilds:
		text := "the copies found are of other builds; append a share that holds " + s.wanted()
		if s.Proof != ProofUnknown {
			text += fmt.Sprintf(", or take one with --version-check %v, labelled %v", s.Check, s.Proof)
		}
		return text
	case StepNoDebug:
		return fmt.Sprintf("the copy is the right one, but has no debug directory that names its PDB; put %s beside it and take that "+
			"by its name with --version-check %v, labelled %v", wtext.Printable(s.File), s.Check, s.Proof)
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
	case StepReach:
		return s.Place + " is unreachable and may have the files; 'symres path --check' asks every element"
	case StepAskMicrosoft:
		return "ask Microsoft's public server: --sympath '" + strings.TrimPrefix(s.Place+";srv*"+sympath.MicrosoftServer, ";") + "'"
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

// image is the identity of the image wanted, as far as it is known.
func (s Step) image() sympath.ID {
	f := s.Fields
	if f.SizeOfImage != 0 {
		f.Mapped = uint64(f.SizeOfImage)
	}
	if f.Mapped > math.MaxUint32 {
		return sympath.ID{}
	}
	return sympath.Image(f.TimeDateStamp, uint32(f.Mapped))
}

// wanted describes the image by the key stores have it under, or else in the
// numbers that are known of it.
func (s Step) wanted() string {
	f := s.Fields
	if f.SizeOfImage != 0 {
		f.Mapped = uint64(f.SizeOfImage)
	}
	text := wtext.Printable(s.Image)
	if key := s.image().Key(); key != "" {
		text += ", key " + key
		f = Fields{CheckSum: f.CheckSum}
	}
	if words := fieldWords(Stamp(f.TimeDateStamp), Size(f.Mapped), CheckSum(f.CheckSum)); len(words) > 0 {
		text += ", " + joined(words, " ")
	}
	return text
}

// MarshalText is String; it never fails.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
