package identify

import (
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// Rung is a step of the ladder by which a module is identified, from the image
// in memory down to a file with its name.
type Rung uint8

// The rungs, in the order they are climbed. The zero value is unknown.
const (
	RungUnknown   Rung = iota
	RungHeader         // the image header, debug directory and CodeView record in memory
	RungDebugInfo      // NonPagedDebugInfo, the kernel's copy of header fields
	RungListed         // what lists the module: loader entry, dump or minidump record, command line
	RungUnloaded       // an entry of the target's list of unloaded modules
	RungScan           // an RSDS or NB10 record in a resident page, found by scanning
	RungFile           // the file behind a page that is out, as the memory manager names it
	RungCopy           // a copy of the image, its fields
	RungPages          // the pages of the copy compared with the resident ones
	RungPDB            // the PDB
)

// Field is what a piece of evidence is about. The zero value is unknown.
type Field uint8

// The fields, and the type of their values.
const (
	FieldUnknown          Field = iota
	FieldImageHeader            // what the header in memory says: Fields
	FieldReadBefore             // what an earlier load read of it: Fields
	FieldDebugInfo              // the nonpaged debug info: Fields
	FieldModuleList             // what lists the module: Fields
	FieldUnloaded               // an entry of the unloaded list: Entry
	FieldCodeView               // the record that names the PDB: Record
	FieldScanned                // the record found by its looks: Record
	FieldOtherRecord            // a record found so that is not the module's: Record
	FieldFile                   // the file behind a page, or the one a copy was found in: File
	FieldTimeDateStamp          // Stamp
	FieldSizeOfImage            // Size
	FieldCheckSum               // of the header: CheckSum
	FieldComputedCheckSum       // of the bytes of the copy: CheckSum
	FieldPDB                    // PDBID
	FieldBase                   // the base address: Address
	FieldCodePages              // the resident pages of code and constants: PageCounts
)

// Comparison is the result of comparing one field.
type Comparison uint8

// The comparisons.
const (
	ComparisonUnknown     Comparison = iota // one side does not know the field, or there is nothing to compare it with
	ComparisonEqual                         // both sides know it, and agree
	ComparisonDiffers                       // both sides know it, and differ
	ComparisonNotResident                   // the target's side is in a page that is out
)

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

// Evidence is one fact that was examined to identify an image, whether it
// helped or not. A nil value is unknown.
type Evidence struct {
	Rung         Rung
	Field        Field
	Target, Copy Value
	Result       Comparison
	Strength     Strength // of the field when it is equal, or of what was read
	Note         string   // where it was found, or why it was not
}

// Value is what one side says of a field; its type is that of the field, see
// the fields. String is the form of the debugger's text, MarshalText that of
// JSON, where numbers and addresses begin with 0x.
type Value interface {
	String() string
	MarshalText() ([]byte, error)
}

// The types of values.
type (
	// Stamp is a TimeDateStamp.
	Stamp uint32
	// Size is a number of bytes.
	Size uint64
	// CheckSum is a checksum of an image.
	CheckSum uint32
	// Address is a virtual address of the target.
	Address uint64
	// File is the name of a file, to be shown.
	File string
	// PDBID is the identity of a PDB.
	PDBID struct{ sympath.ID }
	// Entry is an entry of the list of unloaded modules.
	Entry struct{ Module Module }
	// Record is a CodeView record.
	Record struct{ pe.CodeView }
)

// compare sets the values and the result of a field that both sides may know.
func compare[V interface {
	comparable
	Value
}](field Field, target, copied V) Evidence {
	var unknown V
	e := Evidence{Rung: RungCopy, Field: field}
	if target != unknown {
		e.Target = target
	}
	if copied != unknown {
		e.Copy = copied
	}
	switch {
	case e.Target == nil || e.Copy == nil: // which is never a match
	case target == copied:
		e.Result = ComparisonEqual
	default:
		e.Result = ComparisonDiffers
	}
	return e
}

// Fields are the fields of an image header that tell images apart. Zero fields
// are unknown.
type Fields struct {
	TimeDateStamp uint32
	CheckSum      uint32
	SizeOfImage   uint32 // bytes, as in the header
	Mapped        uint64 // bytes, as the loader keeps the size: whole pages
}

// fillIn takes the fields that are not known yet.
func (f *Fields) fillIn(facts Fields) {
	or := func(a *uint32, b uint32) {
		if *a == 0 {
			*a = b
		}
	}
	or(&f.TimeDateStamp, facts.TimeDateStamp)
	or(&f.CheckSum, facts.CheckSum)
	or(&f.SizeOfImage, facts.SizeOfImage)
}

// contradicts reports whether both know a field and do not agree.
func (f Fields) contradicts(other Fields) bool {
	differ := func(a, b uint32) bool { return a != 0 && b != 0 && a != b }
	return differ(f.TimeDateStamp, other.TimeDateStamp) || differ(f.CheckSum, other.CheckSum) || differ(f.SizeOfImage, other.SizeOfImage)
}

// value is the fields as evidence, nil where none is known.
func (f Fields) value() Value {
	if f == (Fields{}) {
		return nil
	}
	return f
}

// header returns the fields without what only a loader knows.
func (f Fields) header() Fields {
	f.Mapped = 0
	return f
}
