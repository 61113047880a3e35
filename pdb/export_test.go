package pdb

import "github.com/symres/symres/internal/msf"

// NewMemory is [New] over bytes in memory, through the source of a mapped file:
// what one frame provider answers, every other must answer as well.
func NewMemory(b []byte) (*File, error) {
	if kind := Sniff(b); kind != FormatPDB7 {
		return nil, &KindError{Format: kind}
	}
	return newFile(msf.Memory{Bytes: b}, int64(len(b)))
}

// ModuleRecords counts what lies in the stream of a module: its symbol
// records and the bytes of its parts.
type ModuleRecords struct {
	Records                           int
	Symbols, Lines11, Lines13, Global uint32
}

// ModuleRecordsOf walks the records of module i.
func (f *File) ModuleRecordsOf(i int) (m ModuleRecords, err error) {
	ms, err := f.openModule(i)
	if err != nil {
		return m, err
	}
	m.Symbols, m.Lines11, m.Lines13, m.Global = ms.symbols.Len(), ms.lines11.Len(), ms.lines13.Len(), ms.globalRefs.Len()
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

// FindFold returns all places of text in b without regard to case, as the
// search for names finds them.
func FindFold(b []byte, text string) (list []int) {
	f := newFinder(text)
	f.reset(b)
	for at := f.next(0); at >= 0; at = f.next(at + 1) {
		list = append(list, at)
	}
	return list
}

// TypeBucket returns how many types share the bucket of a name.
func (f *File) TypeBucket(name string) (int, error) {
	t, err := f.loadTypes()
	if err != nil {
		return 0, err
	}
	h, err := t.hash.get(t.loadHash)
	if err != nil || h.bad != nil {
		return 0, err
	}
	types, err := h.bucket(hashName(name))
	return len(types), err
}
