package pdb

import "sync/atomic"

// moduleCodes holds what was found out about the code of each module.
type moduleCodes []lazy[moduleCode]

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
		list := make(moduleCodes, m.len())
		return &list, nil
	})
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= len(*all) {
		return nil, damage("module list", 0, "no module %d among %d", i, len(*all))
	}
	return (*all)[i].get(func() (*moduleCode, error) {
		ms, err := f.openModule(i)
		if err != nil {
			return nil, err
		}
		return readCode(ms, f.dbi.Version < versionV70)
	})
}

// readCode reads the stream of a module once. Damage ends the part it is in.
func readCode(ms *modStream, oldNames bool) (*moduleCode, error) {
	c := &moduleCode{ms: ms, bad: ms.bad}
	if ms.s == nil {
		return c, nil
	}
	ms.s.load()
	for _, part := range []func() error{c.readLines13, func() error { return c.readLines11(oldNames) }, c.readFunctions} {
		if err := part(); fatal(err) {
			return nil, err
		} else if c.bad == nil {
			c.bad = err
		}
	}
	c.finish()
	return c, nil
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
		sym, ok := parseSymbol(r.rec)
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
		c.funcAt = append(c.funcAt, place{off: sym.Offset, size: sym.Size, seg: sym.Segment})
	}
	return r.err
}

// body walks the records of a function, itself first.
func (c *moduleCode) body(fn *function) recordWalk {
	r := area{s: c.ms.s, off: fn.rec, end: fn.end}.records()
	r.w.ahead = bodyAhead
	return r
}

// bodyAhead is how much of a function is read at a time when its module is not
// held as a whole.
const bodyAhead = 1 << 10
