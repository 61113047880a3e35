package symres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/symres/symres/pattern"
	"github.com/symres/symres/pdb"
)

// Lookup yields the symbols that match a WinDbg pattern, `module!name` with
// wildcards in both, or `name` for every module. A name matches by its
// undecorated or its raw form, in any case; modules match by name, image file
// name or alias. Symbols come by module base, then address, then raw name.
//
// A module whose symbols cannot be loaded yields its [*LoadError] and the
// search goes on; a load that failed is not tried again before [Session.Load]
// asks for it. The last error wraps [ErrPattern], [ErrNoModule] when no
// module matched, or [ErrNotFound] when no symbol did.
//
// Functions, variables and public symbols are listed as WinDbg lists them: a
// public symbol yields to a private one at its address, and those of string
// literals, of which a program can have more than of anything else, are left out
// unless the pattern asks for them: by their raw name, ??_C@, or as `string'.
//
// A pattern without wildcards is answered by the hash tables of the PDB, which takes a
// few dozen of its pages. Public symbols that have the name undecorated alone are
// listed beside others for a pattern with a wildcard, and where there are no others.
func (s *Session) Lookup(ctx context.Context, pattern string) iter.Seq2[Symbol, error] {
	return s.LookupKinds(ctx, pattern, KindFunction, KindThunk, KindData, KindPublic)
}

// LookupKinds is [Session.Lookup] for symbols of these kinds alone, constants
// and types among them. Public symbols that are asked for alone are listed
// whatever private symbols there are, and with those of string literals; so these
// are, beside others, when [KindLiteral] is asked for.
func (s *Session) LookupKinds(ctx context.Context, pattern string, kinds ...Kind) iter.Seq2[Symbol, error] {
	return func(yield func(Symbol, error) bool) {
		modules, name, err := s.match(pattern)
		if err != nil {
			yield(Symbol{}, err)
			return
		}
		found, gone := false, false
		for _, m := range modules {
			symbols, err := s.lookupIn(ctx, m, name, kinds)
			for _, sym := range symbols {
				if found = true; !yield(sym, nil) {
					return
				}
			}
			if err != nil && (!yield(Symbol{}, err) || ctx.Err() != nil) {
				return
			}
			// A module that went away meanwhile was not searched.
			gone = gone || errors.Is(err, ErrClosed) || errors.Is(err, ErrNoModule)
		}
		if !found && !gone {
			yield(Symbol{}, fmt.Errorf("%s: %w", pattern, ErrNotFound))
		}
	}
}

// match splits a pattern at its `!` and returns the modules it names.
func (s *Session) match(text string) ([]*module, *Pattern, error) {
	modText, nameText, qualified := strings.Cut(text, "!")
	if !qualified {
		modText, nameText = "", text
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

// Pattern is a WinDbg symbol pattern, see package pattern.
type Pattern = pattern.Pattern

// ParsePattern compiles a pattern. Its error wraps [ErrPattern] and names the
// position of the fault.
func ParsePattern(text string) (*Pattern, error) { return pattern.Parse(text) }

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
		if p.Match([]byte(m.Name)) || m.Called(text) {
			modules = append(modules, m)
		}
	}
	return modules, nil
}

func (s *Session) lookupIn(ctx context.Context, m *module, p *Pattern, kinds []Kind) ([]Symbol, error) {
	syms, err := s.opened(ctx, m)
	if err != nil {
		return nil, err
	}
	if syms.pdb == nil {
		return inImage{m, syms}.search(ctx, p, kinds)
	}
	if name, ok := p.Plain(); ok && len(kinds) > 1 && !slices.ContainsFunc(kinds, Kind.scanned) {
		if found, err := m.collect(ctx, syms, syms.pdb.Named(name), p, kinds); len(found) > 0 || err != nil {
			slices.SortStableFunc(found, bySymbol)
			return found, err
		}
	}
	literals := p.Literals()
	found, err := m.search(ctx, syms, literals, p, kinds)
	if len(found) == 0 && err == nil && len(literals) > 0 {
		// A name may be spelled in a way that has not even its identifiers.
		found, err = m.search(ctx, syms, nil, p, kinds)
	}
	slices.SortStableFunc(found, bySymbol)
	return found, err
}

