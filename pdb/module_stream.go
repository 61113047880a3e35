package pdb

import (
	"cmp"
	"fmt"
	"iter"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/kept"
	"github.com/symres/symres/internal/msf"
)

// Module is what one object file, import library member or the linker itself
// contributed to the image.
type Module struct {
	Name      string // the object file, "* Linker *", "Import:KERNEL32.dll", ...
	Object    string // the library or object file it was taken from
	Stream    uint32 // number of the stream with its symbols and lines
	HasStream bool   // false: nothing private is known of it

	f   *File
	num int   // counted from 0
	err error // why nothing is known
}

// Module returns the module with a number, counted from 1, as in symbols and
// lines. If it does not exist or cannot be read, no field is set, and its
// sequences return the error.
func (f *File) Module(n int) Module {
	if err := f.enter(); err != nil {
		return Module{f: f, num: n - 1, err: err}
	}
	defer f.leave()
	list, err := f.loadModules()
	if err == nil {
		var info modInfo
		if info, err = f.moduleAt(list, n-1); err == nil {
			return info.module(f)
		}
	}
	return Module{f: f, num: n - 1, err: err}
}

// Modules enumerates the modules in the order of their numbers. An error ends
// the sequence; it satisfies errors.Is(err, [ErrFormat]) or comes from reading.
func (f *File) Modules() iter.Seq2[Module, error] {
	return sequenceOf(func(yield func(Module, error) bool) error {
		if err := f.enter(); err != nil {
			return err
		}
		defer f.leave()
		list, err := f.loadModules()
		for i := 0; err == nil && i < list.len(); i++ {
			var m modInfo
			if m, err = f.moduleAt(list, i); err == nil && !yield(m.module(f), nil) {
				return nil
			}
			err = cmp.Or(err, f.check())
		}
		if err == nil {
			err = list.bad
		}
		return err
	})
}

// module returns the public form of a record.
func (m modInfo) module(f *File) Module {
	out := Module{f: f, num: m.num, Name: string(m.name), Object: string(m.objectLib)}
	if m.stream != noStream {
		out.Stream, out.HasStream = m.stream, true
	}
	return out
}

// open returns the stream of the module.
func (m Module) open() (*modStream, error) {
	if m.err != nil {
		return nil, m.err
	}
	return m.f.openModule(m.num)
}

// code returns what the module says about its code.
func (m Module) code() (*moduleLines, error) {
	if m.err != nil {
		return nil, m.err
	}
	return m.f.moduleLines(m.num)
}

// modInfo is a record of the module list (MODI in microsoft-pdb dbi.h).
type modInfo struct {
	num             int    // counted from 0
	stream          uint32 // noStream where the module has none
	syms, c11, c13  uint32 // bytes of the parts of the stream; syms counts its signature
	name, objectLib []byte
}

// modStream is the stream of a module: u32 signature, symbol records, lines in the old
// form, lines in the new form, and references to globals, which are not used. It is safe
// for concurrent use.
type modStream struct {
	modInfo
	s       *msf.Stream // nil: the module has no stream
	symbols msf.Area    // begins behind the signature
	lines11 msf.Area
	lines13 msf.Area
	bad     error // a part that runs over the end, if any; the others are usable
	outline kept.Value[outline]
}

// modules is the module list: where its records lie, and the streams opened so far.
type modules struct {
	recs   []uint32 // offset of each record in the DBI stream, and of the end of the last
	shared []bool   // the stream of the module is that of one before it; nil: of none
	opened []kept.Value[modStream]
	bad    error // why the list ends early
}

func (m *modules) len() int { return len(m.opened) }

const (
	moduleHead    = 64
	moduleHeadV50 = 48 // without the checksums of the contribution and the source of the module
	versionV60    = 19970606
	maxModules    = inThunks // a module number has 16 bits
)

// loadModules finds the records of the module list. A list that is damaged
// somewhere is good up to there.
func (f *File) loadModules() (*modules, error) { return load(f, &f.mods, f.readModules) }

func (f *File) readModules() (*modules, error) {
	d := f.dbi
	off, n, err := d.sub(subModules, "module list")
	if n == 0 || err != nil {
		return new(modules), err
	}
	m := &modules{recs: []uint32{off}}
	ahead := d.s.Container.Batch()
	ahead.Add(d.s, off, n)
	ahead.Read()
	w := msf.Walker{Stream: d.s}
	for end := off + n; off < end; {
		if off, err = skipModule(&w, d.moduleHead(), off, end); err != nil {
			break
		}
		if len(m.recs) > maxModules {
			err = damage(d.s.Name, int64(off), "more than %d modules", maxModules)
			break
		}
		m.recs = append(m.recs, off)
	}
	if fatal(err) {
		return nil, err
	}
	m.bad, m.opened = err, make([]kept.Value[modStream], len(m.recs)-1)
	d.s.Container.Hold(20 * len(m.recs))
	return m, m.findShared(d)
}

