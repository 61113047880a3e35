package pdb

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/fold"
	"github.com/symres/symres/internal/kept"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/offsets"
)

// NameFlag says how a name is looked up.
type NameFlag uint8

// IgnoreCase leaves aside the case of ASCII letters. It costs nothing: the hash of the
// format is blind to case.
const IgnoreCase NameFlag = 1

// ByName returns the public symbols with exactly this name, in the order of
// their records. An empty result is not an error. The name is the decorated one
// and is case-sensitive unless [IgnoreCase] is given. Only the hash bucket of
// the name is read. All records are read once, and the result is kept, in two
// cases: the hash table is damaged; or the bucket lacks a name of 8 bytes or
// more and the PDB is not from Microsoft's linker, because lld up to version 22
// puts some names into wrong buckets.
//
// Damaged records are not found. Errors come from reading, or satisfy
// errors.Is(err, [ErrFormat]) if no lookup was possible. Size is not set; see
// [File.SizeOf].
func (f *File) ByName(name string, how ...NameFlag) ([]Symbol, error) {
	fold := slices.Contains(how, IgnoreCase)
	q, err := f.ask(f.msf.Work.Point())
	if err != nil {
		return nil, err
	}
	defer q.end()
	p, err := f.loadPublics()
	if err != nil {
		return nil, err
	}
	offs, err := p.find(name, fold)
	if err == nil && len(offs) == 0 && len(name) >= shortName {
		offs, err = f.secondLook(p, name, fold)
	}
	if err != nil || len(offs) == 0 {
		return nil, err
	}
	return f.symbolsAt(&p.names, offs)
}

// shortName is how long a name is that a COFF symbol holds itself, without a NUL:
// lld hashed such a name together with the bytes behind it (fixed in LLVM's change
// 190133).
const shortName = 8

// secondLook looks for a public outside its bucket.
func (f *File) secondLook(p *publics, name string, fold bool) ([]uint32, error) {
	if p.gss == nil || p.table.n == 0 || len(name) > codeview.MaxRecord {
		return nil, nil
	}
	sound, err := f.soundBuckets.Get(f.hasSoundBuckets)
	if err != nil || *sound {
		return nil, err
	}
	return p.findScanned(name, fold)
}

// hasSoundBuckets reports whether the last module says that Microsoft's linker
// made the PDB.
func (f *File) hasSoundBuckets() (*bool, error) {
	sound := false
	list, err := f.loadModules()
	if err != nil || list.len() == 0 {
		return &sound, ignoreDamage(err)
	}
	m, err := f.moduleAt(list, list.len()-1)
	if err != nil || string(m.name) != "* Linker *" {
		return &sound, ignoreDamage(err)
	}
	for c, err := range f.Module(list.len()).Compilers() {
		if fatal(err) {
			return nil, err
		}
		sound = sound || err == nil && strings.HasPrefix(c.Name, "Microsoft ")
	}
	return &sound, nil
}

// symbolsAt reads the symbols at the given offsets, each into memory of its own.
func (f *File) symbolsAt(t *names, offs []uint32) ([]Symbol, error) {
	sec, err := f.layout()
	if err != nil {
		return nil, err
	}
	count := budget.Tab{W: &f.msf.Work, N: len(offs) * budget.PerRecord}
	if err := count.Pay(); err != nil {
		return nil, err
	}
	syms := make([]Symbol, 0, len(offs))
	for _, off := range offs {
		rec, err := t.recordAt(off)
		if err == nil {
			err = count.Record(len(rec))
		}
		if err != nil {
			return nil, err
		}
		var sym Symbol
		if t.symbol(&sym, rec, sec) {
			syms = append(syms, sym)
		}
	}
	return syms, count.Pay()
}

// symbolAt reads the symbol at an offset that is known to lead to one.
func (f *File) symbolAt(table func() (*names, error), off uint32, sec *sections) (Symbol, error) {
	t, err := table()
	if err != nil {
		return Symbol{}, err
	}
	rec, err := t.recordAt(off)
	if err != nil {
		return Symbol{}, err
	}
	var sym Symbol
	if !t.symbol(&sym, rec, sec) {
		return Symbol{}, damage(t.gss.Name, int64(off), "no symbol of its table")
	}
	return sym, nil
}

// symbol reads a record of the table into sym, which is empty or holds another
// symbol of the table. It reports false when the record is none, and leaves sym
// empty.
func (t *names) symbol(sym *Symbol, rec []byte, sec *sections) bool {
	if t.public && len(rec) >= pubHead && Kind(u16(rec, 2)) == KindPub32 {
		sym.public(rec)
	} else if !sym.parse(rec) || t.public != sym.Kind.IsPublic() {
		*sym = Symbol{}
		return false
	}
	sec.place(sym)
	return true
}

