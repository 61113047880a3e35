package symres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/symres/symres/internal/wtext"
)

// Remove makes a module unknown, as when the target has unloaded it: its name
// and its address range are free again, and what it used is released. The name
// is one that [Session.Load] takes. Symbols handed out stay valid; calls under
// way that need the module end with an error that wraps [ErrNoModule], and so
// does this one where there is no such module. Safe for concurrent use.
func (s *Session) Remove(name string) error {
	m, err := s.find(name)
	if err != nil {
		return err
	}
	return s.remove(m)
}

// RemoveAt is [Session.Remove] for the module that covers an address.
func (s *Session) RemoveAt(addr uint64) error {
	m, err := s.at(addr)
	if err != nil {
		return err
	}
	return s.remove(m)
}

func (s *Session) remove(m *module) error {
	why := fmt.Errorf("%s was removed: %w", wtext.Printable(m.Name), ErrNoModule)
	s.mu.Lock()
	i := slices.Index(s.modules, m)
	if i >= 0 {
		s.modules = slices.Delete(slices.Clone(s.modules), i, i+1)
		delete(s.names, strings.ToLower(m.Name))
	}
	s.mu.Unlock()
	if i < 0 { // somebody else was faster
		return why
	}
	return m.close(why)
}

// Close releases the PDBs and closes the session's own files. Symbols that were
// returned stay valid. Running and later calls fail with an error that wraps
// [ErrClosed]. Calling Close again does nothing.
func (s *Session) Close() error {
	s.mu.Lock()
	modules := s.modules
	s.closed, s.modules = true, nil
	s.mu.Unlock()
	var errs []error
	for _, m := range modules {
		errs = append(errs, m.close(ErrClosed))
	}
	if s.cfg.Files == nil {
		errs = append(errs, s.files.Close())
	}
	return errors.Join(errs...)
}
