package pdb

import (
	"bytes"
	"slices"

	"github.com/symres/symres/pdb/undname"
)

// place in the records of a PDB: what an address is answered with.
type privateHit struct {
	key     addressKey
	ms      *modStream // nil: in the stream of global symbols
	records []uint32
}

// maxBack is how many contributions below an address are asked one by one
// before all modules are read for the answer.
const maxBack = 64

// privateBelow returns the private symbols nearest to an address from below,
// as the modules know them, if they are not below least. The module that
// contributed the address is asked first, then those before it.
func (f *File) privateBelow(want, least addressKey) (privateHit, error) {
	best := privateHit{key: max(least, makeKey(want.seg(), 0))}
	t, err := f.loadContribs()
	if err != nil {
		return best, err
	}
	c, ok, err := t.find(want.seg(), want.off())
	if err != nil {
		return best, err
	}
	if !ok {
		return f.privateBefore(t, want, best, -1)
	}
	if best, err = f.inModule(int(c.mod), want, best); err != nil || best.key >= c.key() {
		return best, err
	}
	return f.privateBefore(t, want, best, int(c.mod))
}

// privateBefore asks the modules of the contributions below an address, from the
// nearest on. last was asked already; -1 is none.
func (f *File) privateBefore(t *contribs, want addressKey, best privateHit, last int) (privateHit, error) {
	list, err := t.inOrder()
	if err != nil {
		return best, err
	}
	n, err := contribsBelow(list, want)
	if err != nil {
		return best, err
	}
	for back := 0; n > 0; n-- {
		c, err := list.at(n - 1)
		if err != nil || c.sect != want.seg() {
			return best, err
		}
		if c.size == 0 {
			continue
		}
		if m := int(c.mod); m != last {
			if back++; back > maxBack {
				return f.anyPrivateBelow(want, best)
			}
			last = m
			if best, err = f.inModule(m, want, best); err != nil {
				return best, err
			}
		}
		if best.key >= c.key() {
			return best, nil
		}
	}
	return best, nil
}

// inModule returns what a module has between best and an address, or best.
func (f *File) inModule(i int, want addressKey, best privateHit) (privateHit, error) {
	ms, err := f.openModule(i)
	if err == nil {
		var o *outline
		if o, err = f.outlineOf(ms); err == nil {
			var a around
			if a, err = f.aroundIn(o.addrs, want); err == nil && len(a.records) > 0 && a.key >= best.key {
				best = privateHit{key: a.key, ms: ms, records: a.records}
			}
		}
	}
	if fatal(err) {
		return best, err
	}
	return best, nil // a damaged module is one that knows nothing
}

// anyPrivateBelow asks all modules.
func (f *File) anyPrivateBelow(want addressKey, best privateHit) (privateHit, error) {
	list, err := f.loadModules()
	for i := 0; err == nil && i < list.len(); i++ {
		best, err = f.inModule(i, want, best)
	}
	return best, err
}

// aroundIn looks up an address in a map that was made of records, and counts how
// many have it.
func (f *File) aroundIn(m memoryMap, want addressKey) (around, error) {
	a, err := aroundIn(m, want, len(m))
	if err == nil {
		err = f.msf.Work.Spend(len(a.records) * perEntry)
	}
	return a, err
}

// perEntry is what an entry of a list of addresses counts as.
const perEntry = 16

// dataMap returns the addresses of the variables the table of globals has.
func (f *File) dataMap() (*memoryMap, error) {
	g, err := f.loadGlobals()
	if err != nil || g.gss == nil {
		return new(memoryMap), err
	}
	return g.data.Get(func() (*memoryMap, error) {
		var m memoryMap
		err := g.live(func(off uint32, rec []byte) {
			if key, ok := addressOf(rec); ok {
				m = append(m, addressEntry{off: key.off(), rec: off, part: key.seg()})
			}
		})
		if fatal(err) {
			return nil, err
		}
		m.sort()
		f.msf.Hold(12 * len(m))
		return &m, nil
	})
}

// globalBelow returns the variables of the table of globals nearest to an
// address from below. Many of them no module knows. The table has no order of
// addresses, so it is read once.
func (f *File) globalBelow(want addressKey) (privateHit, error) {
	m, err := f.dataMap()
	if err != nil {
		return privateHit{}, err
	}
	a, err := f.aroundIn(*m, want)
	return privateHit{key: a.key, records: a.records}, err
}

// hitSymbols reads the symbols of a hit, each name once.
func (f *File) hitSymbols(h privateHit, sec *sections) ([]Symbol, error) {
	if h.ms == nil {
		g, err := f.loadGlobals()
		if err != nil || g.gss == nil {
			return nil, err
		}
		syms, err := f.symbolsAt(&g.names, h.records)
		return compactNames(syms), err
	}
	var syms []Symbol
	in := functionWalk{r: someRecordsOf(h.ms.symbols)} // the map of the module was made from them
	for _, off := range h.records {
		sym, err := f.moduleSymbol(h.ms, off, sec)
		if err != nil {
			return nil, err
		}
		if sym.Kind.IsData() {
			if sym.InFunction, err = in.has(off); err != nil {
				return nil, err
			}
		}
		syms = append(syms, sym)
	}
	return compactNames(syms), nil
}

// functionWalk tells of one record after the other, in their order, whether it
// lies in that of a procedure. It belongs to one goroutine.
type functionWalk struct {
	r    recordWalk
	from uint32 // the last procedure that was passed
	to   uint32 // where what belongs to it ends
}

// has reports whether the record at off lies in a procedure. Damage before it
// counts as no.
func (w *functionWalk) has(off uint32) (bool, error) {
	for w.to <= off && w.r.Next < off && w.r.Step() {
		if !w.r.kind().IsProc() {
			continue
		}
		w.from = w.r.Off
		if err := w.r.skipBody(); err != nil {
			return false, err
		}
		w.to = w.r.Next
	}
	if fatal(w.r.Err) {
		return false, w.r.Err
	}
	return w.from < off && off < w.to, nil
}

// folded adds the functions at an address that the publics there tell of: code
// of several modules that was the same is in the image once, and the module
// asked knows its own name for it only.
func (f *File) folded(pubs, syms []Symbol) ([]Symbol, error) {
	if len(syms) == 0 || !syms[0].Kind.IsProc() || len(pubs) < 2 || len(pubs) > maxFolded ||
		pubs[0].Segment != syms[0].Segment || pubs[0].Offset != syms[0].Offset {
		return syms, nil
	}
	for _, pub := range pubs {
		more, err := f.GlobalsByName(undname.NameOnly(pub.Name()))
		if fatal(err) {
			return nil, err
		}
		for _, s := range more {
			if s.Kind.IsProc() && s.Segment == pub.Segment && s.Offset == pub.Offset {
				syms = append(syms, s)
			}
		}
	}
	return compactNames(syms), nil
}

// maxFolded is how many publics at one address are followed to their functions.
const maxFolded = 64

// fewNames is how many names are told apart faster one by one.
const fewNames = 32

// compactNames drops symbols with a name that came before: a variable can be
// recorded twice.
func compactNames(syms []Symbol) []Symbol {
	out := syms[:0]
	if len(syms) > fewNames {
		seen := make(map[string]bool, len(syms))
		for _, s := range syms {
			if !seen[string(s.name)] {
				seen[string(s.name)] = true
				out = append(out, s)
			}
		}
		return out
	}
	for _, s := range syms {
		if !slices.ContainsFunc(out, func(o Symbol) bool { return bytes.Equal(o.name, s.name) }) {
			out = append(out, s)
		}
	}
	return out
}
