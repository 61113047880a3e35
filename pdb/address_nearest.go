package pdb

import (
	"errors"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/source"
)

// addressKey orders symbols by segment and offset.
type addressKey uint64

func makeKey(seg uint16, off uint32) addressKey { return addressKey(seg)<<32 | addressKey(off) }

func (k addressKey) seg() uint16 { return uint16(k >> 32) }
func (k addressKey) off() uint32 { return uint32(k) }

// addressMap is a list of publics in the order of their addresses.
type addressMap interface {
	Len() uint32
	// at returns address and record offset of entry i.
	at(i uint32) (addressKey, uint32, error)
}

// diskMap is the address map of the PSI stream: offsets of symbol records.
type diskMap struct {
	psi, gss *msf.Stream
	off, n   uint32
}

func (m diskMap) Len() uint32 { return m.n }

func (m diskMap) at(i uint32) (addressKey, uint32, error) {
	raw, err := m.psi.View(m.off+i*4, 4)
	if err != nil {
		return 0, 0, err
	}
	off := u32(raw, 0)
	h, err := m.gss.View(off, pubHead)
	if err != nil {
		return 0, 0, err
	}
	size, kind := uint32(u16(h, 0))+codeview.LenField, Kind(u16(h, 2))
	if kind != KindPub32 && kind != KindPub32ST || size < pubHead || !m.gss.Holds(off, size) {
		return 0, 0, damage(m.gss.Name, int64(off), "entry %d of the address map is a %v of %d bytes", i, kind, size)
	}
	return makeKey(u16(h, 12), u32(h, 8)), off, nil
}

// Expect implements [source.Sorted]: the entries, and then the records they lead to.
func (m diskMap) Expect(at []uint32) {
	ahead := m.gss.Container.Batch()
	for _, i := range at {
		ahead.Add(m.psi, m.off+i*4, 4)
	}
	ahead.Read()
	for _, i := range at {
		if raw, err := m.psi.View(m.off+i*4, 4); err == nil {
			ahead.Add(m.gss, u32(raw, 0), readPage/8)
		}
	}
	ahead.Read()
}

// KeyAt implements [source.Sorted].
func (m diskMap) KeyAt(i uint32) (uint64, error) {
	k, _, err := m.at(i)
	return uint64(k), err
}

// floor returns how many entries are at or below want. It checks the order of
// the entries it passes; disorder is a FormatError.
func floor(m addressMap, want addressKey) (uint32, error) {
	least, most := addressKey(0), ^addressKey(0)
	return search(m.Len(), func(i uint32) (bool, error) {
		k, _, err := m.at(i)
		switch {
		case err == nil && (k < least || k > most):
			err = damage("address map", int64(i)*4, "entry %#x is not between %#x and %#x", k, least, most)
		case k <= want:
			least = k
		default:
			most = k
		}
		return k > want, err
	})
}

// search is [sort.Search] in what can fail to be read.
func search(n uint32, found func(i uint32) (bool, error)) (uint32, error) {
	var err error
	i := sort.Search(int(n), func(i int) bool {
		if err != nil {
			return true
		}
		var is bool
		is, err = found(uint32(i))
		return is
	})
	return uint32(i), err
}

// around is what an address map says about an address.
type around struct {
	key     addressKey // of the nearest publics at or below it
	records []uint32   // their records, ascending; empty where there is none
	first   uint32     // the record that comes first in the map
	next    addressKey // of the public above, if hasNext
	hasNext bool
}

// maxRun is how many names one address may have in the address map of the
// file before the map is taken for damaged: each costs two reads there.
const maxRun = 4096

// aroundIn looks want up in m, staying in the segment of want. More than limit
// entries at one address are a FormatError.
func aroundIn(m addressMap, want addressKey, limit int) (around, error) {
	a, n, err := aboveIn(m, want)
	if err != nil {
		return around{}, err
	}
	for i := n; i > 0; i-- {
		k, rec, err := m.at(i - 1)
		if err != nil {
			return around{}, err
		}
		if k.seg() != want.seg() || len(a.records) > 0 && k != a.key {
			break
		}
		if len(a.records) == limit {
			return around{}, damage("address map", int64(i)*4, "more than %d entries at one address", limit)
		}
		a.key, a.records, a.first = k, append(a.records, rec), rec
	}
	slices.Sort(a.records)
	a.records = slices.Compact(a.records)
	return a, nil
}

// aboveIn looks up what is above want alone, in time that does not depend on
// how many names one address has. n is the number of entries at or below it.
func aboveIn(m addressMap, want addressKey) (a around, n uint32, err error) {
	if n, err = floor(m, want); err != nil || n == m.Len() {
		return around{}, n, err
	}
	a.next, _, err = m.at(n)
	a.hasNext = a.next.seg() == want.seg()
	return a, n, err
}

// around answers from the address map of the file, or from a sorted copy when
// that map is damaged.
func (p *publics) around(want addressKey) (around, error) {
	p.foresee(want)
	return p.ask(func(m addressMap, limit int) (around, error) { return aroundIn(m, want, limit) })
}

