package symres

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/symres/symres/internal/fingerprint"
	"github.com/symres/symres/memsource"
)

// Verdict is what comparing a copy with the target came to, fields and pages
// together.
type Verdict = fingerprint.Verdict

// The verdicts.
const (
	Unverified = fingerprint.Unverified // nothing to go by
	Mismatch   = fingerprint.Mismatch   // a field or a resident range of pages differs
	Likely     = fingerprint.Likely     // what is known agrees; a sibling of the file might agree as well
	Confirmed  = fingerprint.Confirmed  // resident pages are equal, and the checksum binds the rest of the file
)

// PageState says what became of comparing one page: absent, match, fixups,
// differs or skipped.
type PageState = fingerprint.State

// The page states.
const (
	PageAbsent  = fingerprint.Absent  // not in memory
	PageMatch   = fingerprint.Match   // equal as it stands in the file
	PageFixups  = fingerprint.Fixups  // equal once relocated, or but for what a loader changes
	PageDiffers = fingerprint.Differs // something else
	PageSkipped = fingerprint.Skipped // in memory, and not comparable
)

// Pages is how the resident pages of a module compare with a copy of its
// image. Its numbers count pages of code and constants; writable, discardable
// and header pages are not among them.
type Pages struct {
	Verdict   Verdict
	Code      int         // pages of the image that can be compared
	Resident  int         // of those, in memory at least in part
	Matched   int         // resident pages that are equal
	Differing int         // resident pages that are not
	First     uint64      // address of the first byte that differs; 0 is none
	Ranges    []PageRange // all pages of the image, by RVA
}

// PageRange is a run of pages that came out alike.
type PageRange struct {
	RVA    uint32
	Count  int // pages
	State  PageState
	Reason string // what was changed or masked before comparing, or why it was not compared
	Bytes  int    // that differ
}

// String returns the counts in words.
func (p *Pages) String() string {
	if p == nil {
		return "no page was compared"
	}
	text := fmt.Sprintf("%d of %d code pages resident, %d match", p.Resident, p.Code, p.Matched)
	if p.Differing > 0 {
		text += fmt.Sprintf(", %d differ", p.Differing)
	}
	return text
}

func (p *Pages) verdict() Verdict {
	if p == nil {
		return Unverified
	}
	return p.Verdict
}

// newPages makes the public form of a result for an image at base.
func newPages(r *fingerprint.Result, base uint64) *Pages {
	p := &Pages{Code: r.Code, Resident: r.Resident, Matched: r.Matched, Differing: r.Differing}
	for n, pg := range r.Pages {
		if pg.State == PageDiffers && p.First == 0 {
			p.First = base + uint64(pg.First)
		}
		next := PageRange{RVA: uint32(n) * fingerprint.PageSize, Count: 1, State: pg.State, Bytes: int(pg.Bytes)}
		if pg.State != PageAbsent {
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

// maxKept bounds the resident bytes of a module that are kept between the
// scan and the comparison. The pages of a larger module are read twice.
const maxKept = 64 << 20

// resident gives the bytes of a module that are in memory, in ascending order.
// They are read from the target once, at the first call of each, and kept for
// the time of one load.
type resident struct {
	src        MemorySource
	base, size uint64
	kept       []memsource.Extent
	read       bool
	overflow   bool
	pages      int // in memory, at least in part
}

func (r *resident) each(use func(rva uint64, data []byte)) {
	if r.src == nil {
		return
	}
	if r.read && !r.overflow {
		for _, e := range r.kept {
			use(e.Addr-r.base, e.Data)
		}
		return
	}
	r.kept, r.pages = nil, 0
	total, last := 0, ^uint64(0)
	for e, err := range memsource.ReadExtents(r.src, r.base, r.size) {
		if err != nil {
			continue // a hole, and a canceled context ends the walk by itself
		}
		first, end := e.Addr/fingerprint.PageSize, (e.Addr+uint64(len(e.Data))-1)/fingerprint.PageSize
		if r.pages += int(end - first + 1); first == last {
			r.pages--
		}
		last = end
		if total += len(e.Data); total <= maxKept {
			r.kept = append(r.kept, memsource.Extent{Addr: e.Addr, Data: bytes.Clone(e.Data)})
		}
		use(e.Addr-r.base, e.Data)
	}
	if r.read, r.overflow = true, total > maxKept; r.overflow {
		r.kept = nil
	}
}

// comparePages holds the copies against the resident pages, all in one walk.
func (l *loader) comparePages(copies []*imageCopy) {
	comparers := make([]*fingerprint.Comparer, len(copies))
	for i, c := range copies {
		image, err := fingerprint.Load(c.file, c.headers, l.module.Base)
		if err != nil {
			c.cannotCompare(err, l.module.Base)
			continue
		}
		comparers[i] = fingerprint.NewComparer(image)
	}
	l.resident.each(func(rva uint64, data []byte) {
		for _, c := range comparers {
			if c != nil {
				c.Add(rva, data)
			}
		}
	})
	for i, c := range comparers {
		if c != nil {
			copies[i].judge(c.Result(), l.module.Base)
		}
	}
}

// cannotCompare takes the reason why the pages of a copy are of no use. A copy
// that cannot be where the module is, is not the module's.
func (c *imageCopy) cannotCompare(err error, base uint64) {
	e := Evidence{Rung: RungPages, Field: "base", Target: hexOf(base), Copy: hexOf(c.headers.ImageBase), Note: err.Error()}
	if errors.Is(err, fingerprint.ErrBase) {
		e.Result, c.verdict.differs = Differs, true
	}
	c.add(e)
	c.weighAltered(nil)
}

// judge takes the result of the page comparison.
func (c *imageCopy) judge(r *fingerprint.Result, base uint64) {
	v := &c.verdict
	c.weighAltered(r)
	v.pages = newPages(r, base)
	v.pages.Verdict = r.Verdict(c.bound, v.agree)
	e := Evidence{Rung: RungPages, Field: "code pages", Strength: StrengthStrong, Note: v.pages.String()}
	switch {
	case r.Differing > 0:
		e.Result, e.Target = Differs, formatAddr(v.pages.First)
		v.differs = true
	case r.Matched > 0:
		e.Result = Equal
	default:
		e.Result = NotResident
	}
	if v.differs {
		v.pages.Verdict = Mismatch
	}
	c.add(e)
}
