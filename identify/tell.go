package identify

import (
	"errors"
	"slices"

	"github.com/symres/symres/pe"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/sympath"
)

// Status is the state of a module's symbols, in the words of WinDbg's lm.
type Status uint8

// The states.
const (
	StatusDeferred  Status = iota // not asked for yet
	StatusPublic                  // a PDB with public symbols
	StatusPrivate                 // a PDB with private symbols
	StatusNoSymbols               // tried, and nothing could be used
	StatusExport                  // no PDB, but the exports of the image
	StatusCOFF                    // no PDB, but the COFF symbol table of the image
	StatusGo                      // no PDB, but the function table of a Go program
	StatusDWARF                   // no PDB, but DWARF debug information
)

// Report says how a module was identified, what was tried, what was used and
// what that proves. It does not change after it was returned, and may be
// shared.
type Report struct {
	Module    Module
	Status    Status
	Header    *pe.Image         // the part of the image header that is in memory; nil before the first load
	HeaderErr error             // why the header could not be read; wraps a *memsource.Fault
	Attempts  []sympath.Attempt // every place tried, in order
	// Evidence has all rungs of the identity ladder, including those that did
	// not help, and then the comparisons of the image copy and of the PDB with
	// the target.
	Evidence []Evidence
	// From is the rung the identity of the PDB was read from: RungHeader,
	// RungDebugInfo, RungListed or RungScan when the target itself named it,
	// RungCopy when a copy of its image did. It has no meaning if PDBID is
	// zero.
	From     Rung
	Image    string     // location of the image copy accepted, if any; its PDB may be missing
	Copy     *pe.Image  // the headers of Image
	Pages    *Pages     // the pages of Image compared with the resident ones; nil if none was compared
	PDB      string     // location of the PDB used, if any
	PDBID    sympath.ID // the identity the PDB was looked up by
	BuildID  bool       // the record PDBID is from names no file
	Identity Identity
	Proof    Proof
	NoPDB    error    // why there is no PDB, where symbols of the image stand in for it
	Notes    []string // what else a reader should know, one sentence each
	Next     Step     // what to try next, or the zero Step
}

// SymbolSource says which source named the PDB. The zero value is unknown:
// there is no PDB to look for.
type SymbolSource uint8

// The sources.
const (
	SymbolsUnknown    SymbolSource = iota
	SymbolsFromTarget              // the target's own image
	SymbolsFromCopy                // a copy of its image
	SymbolsFromName                // nothing but the file's name
)

// SymbolsFrom says which source named the PDB.
func (r *Report) SymbolsFrom() SymbolSource {
	switch {
	case r.PDBID.IsZero() && r.Loaded():
		return SymbolsFromName
	case r.PDBID.IsZero():
		return SymbolsUnknown
	case r.From < RungCopy:
		return SymbolsFromTarget
	}
	return SymbolsFromCopy
}

// Loaded reports whether the module has the symbols of a PDB.
func (r *Report) Loaded() bool { return r.Status == StatusPublic || r.Status == StatusPrivate }

// Carried reports whether the module has no PDB, but symbols of its image.
func (r *Report) Carried() bool { return r.Status > StatusNoSymbols }

// Defaulted reports whether symbols of the image stand in for a PDB that is
// missing. Debug information in the image does not, unless the image names a PDB
// as well: a record without a file name is a build id, as linkers for mingw write
// it.
func (r *Report) Defaulted() bool {
	return r.Carried() && (!r.PDBID.IsZero() && !r.BuildID || r.Status != StatusDWARF && r.Status != StatusGo)
}

// TimeDateStamp returns the time stamp in the target's module list, or else the
// one in the header in memory; 0 means unknown.
func (r *Report) TimeDateStamp() uint32 {
	if r.Module.TimeDateStamp == 0 && r.Header != nil {
		return r.Header.TimeDateStamp
	}
	return r.Module.TimeDateStamp
}

// CheckSum returns the checksum in the target's module list, or else the one in
// the header in memory; 0 means unknown.
func (r *Report) CheckSum() uint32 {
	if r.Module.CheckSum == 0 && r.Header != nil {
		return r.Header.CheckSum
	}
	return r.Module.CheckSum
}

// Outcome is the result of a load, for [Tell]. Only Facts is required.
type Outcome struct {
	Facts  *Facts
	Search *Search
	Notes  []string // of Weigh
	// Match is the copy of the image to report: the accepted one, or else the
	// last one tried. Taken says that it passed the version check.
	Match *Match
	Taken bool
	// Refused holds the matches that did not pass the version check.
	Refused []*Match
	PDBID   sympath.ID // the PDB that was looked for, or zero
	BuildID bool       // the record PDBID is from names no file
	PDB     *PDB       // the PDB that is used, or nil
	Err     error      // why there is none
	Carried *Carried   // what is used instead, nil for nothing
}

