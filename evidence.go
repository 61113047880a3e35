package symres

import "fmt"

// Rung is a step of the ladder by which a module gets its identity, from what
// the image itself says in memory down to a file of its name.
type Rung uint8

// The rungs, in the order they are climbed.
const (
	RungHeader    Rung = iota // the image header, debug directory and CodeView record in memory
	RungDebugInfo             // NonPagedDebugInfo, the kernel's copy of header fields
	RungListed                // what lists the module: loader entry, dump or minidump record, command line
	RungUnloaded              // what the target remembers to have unloaded from there
	RungScan                  // an RSDS or NB10 record in a resident page, found by its looks
	RungFile                  // the file behind a page that is out, as the memory manager names it
	RungCopy                  // a copy of the image, its fields
	RungPages                 // that copy's pages against the resident ones
	RungPDB                   // the PDB
	numRungs
)

// String returns the rung in plain words.
func (r Rung) String() string {
	names := [numRungs]string{"image header", "nonpaged debug info", "module list", "unloaded list", "RSDS scan", "mapped file", "image copy", "pages", "PDB"}
	if r < numRungs {
		return names[r]
	}
	return fmt.Sprintf("rung %d", r)
}

// Comparison is what comparing one field gave.
type Comparison uint8

// The comparisons.
const (
	Unknown     Comparison = iota // one side does not know the field, or there is nothing to compare it with
	Equal                         // both sides know it, and agree
	Differs                       // both sides know it, and do not
	NotResident                   // the target's side is in a page that is out
)

// String returns equal, differs, not-resident or unknown.
func (c Comparison) String() string {
	return map[Comparison]string{Unknown: "unknown", Equal: "equal", Differs: "differs", NotResident: "not-resident"}[c]
}

// Strength says how much an equal field proves.
type Strength uint8

// The strengths.
const (
	StrengthNone   Strength = iota // nothing was learned
	StrengthWeak                   // many images share it: a size, a name
	StrengthMedium                 // few do: a stamp, a checksum
	StrengthStrong                 // content of the image
	StrengthExact                  // the identity of the build
)

// String returns the strength in one word.
func (s Strength) String() string {
	return map[Strength]string{StrengthNone: "none", StrengthWeak: "weak", StrengthMedium: "medium",
		StrengthStrong: "strong", StrengthExact: "exact"}[s]
}

// Evidence is one thing that was looked at to find out which image a module
// is, whether it helped or not. Numbers are hexadecimal text; an empty value is
// unknown.
type Evidence struct {
	Rung         Rung
	Field        string // "TimeDateStamp", "SizeOfImage", "CheckSum", "PDB", ...
	Target, Copy string
	Result       Comparison
	Strength     Strength // of the field when it is equal, or of what was read
	Note         string   // where it was found, or why it was not
}

// FieldFile is the Field of evidence that names a file: the one behind a page,
// or the one a copy was found in.
const FieldFile = "file"

// String returns one line for people.
func (e Evidence) String() string {
	text := e.Field
	switch {
	case e.Rung == RungPages && e.Result == Differs && e.Copy == "":
		text += " differ from " + e.Target + " on"
	case e.Rung == RungPages && e.Result == Equal:
		text += " equal"
	case e.Result == NotResident:
		text += " not resident"
	case e.Result == Equal:
		text += " equal: " + e.Copy
	case e.Result != Unknown:
		text = fmt.Sprintf("%s %s: target %s, copy %s", e.Field, e.Result, e.Target, e.Copy)
	case e.Field == FieldFile && e.Copy != "":
		text += ": " + e.Copy
	case e.Target != "" && e.Copy == "" && e.Rung < RungCopy:
		text += ": " + e.Target
	case e.Target != "" && e.Copy == "":
		text += " unknown in the copy"
	case e.Target == "" && e.Copy != "":
		text += " unknown in the target"
	default:
		text += " unknown"
	}
	if e.Note != "" {
		text += " (" + e.Note + ")"
	}
	return text
}

// evidence compares one field of a copy; zero means unknown and is never a
// match.
func evidence(field string, target, copied uint64) Evidence {
	e := Evidence{Rung: RungCopy, Field: field, Target: hexOf(target), Copy: hexOf(copied)}
	switch {
	case target == 0 || copied == 0:
	case target == copied:
		e.Result = Equal
	default:
		e.Result = Differs
	}
	return e
}

// hexOf is the text of a number that is known.
func hexOf(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%x", n)
}
