package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/vadmath"
)

func (a *app) vadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vad [ADDR [FLAGS]]",
		Short: "list the virtual address descriptors of a process, as !vad does",
		Long: "vad lists what is mapped in a process, or the one descriptor of an address, and for images the\n" +
			".reload command that makes the debugger know them: that is how modules are found when the PEB is\n" +
			"paged out. Without --process an address is looked for in every process. The address may be that of the\n" +
			"descriptor itself, too. With the FLAGS 0 the VadRoot of a process stands for its list, and with 1 for one\n" +
			"descriptor. Without FLAGS the command named !vad takes 0, as the debugger does, and vad takes 1.",
		Example: "  symres vad --dump MEMORY.DMP --process explorer.exe\n  symres vad --dump MEMORY.DMP --process notepad.exe 7f78e9e000f",
		Args:    cobra.MaximumNArgs(2),
	}
	o := addTargetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.vad(cmd, o, args) }
	return cmd
}

func (a *app) vad(cmd *cobra.Command, o *targetOptions, args []string) error {
	addr, tree, err := vadArgs(cmd.CalledAs(), args)
	if err != nil {
		return usage(err)
	}
	if o.process == "" && len(args) == 0 {
		return usage(errors.New("vad: of which process? Give --process, or an address"))
	}
	t, err := a.openKernel(cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	l := &vadLister{app: a, target: t}
	if tree {
		if root := l.rooted(cmd.Context(), addr); root != nil {
			return l.all(cmd.Context(), root)
		}
	}
	switch {
	case len(args) == 0:
		return l.all(cmd.Context(), t.View())
	case t.View() == nil:
		return l.anywhere(cmd.Context(), addr)
	}
	return l.one(t.View(), addr)
}

// vadArgs reads an address and flags. tree says that the address may stand for the
// tree below it.
func vadArgs(called string, args []string) (addr uint64, tree bool, err error) {
	flags := uint64(1)
	if called == "!vad" {
		flags = 0
	}
	if len(args) > 1 {
		if flags, err = strconv.ParseUint(args[1], 16, 32); err != nil {
			return 0, false, fmt.Errorf("flags %q: %w", args[1], errors.Unwrap(err))
		}
	}
	if len(args) > 0 {
		addr, err = vadmath.ParseAddr(args[0])
	}
	return addr, len(args) > 0 && flags&1 == 0, err
}

// vadLister is one run of the subcommand.
type vadLister struct {
	*app
	target *target
	owner  *nt.Process // of the next descriptor; nil when it was asked for
}

// rooted returns the view of the process whose tree begins at an address, nil where
// there is none.
func (l *vadLister) rooted(ctx context.Context, root uint64) *nt.View {
	for p, err := range l.target.Processes(ctx) {
		if err != nil || p.VADRoot != root || root == 0 {
			continue
		}
		if v, err := l.target.Kernel().View(p); err == nil {
			return v
		}
	}
	return nil
}

// all prints the list, and the commands for the images in it.
func (l *vadLister) all(ctx context.Context, v *nt.View) error {
	var images []vadmath.Reload
	var list []vadmath.Entry
	var problems []error
	for e, err := range v.VADs() {
		if err != nil {
			problems = append(problems, l.target.Explain(err))
			continue
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return l.none(v, problems)
	}
	if !l.console.json {
		l.console.line("VAD             Level         Start             End              Commit")
	}
	for _, e := range list {
		if ctx.Err() != nil || l.console.failed != nil {
			return cmp.Or(ctx.Err(), l.console.failed)
		}
		r, err := l.reload(e)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if l.console.json {
			l.console.object(newVADObject(e, r))
			continue
		}
		l.row(e)
		if e.Type == vadmath.TypeImage {
			images = append(images, r)
		}
	}
	l.commands(list, images)
	for _, err := range problems {
		l.console.warn("%v", err)
	}
	return nil
}

// none is the answer for a process without VADs.
func (l *vadLister) none(v *nt.View, problems []error) error {
	err := errors.Join(problems...)
	if err == nil {
		return notFound(fmt.Errorf("%s has no VADs", v.Process().Name))
	}
	return unusable(l.target.Explain(err))
}

// row prints a line of the list as the debuggers since Windows 8.1 do.
func (l *vadLister) row(e vadmath.Entry) {
	kind := map[vadmath.Type]string{vadmath.TypeImage: "Mapped  Exe ", vadmath.TypeMapped: "Mapped      ", vadmath.TypePrivate: "Private     "}[e.Type]
	what := e.File
	if what == "" && e.Note == pagefileNote {
		what = e.Note
	}
	line := fmt.Sprintf("%0*x %2d %15x %15x %15d %s %-18s %s", l.target.bits/4, e.Address, e.Level, uint64(e.Pages.Start), uint64(e.Pages.End),
		e.Commit, kind, e.Protection, what)
	l.console.line("%s", trimRight(line))
	if e.Note != "" && e.Note != pagefileNote {
		l.console.warn("%x: %s", e.Address, e.Note)
	}
}

// pagefileNote is what stands in the place of a file that there is none of.
const pagefileNote = "Pagefile section"

func trimRight(s string) string {
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// commands prints the totals and a command for each image.
func (l *vadLister) commands(list []vadmath.Entry, images []vadmath.Reload) {
	if l.console.json {
		return
	}
	levels, deepest := 0, 0
	for _, e := range list {
		levels += e.Level
		deepest = max(deepest, e.Level)
	}
	l.console.line("")
	l.console.line("Total VADs: %d, average level: %d, maximum depth: %d", len(list), levels/len(list)+1, deepest) // as kd counts
	for _, r := range images {
		l.console.line("Reload command: %s", r)
	}
}

// one prints the descriptor of an address.
func (l *vadLister) one(v *nt.View, addr uint64) error {
	e, err := v.VADAt(addr)
	if err != nil {
		if !errors.Is(err, memsource.ErrNotMapped) || errors.Is(err, nt.ErrNoLayout) {
			return l.none(v, []error{err})
		}
		return notFound(err)
	}
	return l.block(e)
}

// block prints a descriptor as !vad ADDR does.
func (l *vadLister) block(e vadmath.Entry) error {
	r, err := l.reload(e)
	if err != nil {
		return unusable(err)
	}
	if l.console.json {
		o := newVADObject(e, r)
		if l.owner != nil {
			o.Process, o.PID = l.owner.Name, l.owner.PID
		}
		l.console.object(o)
		return nil
	}
	if l.owner != nil {
		l.console.note("%s (pid %x):", l.owner.Name, l.owner.PID)
	}
	l.console.line("VAD @ %x", e.Address)
	l.console.line("  Start VPN: %13x  End VPN: %13x  Commit Charge %9x (%d.)", uint64(e.Pages.Start), uint64(e.Pages.End), max(e.Commit, 0), e.Commit)
	l.console.line("   %s", flagWords(e))
	switch {
	case e.File != "":
		l.console.line("        File: %s", e.File)
	case e.Note != "":
		l.console.note("    %s", e.Note)
	}
	if e.Type == vadmath.TypeImage {
		l.console.line("Reload command: %s", r)
	}
	return nil
}

// flagWords are the flags of a descriptor in kd's order.
func flagWords(e vadmath.Entry) string {
	words := []string{"", e.View.String(), "", e.Protection}
	switch e.Type {
	case vadmath.TypeImage:
		words[0] = "ImageMap"
	case vadmath.TypePrivate:
		words[2] = "PrivateMemory"
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// reload is the command for an image of the target.
func (l *vadLister) reload(e vadmath.Entry) (vadmath.Reload, error) {
	page, err := vadmath.PageSizeOf(l.target.Machine())
	if err != nil {
		page = vadmath.Page4K
	}
	return reloadOf(e, page)
}

// reloadOf is the command for an image as !vad prints it. An image whose name
// is out gets the one its module has in a session.
func reloadOf(e vadmath.Entry, page vadmath.PageSize) (vadmath.Reload, error) {
	r, err := e.Reload(page)
	if err != nil {
		return r, fmt.Errorf("VAD %x: %w", e.Address, err)
	}
	if r.Force = false; r.Image == "" && e.Type == vadmath.TypeImage {
		digits := 8
		if r.Base>>32 != 0 {
			digits = 16
		}
		r.Image = fmt.Sprintf("module_%0*x", digits, r.Base)
	}
	return r, nil
}

// anywhere prints the descriptors of an address in every process that has one.
func (l *vadLister) anywhere(ctx context.Context, addr uint64) error {
	found := 0
	var problems []error
	for p, err := range l.target.Processes(ctx) {
		if ctx.Err() != nil || l.console.failed != nil {
			return cmp.Or(ctx.Err(), l.console.failed)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		v, err := l.target.Kernel().View(p)
		if err != nil {
			return unusable(err)
		}
		e, err := v.VADAt(addr)
		if err != nil {
			problems = append(problems, treeProblems(v)...)
			continue
		}
		found++
		l.owner = &p
		if err := l.block(e); err != nil {
			return err
		}
	}
	switch {
	case found > 0:
		return nil
	case len(problems) > 0:
		return unusable(l.target.noProcesses(problems))
	}
	return notFound(fmt.Errorf("no process has a VAD of %s", vadmath.FormatAddr(addr, l.target.bits)))
}

// treeProblems are those of the tree of a process, in which an address may have
// been that was not found.
func treeProblems(v *nt.View) (problems []error) {
	for _, err := range v.VADs() {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s (pid %x): %w", v.Process().Name, v.Process().PID, err))
		}
	}
	return problems[:min(len(problems), 3)]
}
