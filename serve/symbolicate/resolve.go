package symbolicate

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/sympath"
)

// maxText bounds the bytes of names that the answers to a job hold.
const maxText = 16 << 20

// moduleSpan is how much of the address space each module of a job gets: as much
// as an RVA can say.
const moduleSpan = 1 << 32

// moduleError says why a module has no symbols, or not all answers.
type moduleError struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// resolver answers addresses of one request.
type resolver struct {
	session  *symres.Session
	resolver *symres.Resolver
	text     int // bytes of names so far
}

func (h *handler) newResolver() (*resolver, error) {
	s, err := symres.NewSession(symres.Config{Symbols: h.cfg.Symbols, Files: h.cfg.Files, Logger: h.cfg.Logger})
	if err != nil {
		return nil, err
	}
	return &resolver{session: s, resolver: s.NewResolver()}, nil
}

func (r *resolver) close() { _ = r.session.Close() }

// resolve names an address. The Location is good until the next call.
func (r *resolver) resolve(ctx context.Context, addr uint64) (*symres.Location, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	loc, err := r.resolver.Resolve(ctx, addr)
	if err != nil {
		return nil, err
	}
	r.text += len(loc.Name) + len(loc.Raw)
	for _, name := range loc.Aliases {
		r.text += len(name)
	}
	for i := range loc.Frames {
		r.text += len(loc.Frames[i].Function) + len(loc.Frames[i].File)
	}
	if r.text > maxText {
		return nil, errTooMuch
	}
	return loc, nil
}

// errTooMuch is for answers beyond maxText.
var errTooMuch = errors.New("the answer has more than 16 MB of names and was cut")

// explain says why an address has no answer, without the names of stores and
// files; nil if its module has symbols, and none there.
func explain(err error) *moduleError {
	notFound, isNotFound := errors.AsType[*sympath.NotFoundError](err)
	switch {
	case errors.Is(err, errTooMuch):
		return &moduleError{"TooMuchText", errTooMuch.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &moduleError{"Timeout", "there was no time left for it"}
	case errors.Is(err, symres.ErrNotFound) || errors.Is(err, symres.ErrNoModule):
		return nil
	case isNotFound && slices.ContainsFunc(notFound.Attempts, identify.Unreachable):
		return &moduleError{"Unreachable", "a symbol store could not be asked; try again later"}
	case isNotFound:
		return &moduleError{"NotFound", "no symbol store has a PDB of this name and identifier"}
	}
	return &moduleError{"Unusable", "what was found could not be read as its PDB"}
}

// answer is what an address in a module is called.
type answer struct {
	name     string
	offset   uint64
	size     uint32
	past     bool
	file     string
	line     uint32
	inlines  []inline
	source   symres.Source
	proof    symres.Proof
	resolved bool
}

// inline is a call that was inlined, as version 5 has it.
type inline struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"`
	Line     uint32 `json:"line,omitempty"`
}

// newAnswer takes out of a location what version 5 tells.
func newAnswer(loc *symres.Location) answer {
	a := answer{name: loc.Name, offset: loc.Displacement, size: loc.Size, past: loc.PastEnd, source: loc.Source, proof: loc.Proof, resolved: true}
	for i, f := range loc.Frames {
		if i == len(loc.Frames)-1 {
			a.file, a.line = f.File, f.Line
			break
		}
		a.inlines = append(a.inlines, inline{f.Function, f.File, f.Line})
	}
	return a
}

// answers are those to the frames of a job.
type answers struct {
	of     map[frame]answer
	found  []*bool // of each module: nil if no frame is in it
	errors map[string][]moduleError
}

// answer finds the answers to the frames of a job, each once, in the order of
// addresses.
func (h *handler) answer(ctx context.Context, j *job) (*answers, error) {
	r, err := h.newResolver()
	if err != nil {
		return nil, err
	}
	defer r.close()
	a := &answers{of: map[frame]answer{}, found: make([]*bool, len(j.Modules)), errors: map[string][]moduleError{}}
	known, all := r.add(j.Modules), frames(j.Stacks)
	r.expect(all)
	for _, f := range all {
		if a.found[f.module] == nil {
			a.found[f.module] = new(bool)
		}
		if !known[f.module] {
			a.fail(&j.Modules[f.module], &moduleError{"BadModule", "this is not the name and identifier of a PDB"})
			continue
		}
		loc, err := r.resolve(ctx, base(f.module)+uint64(f.offset))
		if err == nil {
			a.of[f] = newAnswer(loc)
		} else if why := explain(err); why != nil {
			a.fail(&j.Modules[f.module], why)
			continue
		}
		*a.found[f.module] = true
	}
	return a, ctx.Err()
}

// fail notes why a module has no answers, once.
func (a *answers) fail(m *module, why *moduleError) {
	if !slices.Contains(a.errors[m.key()], *why) {
		a.errors[m.key()] = append(a.errors[m.key()], *why)
	}
}

// expect announces what will be asked.
func (r *resolver) expect(frames []frame) {
	addrs := make([]uint64, len(frames))
	for i, f := range frames {
		addrs[i] = base(f.module) + uint64(f.offset)
	}
	r.resolver.Expect(addrs)
}

func base(module int) uint64 { return uint64(module+1) * moduleSpan }

// add gives each module its part of the address space, and reports which can be
// the module of a PDB.
func (r *resolver) add(modules []module) []bool {
	known := make([]bool, len(modules))
	for i := range modules {
		m, ok := modules[i].at(base(i), moduleSpan)
		known[i] = ok && r.session.Add(m) == nil
	}
	return known
}

// frames returns the frames of stacks that can have an answer, each once, in the
// order of their addresses.
func frames(s stacks) []frame {
	var all []frame
	for _, stack := range s {
		for _, f := range stack {
			if f.module >= 0 && f.offset >= 0 && f.offset < moduleSpan {
				all = append(all, f)
			}
		}
	}
	slices.SortFunc(all, func(a, b frame) int { return cmp.Or(cmp.Compare(a.module, b.module), cmp.Compare(a.offset, b.offset)) })
	return slices.Compact(all)
}
