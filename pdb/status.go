package pdb

import (
	"slices"
	"strings"
)

// Detail is how much a PDB knows beyond public symbols, and if little, why.
type Detail uint8

// What a PDB can hold.
const (
	DetailPrivate  Detail = iota // private symbols of at least one module
	DetailPublic                 // linked without debug information: public symbols at most
	DetailStripped               // private symbols were taken out (/PDBSTRIPPED); those left name static functions at most
	DetailFastlink               // linked with /DEBUG:FASTLINK: publics, names and lines are here, the rest was left in the object files
	DetailTypes                  // types without a program: the compiler's own PDB or a type server
	DetailEmpty                  // neither symbols nor types
)

// String says it in plain words.
func (d Detail) String() string {
	switch d {
	case DetailPrivate:
		return "private symbols"
	case DetailPublic:
		return "public symbols only: linked without debug information"
	case DetailStripped:
		return "public symbols only: stripped"
	case DetailFastlink:
		return "linked with /DEBUG:FASTLINK: sizes, types and variables were left in the object files"
	case DetailTypes:
		return "types only: the PDB of a compiler or type server"
	case DetailEmpty:
		return "empty"
	}
	return "unknown"
}

// Status is what is special about a PDB.
type Status struct {
	Detail       Detail
	Incremental  bool // linked incrementally: functions are reached through thunks, dead records are left behind
	Rearranged   bool // the image was rearranged after linking; addresses are translated (OMAP)
	SourceServer bool // says how to fetch its sources, in the stream srcsrv
	SourceLink   bool // the same as JSON, in the streams sourcelink and sourcelink$1 and so on

	Features []uint32      // codes of what the PDB has, such as [FeatureVC140]
	Streams  []NamedStream // such as "/names", "srcsrv" and "sourcelink", ordered by name
}

// Status tells what kinds of answers the PDB can give. It reads little: heads
// of streams and the list of modules. Errors satisfy errors.Is(err,
// [ErrFormat]) or come from reading.
func (f *File) Status() (s Status, err error) {
	if err := f.enter(); err != nil {
		return Status{}, err
	}
	defer f.leave()
	if s.Detail, err = f.detail(); err != nil {
		return Status{}, err
	}
	sec, err := f.placer()
	if err != nil {
		return Status{}, err
	}
	s.Rearranged = sec.omap != nil
	s.Incremental = f.dbi != nil && f.dbi.Flags&DBIIncremental != 0
	tail, err := f.tail()
	if err != nil {
		return Status{}, err
	}
	s.Features, s.Streams = slices.Clone(tail.features), slices.Clone(tail.named)
	for _, n := range tail.named {
		s.SourceServer = s.SourceServer || n.Name == "srcsrv"
		s.SourceLink = s.SourceLink || n.Name == "sourcelink" || strings.HasPrefix(n.Name, "sourcelink$")
	}
	return s, nil
}

func (f *File) detail() (Detail, error) {
	if f.dbi == nil {
		if f.msf.Length(streamTPI) > tpiEmpty {
			return DetailTypes, nil
		}
		return DetailEmpty, nil
	}
	tail, err := f.tail()
	switch {
	case err != nil:
		return 0, err
	case slices.Contains(tail.features, FeatureMinimal):
		return DetailFastlink, nil
	case f.dbi.Flags&DBIStripped != 0:
		return DetailStripped, nil
	}
	g, err := f.loadGlobals()
	if err != nil {
		return 0, err
	}
	if g.gss != nil && g.table.n > 0 {
		return DetailPrivate, nil
	}
	return f.detailOfModules()
}

// tpiEmpty is the size of a type stream without types: its header.
const tpiEmpty = 56

// detailOfModules answers for a PDB whose table of globals is empty.
func (f *File) detailOfModules() (Detail, error) {
	list, err := f.loadModules()
	if err != nil {
		return 0, err
	}
	for i := range list.len() {
		m, err := f.moduleAt(list, i)
		if err != nil {
			return 0, err
		}
		if m.stream != noStream && m.syms > 4 && m.c13 > 0 {
			return DetailPrivate, nil
		}
	}
	p, err := f.loadPublics()
	if err != nil {
		return 0, err
	}
	if p.psi == nil || p.table.n == 0 {
		return DetailEmpty, nil
	}
	return DetailPublic, nil
}