// above is around without the records below.
func (p *publics) above(want addressKey) (around, error) {
	p.foresee(want)
	return p.ask(func(m addressMap, _ int) (around, error) {
		a, _, err := aboveIn(m, want)
		a.key = want
		return a, err
	})
}

// foresee has a search foreseen where the file is far away.
func (p *publics) foresee(want addressKey) {
	if p.gss != nil && p.mapErr == nil && p.gss.Container.Far() {
		source.Foresee(p.addrs, uint64(want))
	}
}

func (p *publics) ask(question func(m addressMap, limit int) (around, error)) (around, error) {
	err := p.mapErr
	if err == nil {
		var a around
		if a, err = question(&p.addrs, maxRun); err == nil {
			return a, nil
		}
	}
	if fatal(err) {
		return around{}, err
	}
	m, err := p.byAddr.Get(p.sortByAddr)
	if err != nil {
		return around{}, err
	}
	return question(*m, len(*m))
}

// sortByAddr reads all publics once.
func (p *publics) sortByAddr() (*memoryMap, error) {
	var m memoryMap
	err := p.live(func(off uint32, rec []byte) {
		if sym, ok := parseSymbol(rec); ok {
			m = append(m, addressEntry{off: sym.Offset, rec: off, part: sym.Segment})
		}
	})
	if err != nil {
		return nil, err
	}
	m.sort()
	p.gss.Container.Hold(12 * len(m))
	return &m, nil
}

// Nearest returns the symbols nearest to an RVA from below: all names at the
// highest address that is at or below it and in the same section, as in
// Microsoft's debuggers. Private symbols are functions, thunks and variables,
// including static variables of functions; they replace publics at the same
// address. An empty result is not an error. For an address in an
// incremental-link table the result is the thunk, named @ILT+N(target). For an
// address in a cold part of a function it is the function, with [KindSepCode]:
// RVA and Size are those of the function, and Displacement counts from its
// start.
//
// Size comes from the record or the type. Otherwise it is the largest possible
// size: up to the next public, the end of the section contribution, or the end
// of the section. The RVA may be beyond the end of the symbol: compare Size
// with Displacement.
//
// No index is needed: the first call searches the address map and the section
// contributions and reads one module, rarely more. The results for a module are
// kept. For a very large number of addresses see [File.Index].
//
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading.
func (f *File) Nearest(rva uint32) ([]Symbol, error) {
	q, err := f.ask(f.msf.Work.Point())
	if err != nil {
		return nil, err
	}
	defer q.end()
	sec, want, ok, err := f.locate(rva)
	if !ok || err != nil {
		return nil, err
	}
	if f.msf.Far() {
		f.rehearse(rva, want)
	}
	pubs, a, err := f.publicsBelow(want)
	if err != nil {
		return nil, err
	}
	syms, err := f.privatesBelow(sec, want, pubs)
	if err != nil {
		return nil, err
	}
	if len(syms) == 0 {
		syms = pubs
	}
	return syms, f.finish(sec, want, a, syms)
}

// rehearse makes the searches of [File.Nearest] side by side, and that for the frames,
// which is what is asked next: what they read, of a file far away, is at hand then.
func (f *File) rehearse(rva uint32, want addressKey) {
	var searches sync.WaitGroup
	searches.Go(func() { _, _ = f.Frames(rva) })
	searches.Go(func() { _, _ = f.privateBelow(want, 0) })
	_, _, _ = f.publicsBelow(want)
	searches.Wait()
}

// ExpectAddresses tells a File of something far away that the symbols nearest to these
// RVAs, or their lines, will be asked for, so that it makes the searches side by side. It
// does nothing for other Files, and errors are left to the questions.
func (f *File) ExpectAddresses(rvas ...uint32) {
	if !f.msf.Far() {
		return
	}
	var searches sync.WaitGroup
	free := make(chan struct{}, maxSearches)
	for _, rva := range rvas {
		free <- struct{}{}
		searches.Go(func() {
			_, _ = f.Nearest(rva)
			<-free
		})
	}
	searches.Wait()
}

const maxSearches = 64 // that are made at a time

// locate returns the segment:offset of an RVA; ok is false when it is in no
// section.
func (f *File) locate(rva uint32) (sec *sections, want addressKey, ok bool, err error) {
	if sec, err = f.layout(); err != nil {
		return nil, 0, false, err
	}
	seg, off, ok := sec.locate(rva)
	return sec, makeKey(seg, off), ok, nil
}

func (f *File) publicsBelow(want addressKey) ([]Symbol, around, error) {
	p, err := f.loadPublics()
	if err != nil || p.psi == nil {
		return nil, around{}, err
	}
	a, err := p.around(want)
	if err != nil || len(a.records) == 0 {
		return nil, a, err
	}
	syms, err := f.symbolsAt(&p.names, a.records)
	return syms, a, err
}

