// Package cli is the symres command: every subcommand is one file that parses
// flags, makes library calls and renders.
//
// A [Program] is run like an os/exec.Cmd, so tests and scripts use the command
// without a process of its own. Results go to standard output and nothing else
// does; text that comes from a target is escaped on its way out, whichever
// stream it goes to. The look of the text is that of WinDbg; programs read
// the output of --json.
package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/manual"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/stores"
)

// The exit statuses.
const (
	exitOK          = 0
	exitNotFound    = 1   // nothing matched or not found
	exitUsage       = 2   // the command line cannot be understood
	exitUnusable    = 3   // a target or symbol file could not be used
	exitInterrupted = 130 // the context was canceled
)

// Program is one run of the symres command. The zero value of a field is an
// empty stream, and no environment.
type Program struct {
	Args           []string // without the name of the program
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// Main runs the command and returns its exit status: 0 found or done, 1
// nothing found, 2 usage, 3 a target or symbol file could not be used, 130
// interrupted, which is when ctx ends.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	return Program{Args: args, Stdin: stdin, Stdout: stdout, Stderr: stderr, Getenv: getenv}.Run(ctx)
}

// Run runs the command as [Main] does. It is called once.
func (p Program) Run(ctx context.Context) int {
	p.fillIn()
	a := newApp(p)
	defer a.closeStores()
	a.console.json = slices.Contains(p.Args, "--json") // until flags are parsed
	root := a.root()
	root.SetArgs(p.Args)
	err := root.ExecuteContext(ctx)
	reads := a.progress.stop()
	for _, line := range reads {
		if a.noisy {
			a.console.note("%s", line)
		}
	}
	a.warnings()
	a.console.flush()
	return a.finish(ctx, err)
}

func newApp(p Program) *app {
	a := &app{program: p}
	stdout, stderr := p.Stdout, p.Stderr
	a.progress = newProgress(nil)
	if isTerminal(stderr) && knowsEscapes(p.Getenv) {
		a.progress.screen, stderr = stderr, a.progress.over(stderr)
		if isTerminal(stdout) {
			stdout = a.progress.over(stdout)
		}
	}
	a.console = newConsole(stdout, stderr, wantsColor(p.Stderr, p.Getenv))
	a.console.paintsOut = wantsColor(p.Stdout, p.Getenv)
	return a
}

func (p *Program) fillIn() {
	if p.Stdin == nil {
		p.Stdin = eof{}
	}
	if p.Stdout == nil {
		p.Stdout = io.Discard
	}
	if p.Stderr == nil {
		p.Stderr = io.Discard
	}
	if p.Getenv == nil {
		p.Getenv = func(string) string { return "" }
	}
	if p.Args == nil {
		p.Args = []string{} // cobra takes those of the process for nil
	}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// app is what the subcommands share.
type app struct {
	program Program
	console *console
	noisy   bool // -v
	json    bool // --json, once flags are parsed
	quiet   bool // --no-progress
	broken  bool // a file failed while it was in use: whatever else was answered, not all was

	progress *progress
	stores   *stores.Stores // nil until a path is wanted
}

// exitError is an error with its exit status. One without a cause was
// reported already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return "already reported"
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(err error) error    { return &exitError{exitUsage, err} }
func unusable(err error) error { return &exitError{exitUnusable, err} }
func notFound(err error) error { return &exitError{exitNotFound, err} }
func reported(code int) error  { return &exitError{code, nil} }

// finish reports the error a command ended with and returns the exit status.
func (a *app) finish(ctx context.Context, err error) int {
	if a.console.failed != nil {
		if fsx.IsBrokenPipe(a.console.failed) {
			return exitOK
		}
		err = unusable(a.console.failed)
	}
	switch {
	case err == nil && a.broken:
		return exitUnusable
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		return exitInterrupted
	}
	exit := &exitError{code: exitUsage, err: err} // cobra's own errors
	if errors.As(err, &exit); exit.err == nil {
		return exit.code
	}
	a.report(exit.err)
	if exit.code == exitUsage && !a.console.json {
		a.console.note("Run 'symres --help' or 'symres COMMAND --help' for usage.")
	}
	return exit.code
}

// errorObject is the form of an error with --json.
type errorObject struct {
	Error    string            `json:"error"`
	Attempts []sympath.Attempt `json:"attempts,omitempty"`
}

func (a *app) report(err error) {
	a.weigh(err)
	if a.console.json {
		a.console.noteObject(errorObject{Error: err.Error(), Attempts: attemptsOf(err)})
		return
	}
	for i, line := range errorLines(err) {
		if i == 0 {
			line = "symres: " + line
		}
		a.console.note("%s", line)
	}
}

// errorLines are the lines of an error that has several: those of cobra, whose
// suggestions stand on lines of their own, and what errors.Join puts together.
// A newline in the text of one error is somebody's data and stays in its line.
func errorLines(err error) []string {
	exit, isExit := err.(*exitError)
	text, joined := err.Error(), joinedIn(err)
	switch {
	case isExit && exit.err != nil:
		return errorLines(exit.err)
	case joined != nil:
		var lines []string
		for _, one := range joined {
			lines = append(lines, errorLines(one)...)
		}
		return lines
	case strings.Contains(text, suggestion):
		head, names, _ := strings.Cut(text, suggestion)
		return append([]string{head, "Did you mean this?"}, indent(strings.Fields(names))...)
	}
	return []string{text}
}

// suggestion is what stands between an error of cobra and the names it suggests.
const suggestion = "\n\nDid you mean this?\n"

// joinedIn returns what errors.Join put together, nil for any other error.
func joinedIn(err error) []error {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	if same := errors.Join(many.Unwrap()...); same == nil || same.Error() != err.Error() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(many.Unwrap()), func(e error) bool { return e == nil })
}

