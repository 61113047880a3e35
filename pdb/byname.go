package pdb

import (
	"slices"
	"strings"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// NameFlag says how a name is looked up.
type NameFlag uint8

// IgnoreCase leaves aside the case of ASCII letters. It costs nothing: the hash of the
// format is blind to case.
const IgnoreCase NameFlag = 1

// ByName returns the public symbols with exactly this name, in the order of
// their records; none is not an error. The name is the decorated one and case
// counts, unless [IgnoreCase] is given. Only the bucket of the name is read. When the hash table is damaged
// all records are read once, and what was learned is kept; so they are for a name
// that its bucket does not have, of 8 bytes or more, unless Microsoft's linker made
// the PDB: lld up to version 22 put some of these into other buckets.
//
// Damaged records are not found. Errors come from reading, or satisfy
// errors.Is(err, [ErrFormat]) when nothing could be looked up. Size is not
// filled in; see [File.SizeOf].
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
	sound, err := f.soundBuckets.get(f.hasSoundBuckets)
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
	sec, err := f.placer()
	if err != nil {
		return nil, err
	}
	count := msf.Tab{W: &f.msf.Work, N: len(offs) * msf.PerRecord}
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
func (f *File) symbolAt(t *names, off uint32, sec *sections) (Symbol, error) {
	if err := f.check(); err != nil {
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
	sec.placeSymbol(sym)
	return true
}

// GlobalsByName returns the symbols other than publics with exactly this name,
// through the table of globals of the file: functions, variables that are no
// part of a function, constants, and types by name; none is not an error. Names
// are not decorated. A function has a reference in the table, which is
// followed into its module. Otherwise it is as [File.ByName].
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