// search looks at the symbols whose names contain the literals.
func (m *module) search(ctx context.Context, syms opened, literals []string, p *Pattern, kinds []Kind) (found []Symbol, err error) {
	for _, part := range partsFor(syms.pdb, literals, kinds) {
		more, failed := m.collect(ctx, syms, part.all, p, part.kinds)
		found, err = append(found, more...), cmp.Or(err, failed)
	}
	return found, err
}

// part is one walk over the symbols of a PDB, and what it is for.
type part struct {
	all   iter.Seq2[pdb.Symbol, error]
	kinds []Kind
}

// partsFor returns the walks that find the symbols of these kinds.
func partsFor(f *pdb.File, literals []string, kinds []Kind) []part {
	placed := slices.DeleteFunc(slices.Clone(kinds), Kind.scanned)
	named := slices.DeleteFunc(slices.Clone(kinds), Kind.hasAddress)
	var parts []part
	switch {
	case len(placed) == 1 && placed[0] == KindPublic:
		parts = append(parts, part{f.Publics(), kinds})
	case len(placed) > 0 && len(literals) > 0:
		parts = append(parts, part{f.Matching(literals, nil), kinds})
	case len(placed) > 0:
		parts = append(parts, part{f.Symbols(), kinds})
	}
	if len(named) > 0 {
		parts = append(parts, part{f.Globals(), named})
	}
	return parts
}

// scanned reports whether symbols of the kind are found by reading all of them.
func (k Kind) scanned() bool { return !k.hasAddress() || k == KindLiteral }

func (k Kind) hasAddress() bool { return k != KindConstant && k != KindUDT }

// collect returns what matches, and the first error with what came before it:
// damage in one part of a PDB does not hide the rest.
func (m *module) collect(ctx context.Context, syms opened, all iter.Seq2[pdb.Symbol, error], p *Pattern, kinds []Kind) (found []Symbol, failed error) {
	var name []byte
	literals := withLiterals(p, kinds)
	for sym, err := range all {
		if err := m.interrupted(ctx); err != nil {
			return found, err
		}
		if err != nil {
			failed = cmp.Or(failed, m.failed(err))
			continue
		}
		if syms.leftOut(sym) {
			continue
		}
		name = appendName(name[:0], sym)
		if !literals && sym.Kind.IsPublic() && string(name) == literalName {
			continue
		}
		if !slices.Contains(kinds, kindOf(sym.Kind)) || !p.Match(name) && (bytes.Equal(name, sym.NameBytes()) || !p.Match(sym.NameBytes())) {
			continue
		}
		if sym.Size == 0 && !sym.Kind.IsCode() && kindOf(sym.Kind).hasAddress() {
			if sym.Size, err = syms.pdb.SizeOf(sym); err != nil {
				failed = cmp.Or(failed, m.failed(err))
			}
		}
		found = append(found, m.symbol(syms, sym))
	}
	return found, failed
}

// literalName is the undecorated name of string literals. Those a pragma put into
// a section of their own have another one, and are listed (as dbghelp does).
const literalName = "`string'"

// withLiterals reports whether string literals are asked for: as a kind, by a
// search for nothing but publics, or by a pattern that spells them.
func withLiterals(p *Pattern, kinds []Kind) bool {
	placed := slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool { return !k.hasAddress() })
	only := len(placed) == 1 && placed[0] == KindPublic
	return only || slices.Contains(kinds, KindLiteral) || strings.Contains(strings.ToLower(p.String()), "_c@") ||
		strings.Contains(strings.ToLower(p.String()), "`string'")
}

// leftOut reports whether a private symbol has no place because the linker had
// no use for it. Microsoft's debuggers do not list these either.
func (o opened) leftOut(sym pdb.Symbol) bool {
	return o.Placed && (sym.Kind.IsCode() || sym.Kind.IsData()) && !sym.HasRVA && !sym.Kind.IsThreadLocal()
}

func bySymbol(a, b Symbol) int {
	return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Raw, b.Raw))
}
