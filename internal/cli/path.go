package cli

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
)

func (a *app) pathCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "path [PATH]",
		Aliases: []string{"sympath"},
		Short:   "show and check the symbol path, as .sympath does",
		Long: "path prints PATH, or the symbol path in force, as it was given and as it is read, and warns of what\n" +
			"will hardly do what it looks like. With --check the directories are probed; nothing is downloaded.",
		Example: "  symres path --check\n  symres path 'srv*C:\\sym*https://msdl.microsoft.com/download/symbols'",
		Args:    cobra.MaximumNArgs(1),
	}
	o := addPathFlags(cmd)
	probe := cmd.Flags().Bool("check", false, "probe each element")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text := o.symbols(a.program.Getenv)
		if len(args) == 1 {
			text = args[0]
		}
		return a.path(cmd.Context(), o, text, *probe)
	}
	return cmd
}

func (a *app) path(ctx context.Context, o *pathOptions, text string, probe bool) error {
	p, err := parsePath("symbol path", text)
	if err != nil {
		return err
	}
	if len(p.Elements()) == 0 {
		if !a.console.json {
			a.console.line("Symbol search path is: *** Invalid ***")
		}
		return notFound(errors.New("the symbol path is empty; set _NT_SYMBOL_PATH or give --sympath"))
	}
	var elements []elementObject
	for _, e := range p.Elements() {
		elements = append(elements, a.element(ctx, o, e, probe))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	warn(elements, p.Warnings())
	a.printPath(p, elements)
	for _, e := range elements {
		if e.Status == statusMissing {
			return reported(exitNotFound)
		}
	}
	return nil
}

// The responses to a probe.
const (
	statusOK          = "ok"
	statusMissing     = "missing"
	statusUnsupported = "not supported yet"
)

// elementObject is a line of path.
type elementObject struct {
	Element   string        `json:"element"`
	Kind      string        `json:"kind"`
	Position  int           `json:"position"`
	Expanded  []string      `json:"expanded,omitempty"`
	Stores    []storeObject `json:"stores,omitempty"`
	Warnings  []string      `json:"warnings,omitempty"`
	Status    string        `json:"status,omitempty"`
	Error     string        `json:"error,omitempty"`
	ElapsedMS int64         `json:"elapsed_ms,omitempty"`
}

type storeObject struct {
	Store string `json:"store"`
	Kind  string `json:"kind"`
}

func (a *app) element(ctx context.Context, o *pathOptions, e sympath.Element, probe bool) elementObject {
	out := elementObject{Element: e.String(), Kind: e.Kind.String(), Position: e.Pos}
	for _, s := range e.Stores {
		out.Stores = append(out.Stores, storeObject{s.Text, s.Kind.String()})
	}
	if full := e.Expand(); len(full) > 1 {
		for _, x := range full {
			out.Expanded = append(out.Expanded, x.String())
		}
	}
	if probe && ctx.Err() == nil {
		start := time.Now()
		out.Status, out.Error = a.probe(o, e)
		if out.Kind == sympath.ElementUNC.String() || out.Kind == sympath.ElementHTTP.String() {
			out.ElapsedMS = time.Since(start).Milliseconds()
		}
	}
	return out
}

// probe asks whether an element can be used. A chain is as good as the worst
// of its stores.
func (a *app) probe(o *pathOptions, e sympath.Element) (status, problem string) {
	switch e.Kind {
	case sympath.ElementDir:
		return probeDir(e.Text)
	case sympath.ElementDefault:
		return a.probeDefault(o)
	case sympath.ElementServer, sympath.ElementCache:
		return a.probeChain(o, e)
	}
	return statusUnsupported, ""
}

func (a *app) probeChain(o *pathOptions, e sympath.Element) (status, problem string) {
	if len(e.Stores) == 0 {
		if e.Kind == sympath.ElementServer {
			return statusUnsupported, ""
		}
		return a.probeDefault(o)
	}
	status = statusOK
	for i, s := range e.Stores {
		got, why := a.probe(o, s)
		switch {
		case got == statusMissing && (e.Kind == sympath.ElementCache || i < len(e.Stores)-1):
			// a cache that does not exist yet is no fault
		case got != statusOK && status == statusOK:
			status, problem = got, why
		}
	}
	return status, problem
}

// probeDefault accepts a default cache that does not exist yet.
func (a *app) probeDefault(o *pathOptions) (status, problem string) {
	if o.cache != "" {
		return statusOK, ""
	}
	if _, err := sympath.DefaultCache(a.program.Getenv); err != nil {
		return statusMissing, err.Error()
	}
	return statusOK, ""
}

func probeDir(dir string) (status, problem string) {
	d, err := fsx.Dir(dir).Open(".")
	if err != nil {
		return statusMissing, pathErrorCause(err)
	}
	defer d.Close()
	if st, err := d.Stat(); err != nil || !st.IsDir() {
		return statusMissing, "not a directory"
	}
	return statusOK, ""
}

// pathErrorCause drops the name that the line has already.
func pathErrorCause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
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
		a.console.line("%-32s %-13s %s", response(e), "", e.Element)
		for _, w := range e.Warnings {
			a.console.note("*** WARNING: %s: %s", e.Element, w)
		}
	}
}

// response is WinDbg's word for the result of a probe.
func response(e elementObject) string {
	words := map[string]string{"": "Deferred", statusOK: "OK", statusMissing: "Error", statusUnsupported: "Not supported yet"}
	text := words[e.Status]
	if e.Error != "" {
		text += ": " + strings.ReplaceAll(e.Error, "\n", "; ")
	}
	return text
}
