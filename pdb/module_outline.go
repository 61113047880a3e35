package pdb

import (
	"slices"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// outline is what one walk over the records of a module finds of what lies in
// the image. It holds no pointers but to its parts, and is immutable.
type outline struct {
	funcs  []function
	funcAt codeRanges
	addrs  memoryMap // what [File.Nearest] looks for; see addressOf
	own    []byte    // to read into while it is collected
}

// function is a function or a thunk. The zero function is none.
type function struct {
	rec uint32 // offset of its record in the stream
	end uint32 // the records that belong to it end before: those of the next one begin there
}

// isFunction reports whether a kind is that of a function.
func isFunction(k Kind) bool { return k.IsProc() || k == KindThunk32 || k == KindThunk32ST }

// outlineOf returns the outline of a module. A module that is damaged somewhere
// has what comes before.
func (f *File) outlineOf(ms *modStream) (*outline, error) {
	return ms.outline.Get(func() (*outline, error) {
		o, _ := f.outlines.Get().(*outline)
		if o == nil {
			o = new(outline)
		}
		defer f.outlines.Put(o)
		return o.read(ms)
	})
}

// read collects the outline of a module and returns a copy of the size it needs.
func (o *outline) read(ms *modStream) (*outline, error) {
	o.funcs, o.funcAt, o.addrs = o.funcs[:0], o.funcAt[:0], o.addrs[:0]
	if ms.s == nil {
		return new(outline), nil
	}
	if err := ms.eachAddress(&o.own, func(off uint32, rec []byte) { o.take(ms, off, rec) }); fatal(err) {
		return nil, err
	}
	sortRanges(o.funcAt, o.funcs)
	o.addrs.sort()
	ms.s.Container.Hold(8*len(o.funcs) + 12*(len(o.funcAt)+len(o.addrs)))
	return &outline{funcs: slices.Clone(o.funcs), funcAt: slices.Clone(o.funcAt), addrs: slices.Clone(o.addrs)}, nil
}

// take takes the next record. To leap over the bodies of functions instead
// would be no faster: where each ends has to be fetched from memory first.
func (o *outline) take(ms *modStream, off uint32, rec []byte) {
	if key, ok := addressOf(rec); ok {
		o.addrs = append(o.addrs, addressEntry{off: key.off(), rec: off, part: key.seg()})
	}
	if !isFunction(Kind(u16(rec, 2))) {
		return
	}
	if at, ok := codeOf(rec); ok {
		if n := len(o.funcs); n > 0 {
			o.funcs[n-1].end = off
		}
		o.funcs = append(o.funcs, function{rec: off, end: ms.symbols.End})
		o.funcAt = append(o.funcAt, at)
	}
}

// body walks the records of a function, itself first, to the next function: the
// caller heeds the end of the scope. Mostly they are read as one piece.
func (ms *modStream) body(fn function) (r recordWalk, err error) {
	r = recordWalk{codeview.Records{W: msf.Walker{Stream: ms.s, Chunk: bodyAhead}, Off: fn.rec, Next: fn.rec, End: fn.end}}
	if fn.end-fn.rec <= maxBody {
		r.W.Off = fn.rec
		r.W.Buf, err = ms.s.View(fn.rec, fn.end-fn.rec)
	}
	return r, err
}

const (
	maxBody   = 64 << 10 // bytes of a function that are read as one piece
	bodyAhead = 4 << 10  // how much of a longer one is read at a time
)
