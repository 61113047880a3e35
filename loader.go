package symres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/filepool"
	"github.com/symres/symres/sympath"
)

// gather asks what the target says of a module.
func (s *Session) gather(ctx context.Context, m *module) *identify.Facts {
	return identify.Gather(ctx, identify.Target{
		Module: m.Module, Memory: s.cfg.Memory, Contexts: s.cfg.Contexts, Unloaded: s.unloaded(), PageSize: s.pageSize, Before: m.recalled(),
	})
}

func (s *Session) search() *identify.Search {
	return &identify.Search{Images: s.files.Store(s.cfg.Images), Symbols: s.files.Store(s.cfg.Symbols)}
}

func (s *Session) loadModule(ctx context.Context, m *module) (*symbols, error) {
	facts := s.gather(ctx, m)
	m.remember(facts.Known())
	l := &loader{files: s.files, check: s.cfg.Check, outcome: identify.Outcome{Facts: facts, Search: s.search()}}
	syms, err := l.run(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, canceled(ctx, m)
	}
	l.outcome.Err = err
	report := identify.Tell(l.outcome)
	if err != nil {
		err = &LoadError{Report: report, Err: err}
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "load", slog.String("module", m.Name),
		slog.String("status", report.Status.String()), slog.String("proof", report.Proof.String()))
	return m.store(report, syms, err)
}

// Identify gathers what the target says of a module's image, and loads nothing:
// its fields, the record that names its PDB, and what to ask stores for. The
// error wraps [ErrNoModule]; what ctx ended is in the evidence. Safe for concurrent use.
func (s *Session) Identify(ctx context.Context, name string) (*identify.Facts, error) {
	m, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return s.gather(ctx, m), nil
}

// Verify compares the copies of a module's image that are found along the
// paths with what of the module is in memory: fields, and every resident page.
// Unlike [Session.Load] it refuses none and needs no PDB; the report is about
// the copy that agrees best, with Report.Pages and its verdict. Nothing of it
// is kept. The error wraps [ErrNoModule], or [io/fs.ErrNotExist] when there is
// no copy; the report is there in the second case too. When ctx ends there is
// no report, and the error wraps what ended it. Safe for concurrent use.
func (s *Session) Verify(ctx context.Context, name string) (*Report, error) {
	m, err := s.find(name)
	if err != nil {
		return nil, err
	}
	o := identify.Outcome{Facts: s.gather(ctx, m), Search: s.search()}
	copies := identify.Find(ctx, o.Facts, o.Search, identify.Screen{Differing: true, NoPDB: true})
	defer copies.Close()
	batch, _, failed := copies.Next()
	defer identify.CloseAll(batch)
	var matches []*identify.Match
	if matches, o.Notes = identify.Weigh(o.Facts, batch); len(matches) > 0 {
		o.Match = matches[0]
	}
	if ctx.Err() != nil { // what was compared until then is not what is resident
		return nil, canceled(ctx, m)
	}
	report := identify.TellVerified(o)
	if o.Match == nil {
		return report, fmt.Errorf("%s: no copy of its image: %w", m.Name, cmp.Or(copies.Err(), failed))
	}
	return report, nil
}

// loader is one attempt at loading one module: by the PDB the target itself
// names, or else by copies of the image.
type loader struct {
	files   *filepool.Pool
	check   VersionCheck
	outcome identify.Outcome
}

// run loads the symbols.
func (l *loader) run(ctx context.Context) (*symbols, error) {
	if cv := l.outcome.Facts.CodeView; cv != nil {
		return l.findAny(ctx, cv, l.others(), identify.Basis{Identity: IdentityPDB})
	}
	syms, err := l.viaImage(ctx)
	if syms == nil && l.check == CheckOff {
		if byName := l.byName(ctx); byName != nil {
			return byName, nil
		}
	}
	return syms, err
}

