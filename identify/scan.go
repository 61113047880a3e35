package identify

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/symres/symres/internal/peimage"
)

// scan looks for the module's CodeView record in the pages that are there.
func (g *gatherer) scan() {
	if !g.resident.there() {
		return
	}
	var s peimage.Scanner
	g.resident.each(s.Add)
	hits := s.Hits()
	best, why := g.bestHit(hits)
	e := Evidence{Rung: RungScan, Field: FieldScanned}
	switch {
	case len(hits) == 0:
		e.Result, e.Note = ComparisonNotResident, fmt.Sprintf("none in %d resident pages", g.resident.pages)
	case best == nil:
		e.Note = why
	default:
		cv := scanned(*best)
		g.take(cv, RungScan)
		e.Target, e.Strength, e.Note = Record{*cv}, StrengthExact, g.where(best.RVA)
		if cv.Partial {
			e.Note += ", its path runs into a page that is out"
		}
	}
	g.note(e)
	for i := range hits {
		if h := &hits[i]; h != best {
			g.note(Evidence{Rung: RungScan, Field: FieldOtherRecord, Target: Record{*scanned(*h)}, Note: fmt.Sprintf("at RVA %x, not used", h.RVA)})
		}
	}
}

// bestHit returns the record that is the module's own, or says why none can be
// told to be. A program may hold the names of other PDBs: the debug directory
// decides where it is resident, the name otherwise, then an age that linkers
// give before one they hardly do, and RSDS before NB10.
func (f *Facts) bestHit(hits []peimage.Hit) (best *peimage.Hit, why string) {
	pointed := f.pointedAt(hits)
	most, tie := 0, false
	for i := range hits {
		score := f.score(&hits[i], pointed)
		switch {
		case score > most:
			best, most, tie = &hits[i], score, false
		case score == most && best != nil && hits[i].CodeView != best.CodeView:
			tie = true
		}
	}
	switch {
	case tie:
		return nil, "several records could be the module's own"
	case best == nil:
		return nil, "no record has the module's name"
	}
	return best, ""
}

// score is 0 for a record that is not the module's.
func (f *Facts) score(h *peimage.Hit, pointed map[uint64]bool) int {
	score := 0
	switch {
	case pointed[h.RVA]:
		score = 8
	case f.Header != nil && f.Header.PointsAtCodeView():
		return 0 // the debug directory is there, and means another
	case h.CodeView.Partial:
		score = 1
	case f.Module.named(baseName(h.CodeView.Path)):
		score = 4
	default:
		return 0
	}
	const usualAge = 16
	if h.CodeView.Age <= usualAge {
		score++
	}
	if score *= 2; h.CodeView.Kind == peimage.CodeViewRSDS {
		score++
	}
	return score
}

// pointedAt returns which of the records an IMAGE_DEBUG_DIRECTORY entry in a
// resident page leads to: type CodeView, the record's RVA, and a size that
// holds it and the zero behind its path. Such an entry is found without the header that leads to it.
func (f *Facts) pointedAt(hits []peimage.Hit) map[uint64]bool {
	pointed := map[uint64]bool{}
	if len(hits) == 0 {
		return pointed
	}
	const typeAt, sizeAt, rvaAt, entry = 12, 16, 20, 28 // winnt.h
	f.resident.each(func(rva uint64, b []byte) {
		for at := int(-rva & 3); at+entry <= len(b); at += 4 {
			le := binary.LittleEndian
			if le.Uint32(b[at+typeAt:]) != peimage.DebugTypeCodeView {
				continue
			}
			for _, h := range hits {
				if uint64(le.Uint32(b[at+rvaAt:])) == h.RVA && uint64(le.Uint32(b[at+sizeAt:])) > h.CodeView.Size() {
					pointed[h.RVA] = true
				}
			}
		}
	})
	return pointed
}

// unloaded takes what the target remembers to have unloaded from where the
// module is: a module that is only known by its range may be one of those. The
// fields of an entry count where its base, size and name are the module's, and
// nothing known nor another such entry contradicts them. Other entries show
// what was there before.
func (g *gatherer) unloaded() Fields {
	var fields Fields
	same := 0
	for _, u := range g.target.Unloaded {
		if u.Base-g.Module.Base >= g.Module.Size && g.Module.Base-u.Base >= u.Size {
			continue
		}
		entry := Entry{u}.fields()
		e := Evidence{Rung: RungUnloaded, Field: FieldUnloaded, Target: Entry{u}, Strength: StrengthWeak, Note: u.Origin}
		switch {
		case !g.isUnloaded(&u):
			e.Strength, e.Note = StrengthNone, "another image, which was there before"
		case entry.contradicts(g.Fields) || same > 0 && entry.contradicts(fields):
			e.Strength, e.Note = StrengthNone, "another build, which was there before"
			if same > 0 && !entry.contradicts(g.Fields) {
				fields = Fields{} // nobody can tell which of them it is
			}
		case entry.TimeDateStamp != 0 || entry.CheckSum != 0:
			e.Strength = StrengthMedium
			fallthrough
		default:
			if same++; same == 1 {
				fields = entry
			}
		}
		g.note(e)
	}
	return fields
}

// isUnloaded reports whether an entry describes the module: base, pages and
// name. A triage dump cuts names after 12 characters.
func (g *gatherer) isUnloaded(u *Module) bool {
	const cut = 12
	name := baseName(g.Module.Image)
	if runes := []rune(name); len([]rune(u.Image)) == cut && len(runes) > cut {
		name = string(runes[:cut])
	}
	return u.Base == g.Module.Base && g.roundUp(u.Size) == g.roundUp(g.Module.Size) && strings.EqualFold(u.Image, name)
}

func (e Entry) fields() Fields {
	m := &e.Module
	return Fields{TimeDateStamp: m.TimeDateStamp, CheckSum: m.CheckSum, SizeOfImage: m.SizeOfImage}
}
