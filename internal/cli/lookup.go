package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/vadmath"
)

type lookupOptions struct {
	*targetOptions
	only string
	sort string
}

func (a *app) lookupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "lookup PATTERN...",
		Aliases: []string{"x"},
		Short:   "list the symbols that match a pattern, as x does",
		Long: "lookup lists the symbols that match PATTERN: 'module!name', or 'name' for every module.\n\n" +
			"  *        any text\n  ?        one character\n  [a-f]    one of a class\n  #  +     none or more, one or more of what precedes\n" +
			"  \\        takes the next character as it is\n  _        at the start: any number of underscores\n\n" +
			"Letter case does not matter, and a name matches as it is shown or as the linker saw it.\n\n" +
			"A pattern needs single quotes in bash: fs_rec!* without them is history expansion\n" +
			"(bash: !*: event not found), and every shell expands a bare * itself.",
		Example: "  symres lookup --demo 'fs_rec!*'\n  symres lookup --dump MEMORY.DMP --sympath DIR 'nt!Ke*'\n" +
			"  symres lookup --image null.sys --pdb null.pdb '*'",
		Args: cobra.MinimumNArgs(1),
	}
	o := &lookupOptions{targetOptions: addTargetFlags(cmd)}
	cmd.Flags().StringVar(&o.only, "only", "", "list only `functions|data|publics|constants|udts`")
	cmd.Flags().StringVar(&o.sort, "sort", "address", "sort by `address|name`")
	cmd.RunE = func(cmd *cobra.Command, patterns []string) error { return a.lookup(cmd, o, patterns) }
	return cmd
}

func (a *app) lookup(cmd *cobra.Command, o *lookupOptions, patterns []string) error {
	keep, err := filter(o.only)
	if err != nil {
		return err
	}
	if o.sort != "address" && o.sort != "name" {
		return usage(fmt.Errorf("sort %q: want address or name", o.sort))
	}
	t, err := a.openTarget(cmd.Context(), cmd, o.targetOptions)
	if err != nil {
		return err
	}
	defer t.close()
	l := &lookup{teller: a.newTeller(t), keep: keep, byName: o.sort == "name"}
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
	keep   func(symres.Symbol) bool
	byName bool

	held  []symres.Symbol // until all are known, where they are sorted by name
	found int
	last  string // module of the last symbol
}

// pattern lists what matches. Its error ends the command.
func (l *lookup) pattern(ctx context.Context, pattern string) error {
	for sym, err := range l.target.session.Lookup(ctx, pattern) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, symres.ErrPattern):
			return usage(err)
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
		l.console.object(newSymbolObject(sym))
		return
	}
	l.console.line("%s  %s!%s%s", vadmath.FormatAddr(sym.Address, l.target.bits), sym.Module, sym.Name, label(sym.Proof))
}

// label marks a name that nothing proves; every other proof is told once for
// the module.
func label(p symres.Proof) string {
	if p == symres.ProofNameOnly {
		return "  [name-only]"
	}
	return ""
}

// symbolObject is a line of lookup.
type symbolObject struct {
	Address  string `json:"address"`
	RVA      string `json:"rva,omitempty"`
	Module   string `json:"module"`
	Name     string `json:"name"`
	Raw      string `json:"raw"`
	RawBytes string `json:"name_raw,omitempty"`
	Kind     string `json:"kind"`
	Size     uint32 `json:"size,omitempty"`
	Source   string `json:"source"`
	Proof    string `json:"proof"`
	Identity string `json:"identity"`
}

func newSymbolObject(s symres.Symbol) symbolObject {
	o := symbolObject{
		Address: hexString(s.Address), Module: s.Module, Name: s.Name, Raw: s.Raw, RawBytes: rawBytes(s.Raw),
		Kind: s.Kind.String(), Size: s.Size, Source: s.Source.String(), Proof: s.Proof.String(), Identity: s.Identity.String(),
	}
	if !s.Absolute {
		o.RVA = hexString(uint64(s.RVA))
	}
	return o
}

// filter returns what --only keeps. Constants and UDTs are not public symbols,
// so asking for them finds none in a PDB that has nothing else.
func filter(only string) (func(symres.Symbol) bool, error) {
	switch only {
	case "":
		return func(symres.Symbol) bool { return true }, nil
	case "publics":
		return func(s symres.Symbol) bool { return s.Kind == symres.KindPublic }, nil
	case "functions":
		return func(s symres.Symbol) bool { return s.Code }, nil
	case "data":
		return func(s symres.Symbol) bool { return !s.Code }, nil
	case "constants", "udts":
		return nil, usage(fmt.Errorf("--only %s: not supported yet, only public symbols are read", only))
	}
	return nil, usage(fmt.Errorf("--only %q: want functions, data, publics, constants or udts", only))
}
