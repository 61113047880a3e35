package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/vadmath"
)

func (a *app) nearestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nearest [ADDR...]",
		Short: "name addresses and logs, as ln does",
		Long: "nearest prints the symbol at or below each address and how far it is, after the source line of the\n" +
			"code, and before the functions that were inlined there. An address is hex, module+10,\n" +
			"module!symbol+10, or a line of a log that has one: an event of Windows with its fault offset,\n" +
			"a stack of Go, Rust, Node or Chromium.\n\n" +
			"Without an address it reads them from standard input, one a line, and answers each line in one line\n" +
			"as it comes: the line, a tab, and the answer. With --filter the input is a log, which is written as\n" +
			"it is, every byte of it, with the names behind its addresses.",
		Example: "  symres nearest --demo fe0c8310 fs_rec+580\n  symres nearest --image a.dll --pdb a.pdb < addresses\n" +
			"  symres nearest --filter --image app.exe --module app.exe=7ff6a1b20000 < crash.log",
	}
	o := addTargetFlags(cmd)
	filter := cmd.Flags().Bool("filter", false, "copy a log from standard input, with names behind its addresses")
	cmd.ValidArgsFunction = a.completeModules(o, "+0x", 0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.nearest(cmd, o, args, *filter) }
	return cmd
}

func (a *app) nearest(cmd *cobra.Command, o *targetOptions, args []string, filter bool) error {
	if filter && (len(args) > 0 || a.console.json) {
		return usage(errors.New("--filter copies a log from standard input: it goes with neither addresses nor --json"))
	}
	check, err := o.versionCheck()
	if err != nil {
		return err
	}
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	n := &nearest{teller: a.newTeller(t), places: newPlaces(t.session, check)}
	if n.form = formRow; n.console.json {
		n.form = formJSON
	}
	switch {
	case filter:
		n.form = formShort
		n.asked("") // of every module
		err = n.filter(cmd.Context())
	case len(args) > 0:
		if n.form == formRow {
			n.form = formLines
		}
		err = n.all(cmd.Context(), args)
	default:
		err = n.stream(cmd.Context())
	}
	if err != nil {
		return err
	}
	n.end()
	if filter && n.failed == 0 {
		return nil // a log without addresses is one
	}
	return n.status()
}

// nearest is one run of the subcommand.
type nearest struct {
	*teller
	places  *places
	form    form
	namers  []*namer // each for a share of the queries
	queries []query
	addrs   []uint64 // of the queries, sorted
	found   int
	last    string // module of the last answer
	hints   int    // looked for
	text    []byte // memory for echo
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
	n.queries = make([]query, len(args))
	for i, arg := range args {
		q := &n.queries[i]
		if q.line, q.text = []byte(arg), typedText(arg); q.text == "" {
			q.addr, _ = vadmath.ParseAddr(arg)
			continue
		}
		if q.addr, q.miss = n.places.read(ctx, arg); errors.Is(q.miss, vadmath.ErrSyntax) {
			return usage(q.miss)
		}
	}
	return n.answer(ctx)
}

