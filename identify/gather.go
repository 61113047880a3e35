package identify

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/vadmath"
)

// Target is a module and where to read about it.
type Target struct {
	Module   Module
	Memory   memsource.Source // of the target; nil when there is none
	Contexts Contexts         // reads what Memory maps in another context; nil reads none
	Unloaded []Module         // what the target remembers to have unloaded
	PageSize uint64           // bytes; 0 is 4 KB
	Before   Known            // what was learned of the module earlier
}

// Contexts is a target with several address spaces, such as an nt.Kernel. It
// must be safe for concurrent use.
type Contexts interface {
	// Elsewhere returns memory that maps the address of a fault, and a text
	// that names its owner. It must never return memory that is private to
	// another process, because that holds the data of another program.
	Elsewhere(fault *memsource.Fault) (memory memsource.Source, whose string, ok bool)
}

// Known holds what was read about a module's identity. Pages disappear while a
// target runs, but facts about the image at a base stay true as long as the
// module is loaded. The zero Known holds nothing.
type Known struct {
	fields Fields
	cv     *pe.CodeView
	from   Rung
}

// Facts are what a target says about the image of a module. They do not change
// after Gather, except that the resident pages are read when they are first
// needed. Facts are for use by one goroutine.
type Facts struct {
	Module    Module
	Fields    Fields       // fields of the image header, from the best rung
	PageSize  uint64       // bytes
	CodeView  *pe.CodeView // the PDB's identity as the target states it, or nil
	From      Rung         // where CodeView was read; RungUnknown if it is nil
	Header    *pe.Image    // the part of the image header that is in memory; nil without memory
	HeaderErr error        // why the header could not be read; wraps a *memsource.Fault
	Evidence  []Evidence   // of every rung, whether it helped or not
	Notes     []string     // what else a reader should know, one sentence each

	resident *resident
	sizeRead bool // Fields.SizeOfImage is the header's, not a loader's
}

// Known returns facts for a later Gather, when the pages may be out.
func (f *Facts) Known() Known { return Known{f.Fields, f.CodeView, f.From} }

// roundUp rounds up to pages.
func (f *Facts) roundUp(n uint64) uint64 {
	page := cmp.Or(f.PageSize, uint64(vadmath.Page4K))
	return (n + page - 1) / page * page
}

// Gather collects what the target says about the module's image, rung by rung,
// with evidence for each rung. A rung that is nearer to the image overrides the
// later ones; the header in memory is the nearest. It never fails: the evidence
// says what could not be read. When ctx ends, the remaining rungs are marked as
// canceled. For images of other systems than Windows only the module list is
// used.
func Gather(ctx context.Context, t Target) *Facts {
	g := newGatherer(ctx, t)
	if t.Module.System != "" { // what looks like a record of a PDB in it is none
		g.Fields.fillIn(g.list())
		g.Notes = append(g.Notes, "an image of "+t.Module.System+" has no PDB, and nothing was asked for it")
		return g.Facts
	}
	header, headerCV := g.header(ctx)
	info, infoCV := g.debugInfo()
	listed := g.list()
	g.contradictions(header, listed)
	g.Fields.fillIn(header)
	g.Fields.fillIn(info)
	g.sizeRead = g.Fields.SizeOfImage != 0 || t.Memory == nil
	g.Fields.fillIn(listed)
	g.Fields.fillIn(g.unloaded())
	g.take(headerCV, RungHeader)
	g.take(t.Module.CodeView, RungListed)
	g.take(infoCV, RungDebugInfo)
	if g.From == RungListed {
		g.Notes = append(g.Notes, "the PDB's GUID and age are from the "+g.Module.Origin)
	}
	g.recall()
	if g.CodeView == nil {
		g.scan()
	}
	g.file()
	return g.Facts
}

// gatherer fills in the facts.
type gatherer struct {
	*Facts
	target Target
}

func newGatherer(ctx context.Context, t Target) *gatherer {
	f := &Facts{Module: t.Module, PageSize: cmp.Or(t.PageSize, uint64(vadmath.Page4K))}
	f.Fields.Mapped = f.roundUp(t.Module.Size)
	f.resident = &resident{base: t.Module.Base, size: min(t.Module.Size, maxScan)}
	if t.Memory != nil {
		f.resident.src = memsource.Bind(ctx, t.Memory)
	}
	return &gatherer{f, t}
}

