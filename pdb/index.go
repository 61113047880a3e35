package pdb

import (
	"errors"
	"iter"
	"sort"
)

// Index is an index of the addresses of a PDB, for asking about very many of
// them. It holds no pointers, only where the records of the symbols lie: 10
// bytes a symbol and at most 4 more for its table of pages. It is immutable,
// safe for concurrent use, and good until the File is closed.
type Index struct {
	f     *File
	sec   *sections
	addrs []uint32 // RVAs in the image as linked, ascending
	recs  []uint32 // where the record of each symbol lies in its stream
	mods  []uint16 // which stream that is
	shift uint8    // a page has 1<<shift bytes
	pages []uint32 // number of the first symbol at or above each page, and how many there are
	spans []span   // the sections, ascending

	nameless bool // there are functions that are not in it
}

// What Index.mods says about a symbol; anything else is the number of a
// module, counted from 0.
const (
	inThunks  = 0xFFFD // its record is a number in the incremental-link table
	inGlobals = 0xFFFE
	inPublics = 0xFFFF
)

// Index reads the addresses of all symbols. It takes one pass over the symbol
// records of the file; the result is kept for the next call. Errors satisfy
// errors.Is(err, [ErrFormat]) or come from reading; of a damaged module, the
// index has only the records before the damage.
func (f *File) Index() (*Index, error) {
	q, err := f.ask(f.msf.Work.Whole())
	if err != nil {
		return nil, err
	}
	defer q.end()
	return f.index.Get(func() (*Index, error) {
		b := indexer{f: f}
		for _, part := range []func() error{b.measure, b.collect} {
			if err := part(); err != nil {
				return nil, err
			}
		}
		return b.build(), nil
	})
}

const minShift = 4

// layPages chooses pages so small that there is about one symbol in each.
func (x *Index) layPages() {
	n := len(x.addrs)
	if n == 0 {
		return
	}
	last := x.addrs[n-1]
	for x.shift = minShift; int64(last>>x.shift)+2 > int64(n); x.shift++ {
		if x.shift == 31 {
			break
		}
	}
	x.pages = make([]uint32, last>>x.shift+2)
	page := 0
	for i, a := range x.addrs {
		for ; page <= int(a>>x.shift); page++ {
			x.pages[page] = uint32(i)
		}
	}
	x.pages[page] = uint32(n)
}

// Bytes returns how much memory the index takes.
func (x *Index) Bytes() int {
	return 4*cap(x.addrs) + 4*cap(x.recs) + 2*cap(x.mods) + 4*cap(x.pages) + 16*cap(x.spans)
}

// Len returns how many symbols the index has.
func (x *Index) Len() int { return len(x.addrs) }

// Run is the answer to an address: symbols First to First+Count-1 of an index
// begin at the same address, Displacement bytes below the one asked for.
type Run struct {
	First, Count int
	Displacement uint32
}

// Find returns the symbols nearest to an RVA from below and in its section; ok
// is false when there is none. It allocates nothing and reads nothing.
func (x *Index) Find(rva uint32) (run Run, ok bool) {
	linked, ok := x.sec.linked(rva)
	if !ok {
		return Run{}, false
	}
	last := x.floor(linked)
	if last < 0 || !x.together(x.addrs[last], linked) {
		return Run{}, false
	}
	first := last
	if addr := x.addrs[last]; last > 0 && x.addrs[last-1] == addr {
		first = sort.Search(last, func(i int) bool { return x.addrs[i] == addr })
	}
	return Run{First: first, Count: last - first + 1, Displacement: linked - x.addrs[last]}, true
}

// together reports whether two addresses lie in one section, the first not
// behind the second.
func (x *Index) together(a, b uint32) bool {
	i := spanOf(x.spans, b)
	return i >= 0 && x.spans[i].start <= a && uint64(b) < x.spans[i].end
}

// floor returns the number of the last symbol at or below an address, -1 if
// there is none.
func (x *Index) floor(addr uint32) int {
	page := int(addr >> x.shift)
	if page+1 >= len(x.pages) {
		return len(x.addrs) - 1
	}
	lo, hi := int(x.pages[page]), int(x.pages[page+1])
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); x.addrs[mid] <= addr {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// Symbol reads symbol i, which must be in 0 to Len()-1. Its Size, where the
// record has none, is that of its type or how far the symbol can reach at most. Errors are those
// of [File.Nearest].
func (x *Index) Symbol(i int) (Symbol, error) {
	q, err := x.f.ask(x.f.msf.Work.Point())
	if err != nil {
		return Symbol{}, err
	}
	defer q.end()
	return x.symbol(i)
}

func (x *Index) symbol(i int) (Symbol, error) {
	sym, err := x.read(i)
	if err != nil || sym.Kind.IsCode() {
		return sym, err
	}
	if sym.Size, err = x.f.sizeByType(sym); sym.Size != 0 || err != nil {
		return sym, err
	}
	sym.Size, err = x.f.reachOf(sym)
	sym.Inferred = true
	return sym, err
}

func (x *Index) read(i int) (Symbol, error) {
	f, rec := x.f, x.recs[i]
	switch mod := x.mods[i]; mod {
	case inThunks:
		p, err := f.loadPublics()
		if err != nil {
			return Symbol{}, err
		}
		return f.thunk(x.sec, p, rec)
	case inGlobals:
		return f.symbolAt(f.globals, rec, x.sec)
	case inPublics:
		return f.symbolAt(f.publics, rec, x.sec)
	default:
		ms, err := f.openModule(int(mod))
		if err != nil {
			return Symbol{}, err
		}
		return f.moduleSymbol(ms, rec, x.sec)
	}
}

// Nearest is [File.Nearest] through the index. It also knows the names of
// functions of other modules that were folded together, which may have no
// public.
func (x *Index) Nearest(rva uint32) ([]Symbol, error) { return x.AppendNearest(nil, rva) }

// AppendNearest is [Index.Nearest] that appends to dst. With room in dst it
// allocates nothing, but for the names of thunks of an incremental-link table.
func (x *Index) AppendNearest(dst []Symbol, rva uint32) ([]Symbol, error) {
	q, err := x.f.ask(x.f.msf.Work.Point())
	if err != nil {
		return dst, err
	}
	defer q.end()
	run, ok := x.Find(rva)
	if !ok {
		return dst, nil
	}
	start := len(dst)
	for i := run.First; i < run.First+run.Count; i++ {
		sym, err := x.symbol(i)
		if err != nil {
			return dst[:start], err
		}
		if sym.Displacement = run.Displacement; sym.Kind == KindSepCode {
			if err := x.cold(rva, &sym); err != nil {
				return dst[:start], err
			}
		}
		dst = append(dst, sym)
	}
	return dst[:start+len(compactNames(dst[start:]))], nil
}

// cold replaces a cold part by its function.
func (x *Index) cold(rva uint32, sym *Symbol) error {
	linked, _ := x.sec.linked(rva)
	seg, off, ok := x.sec.locateLinked(linked)
	if !ok {
		return nil
	}
	return x.f.finishCold(x.sec, makeKey(seg, off), sym)
}

// All enumerates the symbols in the order of their addresses in the image as
// it was linked. A record that cannot be read any more gives an error in its
// place.
func (x *Index) All() iter.Seq2[Symbol, error] {
	return within(x.f, func(yield func(Symbol, error) bool) error {
		for i := range x.addrs {
			sym, err := x.symbol(i)
			if errors.Is(err, ErrClosed) || errors.Is(err, ErrLimit) {
				return err
			}
			if !yield(sym, err) {
				break
			}
		}
		return nil
	})
}
