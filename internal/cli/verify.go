package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/vadmath"
)

func (a *app) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify MODULE",
		Short: "hold the copy of an image against the module in memory",
		Long: "verify finds copies of a module's image along the paths and compares the one that agrees best with\n" +
			"what of the module is in memory: its fields, and every resident page of code and constants after the\n" +
			"relocations are applied and what a loader changes is masked. One cell of the picture is a page.\n\n" +
			"The verdict is confirmed when pages are equal and the target's checksum is the copy's, likely when all\n" +
			"that is known agrees, mismatch when anything differs, and unverified when there is nothing to go by.\n" +
			"The exit status is 0 for the first two and 1 for the others.",
		Example: "  symres verify --demo wide\n  symres verify --dump MEMORY.DMP --sympath DIR null.sys --json",
		Args:    cobra.MaximumNArgs(1),
	}
	o := addTargetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.verify(cmd, o, args) }
	return cmd
}

func (a *app) verify(cmd *cobra.Command, o *targetOptions, args []string) error {
	if len(args) == 0 && o.demo {
		args = []string{"wide"} // the module of the demo that was made for it
	}
	if len(args) == 0 {
		return usage(errors.New("verify wants the name of a module"))
	}
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	r, err := t.session.Verify(cmd.Context(), args[0])
	if ctxErr := cmd.Context().Err(); ctxErr != nil {
		return ctxErr
	}
	if err != nil {
		return a.noCopy(t, r, err)
	}
	if a.console.json {
		a.console.object(newVerifyObject(r))
	} else {
		a.printVerdict(r, t)
	}
	if r.Pages.Verdict < symres.Likely {
		return reported(exitNotFound)
	}
	return nil
}

// noCopy tells where a copy was looked for.
func (a *app) noCopy(t *target, r *symres.Report, err error) error {
	if r == nil || a.console.json {
		return notFound(err)
	}
	a.report(err)
	for _, l := range headerLines(r, t.bits, true) {
		a.console.note("%s", l)
	}
	for _, l := range a.attemptLines(r.Attempts) {
		a.console.note("%s", l)
	}
	a.console.note("%s", t.tryNext(r))
	return reported(exitNotFound)
}

// printVerdict prints the picture, what it rests on, and the verdict.
func (a *app) printVerdict(r *symres.Report, t *target) {
	m := r.Module
	a.console.line("%s %s-%s held against %s", imageName(r), vadmath.FormatAddr(m.Base, t.bits),
		vadmath.FormatAddr(m.Base+m.Size, t.bits), r.Image)
	a.console.line("")
	a.picture(r, t.bits)
	a.console.line("")
	for _, e := range r.Evidence {
		if e.Field != symres.FieldFile || e.Rung != symres.RungCopy { // the first line has it
			a.finding(e.Field, finding(e))
		}
	}
	for _, p := range r.Pages.Ranges {
		if p.State == symres.PageDiffers {
			a.finding(plural(p.Count, "page"), fmt.Sprintf("at %s, %s differing%s", vadmath.FormatAddr(m.Base+uint64(p.RVA), t.bits),
				plural(p.Bytes, "byte"), because(p.Reason)))
		}
	}
	for _, n := range r.Notes {
		a.finding("note", n)
	}
	a.finding("proof", fmt.Sprintf("%v (%v)", r.Proof, r.Identity))
	a.console.line("%s: %v, %v", m.Name, r.Pages.Verdict, r.Pages)
	if r.Next != "" {
		a.wrapped("Try next: ", r.Next)
	}
}

// finding is what a piece of evidence says, after its field. Where the module is
// listed and why a page is out is told by modules and reload.
func finding(e symres.Evidence) string {
	switch {
	case e.Rung == symres.RungPages && e.Target != "":
		return "differ from " + e.Target + " on"
	case e.Result == symres.Equal:
		return strings.TrimSpace("equal " + e.Copy)
	case e.Result == symres.Differs:
		return "differs: target " + e.Target + ", copy " + e.Copy
	case e.Result == symres.NotResident:
		return "not resident"
	case e.Target != "" && e.Rung < symres.RungCopy:
		return e.Target
	case e.Note != "":
		return e.Note
	case e.Target == "" && e.Copy != "":
		return "unknown in the target, copy " + e.Copy
	}
	return "unknown"
}

func (a *app) finding(field, text string) { a.wrapped(fmt.Sprintf("  %-19s ", field), text) }

// terminal is the width that text for people keeps to.
const terminal = 80

// wrapped prints text after a head, broken between words and indented.
func (a *app) wrapped(head, text string) {
	line, indent := head, strings.Repeat(" ", len(head))
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && len(line)+1+len(word) > terminal:
			a.console.line("%s", line)
			line = indent + word
		case i > 0 && word != "" && !strings.HasSuffix(line, " "):
			line += " " + word
		default:
			line += word
		}
	}
	a.console.line("%s", line)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (after " + reason + ")"
}

