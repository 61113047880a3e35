package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
)

func (a *app) reloadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload [MODULE[=BASE[,SIZE[,STAMP]]]...]",
		Short: "load symbols and say what became of it, as .reload /f does",
		Long: "reload loads the symbols of every module, or of those named, and prints what the debugger prints:\n" +
			"which image header cannot be read, and whether symbols were found. With -v it adds the true reason\n" +
			"and every place that was tried, as !sym noisy does. MODULE=BASE,SIZE makes a module known first. A /f\n" +
			"before it, as in the commands that vad and vpn print, changes nothing.",
		Example: "  symres reload --demo -v\n  symres reload --dump MEMORY.DMP --sympath DIR explorerframe.dll=6fb`37a60000,1e000",
	}
	o := addTargetFlags(cmd)
	cmd.ValidArgsFunction = a.completeModules(o, "", 0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.reload(cmd, o, args) }
	return cmd
}

func (a *app) reload(cmd *cobra.Command, o *targetOptions, args []string) error {
	names, extra := splitModules(args)
	t, err := a.openTarget(cmd.Context(), cmd, o, extra...)
	if err != nil {
		return err
	}
	defer t.close()
	r := &reload{teller: a.newTeller(t)}
	if len(names) == 0 {
		for _, m := range t.session.Modules() {
			names = append(names, m.Module.Name)
		}
	}
	for _, name := range names {
		if err := r.one(cmd.Context(), name); err != nil {
			return err
		}
	}
	if r.hint && !a.console.json && (r.ok == 0 || len(args) > 0) {
		if next := t.nextStep(); next != "" {
			a.console.note("%s", next)
		}
	}
	return r.status(len(args) > 0)
}

// splitModules returns the names to load, and what of them is to be made known. The
// switch /f of pasted commands is what is done anyway.
func splitModules(args []string) (names, extra []string) {
	for _, arg := range args {
		if arg == "/f" {
			continue
		}
		name, _, described := strings.Cut(arg, "=")
		names = append(names, name)
		if described {
			extra = append(extra, arg)
		}
	}
	return names, extra
}

// reload is one run of the subcommand.
type reload struct {
	*teller
	ok, bad int
	hint    bool
}

// status is a failure when nothing was loaded, or not all that was named.
func (r *reload) status(named bool) error {
	switch {
	case r.ok > 0 && (r.bad == 0 || !named):
		return nil
	case r.target.named:
		return reported(exitUnusable)
	}
	return reported(exitNotFound)
}

// one loads a module. Its error ends the command.
func (r *reload) one(ctx context.Context, name string) error {
	rep, err := r.target.session.Load(ctx, name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if rep == nil {
		r.bad++
		r.app.report(err)
		return nil
	}
	if err != nil || rep.Defaulted() { // it was asked for symbols, and the PDB is missing
		r.bad++
		r.hint = true
	} else {
		r.ok++
	}
	r.warnings()
	if r.console.json {
		r.console.object(rep)
	} else {
		r.print(rep, err)
	}
	return r.console.failed
}

func (r *reload) print(rep *symres.Report, err error) {
	if r.noisy || !r.expected(rep) {
		r.lines(headerLines(rep, r.target.bits, r.noisy))
	}
	if r.noisy {
		r.lines(r.loadLines(rep))
	}
	r.lines(verdict(rep))
	if err == nil && rep.Defaulted() {
		err = rep.NoPDB
	}
	if err != nil {
		r.lines(indent(reason(err)))
		return
	}
	r.console.line("Symbols loaded for %s (%v, proof %v)", rep.Module.Name, rep.Status, rep.Proof)
}

func (r *reload) lines(lines []string) {
	for _, l := range lines {
		r.console.line("%s", l)
	}
}

// expected reports whether a header that is missing is no news: a triage dump
// or minidump hardly ever holds one, its list of modules stands in.
func (r *reload) expected(rep *symres.Report) bool {
	return r.target.sparse && errors.Is(rep.HeaderErr, memsource.ErrNotInDump)
}
