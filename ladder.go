package symres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pe"
)

// maxScan bounds the part of a module that is scanned and compared.
const maxScan = 1 << 30

// known is what earlier loads read of a module's identity. Pages disappear
// while a target runs; what was once read of the image at a base stays true as
// long as the module is there.
type known struct {
	target target
	cv     *CodeView
	from   Rung
}

// identify gathers what the target says of the module's image, rung by rung,
// and leaves evidence of each. A rung that is nearer to the image overrides
// those below it; the header is the image itself.
func (l *loader) identify(ctx context.Context, m *module) {
	t := target{sizeRounded: roundUp(l.module.Size, l.session.pageSize), pageSize: l.session.pageSize}
	header, headerCV := l.fromHeader(ctx)
	info, infoCV := l.fromDebugInfo()
	listed := l.fromList()
	l.contradictions(header, listed)
	for _, facts := range []target{header, info, listed} {
		t.fillIn(facts)
	}
	t.fillIn(l.fromUnloaded(t))
	l.target = t
	for _, r := range []struct {
		cv   *CodeView
		rung Rung
	}{{headerCV, RungHeader}, {l.module.CodeView, RungListed}, {infoCV, RungDebugInfo}} {
		if l.cv == nil && r.cv != nil {
			l.cv, l.report.From = r.cv, r.rung
		}
	}
	if l.cv != nil && l.report.From == RungListed {
		l.report.Notes = append(l.report.Notes, "the PDB's GUID and age are from the "+l.module.Origin)
	}
	l.recall(m)
	if l.cv == nil {
		l.scan()
	}
	l.fromFile()
	if l.cv == nil {
		l.report.From = RungCopy
	}
	l.remember(m)
	l.ladder = len(l.report.Evidence)
}

// fillIn takes the fields that are not known yet.
func (t *target) fillIn(facts target) {
	t.timeDateStamp = or(t.timeDateStamp, facts.timeDateStamp)
	t.checkSum = or(t.checkSum, facts.checkSum)
	t.sizeOfImage = or(t.sizeOfImage, facts.sizeOfImage)
}

func or(a, b uint32) uint32 {
	if a != 0 {
		return a
	}
	return b
}

// words are the known fields as text.
func (t target) words() string {
	var words []string
	for _, f := range []struct {
		name  string
		value uint64
	}{{"stamp", uint64(t.timeDateStamp)}, {"size", uint64(t.sizeOfImage)}, {"checksum", uint64(t.checkSum)}} {
		if f.value != 0 {
			words = append(words, fmt.Sprintf("%s %x", f.name, f.value))
		}
	}
	return strings.Join(words, ", ")
}

func (l *loader) note(e Evidence) { l.report.Evidence = append(l.report.Evidence, e) }

// fromHeader reads the image header in memory.
func (l *loader) fromHeader(ctx context.Context) (target, *CodeView) {
	if l.session.cfg.Memory == nil {
		return target{}, nil
	}
	h, err := ReadImage(ctx, l.session.cfg.Memory, l.module.Base)
	if memory, whose := l.session.elsewhere(err); memory != nil {
		l.report.Notes = append(l.report.Notes, "the image is not mapped in the current context and was read in another: "+whose)
		h, err = ReadImage(ctx, memory, l.module.Base)
		l.resident.src = memsource.Bind(ctx, memory)
	}
	l.report.Header, l.report.HeaderErr = h, err
	facts := target{timeDateStamp: h.TimeDateStamp, checkSum: h.CheckSum, sizeOfImage: h.SizeOfImage}
	e := Evidence{Rung: RungHeader, Field: "image header", Target: facts.words(), Strength: StrengthMedium}
	if err != nil {
		e.Result, e.Note = absence(err), faultText(err)
	}
	l.note(e)
	if e = (Evidence{Rung: RungHeader, Field: "CodeView record"}); h.CodeView != nil {
		e.Target, e.Strength = recordText(h.CodeView), StrengthExact
		l.note(e)
	} else if err == nil {
		missing := h.Missing(pe.PartCodeView)
		e.Result, e.Note = absence(missing), faultText(missing)
		l.note(e)
	}
	return facts, h.CodeView
}

// absence tells a part that is out from one that is not there or wrong.
func absence(err error) Comparison {
	if errors.Is(err, memsource.ErrNotPresent) {
		return NotResident
	}
	return Unknown
}

