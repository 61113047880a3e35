package pdb

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// moduleCodes holds what was found out about the code of each module.
type moduleCodes struct {
	list    []lazy[moduleCode]
	scratch sync.Pool // of *moduleCode, to collect in
}

// moduleCode tells where a module keeps what it says about its code: its
// functions, and their lines. All of it comes from one walk over the stream of
// the module, past the bodies of functions. It holds no pointers but to its few
// parts; what is inside a function is read when the function is asked for.
// But for the handles it is immutable.
type moduleCode struct {
	ms       *modStream
	funcs    []function
	funcAt   places
	blocks   []lineBlock
	blockAt  places
	files    []sourceFile // by place
	inlinees []inlinee    // by id
	imports  []importedIDs
	ids      []uint32
	exports  []exportedID // by local number
	old      []byte       // names and lines of C11, in the form C13 has them
	bad      error        // the first damage found; what is there is good

	// Handles of names, once they were asked for.
	fileNames, inlineeNames []atomic.Uint32
	pieces                  lazy[[]piece] // see findPieces
}

// function is a function or a thunk.
type function struct {
	rec uint32 // offset of its record in the stream
	end uint32 // the records that belong to it end before
}

// moduleCode returns what module i, counted from 0, says about its code. The
// caller asks for modules that exist.
func (f *File) moduleCode(i int) (*moduleCode, error) {
	all, err := f.code.get(func() (*moduleCodes, error) {
		m, err := f.loadModules()
		if err != nil {
			return nil, err
		}
		return &moduleCodes{list: make([]lazy[moduleCode], m.len())}, nil
	})
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= len(all.list) {
		return nil, damage("module list", 0, "no module %d among %d", i, len(all.list))
	}
	return all.list[i].get(func() (*moduleCode, error) {
		ms, err := f.openModule(i)
		if err != nil {
			return nil, err
		}
		c, _ := all.scratch.Get().(*moduleCode)
		if c == nil {
			c = new(moduleCode)
		}
		defer all.scratch.Put(c)
		return c.read(ms, f.dbi.Version < versionV70)
	})
}

// read reads the stream of a module once. Damage ends the part it is in.
func (c *moduleCode) read(ms *modStream, oldNames bool) (*moduleCode, error) {
	c.reset(ms)
	if ms.s == nil {
		return c.finish(), nil
	}
	ms.s.load()
	for _, part := range []func() error{c.readLines13, func() error { return c.readLines11(oldNames) }, c.readFunctions} {
		if err := part(); fatal(err) {
			return nil, err
		} else if c.bad == nil {
			c.bad = err
		}
	}
	return c.finish(), nil
}

// reset makes c as good as new, but for its memory.
func (c *moduleCode) reset(ms *modStream) {
	c.ms, c.bad, c.old = ms, ms.bad, nil
	c.funcs, c.funcAt, c.blocks, c.blockAt = c.funcs[:0], c.funcAt[:0], c.blocks[:0], c.blockAt[:0]
	c.files, c.inlinees = c.files[:0], c.inlinees[:0]
	c.imports, c.ids, c.exports = c.imports[:0], c.ids[:0], c.exports[:0]
}

// finish sorts what was found and returns a copy of the size it needs.
func (c *moduleCode) finish() *moduleCode {
	sortPlaces(c.funcAt, c.funcs)
	sortPlaces(c.blockAt, c.blocks)
	slices.SortStableFunc(c.inlinees, func(a, b inlinee) int { return cmp.Compare(a.id, b.id) })
	slices.SortStableFunc(c.exports, func(a, b exportedID) int { return cmp.Compare(a.local, b.local) })
	return &moduleCode{
		ms: c.ms, bad: c.bad, old: c.old,
		funcs: slices.Clone(c.funcs), funcAt: slices.Clone(c.funcAt),
		blocks: slices.Clone(c.blocks), blockAt: slices.Clone(c.blockAt),
		files: slices.Clone(c.files), inlinees: slices.Clone(c.inlinees),
		imports: slices.Clone(c.imports), ids: slices.Clone(c.ids), exports: slices.Clone(c.exports),
		fileNames:    make([]atomic.Uint32, len(c.files)),
		inlineeNames: make([]atomic.Uint32, len(c.inlinees)),
	}
}

// readFunctions finds the functions. Their bodies are passed over.
func (c *moduleCode) readFunctions() error {
	r := c.ms.symbols.records()
	r.w.ahead = readAhead
	for r.step() {
		kind := r.kind()
		if !kind.IsProc() && kind != KindThunk32 && kind != KindThunk32ST {
			continue
		}
		at, ok := placeOf(r.rec)
		if !ok {
			continue
		}
		fn := function{rec: r.off, end: r.end}
		over, err := r.passOver()
		if err != nil {
			return err
		}
		if over {
			fn.end = r.next
		}
		c.funcs = append(c.funcs, fn)
		c.funcAt = append(c.funcAt, at)
	}
	return r.err
}

// placeOf returns where the code of a record lies.
func placeOf(rec []byte) (place, bool) {
	f, ok := formOf(Kind(u16(rec, 2)))
	if !ok || len(rec) < int(f.length) {
		return place{}, false
	}
	return makePlace(u16(rec, int(f.seg)), u32(rec, int(f.off)), field(rec, f.size, f.sizeBytes)), true
}

// body walks the records of a function, itself first. Mostly they are read as
// one piece.
func (c *moduleCode) body(fn *function) (r recordWalk, err error) {
	r = recordWalk{w: walker{s: c.ms.s, ahead: bodyAhead}, off: fn.rec, next: fn.rec, end: fn.end}
	if fn.end-fn.rec <= maxBody {
		r.w.off = fn.rec
		r.w.buf, err = c.ms.s.view(fn.rec, fn.end-fn.rec)
	}
	return r, err
}

const (
	maxBody   = 64 << 10 // bytes of a function that are read as one piece
	bodyAhead = 4 << 10  // how much of a longer one is read at a time
)