func (g *gatherer) note(e Evidence) { g.Evidence = append(g.Evidence, e) }

// take takes the identity of the PDB where none is known yet.
func (g *gatherer) take(cv *pe.CodeView, from Rung) {
	if g.CodeView == nil && cv != nil {
		g.CodeView, g.From = cv, from
	}
}

// noteRecord tells of a record that names the PDB.
func (g *gatherer) noteRecord(from Rung, cv *pe.CodeView, note string) {
	g.note(Evidence{Rung: from, Field: FieldCodeView, Target: Record{*cv}, Strength: StrengthExact, Note: note})
}

// header reads the image header in memory.
func (g *gatherer) header(ctx context.Context) (Fields, *pe.CodeView) {
	if g.target.Memory == nil {
		return Fields{}, nil
	}
	h, err := pe.ReadImage(ctx, g.target.Memory, g.Module.Base)
	if memory, whose := g.elsewhere(err); memory != nil {
		g.Notes = append(g.Notes, "the image is not mapped in the current context and was read in another: "+whose)
		h, err = pe.ReadImage(ctx, memory, g.Module.Base)
		g.resident.src = memsource.Bind(ctx, memory)
	}
	g.Header, g.HeaderErr = h, err
	fields := Fields{TimeDateStamp: h.TimeDateStamp, CheckSum: h.CheckSum, SizeOfImage: h.SizeOfImage}
	e := Evidence{Rung: RungHeader, Field: FieldImageHeader, Target: fields.value(), Strength: StrengthMedium}
	if err != nil {
		e.Result, e.Note = absence(err), faultText(err)
	}
	g.note(e)
	switch {
	case h.CodeView != nil:
		g.noteRecord(RungHeader, h.CodeView, "")
		g.Evidence = append(g.Evidence, otherRecords(RungHeader, h)...)
	case err == nil:
		missing := h.Missing(pe.PartCodeView)
		g.note(Evidence{Rung: RungHeader, Field: FieldCodeView, Result: absence(missing), Note: faultText(missing)})
	}
	return fields, h.CodeView
}

// otherRecords tells of the records of an image besides the one that counts.
func otherRecords(from Rung, image *pe.Image) (list []Evidence) {
	for _, cv := range image.OtherCodeViews {
		e := Evidence{Rung: from, Field: FieldOtherRecord,
			Note: "the last RSDS record counts; this one's PDB is tried where that of the other is missing"}
		if from == RungCopy {
			e.Copy = Record{cv}
		} else {
			e.Target = Record{cv}
		}
		list = append(list, e)
	}
	return list
}

// elsewhere asks for the memory of another context where err says that there
// is one.
func (g *gatherer) elsewhere(err error) (memsource.Source, string) {
	fault, ok := errors.AsType[*memsource.Fault](err)
	if !ok || g.target.Contexts == nil || !errors.Is(err, memsource.ErrWrongContext) {
		return nil, ""
	}
	memory, whose, _ := g.target.Contexts.Elsewhere(fault)
	return memory, whose
}

// absence tells a part that is out from one that is not there or wrong.
func absence(err error) Comparison {
	if errors.Is(err, memsource.ErrNotPresent) {
		return ComparisonNotResident
	}
	return ComparisonUnknown
}

// faultText is the part of an error that says where the bytes are instead.
func faultText(err error) string {
	if fault, ok := errors.AsType[*memsource.Fault](err); ok {
		return fault.Error()
	}
	return err.Error()
}

// debugInfo reads the kernel's copy of header fields, which is not paged.
func (g *gatherer) debugInfo() (Fields, *pe.CodeView) {
	if g.Module.DebugInfo == 0 || !g.resident.there() {
		return Fields{}, nil // most modules have none
	}
	e := Evidence{Rung: RungDebugInfo, Field: FieldDebugInfo, Strength: StrengthMedium}
	d, err := peimage.ReadDebugInfo(g.resident.src, g.Module.DebugInfo, g.Module.Base)
	if err != nil {
		e.Result, e.Note = absence(err), faultText(err)
		g.note(e)
		return Fields{}, nil
	}
	fields := Fields{TimeDateStamp: d.TimeDateStamp, CheckSum: d.CheckSum, SizeOfImage: d.SizeOfImage}
	e.Target = fields.value()
	g.note(e)
	cv := g.recordBehind(d.Size)
	if cv != nil {
		g.noteRecord(RungDebugInfo, cv, "")
	}
	return fields, cv
}