// findShared finds the modules that name a stream another one has already.
// Linkers give each module its own; read for all that name it, a small file
// would be as much work as a large one.
func (m *modules) findShared(d *dbi) error {
	var taken [noStream/64 + 1]uint64
	w := msf.Walker{Stream: d.s}
	for i := range m.opened {
		b, err := w.Span(m.recs[i], d.moduleHead())
		if err != nil {
			return err
		}
		num := u16(d.moduleTail(b), 2)
		if num == noStream {
			continue
		}
		if taken[num/64]>>(num%64)&1 != 0 {
			if m.shared == nil {
				m.shared = make([]bool, len(m.opened))
			}
			m.shared[i] = true
		}
		taken[num/64] |= 1 << (num % 64)
	}
	return nil
}

// moduleTail returns a module record from behind its contribution on.
func (d *dbi) moduleTail(rec []byte) []byte {
	if d.moduleHead() == moduleHeadV50 {
		return rec[24:]
	}
	return rec[32:]
}

// moduleHead returns how long a module record is before its names.
func (d *dbi) moduleHead() uint32 {
	if d.Version < versionV60 {
		return moduleHeadV50
	}
	return moduleHead
}

// skipModule returns where the record behind the one at off begins.
func skipModule(w *msf.Walker, head, off, end uint32) (uint32, error) {
	at := off
	if head > end-at {
		return 0, damage(w.Stream.Name, int64(off), "module record of %d bytes, need %d", end-off, head)
	}
	at += head
	for range 2 {
		n, err := w.Strlen(at, end)
		if err != nil {
			return 0, err
		}
		at += n + 1
	}
	return off + min((at-off+3)&^3, end-off), nil
}

// moduleAt reads module record i.
func (f *File) moduleAt(m *modules, i int) (modInfo, error) {
	if i < 0 || i >= m.len() {
		return modInfo{}, damage("module list", 0, "no module %d among %d", i, m.len())
	}
	b, err := f.dbi.s.Bytes(m.recs[i], m.recs[i+1]-m.recs[i])
	if err != nil {
		return modInfo{}, err
	}
	info := modInfo{num: i}
	head := int(f.dbi.moduleHead())
	tail := f.dbi.moduleTail(b)
	info.stream = uint32(u16(tail, 2))
	info.syms, info.c11 = u32(tail, 4), u32(tail, 8)
	if head == moduleHead {
		info.c13 = u32(tail, 12)
	}
	info.name = codeview.UntilNUL(b[head:])
	info.objectLib = codeview.UntilNUL(b[head+len(info.name)+1:])
	return info, nil
}

// openModule returns the stream of module i, counted from 0. Damage that
// leaves some of its parts usable is kept in bad.
func (f *File) openModule(i int) (*modStream, error) {
	m, err := f.loadModules()
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= m.len() {
		return nil, damage("module list", 0, "no module %d among %d", i, m.len())
	}
	return m.opened[i].Get(func() (*modStream, error) {
		info, err := f.moduleAt(m, i)
		if err != nil {
			return nil, err
		}
		if m.shared != nil && m.shared[i] {
			return nil, damage(f.dbi.s.Name, int64(m.recs[i]), "module %d (%.100q) has the stream of another, %d: %w", i+1, info.name, info.stream, ErrLimit)
		}
		return readModStream(f.msf, info)
	})
}

func readModStream(m *msf.Container, info modInfo) (*modStream, error) {
	ms := &modStream{modInfo: info}
	if info.stream == noStream {
		return ms, nil
	}
	s, err := m.Stream(info.stream, fmt.Sprintf("symbols of module %d", info.num))
	if err != nil || s.Size < 4 {
		return ms, err
	}
	ahead := m.Batch() // most questions need all of it
	ahead.Add(s, 0, s.Size)
	ahead.Read()
	var sign [4]byte
	if err := s.Read(sign[:], 0); err != nil {
		return nil, err
	}
	ms.s = s
	ms.layOut()
	m.Hold(2 << 10) // a stream and its list of blocks
	return ms, nil
}

// layOut finds the parts of the stream behind each other.
func (ms *modStream) layOut() {
	at := uint32(0)
	for _, part := range []struct {
		area *msf.Area
		size uint32
		what string
	}{{&ms.symbols, ms.syms, "symbols"}, {&ms.lines11, ms.c11, "C11 lines"}, {&ms.lines13, ms.c13, "C13 lines"}} {
		size := part.size
		if size > ms.s.Size-at {
			if ms.bad == nil {
				ms.bad = damage(ms.s.Name, int64(at), "%s of %d bytes run over the end at %#x", part.what, size, ms.s.Size)
			}
			size = ms.s.Size - at
		}
		*part.area = msf.Area{Stream: ms.s, Off: at, End: at + size}
		at += size
	}
	ms.symbols.Off = min(4, ms.symbols.End)
}

// recordWalk walks the symbol records of an area. It belongs to one goroutine.
type recordWalk struct{ codeview.Records }

// recordsOf starts a walk over the records of an area, most or all of which
// will be read.
func recordsOf(a msf.Area) recordWalk {
	if a.Stream != nil {
		a.Stream.Ahead(a.Off, a.Len())
	}
	return someRecordsOf(a)
}

// someRecordsOf is recordsOf for a walk that does not go far, or over what was read
// just now.
func someRecordsOf(a msf.Area) recordWalk {
	return recordWalk{codeview.Records{W: a.Walker(), Off: a.Off, Next: a.Off, End: a.End}}
}

// kind returns the kind of the record.
func (r *recordWalk) kind() Kind { return Kind(r.Records.Kind()) }