// faultText is the part of an error that says where the bytes are instead.
func faultText(err error) string {
	var fault *memsource.Fault
	if errors.As(err, &fault) {
		return fault.Error()
	}
	return err.Error()
}

// recordText is a CodeView record in words.
func recordText(cv *CodeView) string {
	id := fmt.Sprintf("%s {%v}", cv.Kind, cv.GUID)
	if cv.Kind == pe.CodeViewNB10 {
		id = fmt.Sprintf("NB10 %X", cv.Signature)
	}
	return fmt.Sprintf("%s age %d %s", id, cv.Age, wtext.Printable(baseName(cv.Path)))
}

// fromDebugInfo reads the kernel's copy of header fields, which is not paged.
func (l *loader) fromDebugInfo() (target, *CodeView) {
	if l.module.DebugInfo == 0 || l.resident.src == nil {
		return target{}, nil // most modules have none
	}
	e := Evidence{Rung: RungDebugInfo, Field: "nonpaged debug info", Strength: StrengthMedium}
	d, err := peimage.ReadDebugInfo(l.resident.src, l.module.DebugInfo, l.module.Base)
	if err != nil {
		e.Result, e.Note = absence(err), faultText(err)
		l.note(e)
		return target{}, nil
	}
	facts := target{timeDateStamp: d.TimeDateStamp, checkSum: d.CheckSum, sizeOfImage: d.SizeOfImage}
	e.Target = facts.words()
	l.note(e)
	cv := l.recordBehind(d.Size)
	if cv != nil {
		l.note(Evidence{Rung: RungDebugInfo, Field: "CodeView record", Target: recordText(cv), Strength: StrengthExact})
	}
	return facts, cv
}

// recordBehind looks for the record in the debug directory's data that follows
// the fixed part of the nonpaged debug info, of size bytes in all.
func (l *loader) recordBehind(size uint32) *CodeView {
	const fixed, most = 0x20, 64 << 10
	if size <= fixed {
		return nil
	}
	at := l.module.DebugInfo + fixed
	var s peimage.Scanner
	for e, err := range memsource.ReadExtents(l.resident.src, at, uint64(min(size-fixed, most))) {
		if err == nil {
			s.Add(e.Addr-at, e.Data)
		}
	}
	for _, hit := range s.Hits() {
		return record(hit.CodeView)
	}
	return nil
}

// fromList takes what lists the module.
func (l *loader) fromList() target {
	m := l.module
	facts := target{timeDateStamp: m.TimeDateStamp, checkSum: m.CheckSum, sizeOfImage: m.SizeOfImage}
	e := Evidence{Rung: RungListed, Field: "module list", Target: facts.words(), Strength: StrengthMedium, Note: m.Origin}
	if m.SizeOfImage == 0 {
		e.Target = strings.TrimSuffix(fmt.Sprintf("size %x rounded, %s", m.Size, e.Target), ", ")
	}
	l.note(e)
	if m.CodeView != nil {
		l.note(Evidence{Rung: RungListed, Field: "CodeView record", Target: recordText(m.CodeView), Strength: StrengthExact, Note: m.Origin})
	}
	return facts
}

// contradictions tells where the header in memory is not the one the loader saw:
// somebody wrote over it, or another image is there by now. What is in memory
// counts, but a reader should know.
func (l *loader) contradictions(header, listed target) {
	for _, f := range []struct {
		name         string
		header, list uint32
	}{{"stamp", header.timeDateStamp, listed.timeDateStamp}, {"checksum", header.checkSum, listed.checkSum}} {
		if f.header != 0 && f.list != 0 && f.header != f.list {
			l.report.Notes = append(l.report.Notes, fmt.Sprintf("the image header in memory has %s %x, the module list %x; the header was taken",
				f.name, f.header, f.list))
		}
	}
}

// fromFile takes the name the memory manager has for the file behind the
// header's page. It is shown, and never opened.
func (l *loader) fromFile() {
	var fault *memsource.Fault
	if errors.As(l.report.HeaderErr, &fault) && fault.File != "" {
		l.note(Evidence{Rung: RungFile, Field: FieldFile, Target: wtext.Printable(fault.File), Strength: StrengthWeak,
			Note: fmt.Sprintf("at offset %x", fault.FileOffset)})
	}
}

