package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/symres/symres/sympath"
)

func (a *app) pathCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "path [PATH]",
		Short: "show and check the symbol path, as .sympath does",
		Long: "path prints PATH, or the symbol path in force, as it was given and as it is read, and warns of what\n" +
			"will hardly do what it looks like. With --check every element is asked whether it answers, and how fast:\n" +
			"directories and shares are opened, servers are asked for index2.txt. Nothing is downloaded.",
		Example: "  symres path --check\n  symres path 'srv*C:\\sym*https://msdl.microsoft.com/download/symbols'",
		Args:    cobra.MaximumNArgs(1),
	}
	o := addPathFlags(cmd)
	probe := cmd.Flags().Bool("check", false, "probe each element")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		parts := o.symbols(a.program.Getenv)
		if len(args) == 1 {
			parts = []pathPart{{"PATH", args[0]}}
		}
		return a.path(cmd.Context(), o, parts, *probe)
	}
	return cmd
}

// path shows what is right with a path, and then what is wrong.
func (a *app) path(ctx context.Context, o *pathOptions, parts []pathPart, probe bool) error {
	p, bad := a.readPath(parts)
	for _, err := range bad {
		a.console.warn("%v", err)
	}
	var err error
	switch {
	case len(p.Elements()) > 0:
		err = a.showPath(ctx, o, p, probe)
	case !a.console.json:
		a.console.line("Symbol search path is: *** Invalid ***")
		fallthrough
	default:
		err = notFound(errEmptyPath)
	}
	if len(bad) > 0 && ctx.Err() == nil {
		return reported(exitUsage)
	}
	return err
}

func (a *app) showPath(ctx context.Context, o *pathOptions, p sympath.Path, probe bool) error {
	var elements []elementObject
	for _, e := range p.Elements() {
		elements = append(elements, newElement(e))
	}
	if probe {
		if err := a.probeAll(ctx, o, p.Elements(), elements); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	warnings := slices.DeleteFunc(p.Warnings(), func(w sympath.Warning) bool { return w.Typo && !a.console.json })
	warn(elements, warnings)
	a.printPath(p, elements)
	for _, e := range elements {
		if e.Status == statusMissing || e.Status == statusError {
			return reported(exitNotFound)
		}
	}
	return nil
}

// elementObject is a line of path.
type elementObject struct {
	Element  string        `json:"element"`
	Kind     string        `json:"kind"`
	Position int           `json:"position"`
	Expanded []string      `json:"expanded,omitempty"`
	Stores   []storeObject `json:"stores,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
	probed
}

// storeObject is one store of a chain.
type storeObject struct {
	Store string `json:"store"`
	Kind  string `json:"kind"`
	probed
}

// summary leaves the reason to the stores of a chain, whose lines follow.
func (e elementObject) summary() probed {
	if e.Status != "" && len(e.Stores) > 0 {
		e.Error = ""
	}
	return e.probed
}

func newElement(e sympath.Element) elementObject {
	out := elementObject{Element: e.String(), Kind: e.Kind.String(), Position: e.Pos}
	for _, s := range e.Stores {
		out.Stores = append(out.Stores, storeObject{Store: s.Text, Kind: s.Kind.String()})
	}
	if full := e.Expand(); len(full) > 1 {
		for _, x := range full {
			out.Expanded = append(out.Expanded, x.String())
		}
	}
	return out
}

// warn gives each element its warnings: those behind its start and before the
// start of the next.
func warn(elements []elementObject, warnings []sympath.Warning) {
	for _, w := range warnings {
		for i := len(elements) - 1; i >= 0; i-- {
			if elements[i].Position <= w.Pos {
				elements[i].Warnings = append(elements[i].Warnings, w.Text)
				break
			}
		}
	}
}

// printPath prints what .sympath prints.
func (a *app) printPath(p sympath.Path, elements []elementObject) {
	if a.console.json {
		for _, e := range elements {
			a.console.object(e)
		}
		return
	}
	a.console.line("Symbol search path is: %s", p)
	a.console.line("Expanded Symbol search path is: %s", p.Expand())
	a.console.line("")
	a.console.line("************* Path validation summary **************")
	a.console.line("%-32s %-13s %s", "Response", "Time (ms)", "Location")
	for _, e := range elements {
		a.printProbed(e.summary(), e.Element)
		for _, store := range e.Stores {
			if store.Status != "" {
				a.printProbed(store.probed, "  "+store.Store)
			}
		}
		for _, w := range e.Warnings {
			a.console.note("*** WARNING: %s: %s", e.Element, w)
		}
	}
}
