package pdb

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/symres/symres/internal/kept"
)

// moduleLineList holds what was found out about the code of each module.
type moduleLineList struct {
	list    []kept.Value[moduleLines]
	scratch sync.Pool // of *moduleCode, to collect in
}

// moduleLines tells where a module keeps the lines of its code; where its
// functions are its outline tells. It holds no pointers but to its few parts;
// what is inside a function is read when the function is asked for. But for the
// handles it is immutable.
type moduleLines struct {
	ms       *modStream
	blocks   []lineBlock
	blockAt  codeRanges
	files    []sourceFile // by place
	inlinees []inlinee    // by id
	imports  []importedIDs
	ids      []uint32
	exports  []exportedID // by local number
	old      []byte       // names and lines of C11, in the form C13 has them
	bad      error        // the first damage found; what is there is good

	// Handles of names, once they were asked for.
	fileNames, inlineeNames []atomic.Uint32
	pieces                  kept.Value[[]coldPart] // see findPieces
}

// moduleLines returns what module i, counted from 0, says about its code. The
// caller asks for modules that exist.
func (f *File) moduleLines(i int) (*moduleLines, error) {
	all, err := f.lines.Get(func() (*moduleLineList, error) {
		m, err := f.loadModules()
		if err != nil {
			return nil, err
		}
		return &moduleLineList{list: make([]kept.Value[moduleLines], m.len())}, nil
	})
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= len(all.list) {
		return nil, damage("module list", 0, "no module %d among %d", i, len(all.list))
	}
	return all.list[i].Get(func() (*moduleLines, error) {
		ms, err := f.openModule(i)
		if err != nil {
			return nil, err
		}
		c, _ := all.scratch.Get().(*moduleLines)
		if c == nil {
			c = new(moduleLines)
		}
		defer all.scratch.Put(c)
		if ms.s != nil {
			ms.s.Load()
		}
		code, err := c.read(ms, f.dbi.Version < versionV70)
		if err == nil {
			f.expectNames(code)
			f.msf.Hold(12*(len(code.blocks)+len(code.blockAt)+len(code.inlinees)+len(code.imports)) + 20*len(code.files) +
				8*len(code.exports) + 4*(len(code.ids)+len(code.inlineeNames)) + len(code.old) + 16)
		}
		return code, err
	})
}

// read reads the lines of a module once. Damage ends the part it is in.
func (c *moduleLines) read(ms *modStream, oldNames bool) (*moduleLines, error) {
	c.reset(ms)
	if ms.s == nil {
		return c.finish(), nil
	}
	for _, part := range []func() error{c.readLines13, func() error { return c.readLines11(oldNames) }} {
		if err := part(); fatal(err) {
			return nil, err
		} else if c.bad == nil {
			c.bad = err
		}
	}
	return c.finish(), nil
}

// reset makes c as good as new, but for its memory.
func (c *moduleLines) reset(ms *modStream) {
	c.ms, c.bad, c.old = ms, ms.bad, nil
	c.blocks, c.blockAt = c.blocks[:0], c.blockAt[:0]
	c.files, c.inlinees = c.files[:0], c.inlinees[:0]
	c.imports, c.ids, c.exports = c.imports[:0], c.ids[:0], c.exports[:0]
}

// finish sorts what was found and returns a copy of the size it needs.
func (c *moduleLines) finish() *moduleLines {
	sortRanges(c.blockAt, c.blocks)
	slices.SortStableFunc(c.inlinees, func(a, b inlinee) int { return cmp.Compare(a.id, b.id) })
	slices.SortStableFunc(c.exports, func(a, b exportedID) int { return cmp.Compare(a.local, b.local) })
	return &moduleLines{
		ms: c.ms, bad: c.bad, old: c.old,
		blocks: slices.Clone(c.blocks), blockAt: slices.Clone(c.blockAt),
		files: slices.Clone(c.files), inlinees: slices.Clone(c.inlinees),
		imports: slices.Clone(c.imports), ids: slices.Clone(c.ids), exports: slices.Clone(c.exports),
		fileNames:    make([]atomic.Uint32, len(c.files)),
		inlineeNames: make([]atomic.Uint32, len(c.inlinees)),
	}
}

// codeOf returns where the code of a record lies.
func codeOf(rec []byte) (codeRange, bool) {
	f, ok := formOf(Kind(u16(rec, 2)))
	if !ok || len(rec) < int(f.length) {
		return codeRange{}, false
	}
	return makeRange(u16(rec, int(f.seg)), u32(rec, int(f.off)), field(rec, f.size, f.sizeBytes)), true
}