// scan looks for the module's CodeView record in the pages that are there.
func (l *loader) scan() {
	if l.resident.src == nil {
		return
	}
	var s peimage.Scanner
	l.resident.each(s.Add)
	hits := s.Hits()
	best, why := l.bestHit(hits)
	e := Evidence{Rung: RungScan, Field: "RSDS record"}
	switch {
	case len(hits) == 0:
		e.Result, e.Note = NotResident, fmt.Sprintf("none in %d resident pages", l.resident.pages)
	case best == nil:
		e.Note = why
	default:
		cv := record(best.CodeView)
		l.cv, l.report.From = cv, RungScan
		e.Field = cv.Kind.String() + " record"
		e.Target, e.Strength = recordText(cv), StrengthExact
		e.Note = fmt.Sprintf("at RVA %x, %s", best.RVA, formatAddr(l.module.Base+best.RVA))
		if cv.Partial {
			e.Note += ", its path runs into a page that is out"
		}
	}
	l.note(e)
	for i := range hits {
		if h := &hits[i]; h != best {
			l.note(Evidence{Rung: RungScan, Field: "other " + h.CodeView.Kind.String() + " record", Target: recordText(record(h.CodeView)),
				Note: fmt.Sprintf("at RVA %x, not used", h.RVA)})
		}
	}
}

// bestHit returns the record that is the module's own, or says why none can be
// told to be. A program may hold the names of other PDBs: the debug directory
// decides where it is resident, the name otherwise, then an age that linkers
// give before one they hardly do, and RSDS before NB10.
func (l *loader) bestHit(hits []peimage.Hit) (best *peimage.Hit, why string) {
	pointed := l.pointedAt(hits)
	most, tie := 0, false
	for i := range hits {
		score := l.score(&hits[i], pointed)
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
func (l *loader) score(h *peimage.Hit, pointed map[uint64]bool) int {
	score := 0
	switch stem := l.stem(); {
	case pointed[h.RVA]:
		score = 8
	case l.report.Header != nil && l.report.Header.PointsAtCodeView():
		return 0 // the debug directory is there, and means another
	case h.CodeView.Partial:
		score = 1
	case stem != "" && l.sameStem(baseName(h.CodeView.Path), stem):
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

// record is what was found by its looks.
func record(cv peimage.CodeView) *CodeView {
	return &CodeView{Kind: pe.CodeViewKind(cv.Kind), GUID: cv.GUID, Signature: cv.Signature, Age: cv.Age, Path: cv.Path, Partial: cv.Partial}
}

// pointedAt returns which of the records an IMAGE_DEBUG_DIRECTORY entry in a
// resident page leads to: type CodeView, the record's RVA, and a size that
// holds it and the zero behind its path. Such an entry is found without the header that leads to it.
func (l *loader) pointedAt(hits []peimage.Hit) map[uint64]bool {
	pointed := map[uint64]bool{}
	if len(hits) == 0 {
		return pointed
	}
	const typeAt, sizeAt, rvaAt, entry = 12, 16, 20, 28 // winnt.h
	l.resident.each(func(rva uint64, b []byte) {
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

// stem is the image's file name without its extension.
func (l *loader) stem() string {
	image := baseName(l.module.Image)
	return strings.TrimSuffix(image, "."+extension(image))
}

// sameStem reports whether a PDB's name is that of the image. The kernel's and
// the HAL's go by many.
func (l *loader) sameStem(file, stem string) bool {
	name := strings.TrimSuffix(file, "."+extension(file))
	return strings.EqualFold(name, stem) || alias(name) != "" && alias(name) == alias(stem)
}

// recall takes what earlier loads knew and this one could not read.
func (l *loader) recall(m *module) {
	k := m.recalled()
	before := l.target
	l.target.fillIn(k.target)
	if l.target != before {
		l.note(Evidence{Rung: RungHeader, Field: "read before", Target: k.target.words(), Strength: StrengthMedium, Note: "the page is out by now"})
	}
	if l.cv == nil && k.cv != nil {
		l.cv, l.report.From = k.cv, k.from
		l.note(Evidence{Rung: k.from, Field: "CodeView record", Target: recordText(k.cv), Strength: StrengthExact, Note: "read before, the page is out by now"})
	}
}

func (l *loader) remember(m *module) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = known{target: l.target, cv: l.cv, from: l.report.From}
}

func (m *module) recalled() known {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known
}