// GlobalsByName returns the symbols other than publics with exactly this name,
// through the table of globals of the file: functions, variables outside
// functions, constants, and names of types. An empty result is not an error.
// Names are not decorated. For a function the table has a reference, which is
// followed into its module. Otherwise it works like [File.ByName].
func (f *File) GlobalsByName(name string, how ...NameFlag) ([]Symbol, error) {
	fold := slices.Contains(how, IgnoreCase)
	q, err := f.ask(f.msf.Work.Point())
	if err != nil {
		return nil, err
	}
	defer q.end()
	g, err := f.loadGlobals()
	if err != nil {
		return nil, err
	}
	offs, err := g.find(name, fold)
	if err != nil || len(offs) == 0 {
		return nil, err
	}
	syms, err := f.symbolsAt(&g.names, offs)
	for i := range syms {
		if err != nil {
			return nil, err
		}
		syms[i], err = f.resolve(syms[i])
		if !fatal(err) {
			err = nil // the reference itself stays
		}
	}
	return syms, err
}

// names is a hash table of the file together with the symbol records it leads
// to. It is safe for concurrent use.
type names struct {
	gss    *msf.Stream // nil: the PDB has none
	table  *nameTable
	public bool                         // the records are publics; otherwise anything else
	rest   func() (*offsets.Set, error) // where records lie when the table names none
	byHash kept.Value[[]uint64]         // hash<<32 | offset, sorted: when table is bad
}

// holds reports whether records of a kind belong to the table.
func (t *names) holds(k Kind) bool {
	if t.public {
		return k.IsPublic()
	}
	_, ok := formOf(k)
	return ok && !k.IsPublic()
}

// offsets returns where the records of all symbols lie: what the hash records
// say, which refer to live records only.
func (t *names) offsets() (*offsets.Set, error) {
	if t.table.n == 0 {
		return t.rest()
	}
	t.gss.Ahead(0, t.gss.Size)
	t.table.s.Ahead(t.table.recs, t.table.n*hashRecord)
	set := offsets.New(t.gss.Size)
	w := msf.Walker{Stream: t.table.s}
	for off, end := t.table.recs, t.table.recs+t.table.n*hashRecord; off < end; {
		b, err := w.Some(off, hashRecord, end-off)
		if err != nil {
			return nil, err
		}
		for ; len(b) >= hashRecord; b = b[hashRecord:] {
			set.Add(u32(b, 0) - 1)
			off += hashRecord
		}
	}
	return set, nil
}

// live calls visit for every record there is to be found. It is an error when
// all of them are damaged.
func (t *names) live(visit func(off uint32, rec []byte)) error {
	set, err := t.offsets()
	if err != nil {
		return err
	}
	var first error
	found := false
	w := msf.Walker{Stream: t.gss}
	count := budget.Tab{W: t.gss.Work()}
	for off := range set.All() {
		rec, err := codeview.RecordIn(&w, off)
		if err == nil {
			err = count.Record(len(rec))
		}
		if fatal(err) {
			return err
		}
		if err == nil && t.holds(Kind(u16(rec, 2))) {
			found = true
			visit(off, rec)
		} else if first == nil {
			first = err
		}
	}
	if found {
		return nil
	}
	return first
}

