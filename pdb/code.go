package pdb

import (
	"sync"
	"sync/atomic"
)

// moduleCodes holds what was read of the code of each module.
type moduleCodes struct {
	list     []lazy[moduleCode]
	builders sync.Pool // of *codeBuilder
}

// moduleCode is what a module says about its code: functions, the functions
// inlined into them, and lines. All of it comes from one walk over the stream of
// the module. It holds no pointers but to its few parts, and no more bytes than
// the stream; annotations and lines are kept as they lie in the file and are
// decoded for the function that is asked for. But for the handles it is
// immutable. It needs the file no more.
type moduleCode struct {
	data     string
	funcs    []function
	funcAt   places
	blocks   []lineBlock
	blockAt  places
	files    []sourceFile // by place
	inlinees []inlinee    // by id
	imports  []importedIDs
	ids      []uint32
	exports  []exportedID // by local number
	bad      error        // the first damage found; what is there is good

	// Handles of names, once they were asked for.
	fileNames, inlineeNames []atomic.Uint32
}

// function is a function, a thunk or a separated piece of a function.
//
// Its inline sites lie in moduleCode.data from sites on, parents before
// children: u32 id of the function that was inlined, u32 end of its children,
// u32 bytes of annotations, annotations.
type function struct {
	name, nlen uint32 // in data
	sites, end uint32 // in data
	rec        uint32 // offset of the record in the module stream
	owner      uint32 // of a separated piece: index of its function
	chunk      uint16 // of a separated piece: its number, from 1
}

const siteHead = 12

// moduleCode returns what module i, counted from 0, says about its code.
func (f *File) moduleCode(i int) (*moduleCode, error) {
	all, err := f.code.get(func() (*moduleCodes, error) {
		m, err := f.loadModules()
		if err != nil {
			return nil, err
		}
		return &moduleCodes{list: make([]lazy[moduleCode], m.len())}, nil
	})
	if err != nil || i < 0 || i >= len(all.list) {
		return new(moduleCode), err
	}
	return all.list[i].get(func() (*moduleCode, error) {
		ms, err := f.openModule(i)
		if err != nil {
			return nil, err
		}
		c, _ := all.builders.Get().(*codeBuilder)
		if c == nil {
			c = new(codeBuilder)
		}
		defer all.builders.Put(c)
		c.reset()
		c.oldNames = f.dbi.Version < versionV70
		return c.read(ms)
	})
}

// read reads the stream of a module once. Damage ends the part it is in.
func (c *codeBuilder) read(ms *modStream) (*moduleCode, error) {
	c.bad = ms.bad
	for _, part := range []func(*modStream) error{c.readLines13, c.readLines11, c.readSymbols} {
		if err := part(ms); fatal(err) {
			return nil, err
		} else if c.bad == nil {
			c.bad = err
		}
	}
	return c.finish(), nil
}
