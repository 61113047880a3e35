package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/vadmath"
)

func (a *app) nearestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "nearest [ADDR...]",
		Aliases: []string{"ln"},
		Short:   "name addresses, as ln does",
		Long: "nearest prints the symbol at or below each address and how far it is. Without an address it\n" +
			"reads them from standard input, one a line, and answers each as it comes. Addresses are hex.",
		Example: "  symres nearest --demo fe0c8310\n  symres nearest --image a.dll --pdb a.pdb < addresses",
	}
	o := addTargetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.nearest(cmd, o, args) }
	return cmd
}

func (a *app) nearest(cmd *cobra.Command, o *targetOptions, args []string) error {
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	n := &nearest{teller: a.newTeller(t)}
	if len(args) > 0 {
		err = n.all(cmd.Context(), args)
	} else {
		err = n.stream(cmd.Context())
	}
	if err != nil {
		return err
	}
	n.end()
	return n.status()
}

// nearest is one run of the subcommand.
type nearest struct {
	*teller
	found int
}

func (n *nearest) status() error {
	switch {
	case n.found > 0:
		return nil
	case n.failed > 0 && n.target.named:
		return reported(exitUnusable)
	}
	return reported(exitNotFound)
}

// all answers addresses of the command line, which are checked first.
func (n *nearest) all(ctx context.Context, args []string) error {
	addrs := make([]uint64, len(args))
	for i, arg := range args {
		var err error
		if addrs[i], err = vadmath.ParseAddr(arg); err != nil {
			return usage(err)
		}
	}
	for _, addr := range addrs {
		if err := n.one(ctx, addr); err != nil {
			return err
		}
	}
	return nil
}

// stream answers addresses from standard input as they come.
func (n *nearest) stream(ctx context.Context) error {
	if isTerminal(n.program.Stdin) && !n.console.json {
		n.console.note("Type addresses, one a line; end with an end of file.")
	}
	for line, err := range lines(ctx, n.program.Stdin) {
		if err != nil {
			return unusable(fmt.Errorf("standard input: %w", err)) // or interrupted, which ctx says
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		addr, err := vadmath.ParseAddr(line)
		if err != nil {
			n.miss(line, err)
		} else if err := n.one(ctx, addr); err != nil {
			return err
		}
		if n.console.flush(); n.console.failed != nil {
			return n.console.failed
		}
	}
	return ctx.Err()
}

// one answers an address. Its error ends the command.
func (n *nearest) one(ctx context.Context, addr uint64) error {
	loc, err := n.target.session.Resolve(ctx, addr)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		n.miss(hexString(addr), err)
		return nil
	}
	n.found++
	n.module(loc.Module)
	if n.console.json {
		n.console.object(newLocationObject(loc))
		return nil
	}
	n.print(loc)
	return nil
}

// print writes the line of ln: the symbol's own start in parentheses, and the
// names that are exactly there.
func (n *nearest) print(l symres.Location) {
	text := fmt.Sprintf("(%s)   %s!%s", vadmath.FormatAddr(l.Address, n.target.bits), l.Module, l.Name)
	if l.Displacement != 0 {
		text += fmt.Sprintf("+0x%x", l.Displacement)
	}
	if l.PastEnd {
		text += fmt.Sprintf("   (past its end, size 0x%x)", l.Size)
	}
	n.console.line("%s%s", text, label(l.Proof))
	if l.Displacement != 0 {
		return
	}
	n.console.line("Exact matches:")
	for _, name := range append([]string{l.Name}, l.Aliases...) {
		n.console.line("    %s!%s", l.Module, name)
	}
}

// miss tells that a query has no answer: with --json a result of its own, so
// that every query has its line.
func (n *nearest) miss(query string, err error) {
	if n.console.json {
		n.console.object(missObject{Query: query, Error: err.Error()})
		return
	}
	if errors.Is(err, symres.ErrNoSymbols) {
		n.failure(err) // once for each module
		err = fmt.Errorf("%s: %w", query, symres.ErrNoSymbols)
	}
	n.app.report(err)
}

type missObject struct {
	Query string `json:"query"`
	Error string `json:"error"`
}

// locationObject is a line of nearest.
type locationObject struct {
	Query        string   `json:"query"`
	Module       string   `json:"module"`
	Name         string   `json:"name"`
	Raw          string   `json:"raw"`
	RawBytes     string   `json:"name_raw,omitempty"`
	Address      string   `json:"address"`
	Displacement uint64   `json:"displacement"`
	Size         uint32   `json:"size,omitempty"`
	PastEnd      bool     `json:"past_end,omitempty"`
	Aliases      []string `json:"aliases,omitempty"`
	Source       string   `json:"source"`
	Proof        string   `json:"proof"`
	Identity     string   `json:"identity"`
}

func newLocationObject(l symres.Location) locationObject {
	return locationObject{
		Query: hexString(l.Query), Module: l.Module, Name: l.Name, Raw: l.Raw, RawBytes: rawBytes(l.Raw),
		Address: hexString(l.Address), Displacement: l.Displacement, Size: l.Size, PastEnd: l.PastEnd,
		Aliases: l.Aliases, Source: l.Source.String(), Proof: l.Proof.String(), Identity: l.Identity.String(),
	}
}
