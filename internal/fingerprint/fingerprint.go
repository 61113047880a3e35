// Package fingerprint holds the resident pages of a mapped image against a
// file that may be a copy of it.
//
// A loader changes little of an image: it adds the difference between the
// actual and the preferred base where the relocations say so, fills the import
// address table, and patches what the image itself lists. All of that can be
// done to a copy of the file, or left out of the comparison, so what remains of
// code and constants must be equal byte by byte. [Load] reads what the file
// says of itself, a [Comparer] takes resident bytes in the order of their
// addresses, and the [Result] has one [Page] for each page of the image. Each
// page of the file is read once, and only if there is something to compare.
//
// Everything is decided by range: where sections are aligned to less than a
// page, one page holds ranges that are compared and ranges that are not.
//
// Sources: Microsoft PE/COFF specification, winnt.h, the documentation of
// !chkimg, and measurements of dumps.
package fingerprint

import "strings"

// PageSize is the unit of the result, in bytes.
const PageSize = 0x1000

// State says what became of one page.
type State uint8

// The states.
const (
	Absent  State = iota // nothing of it is in memory
	Match                // what can be compared is equal as it stands in the file
	Fixups               // equal once relocated, or but for what is masked
	Differs              // something else
	Skipped              // in memory, and nothing in it can be compared
)

// String returns the word of the JSON contract.
func (s State) String() string {
	return [...]string{"absent", "match", "fixups", "differs", "skipped"}[min(s, Skipped)]
}

// Class says what a page can prove.
type Class uint8

// The classes.
const (
	Skip   Class = iota // writable, discarded, not from the file, or all alike
	Weak                // code or constants with masked bytes among them
	Strong              // code or constants, every byte compared
)

// String returns skip, weak or strong.
func (c Class) String() string { return [...]string{"skip", "weak", "strong"}[min(c, Strong)] }

// Reason is a set of causes: why bytes were changed before they were compared,
// or left out.
type Reason uint16

// The causes.
const (
	Relocated     Reason = 1 << iota // base relocations were applied
	Imports                          // import address tables, which the loader fills
	LoaderSlots                      // the security cookie and guard function pointers of the load configuration
	ReservedSlots                    // variables of the load configuration that no released Windows is known to set
	LockPrefix                       // lock prefixes, removed on machines of one processor
	Dynamic                          // listed by the dynamic value relocation table
	Breakpoint                       // breakpoint instructions
	Header                           // headers: their fields are compared one by one
	Writable                         // writable sections
	Discardable                      // discardable and INIT sections, whose memory is reused
	NotFromFile                      // beyond the sections, or zero-filled
	AllAlike                         // too little content to tell images apart
	Zeroed                           // zeros in memory where the file has content
	Unreadable                       // the file ends before it
	Partly                           // only part of the page is in memory
	numReasons    = iota
)

// String lists the causes, separated by commas.
func (r Reason) String() string {
	names := [numReasons]string{
		"relocations", "import table", "loader slots", "reserved loader slots", "lock prefixes", "dynamic relocations", "breakpoints", "header",
		"writable", "discardable", "not from the file", "no content to compare", "zeros in memory", "beyond the file's end", "partly resident",
	}
	var words []string
	for i, name := range names {
		if r&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	return strings.Join(words, ", ")
}

// Page is the result for one page of the image.
type Page struct {
	State   State
	Class   Class
	Reasons Reason
	Equal   uint32 // bytes compared that are equal, where they have content
	Bytes   uint32 // bytes that differ
	Runs    uint32 // runs of such bytes
	First   uint32 // RVA of the first of them
}

// Result is the result for an image.
type Result struct {
	Pages     []Page // all of them, by RVA
	Code      int    // pages that can be compared: code and constants
	Resident  int    // of those, pages in memory at least in part
	Matched   int    // resident pages that are equal
	Differing int    // resident pages that are not
	Strong    int    // matched pages of class Strong
	Equal     uint64 // equal bytes in matched pages
	whole     bool   // every byte that can be compared was in memory
}

// Verdict is what a comparison came to.
type Verdict uint8

// The verdicts, from the one that proves nothing to the one that proves most.
const (
	Unverified Verdict = iota // nothing to go by
	Mismatch                  // a resident range differs
	Likely                    // what is known agrees; a sibling of the file might agree as well
	Confirmed                 // resident pages are equal, and the rest of the file is bound to the target
)

// String returns the word of the JSON contract.
func (v Verdict) String() string {
	return [...]string{"unverified", "mismatch", "likely", "confirmed"}[min(v, Confirmed)]
}

// confirmBytes is how many equal bytes a confirmation takes. A page of code
// has more; the one function of a section of its own proves only that function.
const confirmBytes = 1024

// Verdict judges. A page speaks for its own content alone: builds of one
// program share most pages. So equal pages confirm a copy only if something
// binds the rest of the file to the target: bound says that the target's
// checksum is the one computed from the copy. Without it, all that can be
// compared must have been in memory. Fields that agree, said by agree, make a
// copy likely when no page can be compared.
func (r *Result) Verdict(bound, agree bool) Verdict {
	switch {
	case r.Differing > 0:
		return Mismatch
	case r.Strong > 0 && r.Equal >= confirmBytes && (bound || r.whole):
		return Confirmed
	case r.Equal > 0 || agree:
		return Likely
	}
	return Unverified
}

// sum fills in the counts.
func (r *Result) sum() {
	for _, p := range r.Pages {
		if p.Reasons&(Partly|Unreadable|Zeroed) != 0 {
			r.whole = false
		}
		if p.Class == Skip {
			if p.Reasons&Dynamic != 0 {
				r.whole = false // there is content, which could not be compared
			}
			continue
		}
		r.Code++
		switch p.State {
		case Absent:
			r.whole = false
			continue
		case Differs:
			r.Differing++
		case Match, Fixups:
			r.Matched++
			r.Equal += uint64(p.Equal)
			if p.Class == Strong {
				r.Strong++
			}
		}
		r.Resident++
	}
}
