package symres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// module is a Module and what became of loading it.
type module struct {
	Module                // immutable
	loading chan struct{} // holds one token: who has it loads
	asked   atomic.Uint64 // addresses a Resolver was asked about

	mu    sync.Mutex // guards the fields below
	rep   *Report    // immutable once stored
	known known      // what earlier loads learned from pages that may be out by now
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

// symbols are the loaded symbols of a module. They are immutable.
type symbols struct {
	held     *heldFile // the PDB
	private  bool      // it has private symbols
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
	s.held.files.used(s.held)
	return opened{s, p}, nil
}

func (s *symbols) close() error {
	if s == nil {
		return nil
	}
	return s.held.files.release(s.held)
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

func (s *Session) loadModule(ctx context.Context, m *module) (*symbols, error) {
	l := s.newLoader(ctx, m)
	syms, err := l.run(ctx, m)
	l.report.Next = l.next(err)
	if err != nil && ctx.Err() != nil {
		return nil, canceled(ctx, m)
	}
	if err != nil {
		l.report.Status = StatusNoSymbols
		err = &LoadError{Report: l.report, Err: err}
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "load", slog.String("module", m.Name),
		slog.String("status", l.report.Status.String()), slog.String("proof", l.report.Proof.String()))
	return m.store(l.report, syms, err)
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

// loader is one attempt at loading one module. It climbs the identity ladder:
// what the target itself says, rung by rung, then copies of the image.
type loader struct {
	session  *Session
	module   *Module
	report   *Report
	target   target
	cv       *CodeView // the PDB's identity as the target itself gives it
	resident *resident
	ladder   int      // length of the evidence before that of a copy
	patched  bool     // a copy was refused for nothing but its pages
	unproven *verdict // of the best copy refused that nothing contradicts
}

func (s *Session) newLoader(ctx context.Context, m *module) *loader {
	l := &loader{session: s, module: &m.Module, report: &Report{Module: m.Module}}
	l.resident = &resident{base: m.Base, size: min(m.Size, maxScan)}
	if s.cfg.Memory != nil {
		l.resident.src = memsource.Bind(ctx, s.cfg.Memory)
	}
	return l
}

// run loads the symbols.
func (l *loader) run(ctx context.Context, m *module) (*symbols, error) {
	ctx = l.traced(ctx)
	l.identify(ctx, m)
	if l.cv != nil {
		return l.findPDB(ctx, l.cv, verdict{identity: IdentityPDB})
	}
	syms, err := l.viaImage(ctx)
	if syms == nil && l.session.cfg.Check == CheckOff {
		if byName := l.byName(ctx); byName != nil {
			return byName, nil
		}
	}
	return syms, err
}

// traced records every place that is tried.
func (l *loader) traced(ctx context.Context) context.Context {
	return sympath.WithTrace(ctx, &sympath.Trace{Attempt: func(_ sympath.Query, a sympath.Attempt) {
		l.report.Attempts = append(l.report.Attempts, a)
	}})
}

// reason is why a search came to nothing. What became of a file that was found
// says more than the closing words of the search.
type reason struct{ searched, found error }

func (r reason) err() error {
	if r.found != nil {
		return r.found
	}
	return r.searched
}

// findPDB looks for the PDB a CodeView record names. A PDB of another identity
// is used only under CheckOff, and only when no exact one is on the path.
func (l *loader) findPDB(ctx context.Context, cv *CodeView, v verdict) (*symbols, error) {
	q := sympath.Query{File: l.pdbName(cv), ID: cv.ID(), ImageExt: extension(l.module.Image)}
	l.report.PDBID = q.ID
	var mismatch *sympath.Candidate
	why := reason{searched: fmt.Errorf("%s %v was not found: %w", q.File, q.ID, fs.ErrNotExist)}
	for cand, err := range l.find(ctx, q, l.session.cfg.Symbols, l.session.cfg.Images) {
		if err != nil {
			why.searched = err
			continue
		}
		syms, err := l.openPDB(ctx, cand, cv)
		if err == nil {
			l.notePDB(q.ID, q.ID)
			return l.use(syms, cand, v), nil
		}
		why.found = err
		l.refuse(cand, err)
		if errors.Is(err, ErrMismatch) && mismatch == nil {
			mismatch = &cand
		}
	}
	if mismatch == nil || l.session.cfg.Check != CheckOff {
		return nil, why.err()
	}
	v.differs = true
	return l.trust(ctx, *mismatch, v)
}

// notePDB tells which PDB was wanted, which one was used, and who wants it.
func (l *loader) notePDB(want, got sympath.ID) {
	e := Evidence{Rung: RungPDB, Field: "PDB", Target: want.String(), Copy: got.String(), Result: Equal, Strength: StrengthExact}
	if want != got {
		e.Result = Differs
	}
	if l.cv == nil {
		e.Note = "wanted by the copy of the image"
	}
	l.note(e)
}

// byName is the manual cure of the debugger's documentation: a PDB of the
// module's name, with nothing to say that it belongs to the image.
func (l *loader) byName(ctx context.Context) *symbols {
	image := baseName(l.module.Image)
	stem := strings.TrimSuffix(image, "."+extension(image))
	q := sympath.Query{File: stem + ".pdb", ImageExt: extension(image)}
	for cand, err := range l.find(ctx, q, l.session.cfg.Symbols, l.session.cfg.Images) {
		if err != nil {
			continue
		}
		syms, err := l.trust(ctx, cand, verdict{identity: IdentityName})
		if err == nil {
			return syms
		}
		l.refuse(cand, err)
	}
	return nil
}

// trust uses a PDB whatever its identity is.
func (l *loader) trust(ctx context.Context, c sympath.Candidate, v verdict) (*symbols, error) {
	syms, err := l.openPDB(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	if v.differs && !l.report.PDBID.IsZero() {
		id := syms.held.identity.Load()
		l.notePDB(l.report.PDBID, sympath.PDB70(id.guid, id.age))
	}
	return l.use(syms, c, v), nil
}

func (l *loader) use(syms *symbols, c sympath.Candidate, v verdict) *symbols {
	syms.identity, syms.proof = v.identity, v.proof()
	l.report.PDB, l.report.Identity, l.report.Proof = c.Location, syms.identity, syms.proof
	l.report.Status = StatusPublic
	if syms.private {
		l.report.Status = StatusPrivate
	}
	return syms
}

// openPDB opens a PDB and checks its identity; want nil checks nothing.
func (l *loader) openPDB(ctx context.Context, c sympath.Candidate, want *CodeView) (*symbols, error) {
	files := l.session.files
	held, p, err := files.holdPDB(ctx, c)
	if err != nil {
		return nil, err
	}
	syms := &symbols{held: held}
	if want != nil {
		err = checkPDB(p, want)
	}
	if err == nil {
		syms.private, err = p.HasPrivate()
	}
	if err != nil {
		return nil, errors.Join(err, syms.close())
	}
	files.used(held)
	return syms, nil
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
	if guid == want.GUID && want.Kind == pe.CodeViewRSDS {
		return &otherPDB{fmt.Sprintf("the PDB found has age %d, the image wants %d", age, want.Age)}
	}
	return &otherPDB{fmt.Sprintf("the PDB found is %v, the image wants %v", got, want.ID())}
}

// otherPDB is the error about a PDB of another identity.
type otherPDB struct{ what string }

func (e *otherPDB) Error() string { return ErrMismatch.Error() + ": " + e.what }

// Unwrap returns [ErrMismatch].
func (e *otherPDB) Unwrap() error { return ErrMismatch }

// pdbName is the file name a CodeView record gives, or the image's stem where
// the record's page ends before the name does.
func (l *loader) pdbName(cv *CodeView) string {
	if name := baseName(cv.Path); name != "" && !cv.Partial {
		return name
	}
	image := baseName(l.module.Image)
	return strings.TrimSuffix(image, "."+extension(image)) + ".pdb"
}

// find asks the stores in turn. Names are cleaned by the stores.
func (l *loader) find(ctx context.Context, q sympath.Query, stores ...sympath.Store) iter.Seq2[sympath.Candidate, error] {
	var some []sympath.Store
	for _, st := range stores {
		if st != nil {
			some = append(some, st)
		}
	}
	return l.session.files.search(func() iter.Seq2[sympath.Candidate, error] { return sympath.Chain(some...).Find(ctx, q) })
}

// refuse records why a candidate was not used, in place of its "found".
func (l *loader) refuse(c sympath.Candidate, err error) {
	for i := len(l.report.Attempts) - 1; i >= 0; i-- {
		if a := &l.report.Attempts[i]; a.Location == c.Location {
			a.Status, a.Err = sympath.StatusRefused, err
			return
		}
	}
	l.report.Attempts = append(l.report.Attempts, sympath.Attempt{
		Store: c.Store, Location: c.Location, Status: sympath.StatusRefused, Err: err,
	})
}
