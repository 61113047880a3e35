package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/vadmath"
)

func (a *app) lineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "line FILE:LINE...",
		Short: "find the code of a source line, as `mod!file:line` does",
		Long: "line lists the addresses of the code that a line of source became: where it stands in a\n" +
			"function, and wherever that function was inlined. FILE is a path or the end of one, such as\n" +
			"main.c or src\\main.c, alone or as 'module!FILE:LINE'; LINE is decimal. A line without code\n" +
			"gives the next one that has some.\n\nSingle quotes keep ! and \\ from the shell.",
		Example: "  symres line --image null.sys --pdb null.pdb 'null!driver.c:120'",
		Args:    cobra.MinimumNArgs(1),
	}
	o := addTargetFlags(cmd)
	cmd.ValidArgsFunction = a.completeModules(o, "!", 0)
	cmd.RunE = func(cmd *cobra.Command, places []string) error { return a.lines(cmd, o, places) }
	return cmd
}

func (a *app) lines(cmd *cobra.Command, o *targetOptions, places []string) error {
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	l := &lineShow{teller: a.newTeller(t)}
	for _, place := range places {
		if err := l.place(cmd.Context(), place); err != nil {
			return err
		}
	}
	l.end()
	return l.status()
}

// lineShow is one run of the subcommand.
type lineShow struct {
	*teller
	json  jsonRow
	found int
	moved string // module and line last told of
}

func (l *lineShow) status() error {
	switch {
	case l.found > 0:
		return nil
	case l.failed > 0 && l.target.named:
		return reported(exitUnusable)
	}
	return reported(exitNotFound)
}

// place lists the code of a line. Its error ends the command.
func (l *lineShow) place(ctx context.Context, place string) error {
	l.asked(place)
	for at, err := range l.target.session.Lines(ctx, place) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, symres.ErrPattern):
			return usage(err)
		case err != nil:
			l.failure(err)
			continue
		}
		l.found++
		l.module(at.Location.Module)
		if l.console.json {
			l.object(at)
		} else {
			l.elsewhere(at)
			l.print(at)
		}
		if l.console.failed != nil {
			return l.console.failed
		}
	}
	return nil
}

// elsewhere tells once that code is from another line than was asked for.
func (l *lineShow) elsewhere(at symres.SourceLine) {
	text := fmt.Sprintf("%s has no code at line %d of that file; the next is line %d", at.Location.Module, at.Asked, at.Line.Line)
	if at.Line.Line != at.Asked && text != l.moved {
		l.moved = text
		l.console.note("%s", text)
	}
}

// print writes address, symbol and, as k does, file and line.
func (l *lineShow) print(at symres.SourceLine) {
	name := at.Location.Module
	if at.Location.Name != "" {
		name += "!" + at.Location.Name
	}
	name = string(appendDisplacement([]byte(name), at.Location.Displacement))
	inlined := ""
	if at.Inlined {
		inlined = " (inlined)"
	}
	l.console.line("%s  %s%s  [%s @ %d]%s", vadmath.FormatAddr(at.Address, l.target.bits), name,
		label(at.Location.Proof), at.File, at.Line.Line, inlined)
}

// object prints a place in code as JSON.
func (l *lineShow) object(at symres.SourceLine) {
	r := &l.json
	r.begin()
	r.hex("address", at.Address)
	r.hex("rva", uint64(at.RVA))
	r.num("length", uint64(at.Size))
	r.str("module", at.Location.Module)
	r.str("file", at.File)
	r.num("line", uint64(at.Line.Line))
	r.knownNum("column", uint64(at.Column))
	r.flag("inlined", at.Inlined)
	if at.Location.Name != "" {
		r.str("name", at.Location.Name)
		r.raw(at.Location.Raw)
		r.int("displacement", int64(at.Location.Displacement))
		r.str("source", at.Location.Source.String())
		r.str("proof", at.Location.Proof.String())
		r.str("identity", at.Location.Identity.String())
	}
	l.console.write(r.end())
}
