package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "read everything in files and say what is wrong",
		Long: "check says what each file is (PE image, PDB, crash dump, minidump, memory image, the text of a symbol path), reads all of it\n" +
			"and lists what is wrong. The exit status is 1 when something is.",
		Example: "  symres check null.sys null.pdb MEMORY.DMP",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return a.each(cmd.Context(), files, func(path string) error { return a.check(cmd.Context(), path) })
		},
	}
}

// The list is bounded, and each of its texts: a damaged file can have a problem
// for every record, and a name as long as the file in each.
const (
	maxProblems = 100
	maxProblem  = 4 << 10 // bytes
)

// checkObject is a line of check.
type checkObject struct {
	File     string   `json:"file"`
	Format   string   `json:"format"`
	OK       bool     `json:"ok"`
	Problems []string `json:"problems,omitempty"`

	kind    filekind.Kind
	dropped int
}

func (o *checkObject) problem(err error) {
	switch {
	case err == nil:
	case len(o.Problems) >= maxProblems:
		o.dropped++
	default:
		o.Problems = append(o.Problems, clipped(err.Error()))
	}
}

func clipped(text string) string {
	if len(text) <= maxProblem {
		return text
	}
	return fmt.Sprintf("%s…(+%d bytes)", strings.ToValidUTF8(text[:maxProblem], ""), len(text)-maxProblem)
}

func (a *app) check(ctx context.Context, path string) error {
	f, err := openPacked(ctx, path)
	if err != nil {
		return err
	}
	defer f.Close()
	o := &checkObject{File: path, Format: string(f.kind), kind: f.kind}
	switch f.kind {
	case filekind.PE:
		o.image(f)
	case filekind.PDB:
		o.pdb(ctx, f)
	case filekind.CrashDump:
		o.crashDump(ctx, f)
	case filekind.Minidump, filekind.UserDump:
		o.minidump(ctx, f)
	case filekind.Core, filekind.LiME, filekind.AVML, filekind.VMware:
		o.physical(f)
	case filekind.Path:
		o.path(f)
	case filekind.Unknown:
		if !o.raw(ctx, f) {
			o.problem(unknownKind(f.Size()))
		}
	}
	o.problem(f.unopened)
	o.problem(sympath.CheckFiled(ctx, path))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.printCheck(o)
	if !o.OK {
		return reported(exitNotFound)
	}
	return nil
}

func unknownKind(size int64) error {
	if size == 0 {
		return errors.New("the file is empty")
	}
	return errors.New("not a kind of file that is known here")
}

func (a *app) printCheck(o *checkObject) {
	if o.dropped > 0 {
		o.Problems = append(o.Problems, fmt.Sprintf("and %d more", o.dropped))
	}
	o.OK = len(o.Problems) == 0
	if a.console.json {
		a.console.object(o)
		return
	}
	switch {
	case len(o.Problems) == 1:
		a.console.line("%s: %s, 1 problem", o.File, o.kind.Title())
	case !o.OK:
		a.console.line("%s: %s, %d problems", o.File, o.kind.Title(), len(o.Problems))
	case !o.kind.Readable():
		a.console.line("%s: %s: recognised, not read yet", o.File, o.kind.Title())
	default:
		a.console.line("%s: %s: ok", o.File, o.kind.Title())
	}
	for _, p := range o.Problems {
		a.console.line("    %s", p)
	}
}

// image lists the parts that are there and wrong; a part an image does without
// is no problem.
func (o *checkObject) image(f *file) {
	image, err := symres.NewImage(f, f.Size())
	if err != nil {
		o.problem(err)
		return
	}
	seen := map[string]bool{} // one cause can make several parts unreadable
	for _, part := range []pe.Part{
		pe.PartDOSHeader, pe.PartNTHeaders, pe.PartSections, pe.PartDebugDirectory, pe.PartCodeView,
	} {
		err := image.Missing(part)
		if err == nil || errors.Is(err, pe.ErrNoPart) || seen[err.Error()] {
			continue
		}
		seen[err.Error()] = true
		if !strings.HasPrefix(err.Error(), part.String()) {
			err = fmt.Errorf("%v: %w", part, err)
		}
		o.problem(err)
	}
}

// pdb reads all of a PDB. Closing it ends that when ctx does.
func (o *checkObject) pdb(ctx context.Context, f *file) {
	p, err := pdb.New(f, f.Size())
	if err != nil {
		o.problem(err)
		return
	}
	defer p.Close()
	defer context.AfterFunc(ctx, func() { p.Close() })()
	for _, err := range p.Check() {
		o.problem(err)
	}
}

func (o *checkObject) crashDump(ctx context.Context, f *file) {
	d, err := crashdump.New(f, f.Size())
	if err != nil {
		o.problem(err)
		return
	}
	for _, err := range d.Problems() {
		o.problem(err)
	}
	kernel, err := nt.FromDumpContext(ctx, d)
	if err != nil {
		o.problem(err)
		return
	}
	for _, err := range kernel.Problems() {
		o.problem(err)
	}
	for _, err := range kernel.Modules() {
		o.problem(err)
		if ctx.Err() != nil {
			return
		}
	}
	for _, err := range d.Unloaded() {
		if !errors.Is(err, crashdump.ErrNoBlocks) {
			o.problem(err)
		}
	}
}

// minidump reads every list. A list that is not there is no problem.
func (o *checkObject) minidump(ctx context.Context, f *file) {
	d, err := minidump.New(f, f.Size())
	if err != nil {
		o.problem(err)
		return
	}
	for _, err := range d.Problems() {
		o.problem(err)
	}
	note := func(errs ...error) bool {
		for _, err := range errs {
			if !errors.Is(err, minidump.ErrNoStream) {
				o.problem(err)
			}
		}
		return ctx.Err() == nil
	}
	for m, err := range d.Modules() {
		if !note(err, m.NameErr, m.CodeViewErr) {
			return
		}
	}
	for u, err := range d.Unloaded() {
		if !note(err, u.NameErr) {
			return
		}
	}
	for _, err := range d.Threads() {
		if !note(err) {
			return
		}
	}
	_, exception := d.Exception()
	_, process := d.Process()
	_, comments := d.Comments()
	note(exception, process, comments, d.ThreadNames())
}

func (o *checkObject) path(f *file) {
	text, _ := filekind.PathText(f, f.Size())
	p, bad := sympath.ParseEach(text)
	for _, err := range bad {
		o.problem(err)
	}
	for _, w := range p.Warnings() {
		o.problem(fmt.Errorf("at %d: %s", w.Pos, w.Text))
	}
}
