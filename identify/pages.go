package identify

import "github.com/symres/symres/internal/fingerprint"

// PageState is the result of comparing one page. The zero value is unknown.
type PageState uint8

// The page states.
const (
	PageStateUnknown PageState = iota
	PageStateAbsent            // not in memory
	PageStateMatch             // equal to the file as it is
	PageStateFixups            // equal after relocation and the other changes of the loader
	PageStateDiffers           // something else
	PageStateSkipped           // in memory, but cannot be compared
)

// stateOf is the state in the public vocabulary.
func stateOf(s fingerprint.State) PageState {
	switch s {
	case fingerprint.Absent:
		return PageStateAbsent
	case fingerprint.Match:
		return PageStateMatch
	case fingerprint.Fixups:
		return PageStateFixups
	case fingerprint.Differs:
		return PageStateDiffers
	case fingerprint.Skipped:
		return PageStateSkipped
	}
	return PageStateUnknown
}

// verdictOf is the verdict in the public vocabulary.
func verdictOf(v fingerprint.Verdict) Verdict {
	switch v {
	case fingerprint.Mismatch:
		return VerdictMismatch
	case fingerprint.Likely:
		return VerdictLikely
	case fingerprint.Confirmed:
		return VerdictConfirmed
	}
	return VerdictUnverified
}

// PageCounts counts pages of code and constants; writable, discardable and
// header pages are not among them.
type PageCounts struct {
	Code      int     // pages of the image that can be compared
	Resident  int     // of those, in memory at least in part
	Matched   int     // resident pages that are equal
	Differing int     // resident pages that are not
	First     Address // address of the first byte that differs, or 0
}

// Pages is how the resident pages of a module compare with a copy of its
// image.
type Pages struct {
	PageCounts
	Verdict Verdict
	Ranges  []PageRange // all pages of the image, by RVA
}

// PageRange is a run of pages with the same result.
type PageRange struct {
	RVA    uint32
	Count  int // pages
	State  PageState
	Reason string // what was adjusted or masked for the comparison, or why there was none
	Bytes  int    // that differ
}

// newPages makes the public form of a result for an image at base.
func newPages(r *fingerprint.Result, base uint64) *Pages {
	p := &Pages{PageCounts: PageCounts{Code: r.Code, Resident: r.Resident, Matched: r.Matched, Differing: r.Differing}}
	for n, pg := range r.Pages {
		if pg.State == fingerprint.Differs && p.First == 0 {
			p.First = Address(base + uint64(pg.First))
		}
		next := PageRange{RVA: uint32(n) * fingerprint.PageSize, Count: 1, State: stateOf(pg.State), Bytes: int(pg.Bytes)}
		if pg.State != fingerprint.Absent {
			next.Reason = pg.Reasons.String()
		}
		if last := len(p.Ranges) - 1; last >= 0 && p.Ranges[last].State == next.State && p.Ranges[last].Reason == next.Reason {
			p.Ranges[last].Count++
			p.Ranges[last].Bytes += next.Bytes
			continue
		}
		p.Ranges = append(p.Ranges, next)
	}
	return p
}
