package symres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/load"
	"github.com/symres/symres/pdb"
)

// module is a Module and what became of loading it.
type module struct {
	Module                // immutable
	loading chan struct{} // holds one token: who has it loads
	asked   atomic.Int64  // addresses a Resolver was asked about

	mu    sync.Mutex     // guards the fields below
	rep   *Report        // immutable once stored
	known identify.Known // what earlier loads learned from pages that may be out by now
	syms  *load.Symbols
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
func (m *module) state() (*load.Symbols, error) {
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
func (m *module) store(rep *Report, syms *load.Symbols, err error) (*load.Symbols, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone != nil {
		return nil, errors.Join(m.gone, syms.Close())
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
	return syms.Close()
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

// opened is symbols for the time of one question: the PDB is another one when
// memory was short. It is nil where the symbols are those the image carries.
type opened struct {
	*load.Symbols
	pdb *pdb.File
}

func open(s *load.Symbols) (opened, error) {
	if s.Held == nil {
		return opened{Symbols: s}, nil
	}
	p, err := s.Held.PDB()
	if err != nil {
		return opened{}, err
	}
	s.Held.Used()
	return opened{s, p}, nil
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
func (s *Session) symbols(ctx context.Context, m *module, r retry) (*load.Symbols, error) {
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
	o, err := open(syms)
	if err != nil {
		err = m.failed(err)
	}
	return o, err
}

// withPDB is opened for what only a PDB can answer.
func (s *Session) withPDB(ctx context.Context, m *module) (opened, error) {
	syms, err := s.opened(ctx, m)
	if err == nil && syms.pdb == nil {
		err = syms.NoPDB
	}
	return syms, err
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
