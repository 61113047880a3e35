package symres

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/load"
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

func (s *Session) loadModule(ctx context.Context, m *module) (*load.Symbols, error) {
	facts := s.gather(ctx, m)
	m.remember(facts.Known())
	l := &load.Loader{Files: s.files, Memory: s.cfg.Memory, Check: s.cfg.Check, Sources: s.cfg.Sources, Outcome: identify.Outcome{Facts: facts, Search: s.search()}}
	syms, err := l.Run(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, canceled(ctx, m)
	}
	report := identify.Tell(l.Outcome)
	if err != nil {
		err = &LoadError{Report: report, Err: err}
	} else if syms.NoPDB != nil {
		syms.NoPDB = &LoadError{Report: report, Err: syms.NoPDB}
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
