package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/vadmath"
)

func (a *app) nearestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nearest [ADDR...]",
		Short: "name addresses, as ln does",
		Long: "nearest prints the symbol at or below each address and how far it is, after the source line of the\n" +
			"code, and before the functions that were inlined there. Without an address it reads them from\n" +
			"standard input, one a line, and answers each as it comes. Addresses are hex.",
		Example: "  symres nearest --demo fe0c8310\n  symres nearest --image a.dll --pdb a.pdb < addresses",
	}
	o := addTargetFlags(cmd)
	cmd.ValidArgsFunction = a.completeModules(o, "+0x", 0)
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
	namers  []*namer // each for a share of the queries
	queries []query
	addrs   []uint64 // of the queries, sorted
	found   int
	last    string // module of the last answer
	hints   int    // looked for
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
		var err error
		if n.queries[i].addr, err = vadmath.ParseAddr(arg); err != nil {
			return usage(err)
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
			n.queries = append(n.queries, query{addr: addr})
			continue
		}
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue
		}
		addr, err := vadmath.ParseAddr(text)
		q := query{addr: addr}
		if err != nil {
			q.miss, q.text = err, text
		}
		n.queries = append(n.queries, q)
	}
	if err := n.answer(ctx); err != nil {
		return err
	}
	n.console.flush()
	return n.console.failed
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
	if q.miss != nil {
		n.miss(cmp.Or(q.text, hexString(q.addr)), q.miss)
		n.hint(q)
		return
	}
	n.found++
	if q.module != n.last {
		n.last = q.module
		n.module(q.module)
	}
	n.console.write(q.answer)
	if q.frames != nil {
		n.app.report(fmt.Errorf("%s: inlined functions and lines: %w", hexString(q.addr), q.frames))
	}
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

// miss tells that a query has no answer: with --json a result of its own, so
// that every query has its line.
func (n *nearest) miss(query string, err error) {
	if n.app.weigh(err); n.console.json {
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
