package symres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pdb/undname"
)

// Source says which kind of symbol information a name came from.
type Source uint8

// The sources.
const (
	SourcePublic Source = iota // a public symbol of the PDB
)

// String returns the word of the JSON contract.
func (s Source) String() string { return map[Source]string{SourcePublic: "pdb-public"}[s] }

// Kind says what a symbol is.
type Kind uint8

// The kinds.
const (
	KindPublic Kind = iota // a public symbol: code or data, see [Symbol.Code]
)

// String returns the word of the JSON contract.
func (k Kind) String() string { return map[Kind]string{KindPublic: "public"}[k] }

// Symbol is one name at one address, with what that claim rests on. It owns
// its memory and may be kept.
type Symbol struct {
	Address  uint64 // the value of an absolute symbol
	RVA      uint32
	Absolute bool   // it lies in no section of the image: it has no RVA
	Module   string // the module's name
	Name     string // undecorated
	Raw      string // as the PDB has it
	Kind     Kind
	Code     bool   // it names code rather than data
	Size     uint32 // bytes; 0 is unknown
	Source   Source
	Proof    Proof
	Identity Identity
}

// Location is the answer to an address.
type Location struct {
	Symbol                // the nearest symbol at or below the address
	Query        uint64   // the address asked for
	Displacement uint64   // bytes from the symbol's start
	PastEnd      bool     // the address lies beyond the symbol's known size
	Aliases      []string // other names at the symbol's address, undecorated
}

// Lookup yields the symbols that match a WinDbg pattern, `module!name` with
// wildcards in both, or `name` for every module. A name matches by its
// undecorated or its raw form, in any case; modules match by name, image file
// name or alias. Symbols come by module base, then address, then raw name.
//
// A module whose symbols cannot be loaded yields its [*LoadError] and the
// search goes on; a load that failed is not tried again before [Session.Load]
// asks for it. The last error wraps [ErrPattern], [ErrNoModule] when no
// module matched, or [ErrNotFound] when no symbol did.
func (s *Session) Lookup(ctx context.Context, pattern string) iter.Seq2[Symbol, error] {
	return func(yield func(Symbol, error) bool) {
		modules, name, err := s.match(pattern)
		if err != nil {
			yield(Symbol{}, err)
			return
		}
		found := false
		for _, m := range modules {
			symbols, err := s.lookupIn(ctx, m, name)
			for _, sym := range symbols {
				if found = true; !yield(sym, nil) {
					return
				}
			}
			if err != nil {
				if found = true; !yield(Symbol{}, err) || ctx.Err() != nil {
					return
				}
			}
		}
		if !found {
			yield(Symbol{}, fmt.Errorf("%s: %w", pattern, ErrNotFound))
		}
	}
}

// match splits a pattern at its `!` and returns the modules it names.
func (s *Session) match(pattern string) ([]*module, *Pattern, error) {
	modText, nameText, qualified := strings.Cut(pattern, "!")
	if !qualified {
		modText, nameText = "", pattern
	}
	if modText == "" {
		modText = "*"
	}
	name, err := ParsePattern(nameText)
	if err != nil {
		return nil, nil, err
	}
	mod, err := parseModulePattern(modText)
	if err != nil {
		return nil, nil, err
	}
	modules, err := s.matching(modText, mod)
	if err == nil && len(modules) == 0 {
		err = fmt.Errorf("%s: %w", modText, ErrNoModule)
	}
	return modules, name, err
}

// parseModulePattern compiles the part before the `!`, where a leading
// underscore stands for itself.
func parseModulePattern(text string) (*Pattern, error) {
	if strings.HasPrefix(text, "_") {
		text = `\` + text
	}
	return ParsePattern(text)
}

func (s *Session) matching(text string, p *Pattern) ([]*module, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	var modules []*module
	for _, m := range s.modules {
		if p.Match([]byte(m.Name)) || m.calls(text) {
			modules = append(modules, m)
		}
	}
	return modules, nil
}

func (s *Session) lookupIn(ctx context.Context, m *module, p *Pattern) ([]Symbol, error) {
	syms, err := s.symbols(ctx, m, keepFailed)
	if err != nil {
		return nil, err
	}
	var found []Symbol
	var name []byte
	for pub, err := range syms.pdb.Publics() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return found, fmt.Errorf("%s: %w", m.Name, err)
		}
		name = undname.AppendNameOnly(name[:0], pub.NameBytes())
		if !p.Match(name) && !p.Match(pub.NameBytes()) {
			continue
		}
		if pub.Size, err = syms.pdb.SizeOf(pub); err != nil {
			return found, fmt.Errorf("%s: %w", m.Name, err)
		}
		found = append(found, m.symbol(syms, pub))
	}
	slices.SortStableFunc(found, bySymbol)
	return found, nil
}

func bySymbol(a, b Symbol) int {
	return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Raw, b.Raw))
}

// symbol makes the answer out of a record.
func (m *module) symbol(syms *symbols, p pdb.Symbol) Symbol {
	raw := p.Name()
	sym := Symbol{
		Address: uint64(p.Offset), Absolute: !p.HasRVA, Module: m.Name, Name: undname.NameOnly(raw), Raw: raw,
		Kind: KindPublic, Code: p.Flags&(pdb.PublicCode|pdb.PublicFunction) != 0, Size: p.Size, Source: SourcePublic, Proof: syms.proof, Identity: syms.identity,
	}
	if p.HasRVA {
		sym.RVA, sym.Address = p.RVA, m.Base+uint64(p.RVA)
	}
	return sym
}

// Resolve names an address: the nearest symbol at or below it in the same
// section, how far it is, and the other names there. A load that failed is not
// tried again before [Session.Load] asks for it. The error wraps
// [ErrNoModule] when no module covers the address, [ErrNoSymbols] when its
// module has none, and [ErrNotFound] when nothing lies below the address.
func (s *Session) Resolve(ctx context.Context, addr uint64) (Location, error) {
	m, err := s.at(addr)
	if err != nil {
		return Location{}, err
	}
	syms, err := s.symbols(ctx, m, keepFailed)
	if err != nil {
		return Location{}, err
	}
	near, err := syms.pdb.Nearest(uint32(addr - m.Base))
	if err != nil {
		return Location{}, fmt.Errorf("%s: %w", m.Name, err)
	}
	if len(near) == 0 {
		return Location{}, fmt.Errorf("%s in %s: %w", formatAddr(addr), m.Name, ErrNotFound)
	}
	return m.location(syms, near, addr), nil
}

func (m *module) location(syms *symbols, near []pdb.Symbol, addr uint64) Location {
	loc := Location{Symbol: m.symbol(syms, near[0]), Query: addr}
	loc.Displacement = uint64(near[0].Displacement)
	loc.PastEnd = loc.Size != 0 && loc.Displacement >= uint64(loc.Size)
	for _, other := range near[1:] {
		if !bytes.Equal(other.NameBytes(), near[0].NameBytes()) {
			loc.Aliases = append(loc.Aliases, undname.NameOnly(other.Name()))
		}
	}
	return loc
}
