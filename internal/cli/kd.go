package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/symres/symres/internal/cli/readline"
	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/internal/kd"
	"github.com/symres/symres/sympath"
	targets "github.com/symres/symres/target"
)

// kdOptions are the flags of kd.
type kdOptions struct {
	*targetOptions
	commands []string
	strict   bool
}

func (a *app) kdCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kd",
		Short: "a prompt with the debugger's own commands",
		Long: "kd takes the commands of Microsoft's kernel debugger as they are typed, and shows what that debugger shows:\n" +
			".reload, .sympath+, x, ln, lm, dt, db, u, r, k, !process, !vad, !pte, ? and more; .help lists them. It only reads.\n\n" +
			"Lines come from the terminal, with editing, history and completion, or else from the standard input, and are then shown in\n" +
			"front of their answers. Ctrl-C ends a command and not the session.\n" +
			"The exit status is 0; with --strict it is 1 when a command failed.",
		Example: "  symres kd --demo\n  symres kd --demo -c '.reload; x fs_rec!*'\n  symres kd --dump memory.dmp < session.txt",
		Args:    cobra.NoArgs,
	}
	o := &kdOptions{targetOptions: addTargetFlags(cmd)}
	flags := cmd.Flags()
	flags.StringArrayVarP(&o.commands, "command", "c", nil, "run `COMMANDS`, separated by ';', and end (repeatable)")
	flags.BoolVar(&o.strict, "strict", false, "end with status 1 when a command failed")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !o.any() {
			return errNoTarget(cmd)
		}
		return (&prompt{app: a, o: o}).run(cmd.Context())
	}
	return cmd
}

// prompt is one run of the subcommand.
type prompt struct {
	*app
	o       *kdOptions
	process string // --process
}

func (p *prompt) run(ctx context.Context) error {
	p.process = p.o.process
	in, talks := readline.Terminal(p.program.Stdin)
	if talks = talks && len(p.o.commands) == 0; talks {
		ctx = context.WithoutCancel(ctx) // which the first interrupt of all would end
	}
	var s *kd.Session
	var err error
	p.interruptible(ctx, talks, func(ctx context.Context) {
		s, err = kd.New(ctx, kd.Config{
			Open: p.open, Run: p.subcommand, Out: consoleWriter{p.console, talks}, Flush: p.console.flush, Name: p.name(), Process: p.process,
			Symbols: p.paths(p.o.symbols(p.program.Getenv), demo.UNC), Images: p.paths(p.o.images(p.program.Getenv), ""),
		})
	})
	if err != nil {
		return err
	}
	defer s.Close()
	if talks {
		err = p.talk(ctx, s, in)
	} else {
		err = p.lines(ctx, s)
	}
	if err != nil {
		return err
	}
	if p.o.strict && s.Failed() {
		return reported(exitNotFound)
	}
	return p.console.failed
}

// lines runs what the session is made of.
func (p *prompt) lines(ctx context.Context, s *kd.Session) error {
	for _, line := range p.o.commands {
		if err := s.Execute(ctx, line); err != nil || s.Ended() {
			return err
		}
	}
	if len(p.o.commands) > 0 {
		return nil
	}
	return s.Script(ctx, p.program.Stdin, true)
}

// talk reads commands from a terminal. An interrupt ends the command that runs, and not
// the session.
func (p *prompt) talk(ctx context.Context, s *kd.Session, in *os.File) error {
	lines := readline.New(in, consoleWriter{p.console, true}, "kd> ", func(line string) []string { return s.Complete(ctx, line) })
	for !s.Ended() && p.console.failed == nil {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			p.console.write([]byte("\n"))
			return nil
		}
		if err != nil {
			return err
		}
		s.Typed(line)
		p.interruptible(ctx, true, func(ctx context.Context) {
			if err := s.Execute(ctx, line); err != nil {
				p.console.write([]byte("^C\n"))
			}
		})
	}
	return nil
}

// interruptible runs something that an interrupt ends where there is a terminal. What it
// opened goes on with its context, which is therefore not ended behind it.
func (p *prompt) interruptible(ctx context.Context, talks bool, f func(context.Context)) {
	if !talks {
		f(ctx)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt)
	defer signal.Stop(signals)
	defer close(done)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
		}
	}()
	f(ctx)
}

// paths is the path the session begins with, as text; the demo has its own.
func (p *prompt) paths(parts []pathPart, ofDemo string) string {
	if p.o.demo && !slices.ContainsFunc(parts, func(part pathPart) bool { return strings.HasPrefix(part.origin, "--") }) {
		return ofDemo
	}
	var list []string
	for _, part := range parts {
		if part.text != "" {
			list = append(list, sympath.ExpandEnv(part.text, p.program.Getenv))
		}
	}
	return strings.Join(list, ";")
}

// name is what the user calls the target.
func (p *prompt) name() string {
	switch {
	case p.o.demo:
		return "the demo"
	case p.o.dump != "":
		return p.o.dump
	case p.o.gdb != "":
		return p.o.gdb
	case p.o.pid != 0:
		return fmt.Sprintf("process %d", p.o.pid)
	}
	return p.o.image + p.o.pdb
}

// open opens the target for the session, with the paths that it has now.
func (p *prompt) open(ctx context.Context, now kd.OpenOptions) (*targets.Target, error) {
	flags := p.o.cmd.Flags()
	err := errors.Join(flags.Set("sympath", now.Symbols), flags.Set("imagepath", now.Images), flags.Set("process", now.Process))
	if err != nil {
		return nil, usage(err)
	}
	o := &opener{app: p.app, opts: p.o.targetOptions}
	options, err := o.options(p.o.modules)
	if err != nil {
		return nil, err
	}
	options.Modules, options.Warn = append(options.Modules, now.Modules...), now.Warn
	t, err := o.open(ctx, options)
	if err != nil {
		return nil, o.explain(ctx, err)
	}
	return t, nil
}

// subcommand runs symres itself on the target, with the paths of the session.
func (p *prompt) subcommand(ctx context.Context, args []string, out io.Writer) error {
	sub := p.program
	sub.Args, sub.Stdin, sub.Stdout, sub.Stderr = args, eof{}, out, out
	cmd, _, err := newApp(sub).root().Find(args)
	if err != nil {
		return err
	}
	p.o.cmd.Flags().Visit(func(f *pflag.Flag) {
		if cmd.Flags().Lookup(f.Name) != nil && f.Name != "command" {
			sub.Args = append(sub.Args, flagTexts(f)...)
		}
	})
	if status := sub.Run(ctx); status != exitOK {
		return fmt.Errorf("symres %s ended with status %d", cmd.Name(), status)
	}
	return nil
}

// flagTexts spell a flag as it was given.
func flagTexts(f *pflag.Flag) (list []string) {
	values := []string{f.Value.String()}
	if many, ok := f.Value.(pflag.SliceValue); ok {
		values = many.GetSlice()
	}
	for _, v := range values {
		list = append(list, "--"+f.Name+"="+v)
	}
	return list
}

// consoleWriter writes what is escaped already.
type consoleWriter struct {
	c   *console
	now bool // somebody waits for it
}

func (w consoleWriter) Write(b []byte) (int, error) {
	if w.c.write(b); w.now {
		w.c.flush()
	}
	return len(b), w.c.failed
}
