package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/vadmath"
)

type lookupOptions struct {
	*targetOptions
	only     string
	sort     string
	literals bool
}

func (a *app) lookupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lookup PATTERN...",
		Short: "list the symbols that match a pattern, as x does",
		Long: "lookup lists the symbols that match PATTERN: 'module!name', or 'name' for every module.\n\n" +
			"  *        any text\n  ?        one character\n  [a-f]    one of a class\n  #  +     none or more, one or more of what precedes\n" +
			"  \\        takes the next character as it is\n  _        at the start: any number of underscores\n\n" +
			"Letter case does not matter, and a name matches as it is shown or as the linker saw it. String literals\n" +
			"are listed by --literals, by --only publics, and by a pattern that spells them: '*`string\x27' or '\\?\\?_C@*'.\n\n" +
			"A pattern needs single quotes in bash: fs_rec!* without them is history expansion\n" +
			"(bash: !*: event not found), and every shell expands a bare * itself.",
		Example: "  symres lookup --demo 'fs_rec!*'\n  symres lookup --dump MEMORY.DMP --sympath DIR 'nt!Ke*'\n" +
			"  symres lookup --image null.sys --pdb null.pdb '*'",
		Args: cobra.MinimumNArgs(1),
	}
	o := &lookupOptions{targetOptions: addTargetFlags(cmd)}
	cmd.Flags().StringVar(&o.only, "only", "", "list only `functions|data|publics|constants|udts`")
	cmd.Flags().BoolVar(&o.literals, "literals", false, "list the public symbols of string literals too")
	cmd.Flags().StringVar(&o.sort, "sort", "address", "sort by `address|name`")
	enumerate(cmd, "only", "functions", "data", "publics", "constants", "udts")
	enumerate(cmd, "sort", "address", "name")
	cmd.ValidArgsFunction = a.completeModules(o.targetOptions, "!", 0)
	cmd.RunE = func(cmd *cobra.Command, patterns []string) error { return a.lookup(cmd, o, patterns) }
	return cmd
}

func (a *app) lookup(cmd *cobra.Command, o *lookupOptions, patterns []string) error {
	kinds, keep, err := filter(o.only)
	if err != nil {
		return err
	}
	if o.literals {
		kinds = append(kinds, symres.KindLiteral)
	}
	if o.sort != "address" && o.sort != "name" {
		return usage(fmt.Errorf("sort %q: want address or name", o.sort))
	}
	t, err := a.openTarget(cmd.Context(), cmd, o.targetOptions)
	if err != nil {
		return err
	}
	defer t.close()
	l := &lookup{teller: a.newTeller(t), kinds: kinds, keep: keep, byName: o.sort == "name"}
	l.expect(cmd.Context(), patterns)
	for _, pattern := range patterns {
		if err := l.pattern(cmd.Context(), pattern); err != nil {
			return err
		}
	}
	l.finish()
	return l.status()
}

// lookup is one run of the subcommand.
type lookup struct {
	*teller
	kinds  []symres.Kind
	keep   func(symres.Symbol) bool
	byName bool
	json   jsonRow
	text   []byte

	held  []symres.Symbol // until all are known, where they are sorted by name
	found int
	last  string // module of the last symbol
}

// expect announces names without wildcards to the PDB they are looked for in, if all
// are of one module: of a PDB far away what all of them need comes together then.
func (l *lookup) expect(ctx context.Context, patterns []string) {
	var names []string
	modules := map[string]bool{}
	for _, text := range patterns {
		module, name, ok := strings.Cut(text, "!")
		if !ok {
			module, name = "", text
		}
		p, err := symres.ParsePattern(name)
		if err != nil {
			return
		}
		if plain, ok := p.Plain(); ok {
			modules[module] = true
			names = append(names, plain)
		}
	}
	all := l.target.session.Modules()
	if len(names) < 2 || len(modules) != 1 || modules[""] && len(all) != 1 {
		return
	}
	for module := range modules {
		if module == "" {
			module = all[0].Module.Name
		}
		if f, err := l.target.session.PDB(ctx, module); err == nil { // else the questions say why
			f.ExpectNames(names...)
		}
	}
}

// pattern lists what matches. Its error ends the command.
func (l *lookup) pattern(ctx context.Context, pattern string) error {
	l.asked(pattern)
	for sym, err := range l.target.session.LookupKinds(ctx, pattern, l.kinds...) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, symres.ErrPattern):
			return usage(err)
		case errors.Is(err, symres.ErrNotFound) && l.failed > 0 && !l.searched():
			// why no module has symbols was told
		case errors.Is(err, symres.ErrNotFound):
			l.failure(err)
			l.withoutPDB()
		case err != nil:
			l.failure(err)
		case l.keep(sym):
			l.symbol(sym)
		}
		if l.console.failed != nil {
			return l.console.failed
		}
	}
	return nil
}

// searched reports whether any module has symbols.
func (l *lookup) searched() bool {
	return slices.ContainsFunc(l.target.session.Modules(), (*symres.Report).Loaded)
}

func (l *lookup) symbol(sym symres.Symbol) {
	l.found++
	if sym.Module != l.last {
		l.last = sym.Module
		l.module(sym.Module)
	}
	if l.byName {
		l.held = append(l.held, sym)
		return
	}
	l.print(sym)
}

func (l *lookup) finish() {
	slices.SortStableFunc(l.held, func(a, b symres.Symbol) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address))
	})
	for _, sym := range l.held {
		l.print(sym)
	}
	l.end()
}