// weigh notes an error that answers given before it do not make up for.
func (a *app) weigh(err error) {
	a.broken = a.broken || errors.Is(err, symres.ErrFileChanged) || errors.Is(err, sympath.ErrTooManyFiles)
}

// applyFlags does what the flags of every command say.
func (a *app) applyFlags() {
	a.console.json = a.json
	if a.quiet {
		a.progress.screen = nil
	}
}

// root builds the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "symres",
		Short: "Windows symbols for targets whose memory is only partly there",
		Long: "symres answers the two questions a Windows debugger asks all day, name to address and\n" +
			"address to name, for targets whose memory is only partly there.\n\n" +
			"To see it work: symres lookup --demo 'fs_rec!*'",
		Version:          buildVersion().Version,
		SilenceErrors:    true,
		SilenceUsage:     true,
		PersistentPreRun: func(*cobra.Command, []string) { a.applyFlags() },
	}
	root.SetIn(a.program.Stdin)
	root.SetOut(a.program.Stdout)
	root.SetErr(a.program.Stderr)
	flags := root.PersistentFlags()
	flags.BoolVarP(&a.noisy, "noisy", "v", false, "say what is tried, as !sym noisy does")
	flags.BoolVar(&a.json, "json", false, "print one JSON object a line")
	flags.BoolVar(&a.quiet, "no-progress", false, "show no progress of downloads on a terminal")
	manual.Mark(flags, manual.GroupOutput)
	a.addCommands(root)
	shelve(root)
	return root
}

// command is a subcommand before it is built, by the name it has then.
type command struct {
	name  string
	build func(*app) *cobra.Command
}

func commands() []command {
	return []command{
		{"lookup", (*app).lookupCommand}, {"nearest", (*app).nearestCommand}, {"modules", (*app).modulesCommand},
		{"reload", (*app).reloadCommand}, {"identify", (*app).identifyCommand}, {"vpn", (*app).vpnCommand},
		{"path", (*app).pathCommand}, {"dump", (*app).dumpCommand}, {"undname", (*app).undnameCommand},
		{"check", (*app).checkCommand}, {"demo", (*app).demoCommand}, {"type", (*app).typeCommand},
		{"line", (*app).lineCommand}, {"fetch", (*app).fetchCommand}, {"cache", (*app).cacheCommand},
		{"processes", (*app).processesCommand}, {"stack", (*app).stackCommand}, {"analyze", (*app).analyzeCommand},
		{"vad", (*app).vadCommand}, {"verify", (*app).verifyCommand}, {"eval", (*app).evalCommand}, {"kd", (*app).kdCommand},
		{"serve", (*app).serveCommand}, {"push", (*app).pushCommand},
		{"man", (*app).manCommand}, {"version", (*app).versionCommand},
	}
}

// addCommands builds the subcommand the arguments begin with alone, since to
// build all takes longer than many a question; all where it is not as plain.
func (a *app) addCommands(root *cobra.Command) {
	list := commands()
	asked := slices.IndexFunc(list, func(c command) bool { return slices.Index(a.program.Args, c.name) == 0 })
	if asked >= 0 {
		list = list[asked : asked+1]
		root.CompletionOptions.DisableDefaultCmd = true // it is a command of its own
	}
	for _, c := range list {
		root.AddCommand(c.build(a))
	}
}