// viaImage finds copies of the image and takes the PDB's identity from the one
// that agrees best with the target and whose PDB can be found. What became of a
// file that was found says more than the closing words of the search.
func (l *loader) viaImage(ctx context.Context) (*symbols, error) {
	copies := identify.Find(ctx, l.outcome.Facts, l.outcome.Search, l.check.Screen())
	defer copies.Close()
	tried := map[sympath.ID]bool{}
	var found error
	for {
		batch, more, failed := copies.Next()
		syms, err := l.useBest(ctx, batch, tried)
		identify.CloseAll(batch)
		if syms != nil {
			return syms, nil
		}
		found = cmp.Or(err, failed, found)
		if !more {
			return nil, cmp.Or(found, copies.Err())
		}
	}
}

// useBest compares pages and tries the copies that pass, the best first. What
// the report shows of a copy is that of the last one tried.
func (l *loader) useBest(ctx context.Context, copies []*identify.Copy, tried map[sympath.ID]bool) (syms *symbols, err error) {
	matches, notes := identify.Weigh(l.outcome.Facts, copies)
	if ctx.Err() != nil {
		return nil, ctx.Err() // what was compared until then is not what is resident
	}
	o := &l.outcome
	o.Notes = append(o.Notes, notes...)
	for _, m := range matches {
		if failed := m.Accept(l.check); failed != nil {
			m.Copy.Refuse(failed)
			if o.Refused = append(o.Refused, m); err == nil {
				o.Match, o.Taken, err = m, false, failed
			}
			continue
		}
		id := m.Copy.PDBID()
		if tried[id] {
			continue
		}
		tried[id] = true
		o.Match, o.Taken = m, true
		if syms, err = l.findAny(ctx, m.Copy.Image.CodeView, m.Copy.Image.OtherCodeViews, m.Basis); err == nil {
			return syms, nil
		}
	}
	return nil, err
}

// findPDB looks for the PDB a CodeView record names. A PDB of another identity
// is used only under CheckOff, and only when no exact one is on the path.
func (l *loader) findPDB(ctx context.Context, cv *CodeView, b identify.Basis) (*symbols, error) {
	queries := l.outcome.Facts.PDBQueries(cv)
	q := queries[0]
	l.outcome.PDBID = q.ID
	if l.check == CheckOff {
		queries = append(queries, l.outcome.Facts.PDBsByName(cv)...)
	}
	var mismatch *identify.Found
	searched := fmt.Errorf("%s %v was not found: %w", q.File, q.ID, fs.ErrNotExist)
	var refused error
	for found, err := range l.outcome.Search.PDB(ctx, queries...) {
		if err != nil {
			searched = err
			continue
		}
		syms, err := l.openPDB(ctx, found, cv)
		if err == nil {
			return l.use(syms, found, q.ID, b), nil
		}
		refused = err
		found.Refuse(err)
		if errors.Is(err, ErrMismatch) && mismatch == nil {
			mismatch = found
		}
	}
	if mismatch == nil || l.check != CheckOff {
		return nil, cmp.Or(refused, searched)
	}
	syms, err := l.openPDB(ctx, mismatch, nil)
	if err != nil {
		return nil, err
	}
	b.Contradicted = true
	guid, age := syms.held.ID()
	return l.use(syms, mismatch, sympath.PDB70(guid, age), b), nil
}

// byName is the manual cure of the debugger's documentation: a PDB of the
// module's name, with nothing to say that it belongs to the image.
func (l *loader) byName(ctx context.Context) *symbols {
	for found, err := range l.outcome.Search.PDB(ctx, l.outcome.Facts.PDBsByName(nil)...) {
		if err != nil {
			continue
		}
		syms, err := l.openPDB(ctx, found, nil)
		if err == nil {
			return l.use(syms, found, sympath.ID{}, identify.Basis{Identity: IdentityName})
		}
		found.Refuse(err)
	}
	return nil
}

// use takes a PDB; got is its identity, where one was wanted.
func (l *loader) use(syms *symbols, f *identify.Found, got sympath.ID, b identify.Basis) *symbols {
	syms.identity, syms.proof = b.Identity, b.Proof()
	l.outcome.PDB = &identify.PDB{Location: f.Location, Private: syms.private, Got: got, Basis: b}
	return syms
}
