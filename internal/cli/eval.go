package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres/eval"
	"github.com/symres/symres/internal/cli/values"
	targets "github.com/symres/symres/target"
)

// evalOptions are the flags of eval.
type evalOptions struct {
	*targetOptions
	cpp, formats bool
	radix        int
	thread       string
}

func (a *app) evalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "eval EXPRESSION...",
		Aliases: []string{"?"},
		Short:   "evaluate expressions, as ? and ?? do",
		Long: "eval evaluates MASM expressions as kd does: numbers in hex with 0x, 0n, 0t and 0y, back-ticks, its\n" +
			"operators, by wo dwo qwo poi hi low not, registers (@eax), pseudo-registers ($proc), modules and\n" +
			"symbols (nt!PsLoadedModuleList), $vvalid $iment $scmp $sicmp $spat, and @@c++(...). In the dump of a\n" +
			"kernel a number from 80000000 to ffffffff is extended by its sign, as kd does; 0`80000000 is not.\n\n" +
			"--cpp evaluates C++ as ?? does: sizeof, casts, members, arrays, #FIELD_OFFSET, @@masm(...).\n" +
			"Without a target there are numbers and operators alone. Single quotes keep an expression from the shell.",
		Example: "  symres eval '37d9bd30*2000'\n  symres eval --demo 'poi(nt!PsLoadedModuleList)'\n  symres eval --demo --formats fs_rec",
		Args:    cobra.MinimumNArgs(1),
	}
	o := &evalOptions{targetOptions: addTargetFlags(cmd)}
	flags := cmd.Flags()
	flags.BoolVar(&o.cpp, "cpp", false, "evaluate C++, as ?? does")
	flags.BoolVar(&o.formats, "formats", false, "show the value in every format, as .formats does")
	flags.IntVar(&o.radix, "radix", 16, "the `RADIX` of numbers without a prefix: 8, 10 or 16")
	flags.StringVar(&o.thread, "thread", "", "take the registers of thread `ID` (default the one that crashed)")
	cmd.MarkFlagsMutuallyExclusive("cpp", "formats")
	enumerate(cmd, "radix", "8", "10", "16")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.evaluate(cmd, o, args) }
	return cmd
}

func (a *app) evaluate(cmd *cobra.Command, o *evalOptions, args []string) error {
	if o.radix != 8 && o.radix != 10 && o.radix != 16 {
		return usage(fmt.Errorf("--radix %d: want 8, 10 or 16", o.radix))
	}
	env := &eval.Env{Bits: 64}
	if o.any() {
		t, err := a.openTarget(cmd.Context(), cmd, o.targetOptions)
		if err != nil {
			return err
		}
		defer t.close()
		th, err := a.evalThread(cmd.Context(), t, o.thread)
		if err != nil {
			return err
		}
		env = t.Env(cmd.Context(), th)
	}
	env.Radix = o.radix
	s := &evaluations{app: a, writer: values.Writer{Env: env}, command: values.MASM}
	switch {
	case o.cpp:
		s.command = values.CPP
	case o.formats:
		s.command = values.Formats
	}
	for _, arg := range args {
		if err := s.show(cmd.Context(), arg); err != nil {
			return err
		}
	}
	if s.failed {
		return reported(exitNotFound)
	}
	return a.console.failed
}

// evalThread is the thread whose registers expressions speak of: the one that was named, or else
// the first, if there is one.
func (a *app) evalThread(ctx context.Context, t *target, name string) (targets.Thread, error) {
	var list []targets.Thread
	for th, err := range t.Threads(ctx) {
		if ctx.Err() != nil {
			return th, ctx.Err()
		}
		if err == nil && name == "" {
			return th, nil
		}
		list = append(list, th)
	}
	if name == "" {
		return targets.Thread{}, nil
	}
	if found := threadsNamed(list, name); len(found) > 0 {
		return found[0], nil
	}
	return targets.Thread{}, notFound(errors.New(missingThread(name)))
}

// evaluations is one run of the subcommand.
type evaluations struct {
	*app
	writer  values.Writer
	command string
	failed  bool
}

// evalObject is an answer with --json.
type evalObject struct {
	Expression string `json:"expression"`
	Value      string `json:"value"`             // of a structure its address
	Decimal    *int64 `json:"decimal,omitempty"` // of a number
	Type       string `json:"type,omitempty"`    // of C++
	Text       string `json:"text,omitempty"`    // as ?? shows it
}

func (s *evaluations) show(ctx context.Context, expr string) error {
	lines, v, err := s.writer.Lines(ctx, s.command, expr)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if s.console.json && err == nil {
		s.console.object(s.object(expr, lines, v))
		return s.console.failed
	}
	for _, line := range lines {
		s.console.line("%s", line)
	}
	if err == nil {
		return s.console.failed
	}
	s.failed = true
	if s.console.json {
		s.report(err)
		return s.console.failed
	}
	s.console.note("%s", strings.TrimLeft(values.Refusal(err, expr, 0), " "))
	if e, ok := errors.AsType[*eval.Error](err); ok && e.Cause != nil {
		s.console.note("    %v", e.Cause)
	}
	return s.console.failed
}

func (s *evaluations) object(expr string, lines []string, v eval.Value) evalObject {
	env := s.writer.Env
	out := evalObject{Expression: expr}
	u, err := v.Int(env)
	if addr, ok := v.Address(); err != nil && ok {
		u = addr
	}
	decimal, hex := eval.Evaluated(u, env.Bits)
	out.Value = "0x" + strings.ReplaceAll(hex, "`", "")
	if err == nil {
		out.Decimal = &decimal
	}
	if s.command == values.CPP {
		out.Type, out.Text = v.Type(), lines[0]
	}
	return out
}