// privatesBelow returns the private symbols nearest to an address that are not
// below the publics nearest to it.
func (f *File) privatesBelow(sec *sections, want addressKey, pubs []Symbol) ([]Symbol, error) {
	least := addressKey(0)
	if len(pubs) > 0 {
		least = makeKey(pubs[0].Segment, pubs[0].Offset)
	}
	best, err := f.privateBelow(want, least)
	if err != nil {
		return nil, err
	}
	thunk, ok, err := f.thunkBelow(sec, want)
	if err != nil || ok && makeKey(thunk.Segment, thunk.Offset) > best.key {
		return []Symbol{thunk}, err
	}
	syms, err := f.hitSymbols(best, sec)
	if err == nil {
		syms, err = f.folded(pubs, syms)
	}
	if err != nil || len(syms) > 0 && syms[0].Kind.IsCode() && want.off()-syms[0].Offset < syms[0].Size {
		return syms, err // inside a function there is nothing nearer
	}
	data, err := f.globalBelow(want)
	if err != nil || len(data.records) == 0 || data.key < best.key {
		return syms, err
	}
	more, err := f.hitSymbols(data, sec)
	if data.key > best.key {
		return more, err
	}
	return compactNames(append(syms, more...)), err
}

// finish fills in what depends on the address asked for.
func (f *File) finish(sec *sections, want addressKey, a around, syms []Symbol) error {
	for i := range syms {
		s := &syms[i]
		s.Displacement = want.off() - s.Offset
		if s.Kind == KindSepCode {
			if err := f.finishCold(sec, want, s); err != nil {
				return err
			}
			continue
		}
		if s.Size != 0 || s.Kind.IsCode() {
			continue
		}
		a.key = makeKey(s.Segment, s.Offset)
		if err := f.measure(sec, a, s); err != nil {
			return err
		}
	}
	return nil
}

// finishCold replaces a cold part by its function.
func (f *File) finishCold(sec *sections, want addressKey, s *Symbol) error {
	beyond := s.Displacement >= s.Size
	fn, err := f.owned(sec, *s)
	if err != nil || !sec.has(fn.Segment) {
		return err
	}
	at := sec.orig[want.seg()-1].VirtualAddress + want.off()
	fn.Displacement, fn.Beyond = at-sec.orig[fn.Segment-1].VirtualAddress-fn.Offset, beyond
	*s = fn
	return nil
}

// measure fills in the size of a symbol whose record has none: that of its type,
// or else how far it can reach.
func (f *File) measure(sec *sections, a around, s *Symbol) (err error) {
	if s.Size, err = f.sizeByType(*s); s.Size != 0 || err != nil {
		return err
	}
	s.Size, err = f.reach(sec, a)
	s.Inferred = true
	return err
}

// sizeByType returns the size of the type of a variable, 0 where there is none.
func (f *File) sizeByType(sym Symbol) (uint32, error) {
	if sym.Type == 0 || !sym.Kind.IsData() && !sym.Kind.IsThreadLocal() {
		return 0, nil
	}
	t, err := f.Type(sym.Type)
	if err == nil {
		var n uint64
		if n, err = t.Size(); err == nil && n <= math.MaxUint32 {
			return uint32(n), nil
		}
	}
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	return 0, ignoreDamage(err)
}

// SizeOf returns the size of a symbol in bytes. For a variable it is the size
// of its type, or 0 if the type has no size, such as an array without bounds.
// For a public symbol it is inferred as in [File.Nearest]; it is 0 if nothing
// bounds the symbol, and for absolute symbols.
func (f *File) SizeOf(sym Symbol) (uint32, error) {
	if err := f.enter(); err != nil {
		return 0, err
	}
	defer f.leave()
	if sym.Kind.IsData() || sym.Kind.IsThreadLocal() {
		return f.sizeByType(sym)
	}
	return f.reachOf(sym)
}

// reachOf bounds a symbol by what lies around it.
func (f *File) reachOf(sym Symbol) (uint32, error) {
	p, err := f.loadPublics()
	if err != nil {
		return 0, err
	}
	sec, err := f.layout()
	if err != nil {
		return 0, err
	}
	a := around{key: makeKey(sym.Segment, sym.Offset)}
	if p.psi != nil {
		f.expectSizes(p)
		if a, err = p.above(a.key); err != nil {
			return 0, err
		}
	}
	return f.reach(sec, a)
}

// expectSizes reads as a whole what sizes are inferred from when so many were
// asked for that more will be: each takes some dozen reads otherwise.
func (f *File) expectSizes(p *publics) {
	if !p.sized.Over(directLookups) {
		return
	}
	for _, s := range []*msf.Stream{p.psi, p.gss, f.dbi.s} {
		s.Load()
	}
}

// reach returns the distance from a.key to the nearest of its bounds.
func (f *File) reach(sec *sections, a around) (uint32, error) {
	seg, off := a.key.seg(), a.key.off()
	if !sec.has(seg) {
		return 0, nil
	}
	end := sec.orig[seg-1].extent()
	if a.hasNext {
		end = min(end, a.next.off())
	}
	c, ok, err := f.contribAt(seg, off)
	if fatal(err) {
		return 0, err
	}
	if ok { // without a usable table the other bounds have to do
		end = uint32(min(uint64(end), uint64(c.off)+uint64(c.size)))
	}
	if end < off {
		return 0, nil
	}
	return end - off, nil
}
