package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres/pdb/undname"
)

// undnameOptions are the flags of the subcommand.
type undnameOptions struct {
	full  bool // the default by now
	name  bool
	style string
	flags string
}

// undnameObject is a line of undname.
type undnameObject struct {
	Raw   string `json:"raw"`
	Name  string `json:"name"`
	Full  string `json:"full"`
	Error string `json:"error,omitempty"`
}

func (a *app) undnameCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "undname [NAME...]",
		Short: "undecorate names, as undname does",
		Long: "undname prints decorated names of MSVC, clang-cl and link as people read them: the declaration, or\n" +
			"with --name the name alone. Without a name it reads them from standard input, one a line. A\n" +
			"name that cannot be read is printed as it is, and standard error says where reading stopped.",
		Example: "  symres undname '?f@@YAXXZ'\n  symres undname < names",
	}
	o := &undnameOptions{}
	cmd.Flags().BoolVar(&o.name, "name", false, "print the name alone")
	cmd.Flags().BoolVar(&o.full, "full", false, "print the whole declaration, as without it")
	cmd.Flags().StringVar(&o.style, "style", "ms", "`STYLE` of the declaration: ms, or llvm for that of llvm-undname")
	cmd.Flags().StringVar(&o.flags, "flags", "0", "hex `FLAGS` of UnDecorateSymbolName: what to leave out of the declaration")
	_ = cmd.Flags().MarkHidden("full") // fails for a flag that does not exist
	for _, declared := range []string{"full", "style", "flags"} {
		cmd.MarkFlagsMutuallyExclusive("name", declared)
	}
	enumerate(cmd, "style", "ms", "llvm")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.undname(cmd.Context(), o, args) }
	return cmd
}

func (a *app) undname(ctx context.Context, o *undnameOptions, names []string) error {
	u, err := o.parse(a)
	if err != nil {
		return err
	}
	for _, name := range names {
		u.print(name)
	}
	if len(names) == 0 {
		err = u.stream(ctx)
	}
	if err == nil && u.failed {
		err = reported(exitNotFound)
	}
	return err
}

// undecorator is one run of the subcommand.
type undecorator struct {
	*app
	name   bool
	style  undname.Style
	flags  undname.Flags
	failed bool
}

func (o *undnameOptions) parse(a *app) (*undecorator, error) {
	u := &undecorator{app: a, name: o.name}
	switch strings.ToLower(o.style) {
	case "ms":
	case "llvm":
		u.style = undname.StyleLLVM
	default:
		return nil, usage(fmt.Errorf("style %q: want ms or llvm", o.style))
	}
	flags, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(o.flags), "0x"), 16, 32)
	if err != nil {
		return nil, usage(fmt.Errorf("flags %q: want a hex number", o.flags))
	}
	u.flags = undname.Flags(flags)
	return u, nil
}

func (u *undecorator) stream(ctx context.Context) error {
	for line, err := range lines(ctx, u.program.Stdin) {
		if err != nil {
			return unusable(fmt.Errorf("standard input: %w", err))
		}
		u.print(strings.TrimRight(line, "\r"))
		if u.console.flush(); u.console.failed != nil {
			return u.console.failed
		}
	}
	return ctx.Err()
}

func (u *undecorator) print(raw string) {
	full, err := undname.Undecorate(raw, u.style, u.flags)
	o := undnameObject{Raw: raw, Name: undname.NameOnly(raw), Full: full}
	if err != nil {
		u.failed, o.Error = true, err.Error()
	}
	switch {
	case u.console.json:
		u.console.object(o)
		return
	case u.name:
		u.console.line("%s", o.Name)
	default:
		u.console.line("%s", o.Full)
	}
	if err != nil {
		u.console.note("symres: %s: %v", raw, err)
	}
}