// find returns the offsets of the records with a name, ascending. Only the
// bucket of the name is read unless the table is bad.
func (t *names) find(name string, fold bool) ([]uint32, error) {
	if t.gss == nil || len(name) > codeview.MaxRecord {
		return nil, nil
	}
	offs, err := t.findHashed(name, fold)
	if err != nil && !fatal(err) {
		offs, err = t.findScanned(name, fold)
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(offs)
	return slices.Compact(offs), nil
}

// recordAt returns the record at off. It reads no more than the record: the
// point of a point query.
func (t *names) recordAt(off uint32) ([]byte, error) { return codeview.RecordAt(t.gss, off) }

// findHashed returns the offsets of the records with this name in the buckets
// its hash leads to. A FormatError says that the table is bad.
func (t *names) findHashed(name string, fold bool) ([]uint32, error) {
	if t.table.bad != nil || t.table.n == 0 {
		return nil, cmp.Or(t.table.bad, errNoTable)
	}
	m := newMatcher(t, name, fold)
	probes, n := t.table.probes(hashName(name))
	expect(t.gss.Container, t.wanted(m))
	return t.having(m, func(yield func(uint32, error) bool) {
		for _, b := range probes[:n] {
			for off, err := range t.table.inBucket(b) {
				if !yield(off, err) {
					return
				}
			}
		}
	})
}

var errNoTable error = &FormatError{Section: "symbol index", Err: errors.New("no hash records")}

// findScanned answers when the hash table is bad, from an index over all
// records that is built once.
func (t *names) findScanned(name string, fold bool) ([]uint32, error) {
	index, err := t.byHash.Get(t.scan)
	if err != nil {
		return nil, err
	}
	hash := uint64(hashName(name))
	return t.having(newMatcher(t, name, fold), func(yield func(uint32, error) bool) {
		i, _ := slices.BinarySearch(*index, hash<<32)
		for ; i < len(*index) && (*index)[i]>>32 == hash && yield(uint32((*index)[i]), nil); i++ {
		}
	})
}

// having returns those offsets whose records have a name.
func (t *names) having(m *matcher, list iter.Seq2[uint32, error]) (offs []uint32, err error) {
	count := budget.Tab{W: t.gss.Work()}
	for off, err := range list {
		if err == nil {
			err = count.Record(0)
		}
		ok := false
		if err == nil {
			ok, err = m.match(off)
		}
		if err != nil {
			return nil, err
		}
		if ok {
			offs = append(offs, off)
		}
	}
	return offs, count.Pay()
}

// matcher compares the names of records with one name, reading of each record
// no more than that takes.
type matcher struct {
	t    *names
	name string
	fold bool // ASCII letters of either case are equal
	buf  []byte
}

const maxNumeric = 18 // bytes of the value before the name of most constants

func newMatcher(t *names, name string, fold bool) *matcher {
	head := pubHead
	if !t.public {
		head = max(pubHead, 8+maxNumeric)
	}
	// One byte more than the name: its NUL, or the length byte of an old form.
	return &matcher{t: t, name: name, fold: fold, buf: make([]byte, head+len(name)+1)}
}

// match reports whether the record at off has the name. An offset outside the
// records is a FormatError: such a table is not to be trusted.
func (m *matcher) match(off uint32) (bool, error) {
	rec, size, err := m.read(off)
	if err != nil || len(rec) < codeview.RecordHead || !m.t.holds(Kind(u16(rec, 2))) {
		return false, err
	}
	if uint32(len(rec)) < size {
		if at, ok := nameStart(rec); !ok || at+len(m.name) >= len(rec) { // much stands before its name
			if rec, err = m.t.gss.Bytes(off, size); err != nil {
				return false, err
			}
		}
	}
	name, ok := nameOf(rec)
	return ok && len(name) == len(m.name) && m.begins(name), nil
}

// read returns of the record at off what comparing takes, nil when its
// beginning already tells that it cannot have the name, and its size.
func (m *matcher) read(off uint32) (rec []byte, size uint32, err error) {
	gss := m.t.gss
	if !gss.Holds(off, codeview.RecordHead) {
		return nil, 0, gss.Short(off, codeview.RecordHead)
	}
	rec = m.buf[:min(uint32(len(m.buf)), gss.Size-off)]
	// What follows in another page is read only if it can matter.
	first := rec[:min(uint32(len(rec)), max(codeview.RecordHead, readPage-off%readPage))]
	if err := gss.Read(first, off); err != nil {
		return nil, 0, err
	}
	if size = uint32(u16(rec, 0)) + codeview.LenField; !gss.Holds(off, size) {
		return nil, 0, gss.Short(off, size)
	}
	rec = rec[:min(uint32(len(rec)), size)]
	if len(first) >= len(rec) {
		return rec, size, nil
	}
	if !m.mayMatch(first) {
		return nil, size, nil
	}
	return rec, size, gss.Read(rec[len(first):], off+uint32(len(first)))
}

// readPage is what systems read at least.
const readPage = 4096

// mayMatch reports whether a record that begins like rec can have the name.
func (m *matcher) mayMatch(rec []byte) bool {
	at, ok := nameStart(rec)
	if _, old := Kind(u16(rec, 2)).current(); !ok || at > len(rec) || old {
		return true
	}
	return m.begins(rec[at:min(len(rec), at+len(m.name))])
}

// begins reports whether the name begins with b.
func (m *matcher) begins(b []byte) bool {
	if !m.fold {
		return string(b) == m.name[:len(b)]
	}
	for i := range b {
		if fold.Lower(b[i]) != fold.Lower(m.name[i]) {
			return false
		}
	}
	return true
}

// scan reads all records once and returns their hashes and offsets, sorted.
func (t *names) scan() (*[]uint64, error) {
	var index []uint64
	err := t.live(func(off uint32, rec []byte) {
		if name, ok := nameOf(rec); ok {
			index = append(index, uint64(hashName(name))<<32|uint64(off))
		}
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(index)
	t.gss.Container.Hold(8 * len(index))
	return &index, nil
}
