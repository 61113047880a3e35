package symres

import (
	"fmt"

	"github.com/symres/symres/internal/wtext"
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
)

// String returns WinDbg's word for the state.
func (s Status) String() string {
	return map[Status]string{StatusDeferred: "deferred", StatusPublic: "pdb symbols",
		StatusPrivate: "private pdb symbols", StatusNoSymbols: "no symbols"}[s]
}

// Report tells the whole story of a module: what identified it, what was
// tried, what was used and what that proves. It is data; it is not changed
// after it was handed out and may be shared.
type Report struct {
	Module    Module
	Status    Status
	Header    *Image            // what of the image header is in memory; nil before the first load
	HeaderErr error             // why the header could not be read; wraps a *memsource.Fault
	Attempts  []sympath.Attempt // every place tried, in order
	// Evidence is the identity ladder rung by rung, whether a rung helped or
	// not, and then the copy of the image and the PDB held against the target.
	Evidence []Evidence
	// From is the rung the identity of the PDB was read from: RungHeader,
	// RungDebugInfo, RungListed or RungScan when the target itself named it,
	// RungCopy when a copy of its image did. It means nothing where PDBID is
	// zero.
	From     Rung
	Image    string     // location of the image copy accepted, if any; its PDB may be missing
	Copy     *Image     // the headers of that copy
	Pages    *Pages     // that copy's pages against the resident ones; nil when none was compared
	PDB      string     // location of the PDB used, if any
	PDBID    sympath.ID // the identity the PDB was looked up by
	Identity Identity
	Proof    Proof
	Notes    []string // what else a reader should know, one sentence each
	// Next is what to try next, in words that name what is missing; empty
	// when nothing is.
	Next string
}

// LoadError says that a module has no usable symbols. It unwraps to
// [ErrNoSymbols] and to the cause; Report has everything that was tried.
type LoadError struct {
	Report *Report
	Err    error
}

// Error is WinDbg's line for it and the cause.
func (e *LoadError) Error() string {
	return fmt.Sprintf("symbols could not be loaded for %s: %v", wtext.Printable(e.Report.Module.Image), e.Err)
}

// Unwrap returns [ErrNoSymbols] and the cause.
func (e *LoadError) Unwrap() []error { return []error{ErrNoSymbols, e.Err} }