// cell is how one page is drawn.
type cell struct {
	mark  byte
	color string // SGR parameters
	words string
}

// cells are the ways, in the order of the legend.
func cells() map[symres.PageState]cell {
	return map[symres.PageState]cell{
		symres.PageMatch:   {'=', "32", "match"},
		symres.PageFixups:  {'+', "36", "after fix-ups"},
		symres.PageDiffers: {'X', "1;31", "differs"},
		symres.PageAbsent:  {'.', "2", "not resident"},
		symres.PageSkipped: {'-', "33", "skipped"},
	}
}

const (
	cellsInRow   = 32
	cellsInGroup = 8
	pageBytes    = 0x1000
)

// picture draws the pages of a module, a row for each 32. Rows of nothing but
// absent pages are told of in one line.
func (a *app) picture(r *symres.Report, bits int) {
	var states []symres.PageState
	for _, p := range r.Pages.Ranges {
		for range p.Count {
			states = append(states, p.State)
		}
	}
	empty := 0
	for n := 0; n < len(states); n += cellsInRow {
		row := states[n:min(n+cellsInRow, len(states))]
		if absent(row) && n > 0 && n+cellsInRow < len(states) {
			empty += len(row)
			continue
		}
		a.emptyRows(empty)
		empty = 0
		a.pictureRow(vadmath.FormatAddr(r.Module.Base+uint64(n)*pageBytes, bits), row)
	}
	a.emptyRows(empty)
	a.legend(states)
}

func absent(row []symres.PageState) bool {
	for _, s := range row {
		if s != symres.PageAbsent {
			return false
		}
	}
	return true
}

func (a *app) emptyRows(pages int) {
	if pages > 0 {
		a.console.line("  ... %d pages, none resident", pages)
	}
}

// pictureRow writes a row by hand: the colours are ours, and so is the text.
func (a *app) pictureRow(address string, row []symres.PageState) {
	known := cells()
	b := append([]byte("  "+address), ' ')
	last := ""
	for i, s := range row {
		if i%cellsInGroup == 0 {
			b = append(b, ' ')
		}
		c := known[s]
		if a.console.paintsOut && c.color != last {
			b = append(append(append(b, "\x1b["...), "0;"+c.color...), 'm')
			last = c.color
		}
		b = append(b, c.mark)
	}
	if last != "" {
		b = append(b, "\x1b[m"...)
	}
	a.console.write(append(b, '\n'))
}

// legend explains the marks and counts them.
func (a *app) legend(states []symres.PageState) {
	counts := map[symres.PageState]int{}
	for _, s := range states {
		counts[s]++
	}
	var words []string
	for _, s := range []symres.PageState{symres.PageMatch, symres.PageFixups, symres.PageDiffers, symres.PageAbsent, symres.PageSkipped} {
		if c := cells()[s]; counts[s] > 0 {
			words = append(words, fmt.Sprintf("%c %s %d", c.mark, c.words, counts[s]))
		}
	}
	a.console.line("  %s", strings.Join(words, "   "))
}

// verifyObject is the line of verify.
type verifyObject struct {
	Module   string           `json:"module"`
	Verdict  string           `json:"verdict"`
	Compared int              `json:"compared"`
	Matched  int              `json:"matched"`
	Code     int              `json:"code_pages"`
	Pages    []pageObject     `json:"pages"`
	Image    string           `json:"image"`
	Proof    string           `json:"proof"`
	Identity string           `json:"identity"`
	Evidence []evidenceObject `json:"evidence,omitempty"`
	Notes    []string         `json:"notes,omitempty"`
	Next     string           `json:"next,omitempty"`
}

// pageObject is a run of pages that came out alike.
type pageObject struct {
	RVA     string `json:"rva"`
	Count   int    `json:"count"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Differs int    `json:"bytes_differing,omitempty"`
}

func newVerifyObject(r *symres.Report) verifyObject {
	p := r.Pages
	return verifyObject{
		Module: r.Module.Name, Verdict: p.Verdict.String(), Compared: p.Resident, Matched: p.Matched, Code: p.Code,
		Pages: pageObjects(p), Image: r.Image, Proof: r.Proof.String(), Identity: r.Identity.String(),
		Evidence: evidenceObjects(r.Evidence), Notes: r.Notes, Next: r.Next,
	}
}

func pageObjects(p *symres.Pages) []pageObject {
	out := []pageObject{}
	for _, pg := range p.Ranges {
		out = append(out, pageObject{hexString(uint64(pg.RVA)), pg.Count, pg.State.String(), pg.Reason, pg.Bytes})
	}
	return out
}
