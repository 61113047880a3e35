package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
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
			"that is known agrees, mismatch when anything differs, and unverified when there is nothing to go by, as\n" +
			"when the only copy of --image FILE is FILE itself.\n" +
			"The exit status is 0 for the first two and 1 for the others.",
		Example: "  symres verify --demo wide\n  symres verify --dump MEMORY.DMP --sympath DIR null.sys --json",
		Args:    cobra.MaximumNArgs(1),
	}
	o := addTargetFlags(cmd)
	cmd.ValidArgsFunction = a.completeModules(o, "", 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.verify(cmd, o, args) }
	return cmd
}

func (a *app) verify(cmd *cobra.Command, o *targetOptions, args []string) error {
	if len(args) == 0 && o.demo {
		args = []string{"wide"} // the module of the demo that was made for it
	}
	if len(args) == 0 && !o.files() {
		return usage(errors.New("verify wants the name of a module"))
	}
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	if len(args) == 0 {
		args = []string{t.session.Modules()[0].Module.Name} // the one of the file
	}
	r, err := t.session.Verify(cmd.Context(), args[0])
	if ctxErr := cmd.Context().Err(); ctxErr != nil {
		return ctxErr
	}
	if err != nil {
		return a.noCopy(t, r, err)
	}
	if o.files() && sameFile(o.image, r.Image) {
		r = withItself(r)
	}
	if a.console.json {
		a.console.object(newVerifyObject(r))
	} else {
		a.printVerdict(r, t)
	}
	if r.Pages.Verdict < identify.VerdictLikely {
		return reported(exitNotFound)
	}
	return nil
}

// sameFile reports whether two names are those of one file.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, other)
}

// withItself is the report on a file that was held against itself: that it
// equals itself says nothing about any copy.
func withItself(r *symres.Report) *symres.Report {
	own, pages := *r, *r.Pages
	pages.Verdict = identify.VerdictUnverified
	own.Pages, own.Identity, own.Proof = &pages, symres.IdentityName, symres.ProofNameOnly
	own.Evidence = slices.DeleteFunc(slices.Clone(r.Evidence), func(e identify.Evidence) bool {
		return e.Result == identify.ComparisonEqual
	})
	own.Notes = append(slices.Clone(r.Notes), "the only copy found is the file itself, so that there was nothing to compare; "+
		"name the memory it was loaded into (--dump, --gdb, --pid), or a path with another copy")
	return &own
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
	if next := tryNext(identify.NextAfter(r, t.hint)); next != "" {
		a.console.note("%s", next)
	}
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
		if e.Field != identify.FieldFile || e.Rung != identify.RungCopy { // the first line has it
			a.finding(e.Name(), e.Finding())
		}
	}
	for _, p := range r.Pages.Ranges {
		if p.State == identify.PageStateDiffers {
			a.finding(plural(p.Count, "page"), fmt.Sprintf("at %s, %s differing%s", vadmath.FormatAddr(m.Base+uint64(p.RVA), t.bits),
				plural(p.Bytes, "byte"), because(p.Reason)))
		}
	}
	for _, n := range r.Notes {
		a.finding("note", n)
	}
	a.finding("proof", fmt.Sprintf("%v (%v)", r.Proof, r.Identity))
	a.console.line("%s: %v, %v", m.Name, r.Pages.Verdict, r.Pages)
	if next := r.Next.String(); next != "" {
		a.wrapped("Try next: ", next)
	}
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

// picture draws the pages of a module. Its lines are ours, colours too.
func (a *app) picture(r *symres.Report, bits int) {
	for _, l := range r.Pages.Picture(r.Module.Base, bits, a.console.paintsOut) {
		a.console.write([]byte(l + "\n"))
	}
}

// verifyObject is the line of verify.
type verifyObject struct {
	Module   string               `json:"module"`
	Verdict  string               `json:"verdict"`
	Compared int                  `json:"compared"`
	Matched  int                  `json:"matched"`
	Code     int                  `json:"code_pages"`
	Pages    []identify.PageRange `json:"pages"`
	Image    string               `json:"image"`
	Proof    string               `json:"proof"`
	Identity string               `json:"identity"`
	Evidence []identify.Evidence  `json:"evidence,omitempty"`
	Notes    []string             `json:"notes,omitempty"`
	Next     identify.Step        `json:"next,omitzero"`
}

func newVerifyObject(r *symres.Report) verifyObject {
	p := r.Pages
	return verifyObject{
		Module: r.Module.Name, Verdict: p.Verdict.String(), Compared: p.Resident, Matched: p.Matched, Code: p.Code,
		Pages: append([]identify.PageRange{}, p.Ranges...), Image: r.Image, Proof: r.Proof.String(), Identity: r.Identity.String(),
		Evidence: r.Evidence, Notes: r.Notes, Next: r.Next,
	}
}
