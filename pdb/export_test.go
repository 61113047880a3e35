package pdb

import (
	"slices"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/source"
)

// NewMemory is [New] over bytes in memory, through the source of a mapped file:
// what one frame provider answers, every other must answer as well.
func NewMemory(b []byte) (*File, error) {
	if kind := Sniff(b); kind != FormatPDB7 {
		return nil, &KindError{Format: kind}
	}
	return newFile(source.Memory{Bytes: b}, int64(len(b)))
}

// ModuleRecords counts what lies in the stream of a module: its symbol
// records and the bytes of its parts.
type ModuleRecords struct {
	Records                   int
	Symbols, Lines11, Lines13 uint32
}

// ModuleRecordsOf walks the records of module i.
func (f *File) ModuleRecordsOf(i int) (m ModuleRecords, err error) {
	ms, err := f.openModule(i)
	if err != nil {
		return m, err
	}
	m.Symbols, m.Lines11, m.Lines13 = ms.symbols.Len(), ms.lines11.Len(), ms.lines13.Len()
	r := recordsOf(ms.symbols)
	for r.Step() {
		m.Records++
	}
	if r.Err != nil {
		return m, r.Err
	}
	return m, ms.bad
}

// IDName is the name of an id of the id stream, as inlined frames show it.
func (f *File) IDName(id uint32) (string, error) { return f.idName(id) }

// Addresses returns the sorted addresses of the index.
func (x *Index) Addresses() []uint32 { return x.addrs }

// TypeBucket returns how many types share the bucket of a name.
func (f *File) TypeBucket(name string) (int, error) {
	t, err := f.loadTypes()
	if err != nil {
		return 0, err
	}
	h, err := t.hash.Get(t.loadHash)
	if err != nil || h.bad != nil {
		return 0, err
	}
	types, err := h.bucket(hashName(name))
	return len(types), err
}

// Resolve follows a reference to a function into its module.
func (f *File) Resolve(sym Symbol) (Symbol, error) {
	q, err := f.ask(f.msf.Work.Point())
	if err != nil {
		return sym, err
	}
	defer q.end()
	return f.resolve(sym)
}

// OriginalSections returns the section headers segments of symbols count in.
func (f *File) OriginalSections() ([]Section, error) {
	s, err := f.loadSections()
	if err != nil {
		return nil, err
	}
	return s.orig, nil
}

// FramesOf is Frames for many addresses, in ascending order, without an index.
func (f *File) FramesOf(rvas []uint32, _ int) ([][]Frame, error) {
	out := make([][]Frame, len(rvas))
	order := make([]uint64, len(rvas)) // address<<32 | its number
	for i, rva := range rvas {
		order[i] = uint64(rva)<<32 | uint64(i)
	}
	slices.Sort(order)
	for _, at := range order {
		var err error
		if out[uint32(at)], err = f.Frames(uint32(at >> 32)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AppendFrames is Index.AppendFrames without an index.
func (f *File) AppendFrames(dst []Frame, rva uint32) ([]Frame, error) {
	return f.appendFrames(dst, rva)
}

// NearestPublics is Nearest among the public symbols alone.
func (f *File) NearestPublics(rva uint32) ([]Symbol, error) {
	sec, want, ok, err := f.locate(rva)
	if !ok || err != nil {
		return nil, err
	}
	syms, a, err := f.publicsBelow(want)
	if err != nil {
		return nil, err
	}
	return syms, f.finish(sec, want, a, syms)
}

// NumberOf reads a numeric leaf.
func NumberOf(b []byte) Number { r := codeview.Reader{B: b}; return Number{r.Number()} }
