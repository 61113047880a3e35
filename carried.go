package symres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/pdblocals"
)

// sourceOf is where a symbol that an image carries is from, carried the other way
// round.
func sourceOf(s symbols.Source) Source {
	return Source(s) + SourceBounds - Source(symbols.SourceBounds)
}

func carried(s Source) symbols.Source {
	if s < SourceBounds {
		return symbols.SourceUnknown
	}
	return symbols.Source(s - SourceBounds + Source(symbols.SourceBounds))
}

// inImage answers by what the image of a module carries itself.
type inImage struct {
	m    *module
	syms opened
}

// symbol makes the answer out of a symbol the image carries.
func (i inImage) symbol(s *symbols.Symbol) Symbol {
	m, syms := i.m, i.syms
	sym := Symbol{
		Module: m.Name, Name: s.Display(), Raw: s.Raw, Kind: KindData, Size: s.Size, Code: s.Code, Forwarder: s.Forwarder,
		Source: sourceOf(s.Source), Proof: syms.Proof, Identity: syms.Identity,
	}
	if s.Code {
		sym.Kind = KindFunction
	}
	if sym.Unplaced = s.Forwarder != ""; !sym.Unplaced {
		sym.RVA, sym.Address = s.RVA, m.Base+uint64(s.RVA)
	}
	return sym
}

// locate names an address by what the image carries. A name whose function may
// have ended before the address is a guess, and never exact.
func (i inImage) locate(addr uint64) (Location, error) {
	m, syms := i.m, i.syms
	rva := uint32(addr - m.Base)
	near, err := syms.Image.Nearest(rva)
	switch {
	case len(near) == 0 && err != nil:
		return Location{}, m.failed(err)
	case len(near) == 0:
		return Location{}, fmt.Errorf("%s in %s: %w", hexaddr.Addr(addr), m.Name, ErrNotFound)
	}
	loc := Location{Symbol: i.symbol(&near[0]), Query: addr, Displacement: uint64(int64(rva) - int64(near[0].RVA))}
	loc.PastEnd = loc.Size != 0 && rva >= near[0].RVA && loc.Displacement >= uint64(loc.Size)
	if loc.Displacement != 0 && (loc.Size == 0 || loc.PastEnd) {
		loc.Proof = min(loc.Proof, ProofWeak)
	}
	for _, other := range near[1:] {
		if name := other.Display(); name != loc.Name && !slices.Contains(loc.Aliases, name) {
			loc.Aliases = append(loc.Aliases, name)
		}
	}
	frames, err := syms.Image.Frames(rva)
	for _, f := range frames {
		loc.Frames = append(loc.Frames, Frame(f))
	}
	loc.FramesErr = err
	return loc, nil
}

// Locals returns what is known of the parameters and local variables of a
// module's functions, and how well that is proven. It is good until the session is
// closed or the module removed. Errors are those of [Session.PDB]; a module whose
// symbols know no variables has none.
func (s *Session) Locals(ctx context.Context, name string) (symbols.Locals, Proof, error) {
	m, err := s.find(name)
	if err != nil {
		return nil, ProofUnknown, err
	}
	syms, err := s.opened(ctx, m)
	switch {
	case err != nil:
		return nil, ProofUnknown, err
	case syms.pdb != nil:
		return pdblocals.New(syms.pdb), syms.Proof, nil
	}
	return syms.Image, syms.Proof, nil
}

// search looks at all symbols the image carries.
func (i inImage) search(ctx context.Context, p *Pattern, kinds []Kind) (found []Symbol, failed error) {
	m := i.m
	for s, err := range i.syms.Image.All() {
		if err := m.interrupted(ctx); err != nil {
			return found, err
		}
		if err != nil {
			failed = cmp.Or(failed, m.failed(err))
			continue
		}
		if name := s.Display(); !p.Match([]byte(name)) && (name == s.Raw || !p.Match([]byte(s.Raw))) {
			continue
		}
		if sym := i.symbol(&s); slices.Contains(kinds, sym.Kind) {
			found = append(found, sym)
		}
	}
	slices.SortStableFunc(found, bySymbol)
	return found, failed
}

// lines finds the code of a line by what the image carries.
func (i inImage) lines(file string, line uint32) (found []SourceLine, err error) {
	m := i.m
	if !i.syms.Image.HasLines() {
		return nil, i.syms.NoPDB
	}
	lines, err := i.syms.Image.LineAddresses(file, line)
	for _, l := range lines {
		at := SourceLine{Address: m.Base + uint64(l.RVA), Asked: line}
		at.Line = pdb.Line{RVA: l.RVA, HasRVA: true, Size: l.Size, File: l.File, Line: l.Line, Column: uint16(min(l.Column, 0xffff))}
		var failure error
		if at.Location, failure = i.locate(at.Address); failure != nil {
			err = cmp.Or(err, failure)
		}
		at.Location.Frames = nil
		found = append(found, at)
	}
	if err != nil {
		err = m.failed(err)
	}
	return found, err
}

// Forwarded follows a forwarded export to its target in the session's modules,
// through up to eight forwards. The error wraps [ErrNoModule] if the session
// does not have the module, [ErrNoSymbols], or [ErrNotFound].
func (s *Session) Forwarded(ctx context.Context, sym Symbol) (Symbol, error) {
	for range 8 {
		if sym.Forwarder == "" {
			return sym, nil
		}
		dot := strings.LastIndexByte(sym.Forwarder, '.')
		if dot < 0 {
			break
		}
		name := sym.Forwarder[dot+1:]
		if number, ok := strings.CutPrefix(name, "#"); ok {
			name = "Ordinal" + number
		}
		next, err := s.named(ctx, sym.Forwarder[:dot], name)
		if err != nil {
			return Symbol{}, err
		}
		sym = next
	}
	return Symbol{}, fmt.Errorf("%s stands for %s: %w", sym.Name, sym.Forwarder, ErrNotFound)
}

// named returns the symbol of a module with this raw name.
func (s *Session) named(ctx context.Context, module, name string) (Symbol, error) {
	m, err := s.find(module)
	if err != nil {
		return Symbol{}, err
	}
	var failed error
	for sym, err := range s.Lookup(ctx, m.Name+"!"+escaped(name)) {
		if err == nil && (sym.Raw == name || sym.Name == name) {
			return sym, nil
		}
		failed = cmp.Or(failed, err)
	}
	return Symbol{}, cmp.Or(failed, fmt.Errorf("%s!%s: %w", m.Name, name, ErrNotFound))
}

// escaped is a pattern for a name as it stands.
func escaped(name string) string {
	var b strings.Builder
	for _, c := range name {
		if strings.ContainsRune(`\*?[]#+`, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
