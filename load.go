package symres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/filepool"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// module is a Module and what became of loading it.
type module struct {
	Module                // immutable
	loading chan struct{} // holds one token: who has it loads
	asked   atomic.Uint64 // addresses a Resolver was asked about

	mu    sync.Mutex     // guards the fields below
	rep   *Report        // immutable once stored
	known identify.Known // what earlier loads learned from pages that may be out by now
	syms  *symbols
	err   error
	gone  error // why the module is not to be used any more
}

func newModule(m Module) *module {
	return &module{Module: m, loading: make(chan struct{}, 1), rep: &Report{Module: m}}
}

func (m *module) report() *Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rep
}

// state returns what a load came to; neither when there was none yet.
func (m *module) state() (*symbols, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone != nil {
		return nil, m.gone
	}
	return m.syms, m.err
}

// interrupted returns why a question about the module is not to go on.
func (m *module) interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return canceled(ctx, m)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gone
}

// failed names the module an error is about. Once the module is gone, that is
// why its PDB could not be read.
func (m *module) failed(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone != nil {
		return m.gone
	}
	return fmt.Errorf("%s: %w", m.Name, err)
}

// store keeps what a load came to. A module that is gone meanwhile gets nothing.
func (m *module) store(rep *Report, syms *symbols, err error) (*symbols, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone != nil {
		return nil, errors.Join(m.gone, syms.close())
	}
	m.rep, m.syms, m.err = rep, syms, err
	return syms, err
}

// close gives every question about the module from now on the error why. It does
// not wait for a load under way, which may be the caller's own iteration: whoever
// loads finds the module gone and cleans up.
func (m *module) close(why error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	syms := m.syms
	m.gone, m.syms = why, nil
	return syms.close()
}

// recalled returns what earlier loads learned.
func (m *module) recalled() identify.Known {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known
}

func (m *module) remember(k identify.Known) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = k
}

// symbols are the loaded symbols of a module. They are immutable.
type symbols struct {
	held     *filepool.Held // the PDB
	private  bool           // it has private symbols
	lines    bool           // it has lines
	placed   bool           // it has section headers, or was told those of the image
	identity Identity
	proof    Proof
}

// opened is symbols for the time of one question: the PDB is another one when
// memory was short.
type opened struct {
	*symbols
	pdb *pdb.File
}

func (s *symbols) open() (opened, error) {
	p, err := s.held.PDB()
	if err != nil {
		return opened{}, err
	}
	s.held.Used()
	return opened{s, p}, nil
}

func (s *symbols) close() error {
	if s == nil {
		return nil
	}
	return s.held.Release()
}

// What to do with a module whose load failed before.
type retry bool

const (
	keepFailed  retry = false
	retryFailed retry = true
)

// symbols returns the symbols of m and loads them first where nobody has. Two
// callers never load one module twice; a caller whose context ends leaves the
// load to the others.
func (s *Session) symbols(ctx context.Context, m *module, r retry) (*symbols, error) {
	if ctx.Err() != nil {
		return nil, canceled(ctx, m)
	}
	select {
	case m.loading <- struct{}{}:
		defer func() { <-m.loading }()
	case <-ctx.Done():
		return nil, canceled(ctx, m)
	}
	syms, err := m.state()
	if gone := m.interrupted(ctx); gone != nil {
		return nil, gone
	}
	if syms != nil || err != nil && r == keepFailed {
		return syms, err
	}
	return s.loadModule(ctx, m)
}

// opened is symbols for a question. A load that failed is not tried again.
func (s *Session) opened(ctx context.Context, m *module) (opened, error) {
	syms, err := s.symbols(ctx, m, keepFailed)
	if err != nil {
		return opened{}, err
	}
	o, err := syms.open()
	if err != nil {
		err = m.failed(err)
	}
	return o, err
}

// canceled is the error of a call whose context ended. It wraps both what
// ended it and the cause its owner gave.
func canceled(ctx context.Context, m *module) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return fmt.Errorf("%s: %w", m.Name, err)
}

// openPDB opens a PDB and checks its identity; want nil checks nothing.
func (l *loader) openPDB(ctx context.Context, c *identify.Found, want *CodeView) (*symbols, error) {
	traced := sympath.NewCandidate(c.Location, c.Origin, c.Open)
	traced.Store, traced.Source = c.Store, c.Source
	held, p, err := l.files.HoldPDB(ctx, traced)
	if err != nil {
		return nil, err
	}
	syms := &symbols{held: held}
	if want != nil {
		err = checkPDB(p, want)
	}
	if err == nil {
		err = l.measure(syms, p, want != nil)
	}
	if err != nil {
		return nil, errors.Join(err, syms.close())
	}
	held.Used()
	return syms, nil
}

// measure finds out what the PDB can answer. One without section headers is told
// those of the image it is known to belong to.
func (l *loader) measure(syms *symbols, p *pdb.File, exact bool) error {
	sections, err := p.Sections()
	if err != nil && !errors.Is(err, pdb.ErrFormat) {
		return err
	}
	syms.placed = len(sections) > 0
	if list := l.imageSections(); !syms.placed && exact && len(list) > 0 {
		if p, err = syms.held.UseSections(list); err != nil {
			return err
		}
		syms.placed = true
	}
	status, err := p.Status()
	syms.private = status.Detail == pdb.DetailPrivate
	syms.lines = syms.private || status.Detail == pdb.DetailFastlink
	return err
}

// checkPDB compares the PDB's GUID (or signature) and its DBI age with what
// the image wants.
func checkPDB(p *pdb.File, want *CodeView) error {
	guid, age := p.ID()
	got := sympath.PDB70(guid, age)
	if want.Kind == pe.CodeViewNB10 {
		got = sympath.PDB20(p.Info().Signature, age)
	}
	if got == want.ID() {
		return nil
	}
	return &identify.PDBMismatch{Want: want.ID(), Got: got}
}
