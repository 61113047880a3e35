package symres

import (
	"context"
	"errors"

	"github.com/symres/symres/pdb"
)

// A Resolver names many addresses one after the other. It gives the answers of
// [Session.Resolve] several times faster, above all for addresses in ascending
// order. It belongs to one goroutine; several may share a Session.
type Resolver struct {
	session *Session
	module  *module // of the last answer
	syms    opened
	loc     Location // the last answer
	frames  []Frame
	index   *pdb.Index   // nil where the last answer needed none
	near    []pdb.Symbol // memory for answers of the index
	run     pdb.Run      // of the last answer, where repeat or cut
	repeat  bool         // other addresses of the run have the same answer, but for the distance
	cut     error        // they all take more work than the PDB is worth
}

// NewResolver returns a Resolver. It holds no more than its last answer.
func (s *Session) NewResolver() *Resolver { return &Resolver{session: s} }

// indexShare bounds how many addresses of a module are answered one by one
// before an index of all its addresses is made: one for so many bytes of the
// PDB. To make the index takes about as long as that many answers without it
// (measured on PDBs that are read, where each probe of a table is a call of the
// system).
const indexShare = 256 << 10

const manyNames = 1 << 14 // of one address: more than compilers fold, so that one answer is enough

// Expect announces addresses that will be resolved, in any order. If there are
// enough of them, the index is built at once. It changes only the time that the
// answers take.
func (r *Resolver) Expect(addrs []uint64) {
	var m *module
	n := int64(0) // of m, not counted yet
	for _, addr := range addrs {
		if m != nil && m.Contains(addr) {
			n++
			continue
		}
		if m != nil {
			m.asked.Add(n)
		}
		m, _ = r.session.at(addr) // nil for none
		n = 1
	}
	if m != nil {
		m.asked.Add(n)
	}
}

// Resolve names an address. The Location is valid until the next call. The
// errors are the same as for [Session.Resolve].
func (r *Resolver) Resolve(ctx context.Context, addr uint64) (*Location, error) {
	if err := r.enter(ctx, addr); err != nil {
		return nil, err
	}
	rva := uint32(addr - r.module.Base)
	if r.syms.pdb == nil {
		var err error
		r.loc, err = inImage{r.module, r.syms}.locate(addr)
		return &r.loc, err
	}
	if err := r.nearest(rva, addr); err != nil {
		return nil, err
	}
	if r.syms.Lines {
		if r.index != nil {
			r.frames, r.loc.FramesErr = r.index.AppendFrames(r.frames[:0], rva)
		} else {
			r.frames, r.loc.FramesErr = r.syms.pdb.Frames(rva)
		}
		r.loc.Frames = r.frames
	}
	return &r.loc, nil
}

// enter finds the module of an address and its symbols.
func (r *Resolver) enter(ctx context.Context, addr uint64) error {
	if r.module != nil && r.module.Contains(addr) && ctx.Err() == nil {
		syms, err := r.module.state()
		if err == nil && syms != nil && syms == r.syms.Symbols {
			if r.syms, err = open(syms); err != nil {
				return r.module.failed(err)
			}
			return nil
		}
	}
	r.module, r.repeat, r.cut = nil, false, nil
	m, err := r.session.at(addr)
	if err != nil {
		return err
	}
	if r.syms, err = r.session.opened(ctx, m); err == nil {
		r.module = m
	}
	return err
}

// nearest fills in the symbol of an address.
func (r *Resolver) nearest(rva uint32, addr uint64) error {
	r.index = nil
	if r.module.asked.Add(1) > r.syms.Held.Size()/indexShare {
		return r.indexed(rva, addr)
	}
	near, err := r.syms.pdb.Nearest(rva)
	return r.found(near, err, addr)
}

func (r *Resolver) found(near []pdb.Symbol, err error, addr uint64) error {
	if err := r.module.nothing(near, err, addr); err != nil {
		return err
	}
	r.loc = r.module.named(r.syms, near)
	r.loc.near(addr, &near[0])
	return nil
}

// indexed answers through the index of the PDB. Where the index knows more
// than an answer without it would say, that one is given: the same question
// always has the same answer.
func (r *Resolver) indexed(rva uint32, addr uint64) error {
	index, err := r.syms.pdb.Index()
	if err != nil {
		r.module.asked.Store(-1 << 20) // it is long until one is wanted again
		return r.nearest(rva, addr)
	}
	r.index = index
	run, ok := index.Find(rva)
	if ok && r.repeat && run.First == r.run.First {
		r.loc.at(addr, run.Displacement)
		return nil
	}
	if ok && r.cut != nil && run.First == r.run.First {
		return r.found(nil, r.cut, addr)
	}
	near, err := index.AppendNearest(r.near[:0], rva)
	r.near = near[:0]
	r.run, r.repeat, r.cut = run, err == nil && (oneModule(near) || allPublic(near) || len(near) > manyNames), nil
	if !r.repeat {
		if near, err = r.syms.pdb.Nearest(rva); errors.Is(err, pdb.ErrLimit) {
			r.cut = err
		}
	}
	return r.found(near, err, addr)
}

// oneModule reports whether the symbols are functions of one module, whose sizes
// are in their records.
func oneModule(near []pdb.Symbol) bool {
	for i := range near {
		if !near[i].Kind.IsProc() || near[i].Module != near[0].Module {
			return false
		}
	}
	return len(near) > 0
}

// allPublic reports whether the symbols are public: nothing private is nearer
// then, whoever is asked.
func allPublic(near []pdb.Symbol) bool {
	for i := range near {
		if !near[i].Kind.IsPublic() {
			return false
		}
	}
	return len(near) > 0
}
