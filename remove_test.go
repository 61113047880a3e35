package symres_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
)

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	s := session(t, symres.Config{Symbols: sympath.Dir(dir, fsx.Dir(dir))}, modules...)
	before := mustAsk(t, s, patterns[0])
	r := s.NewResolver()
	addr := modules[0].Base + 0x1010
	if _, err := r.Resolve(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	for name, remove := range map[string]func() error{
		"by name":    func() error { return s.Remove("FS_REC") },
		"by file":    func() error { return s.Remove(modules[0].Image) },
		"by address": func() error { return s.RemoveAt(modules[0].Base) },
	} {
		if err := remove(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for what, err := range map[string]error{
			"again":    s.Remove("fs_rec"),
			"at":       s.RemoveAt(addr),
			"resolver": second(r.Resolve(t.Context(), addr)),
			"resolve":  second(s.Resolve(t.Context(), addr)),
			"lookup":   second(ask(s, patterns[0])),
			"load":     second(s.Load(t.Context(), "fs_rec")),
		} {
			if !errors.Is(err, symres.ErrNoModule) {
				t.Errorf("%s, %s: %v; want ErrNoModule", name, what, err)
			}
		}
		if len(s.Modules()) != len(modules)-1 {
			t.Errorf("%s: %d modules are left", name, len(s.Modules()))
		}
		mustAsk(t, s, patterns[1])
		if err := s.Add(modules[0]); err != nil { // its name and its range are free
			t.Fatalf("%s: %v", name, err)
		}
		if got := mustAsk(t, s, patterns[0]); got != before {
			t.Errorf("%s: %q, and %q before", name, got, before)
		}
		if _, err := r.Resolve(t.Context(), addr); err != nil {
			t.Errorf("%s: a Resolver: %v", name, err)
		}
	}
	other := modules[1]
	if err := errors.Join(s.Remove("wide"), s.Remove("fs_rec")); err != nil {
		t.Fatal(err)
	}
	other.Base = modules[0].Base
	if err := s.Add(other); err != nil {
		t.Errorf("another module at the range: %v", err)
	}
	mustAsk(t, s, patterns[1])
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Remove("wide"); !errors.Is(err, symres.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// gate is a store that waits in the middle of a search.
type gate struct {
	sympath.Store
	reached, open chan struct{}
}

func (g gate) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	return func(yield func(sympath.Candidate, error) bool) {
		close(g.reached)
		<-g.open
		for c, err := range g.Store.Find(ctx, q) {
			if !yield(c, err) {
				return
			}
		}
	}
}

// TestRemove_during removes a module, or closes the session, while the module is
// loaded.
func TestRemove_during(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*symres.Session) error
		want error
	}{
		"remove": {func(s *symres.Session) error { return s.Remove("fs_rec") }, symres.ErrNoModule},
		"close":  {(*symres.Session).Close, symres.ErrClosed},
	} {
		dir := t.TempDir()
		modules, patterns := fourModules(t, dir)
		g := gate{sympath.Dir(dir, fsx.Dir(dir)), make(chan struct{}), make(chan struct{})}
		shared := files(t, symres.FilesConfig{})
		s := session(t, symres.Config{Files: shared, Symbols: g}, modules[0])
		asked := make(chan error)
		go func() { asked <- second(ask(s, patterns[0])) }()
		<-g.reached
		if err := tt.end(s); err != nil {
			t.Fatal(err)
		}
		close(g.open)
		if err := <-asked; !errors.Is(err, tt.want) {
			t.Errorf("%s: %v; want %v", name, err, tt.want)
		}
	}
}

// TestRemove_inLookup removes a module from inside of the walk over its symbols.
func TestRemove_inLookup(t *testing.T) {
	dir := t.TempDir()
	modules, _ := fourModules(t, dir)
	s := session(t, symres.Config{Symbols: sympath.Dir(dir, fsx.Dir(dir))}, modules...)
	want := len(names(t, s, "*!*")) - len(names(t, s, "wide!*"))
	removed, ok := false, 0
	var failed error
	for sym, err := range s.Lookup(t.Context(), "*!*") {
		if failed = errors.Join(failed, err); err == nil {
			ok++
		}
		if !removed {
			removed = true
			if err := errors.Join(s.Remove(sym.Module), s.Remove("wide")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(failed, symres.ErrNoModule) || ok != want {
		t.Errorf("%d symbols, %v; want the %d of the other modules, and ErrNoModule for one", ok, failed, want)
	}
}

// TestRemove_concurrent adds and removes modules that others ask for.
func TestRemove_concurrent(t *testing.T) {
	dir := t.TempDir()
	modules, patterns := fourModules(t, dir)
	s := session(t, symres.Config{Symbols: sympath.Dir(dir, fsx.Dir(dir)), Files: files(t, symres.FilesConfig{Bytes: 1, Descriptors: 1})}, modules...)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r := s.NewResolver()
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				k := (i + n) % len(modules)
				_, err := ask(s, patterns[k])
				if err == nil {
					_, err = r.Resolve(t.Context(), modules[k].Base+0x1010)
				}
				if err != nil && !errors.Is(err, symres.ErrNoModule) {
					t.Error(err)
				}
			}
		})
	}
	for n := range 200 {
		m := modules[n%len(modules)]
		if err := s.RemoveAt(m.Base); err != nil {
			t.Error(err)
		}
		if err := s.Add(m); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}
