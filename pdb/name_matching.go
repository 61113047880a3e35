package pdb

import (
	"cmp"
	"iter"
	"slices"
	"sync"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/fold"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/offsets"
)

// Matching enumerates the symbols of [File.Symbols] whose name contains all of
// the literals, in any order and case of ASCII letters, and for which match
// returns true; a nil match takes them all. It is made for patterns: the
// literals occur in the raw form of every matching name and are searched for
// directly in the records. match is called only for names that contain all
// literals, or for every name if there are none. match must not keep the name.
//
// Private symbols are found through the table of globals, so a function it does
// not refer to is missed. The order is that of the records. Damage is reported
// as by [File.Publics], except that what is not touched is not reported.
func (f *File) Matching(literals []string, match func(name []byte) bool) iter.Seq2[Symbol, error] {
	return within(f, func(yield func(Symbol, error) bool) error {
		m := matching{f: f, match: match, yield: yield, count: budget.Tab{W: &f.msf.Work}}
		for _, text := range literals {
			if text != "" {
				m.pieces = append(m.pieces, fold.NewFinder(text))
			}
		}
		slices.SortStableFunc(m.pieces, func(a, b *fold.Finder) int { return b.Len() - a.Len() })
		return m.run()
	})
}

// Named enumerates the symbols of [File.Symbols] that have exactly this name in their
// records, in any case of ASCII letters: publics their decorated one, others their plain
// one. It reads the buckets of the name in the two hash tables of the file, where
// [File.Matching] reads all records. The order is that of the records, and damage is
// reported as by [File.Matching].
func (f *File) Named(name string) iter.Seq2[Symbol, error] {
	return within(f, func(yield func(Symbol, error) bool) error {
		m := matching{f: f, yield: yield, count: budget.Tab{W: &f.msf.Work}}
		if err := m.open(); err != nil {
			return err
		}
		offs, err := m.named(name)
		for _, off := range offs {
			if err == nil && !m.stop {
				err = m.record(off)
			}
		}
		return err
	})
}

// named returns where the records with a name are. Both tables are asked at the same
// time, as the file may be far away.
func (m *matching) named(name string) ([]uint32, error) {
	m.f.expectNamed([]string{name})
	var publics, globals []uint32
	var err, failed error
	var search sync.WaitGroup
	search.Go(func() { publics, failed = m.p.find(name, true) })
	globals, err = m.g.find(name, true)
	search.Wait()
	offs := append(publics, globals...)
	slices.Sort(offs)
	return slices.Compact(offs), cmp.Or(err, failed)
}

// matching is a search for names.
type matching struct {
	f      *File
	g      *globals
	p      *publics
	sec    *sections
	pieces []*fold.Finder // the longest first: that one is searched for
	match  func(name []byte) bool
	yield  func(Symbol, error) bool
	live   *offsets.Set // of globals and publics
	w      msf.Walker   // over their records
	count  budget.Tab
	done   uint32 // records before this were looked at
	stop   bool
}

func (m *matching) open() (err error) {
	if m.p, err = m.f.loadPublics(); err != nil {
		return err
	}
	if m.g, err = m.f.loadGlobals(); err != nil {
		return err
	}
	m.sec, err = m.f.layout()
	m.w.Stream = cmp.Or(m.g.gss, m.p.gss)
	return err
}

func (m *matching) run() error {
	if err := m.open(); err != nil {
		return err
	}
	for _, t := range []*names{&m.g.names, &m.p.names} {
		if t.gss == nil {
			continue
		}
		set, err := t.offsets()
		if err != nil {
			return err
		}
		m.live = m.live.With(set)
	}
	if m.live == nil {
		return nil
	}
	if len(m.pieces) == 0 || m.live.Aside() {
		return m.each()
	}
	return m.search()
}

// each looks at every record.
func (m *matching) each() error {
	for off := range m.live.All() {
		if err := m.record(off); err != nil || m.stop {
			return err
		}
	}
	return nil
}