// stream answers addresses from standard input as they come.
func (n *nearest) stream(ctx context.Context) error {
	if isTerminal(n.program.Stdin) && !n.console.json {
		n.console.note("Type addresses, one a line; end with an end of file.")
	}
	for lines, err := range batches(ctx, n.program.Stdin, maxBatch) {
		if err == nil {
			err = n.batch(ctx, lines)
		} else if ctx.Err() == nil {
			err = unusable(fmt.Errorf("standard input: %w", err))
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (n *nearest) batch(ctx context.Context, lines [][]byte) error {
	n.queries = slices.Grow(n.queries[:0], len(lines))
	for _, line := range lines {
		addr, ok := plainAddr(line)
		if ok {
			n.queries = append(n.queries, query{addr: addr, line: line})
			continue
		}
		text := strings.TrimSpace(string(line))
		q := query{line: line, text: typedText(text)}
		if text == "" {
			q.miss = errBlank
		} else {
			q.addr, q.miss = n.places.read(ctx, text)
		}
		n.queries = append(n.queries, q)
	}
	if err := n.answer(ctx); err != nil {
		return err
	}
	n.console.flush()
	return n.console.failed
}

// errBlank is for a line of input without anything in it.
var errBlank = errors.New("nothing is asked")

// typedText returns what was typed where it is more than an address.
func typedText(text string) string {
	if _, err := vadmath.ParseAddr(text); err == nil {
		return ""
	}
	return text
}

// plainAddr reads the addresses a program writes: hex digits after 0x.
func plainAddr(line []byte) (addr uint64, ok bool) {
	if len(line) < 3 || len(line) > 18 || line[0] != '0' || line[1] != 'x' {
		return 0, false
	}
	for _, c := range line[2:] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		addr = addr<<4 | uint64(c)
	}
	return addr, true
}

// answer prints the answers to all queries, in their order.
func (n *nearest) answer(ctx context.Context) error {
	n.nameAll(ctx)
	for i := range n.queries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n.print(&n.queries[i])
		if n.console.failed != nil {
			return n.console.failed
		}
	}
	return nil
}

func (n *nearest) print(q *query) {
	switch {
	case errors.Is(q.miss, errBlank):
		if !n.console.json { // line by line
			n.console.write([]byte("\n"))
		}
		return
	case q.miss != nil:
		n.miss(q)
		n.hint(q)
		return
	}
	n.answered(q)
	n.echo(q)
	n.console.write(q.answer)
	if q.frames != nil {
		n.app.report(fmt.Errorf("%s: inlined functions and lines: %w", hexString(q.addr), q.frames))
	}
}

// answered counts an answer, and tells of its module when it is another one.
func (n *nearest) answered(q *query) {
	n.found++
	if q.module != n.last {
		n.last = q.module
		n.module(q.module)
	}
}

// echo writes what was asked in front of the answer: on the same line for lines of
// input, so that answers join their questions.
func (n *nearest) echo(q *query) {
	if n.console.json {
		return
	}
	n.text = text.FinishRow(append(n.text[:0], bytes.TrimRight(q.line, "\r")...), 0, 0)
	last := len(n.text) - 1
	if n.form == formRow {
		n.text[last] = '\t'
	} else {
		n.text = append(n.text[:last], ":\n"...)
	}
	n.console.write(n.text)
}

// maxHints is for how many addresses without a module other processes are asked.
const maxHints = 3

// hint tells whose an address without a module is, for the first few.
func (n *nearest) hint(q *query) {
	if n.console.json || n.hints == maxHints || !errors.Is(q.miss, symres.ErrNoModule) {
		return
	}
	n.hints++
	if hint := n.target.contextHint(q.addr); hint != "" {
		n.console.note("    %s", hint)
	}
}

// miss tells in its place that a query has no answer, so that every query has its line.
func (n *nearest) miss(q *query) {
	err, whole := q.miss, !n.app.broken
	n.app.weigh(err)
	if whole && n.app.broken { // from here on answers may be missing
		n.app.report(err)
	}
	if n.console.json {
		n.console.object(missObject{Query: cmp.Or(q.text, hexString(q.addr)), Error: err.Error()})
		return
	}
	if load, ok := errors.AsType[*symres.LoadError](err); ok {
		n.failure(err) // once for each module
		err = fmt.Errorf("%s: %w", load.Report.Module.Name, symres.ErrNoSymbols)
	}
	text := err.Error()
	switch asked := string(q.line); {
	case n.form == formRow:
		n.echo(q)
	case !strings.HasPrefix(text, asked):
		text = asked + ": " + text
	}
	n.console.line("%s", text)
}

type missObject struct {
	Query string `json:"query"`
	Error string `json:"error"`
}
