package symres

import (
	"bytes"
	"context"
	"fmt"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/pdb"
)

// Frame is a function at an address, with its position in the source.
type Frame = pdb.Frame

// Location is the answer to an address.
type Location struct {
	Symbol        // the nearest symbol at or below the address
	Query  uint64 // the address asked for
	// Displacement is the distance in bytes from the symbol's start to the
	// address. If the address is in a separate part of a function that lies
	// before the start, it is negative, in two's complement.
	Displacement uint64
	PastEnd      bool     // the address lies beyond the known end of the symbol or of its part
	Aliases      []string // other names at the symbol's address, undecorated
	// Frames are the functions that contain the address, inlined ones first,
	// with file and line. It is empty if the PDB has no lines for the address.
	Frames    []Frame
	FramesErr error // why Frames is incomplete
}

// Resolve names an address: the nearest symbol at or below it in the same
// section, how far it is, and the other names there. A load that failed is not
// tried again before [Session.Load] asks for it. The error wraps
// [ErrNoModule] when no module covers the address, as an [*identify.UnloadedError] where
// one did, [ErrNoSymbols] when its module has none, [ErrNotFound] when nothing lies below.
func (s *Session) Resolve(ctx context.Context, addr uint64) (Location, error) {
	m, err := s.at(addr)
	if err != nil {
		return Location{}, err
	}
	syms, err := s.opened(ctx, m)
	if err != nil {
		return Location{}, err
	}
	if syms.pdb == nil {
		return inImage{m, syms}.locate(addr)
	}
	near, err := syms.pdb.Nearest(uint32(addr - m.Base))
	if err := m.nothing(near, err, addr); err != nil {
		return Location{}, err
	}
	return m.location(syms, near, addr), nil
}

// nothing is the error for an address without an answer.
func (m *module) nothing(near []pdb.Symbol, err error, addr uint64) error {
	switch {
	case err != nil:
		return m.failed(err)
	case len(near) == 0:
		return fmt.Errorf("%s in %s: %w", hexaddr.Addr(addr), m.Name, ErrNotFound)
	}
	return nil
}

func (m *module) location(syms opened, near []pdb.Symbol, addr uint64) Location {
	loc := m.named(syms, near)
	loc.near(addr, &near[0])
	if syms.Lines {
		loc.Frames, loc.FramesErr = syms.pdb.Frames(uint32(addr - m.Base))
	}
	return loc
}

// at says how far an address is from the symbol.
func (l *Location) at(addr uint64, displacement uint32) {
	l.Query, l.Displacement = addr, uint64(displacement)
	l.PastEnd = l.Size != 0 && displacement >= l.Size
}

// near says how far an address is from the symbol that names it.
func (l *Location) near(addr uint64, sym *pdb.Symbol) {
	l.at(addr, sym.Displacement)
	if sym.Kind == pdb.KindSepCode {
		l.Displacement, l.PastEnd = uint64(int64(int32(sym.Displacement))), sym.Beyond
	}
}

// named is a location without what depends on the address.
func (m *module) named(syms opened, near []pdb.Symbol) Location {
	loc := Location{Symbol: m.symbol(syms, near[0])}
	for _, other := range near[1:] {
		if !bytes.Equal(other.NameBytes(), near[0].NameBytes()) {
			loc.Aliases = append(loc.Aliases, string(appendName(nil, other)))
		}
	}
	return loc
}
