// Package symbols is the shape of symbols that are no PDB's: of those an image
// carries itself (exports, a COFF symbol table, DWARF, Go's tables, the bounds
// of its functions), each behind a [Table], and a [Set] of tables that answers
// as one.
//
// A better source wins where several name one address: debug information over
// the symbol table, that over exports, and a name over the mere knowledge that
// a function begins. A poorer source never hides a better one.
//
// The bytes of an image come through [Image], from wherever its owner has them:
// memory, or a copy that was verified, page by page. All of it is taken as an
// attacker's.
package symbols

import (
	"errors"
	"iter"

	"github.com/symres/symres/pdb/undname"
)

// ErrNone is wrapped by the error of a reader whose kind of symbols the image
// does not have.
var ErrNone = errors.New("the image has none")

// ErrFormat is wrapped by errors about bytes that are there and wrong.
var ErrFormat = errors.New("not valid")

// ErrLimit is wrapped by the error of a table that asks for more work than an
// image of its size is worth. What came before it is right.
var ErrLimit = errors.New("more work than the image is worth")

// Source says what a name was read from.
type Source uint8

// The sources, from the poorest to the best. The zero value is that of a Symbol
// that was never filled in.
const (
	SourceUnknown Source = iota
	SourceBounds         // the unwind data of the image: a function begins here, and nobody knows its name
	SourceImport         // an import table: where the address of an imported function is kept
	SourceExport         // the export table
	SourceCOFF           // a COFF symbol table
	SourceGo             // the function table of a Go program
	SourceDWARF          // DWARF debug information
)

// String returns the word of the JSON contract.
func (s Source) String() string {
	words := [...]string{"unknown", "pdata", "import", "export", "coff", "go", "dwarf"}
	if int(s) >= len(words) {
		s = SourceUnknown
	}
	return words[s]
}

// Symbol is a name at an address of an image. It is plain data.
type Symbol struct {
	RVA    uint32
	Size   uint32 // bytes; 0 is unknown
	Raw    string // as the table has it; made up for [SourceBounds]
	Name   string // undecorated; empty where Raw has to be undecorated for it
	Source Source
	Code   bool // it names code rather than data
	// Forwarder is "MODULE.Name" or "MODULE.#Ordinal" of the export this one
	// stands for. Such a symbol has no RVA.
	Forwarder string
	Ordinal   uint32 // of an export; 0 for others
}

// Display is the name as it is shown: undecorated.
func (s *Symbol) Display() string {
	if s.Name != "" {
		return s.Name
	}
	return string(undname.AppendNameOnly(nil, []byte(s.Raw)))
}

// Frame is a function at an address and where in its source that is.
type Frame struct {
	Function string // undecorated; empty if not known
	File     string // as the compiler saw it; empty if not known
	Line     uint32 // counted from 1; 0 if not known
	Column   uint32 // counted from 1; 0 if not known
	Inlined  bool   // inlined into the function of the next Frame
}

// Line is a run of code that came from one line of source.
type Line struct {
	RVA, Size uint32
	File      string
	Line      uint32
	Column    uint32 // 0 is unknown
}

// Table is the symbols of one image from one source. Implementations are safe
// for concurrent use, and answer the same however often and in whatever order
// they are asked.
type Table interface {
	Source() Source
	// All yields the symbols in the order of the table. It ends with an error
	// at the first that cannot be read; damage of one symbol alone is yielded
	// and does not end it.
	All() iter.Seq2[Symbol, error]
	// Named returns the symbols with exactly this raw name; none is no error.
	Named(raw string) ([]Symbol, error)
	// Nearest returns the symbols at the highest address that is not above rva;
	// none is no error.
	Nearest(rva uint32) ([]Symbol, error)
}

// Lines is a [Table] that knows source lines.
type Lines interface {
	Table
	// Frames returns the functions an address belongs to, inlined ones first;
	// none where nothing is known of it.
	Frames(rva uint32) ([]Frame, error)
	// LineAddresses returns the code of a line of a file, or else of the next
	// line that has some; a file is named by its path or the end of it.
	LineAddresses(file string, line uint32) ([]Line, error)
}