func (l *lookup) status() error {
	switch {
	case l.found > 0:
		return nil
	case l.failed > 0 && l.target.named:
		return reported(exitUnusable)
	}
	return reported(exitNotFound)
}

func (l *lookup) print(sym symres.Symbol) {
	if l.console.json {
		l.object(sym)
		return
	}
	b := l.text[:0]
	if l.noisy {
		b = appendKind(b, sym)
	}
	if hasAddress(sym.Kind) {
		b = append(appendPlace(b, &sym, l.target.bits), ' ')
		if l.noisy {
			b = appendSize(b, sym.Size)
		}
		b = append(b, ' ')
	}
	b = append(append(append(b, sym.Module...), '!'), sym.Name...)
	if sym.Kind == symres.KindConstant {
		b = append(append(b, " = "...), sym.Value.String()...)
	}
	if sym.Forwarder != "" {
		b = append(append(b, " -> "...), sym.Forwarder...)
	}
	l.text = append(b, label(sym.Proof)...)
	l.console.row(l.text)
}

// appendKind appends what x /v begins a line with: where a symbol is from and
// what it is.
func appendKind(b []byte, sym symres.Symbol) []byte {
	words := map[symres.Source]string{symres.SourcePublic: "pub ", symres.SourcePrivate: "prv ", symres.SourceImport: "imp ",
		symres.SourceExport: "exp ", symres.SourceCOFF: "coff ", symres.SourceGo: "go  ", symres.SourceDWARF: "dwarf "}
	kind := map[symres.Kind]string{symres.KindFunction: "func   ", symres.KindThunk: "thunk  ", symres.KindLabel: "label  ",
		symres.KindConstant: "const  ", symres.KindUDT: "type   ", symres.KindData: "global "}[sym.Kind]
	if kind == "" && sym.Code {
		kind = "func   "
	}
	return append(append(b, words[sym.Source]...), cmp.Or(kind, "global ")...)
}

// appendSize appends the size as x /v has it, in four columns.
func appendSize(b []byte, size uint32) []byte {
	digits := hexaddr.Append(nil, uint64(size), 1)
	return append(append(b, "    "[:4-min(4, len(digits))]...), digits...)
}

// label marks a name that nothing proves; every other proof is told once for
// the module.
func label(p symres.Proof) string {
	if p == symres.ProofNameOnly {
		return "  [name-only]"
	}
	return ""
}

// object prints a symbol as JSON.
func (l *lookup) object(s symres.Symbol) {
	r := &l.json
	r.begin()
	if hasAddress(s.Kind) {
		placeJSON(r, &s)
	}
	if hasAddress(s.Kind) && !s.Absolute && !s.Unplaced && !s.ThreadLocal {
		r.hex("rva", uint64(s.RVA))
	}
	r.str("module", s.Module)
	r.str("name", s.Name)
	r.raw(s.Raw)
	r.str("kind", s.Kind.String())
	r.knownNum("size", uint64(s.Size))
	if s.Kind == symres.KindConstant {
		numberJSON(r, "value", s.Value)
	}
	r.str("source", s.Source.String())
	if s.Forwarder != "" {
		r.str("forwarder", s.Forwarder)
	}
	r.str("proof", s.Proof.String())
	r.str("identity", s.Identity.String())
	l.console.write(r.end())
}

// appendPlace appends an address, or in its place the offset in the storage of a
// thread, or blanks for a symbol of which nobody knows where it is.
func appendPlace(b []byte, sym *symres.Symbol, bits int) []byte {
	if !sym.Unplaced && !sym.ThreadLocal {
		return vadmath.AppendAddr(b, sym.Address, bits)
	}
	start := len(b)
	b = vadmath.AppendAddr(b, 0, bits)
	place := b[start:]
	copy(place, bytes.Repeat([]byte(" "), len(place)))
	if sym.ThreadLocal {
		offset := hexaddr.Append([]byte("tls+"), sym.Address, 1)
		b = append(b[:start], place[:max(0, len(place)-len(offset))]...)
		b = append(b, offset...)
	}
	return b
}

// placeJSON writes where a symbol is, as far as that is known.
func placeJSON(r *jsonRow, sym *symres.Symbol) {
	switch {
	case sym.ThreadLocal:
		r.hex("tls_offset", sym.Address)
	case !sym.Unplaced:
		r.hex("address", sym.Address)
	}
}

// hasAddress reports whether symbols of a kind have an address.
func hasAddress(k symres.Kind) bool { return k != symres.KindConstant && k != symres.KindUDT }

// filter returns what --only asks for, and which of that it keeps.
func filter(only string) ([]symres.Kind, func(symres.Symbol) bool, error) {
	all := func(symres.Symbol) bool { return true }
	switch only {
	case "":
		return []symres.Kind{symres.KindFunction, symres.KindThunk, symres.KindData, symres.KindPublic}, all, nil
	case "publics":
		return []symres.Kind{symres.KindPublic}, all, nil
	case "functions":
		return []symres.Kind{symres.KindFunction, symres.KindThunk, symres.KindPublic}, func(s symres.Symbol) bool { return s.Code }, nil
	case "data":
		return []symres.Kind{symres.KindData, symres.KindPublic}, func(s symres.Symbol) bool { return !s.Code }, nil
	case "constants":
		return []symres.Kind{symres.KindConstant}, all, nil
	case "udts":
		return []symres.Kind{symres.KindUDT}, all, nil
	}
	return nil, nil, usage(fmt.Errorf("--only %q: want functions, data, publics, constants or udts", only))
}