// recordBehind looks for the record in the debug directory's data that follows
// the fixed part of the nonpaged debug info, of size bytes in all.
func (g *gatherer) recordBehind(size uint32) *pe.CodeView {
	const fixed, most = 0x20, 64 << 10
	if size <= fixed {
		return nil
	}
	at := g.Module.DebugInfo + fixed
	var s peimage.Scanner
	for e, err := range memsource.ReadExtents(g.resident.src, at, uint64(min(size-fixed, most))) {
		if err == nil {
			s.Add(e.Addr-at, e.Data)
		}
	}
	for _, hit := range s.Hits() {
		return scanned(hit)
	}
	return nil
}

// list takes what lists the module.
func (g *gatherer) list() Fields {
	m := &g.Module
	fields := Fields{TimeDateStamp: m.TimeDateStamp, CheckSum: m.CheckSum, SizeOfImage: m.SizeOfImage}
	shown := fields
	if m.SizeOfImage == 0 {
		shown.Mapped = m.Size
	}
	g.note(Evidence{Rung: RungListed, Field: FieldModuleList, Target: shown.value(), Strength: StrengthMedium, Note: m.Origin})
	if m.CodeView != nil {
		g.noteRecord(RungListed, m.CodeView, m.Origin)
	}
	if m.File != nil {
		g.Evidence = append(g.Evidence, otherRecords(RungListed, m.File)...)
	}
	return fields
}

// contradictions tells where the header in memory is not the one the loader saw:
// somebody wrote over it, or another image is there by now. What is in memory
// counts, but a reader should know.
func (g *gatherer) contradictions(header, listed Fields) {
	for _, f := range []struct {
		name         string
		header, list uint32
	}{{"stamp", header.TimeDateStamp, listed.TimeDateStamp}, {"checksum", header.CheckSum, listed.CheckSum}} {
		if f.header != 0 && f.list != 0 && f.header != f.list {
			g.Notes = append(g.Notes, fmt.Sprintf("the image header in memory has %s %x, the module list %x; the header was taken",
				f.name, f.header, f.list))
		}
	}
}

// file takes the name the memory manager has for the file behind the header's
// page. It is shown, and never opened.
func (g *gatherer) file() {
	if fault, ok := errors.AsType[*memsource.Fault](g.HeaderErr); ok && fault.File != "" {
		g.note(Evidence{Rung: RungFile, Field: FieldFile, Target: File(wtext.Printable(fault.File)), Strength: StrengthWeak,
			Note: fmt.Sprintf("at offset %x", fault.FileOffset)})
	}
}

// recall takes what was known before and could not be read again.
func (g *gatherer) recall() {
	k := g.target.Before
	before := g.Fields
	g.Fields.fillIn(k.fields)
	if g.Fields != before {
		g.note(Evidence{Rung: RungHeader, Field: FieldReadBefore, Target: k.fields.header().value(), Strength: StrengthMedium, Note: "the page is out by now"})
	}
	if g.CodeView == nil && k.cv != nil {
		g.take(k.cv, k.from)
		g.noteRecord(k.from, k.cv, "read before, the page is out by now")
	}
}

// scanned is a record that was found by its looks.
func scanned(hit peimage.Hit) *pe.CodeView {
	cv := hit.CodeView
	return &pe.CodeView{Kind: pe.CodeViewKind(cv.Kind), GUID: cv.GUID, Signature: cv.Signature, Age: cv.Age, Path: cv.Path, Partial: cv.Partial, Portable: cv.Portable}
}

// where is the place of a byte of the image, for people.
func (f *Facts) where(rva uint64) string {
	return fmt.Sprintf("at RVA %x, %s", rva, hexaddr.Addr(f.Module.Base+rva))
}