// search looks for the longest piece in the bytes of the records, run by run,
// and then at the records it is in.
func (m *matching) search() error {
	s, piece := m.w.Stream, m.pieces[0]
	for off := uint32(0); off < s.Size && !m.stop; {
		if err := m.f.check(); err != nil {
			return err
		}
		b, err := s.Run(off)
		if err != nil {
			return err
		}
		m.w.Off, m.w.Buf = off, b
		piece.Reset(b)
		end := off + uint32(len(b))
		for at := piece.Next(0); at >= 0 && !m.stop; {
			next, err := m.hit(off+uint32(at), end)
			if err != nil {
				return err
			}
			at = piece.Next(int(next - off))
		}
		if err := m.straddling(end); err != nil {
			return err
		}
		off = end
	}
	return nil
}

// hit looks at the record around a place the piece was found at, and returns
// where to go on. A record that goes on behind end is left to straddling.
func (m *matching) hit(at, end uint32) (next uint32, err error) {
	rec, ok := m.live.Below(at)
	if !ok {
		return at + 1, nil
	}
	if err := m.count.Record(int((at - rec) / 128)); err != nil { // how far below had to look
		return 0, err
	}
	if at < m.done {
		return m.done, nil
	}
	b, err := codeview.RecordIn(&m.w, rec)
	if fatal(err) {
		return 0, err
	}
	size := uint32(len(b))
	if err != nil || at-rec >= size { // in a record no table refers to
		return at + 1, nil
	}
	if size > end-rec {
		return end, nil
	}
	m.done = rec + size
	return m.done, m.record(rec)
}

// straddling looks at the record that lies across the end of a run.
func (m *matching) straddling(end uint32) error {
	rec, ok := m.live.Below(end - 1)
	if !ok || m.stop || end >= m.w.Stream.Size {
		return nil
	}
	b, err := codeview.RecordIn(&m.w, rec)
	if fatal(err) {
		return err
	}
	if err != nil || uint32(len(b)) <= end-rec {
		return nil
	}
	m.done = rec + uint32(len(b))
	return m.record(rec)
}

// record yields the symbol of a record if its name matches.
func (m *matching) record(off uint32) error {
	rec, err := codeview.RecordIn(&m.w, off)
	if err == nil {
		err = m.count.Record(len(rec))
	}
	if fatal(err) {
		return err
	}
	if err != nil {
		m.stop = !m.yield(Symbol{}, err)
		return nil
	}
	kind := Kind(u16(rec, 2))
	if !kind.IsPublic() && !kind.IsData() && !kind.IsThreadLocal() && kind != KindProcRef && kind != KindLProcRef {
		return nil
	}
	name, ok := nameOf(rec)
	if !ok || !m.matches(name) {
		return nil
	}
	sym, _ := parseSymbol(rec)
	m.sec.place(&sym)
	if kind.IsPublic() {
		if hidden, err := m.f.hidden(m.sec, makeKey(sym.Segment, sym.Offset)); hidden || err != nil {
			return err
		}
	}
	sym, err = m.f.resolve(sym)
	if fatal(err) {
		return err
	}
	m.stop = !m.yield(sym, err)
	return nil
}

func (m *matching) matches(name []byte) bool {
	for _, piece := range m.pieces {
		if !piece.In(name) {
			return false
		}
	}
	return m.match == nil || m.match(name)
}

// hidden reports whether a public at an address yields to a private symbol.
func (f *File) hidden(sec *sections, key addressKey) (bool, error) {
	if !sec.has(key.seg()) {
		return false, nil
	}
	best, err := f.privateBelow(key, key)
	if err != nil {
		return false, err
	}
	for _, off := range best.records {
		rec, err := codeview.RecordAt(best.ms.s, off)
		if err == nil {
			err = f.msf.Work.Spend(budget.PerRecord)
		}
		if err != nil || Kind(u16(rec, 2)).IsProc() {
			return err == nil, err
		}
	}
	data, err := f.globalBelow(key)
	return err == nil && len(data.records) > 0 && data.key == key, err
}