// Carried is the symbols an image carries itself.
type Carried struct {
	Source   symbols.Source // the best
	Match    *Match         // the copy they are read from where memory is out, nil for none
	Identity Identity
	Proof    Proof
}

// PDB is a PDB that is used for a module.
type PDB struct {
	Location string
	Private  bool       // it has private symbols
	Got      sympath.ID // its identity, or zero if the expected identity is unknown
	Basis    Basis
}

// Tell returns the report about a load.
func Tell(o Outcome) *Report {
	r := o.report()
	r.PDBID, r.BuildID = o.PDBID, o.BuildID
	if o.Match != nil {
		r.show(o.Match, o.Taken)
	}
	switch p := o.PDB; {
	case p != nil:
		r.Status = StatusPublic
		if p.Private {
			r.Status = StatusPrivate
		}
		r.PDB, r.Identity, r.Proof = p.Location, p.Basis.Identity, p.Basis.Proof()
		if !o.PDBID.IsZero() && !p.Got.IsZero() {
			r.Evidence = append(r.Evidence, o.pdbEvidence(p.Got))
		}
	case o.Carried != nil:
		r.carried(o.Carried)
		r.NoPDB = o.Err
	case o.Err != nil:
		r.Status = StatusNoSymbols
	}
	r.Next = o.next(r)
	return r
}

// TellVerified returns the report about a comparison without a load, for the
// copy that agrees best.
func TellVerified(o Outcome) *Report {
	r := o.report()
	if o.Match == nil && o.Facts.Module.System != "" {
		return r
	}
	if o.Match == nil {
		r.Next = orReach(r, o.Facts.wants(StepAppendImage))
		return r
	}
	r.show(o.Match, true)
	if r.Pages == nil {
		r.Pages = &Pages{Verdict: o.Match.Verdict()}
	}
	r.PDBID = o.Match.Copy.PDBID()
	b := o.Match.Basis
	b.Pages = r.Pages.Verdict
	r.Identity, r.Proof = b.Identity, b.Proof()
	switch {
	case o.Match.onlyPages():
		r.Next = Step{Kind: StepLookAtPages}
	case b.Contradicted:
		r.Next = o.Facts.wants(StepOtherBuild)
	}
	return r
}

// report has what the facts and the search tell.
func (o *Outcome) report() *Report {
	f := o.Facts
	r := &Report{
		Module: f.Module, Header: f.Header, HeaderErr: f.HeaderErr, Evidence: slices.Clone(f.Evidence),
		From: f.From, Notes: slices.Concat(f.Notes, o.Notes),
	}
	if f.CodeView == nil {
		r.From = RungCopy
	}
	if o.Search != nil {
		r.Attempts = o.Search.Attempts()
	}
	return r
}

// show puts a copy of the image into the report.
func (r *Report) show(m *Match, taken bool) {
	r.Pages = m.PageMap
	r.Evidence = append(r.Evidence, m.Evidence...)
	if taken {
		r.Image, r.Copy = m.Copy.Location, m.Copy.Image
	}
}

// carried puts what is used instead of a PDB into the report.
func (r *Report) carried(c *Carried) {
	r.Status = StatusExport
	switch c.Source {
	case symbols.SourceCOFF:
		r.Status = StatusCOFF
	case symbols.SourceGo:
		r.Status = StatusGo
	case symbols.SourceDWARF:
		r.Status = StatusDWARF
	}
	r.Identity, r.Proof = c.Identity, c.Proof
	if c.Match != nil && r.Image == "" {
		r.show(c.Match, true)
	}
}

// pdbEvidence tells which PDB was wanted, which one was used, and who wants it.
func (o *Outcome) pdbEvidence(got sympath.ID) Evidence {
	e := Evidence{Rung: RungPDB, Field: FieldPDB, Target: PDBID{o.PDBID}, Copy: PDBID{got}, Result: sameID(o.PDBID, got), Strength: StrengthExact}
	if o.Facts.CodeView == nil {
		e.Note = "wanted by the copy of the image"
	}
	return e
}

// otherPDB returns the error about a PDB of another identity.
func (o *Outcome) otherPDB() *PDBMismatch {
	other, _ := errors.AsType[*PDBMismatch](o.Err)
	return other
}
