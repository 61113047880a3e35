package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/pe"
	targets "github.com/symres/symres/target"
	"github.com/symres/symres/vadmath"
)

func (a *app) modulesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "modules [PATTERN...]",
		Short: "list the modules of a target, as lm does",
		Long: "modules lists the loaded modules, all or those whose name matches a pattern. Nothing is loaded\n" +
			"for that. With -v the symbols are, and what identified each module and what was compared is shown.\n\n" +
			"Flags in front of the status, once symbols were asked for: T, C the time stamp or checksum is\n" +
			"unknown; M the symbols do not match and were taken because of --version-check off.",
		Example: "  symres modules --demo\n  symres modules --dump MEMORY.DMP -v nt",
	}
	o := addTargetFlags(cmd)
	unloaded := cmd.Flags().Bool("unloaded", false, "add the unloaded modules")
	cmd.ValidArgsFunction = a.completeModules(o, "", 0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.modules(cmd, o, args, *unloaded) }
	return cmd
}

func (a *app) modules(cmd *cobra.Command, o *targetOptions, args []string, unloaded bool) error {
	patterns, err := parsePatterns(args)
	if err != nil {
		return err
	}
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	reports, err := a.selected(cmd.Context(), t, patterns)
	if err != nil {
		return err
	}
	if !a.console.json && len(reports) > 0 {
		a.console.line("%s", listHeader(t.bits))
	}
	for _, r := range reports {
		a.printModule(r, t.bits)
	}
	if unloaded {
		a.unloaded(t, patterns)
	}
	if len(reports) == 0 {
		return notFound(errors.New("no modules"))
	}
	return nil
}

func parsePatterns(args []string) ([]*symres.Pattern, error) {
	var patterns []*symres.Pattern
	for _, arg := range args {
		p, err := symres.ParsePattern(arg)
		if err != nil {
			return nil, usage(err)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

// matches reports whether one of the patterns matches one of the names; no
// pattern matches all.
func matches(patterns []*symres.Pattern, names ...string) bool {
	for _, p := range patterns {
		for _, name := range names {
			if p.Match([]byte(name)) {
				return true
			}
		}
	}
	return len(patterns) == 0
}

// selected returns the reports of the modules that match, loaded under -v.
func (a *app) selected(ctx context.Context, t *target, patterns []*symres.Pattern) ([]*symres.Report, error) {
	var out []*symres.Report
	for _, r := range t.session.Modules() {
		if !matches(patterns, r.Module.Name, r.Module.Image) {
			continue
		}
		if !a.noisy {
			out = append(out, withHeader(ctx, t, r))
			continue
		}
		loaded, err := t.session.Load(ctx, r.Module.Name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if loaded == nil {
			return nil, unusable(err)
		}
		out = append(out, loaded)
	}
	return out, nil
}

// withHeader adds what the image header in memory says to the report of a
// module whose loader entry leaves it open.
func withHeader(ctx context.Context, t *target, r *symres.Report) *symres.Report {
	if t.memory == nil || r.Header != nil || r.Module.TimeDateStamp != 0 && r.Module.CheckSum != 0 {
		return r
	}
	image, err := symres.ReadImage(ctx, t.memory, r.Module.Base)
	if err != nil {
		return r
	}
	with := *r
	with.Header = image
	return &with
}

func listHeader(bits int) string {
	if bits == 64 {
		return "start             end                 module name"
	}
	return "start    end        module name"
}

func (a *app) printModule(r *symres.Report, bits int) {
	if a.console.json {
		a.console.object(r)
		return
	}
	m := r.Module
	a.console.line("%s %s   %-8s %s (%s)%s%s", vadmath.FormatAddr(m.Base, bits), vadmath.FormatAddr(m.Base+m.Size, bits),
		m.Name, moduleFlag(r), r.Status, strings.Repeat(" ", max(1, 21-len(r.Status.String()))), symbolFile(r))
	if a.noisy {
		a.printDetails(r, bits)
	}
}

// symbolFile is where the symbols are from.
func symbolFile(r *symres.Report) string {
	if r.Carried() {
		return r.Image
	}
	return r.PDB
}

// moduleFlag is the letter in front of lm's status. The copy of an image tells
// what its target does not.
func moduleFlag(r *symres.Report) string {
	switch {
	case r.Status == symres.StatusDeferred: // they come with the load, as in lm
	case r.Loaded() && r.Proof == symres.ProofNameOnly:
		return "M"
	case r.TimeDateStamp() == 0 && r.Copy == nil:
		return "T"
	case r.CheckSum() == 0 && r.Copy == nil:
		return "C"
	}
	return " "
}

// printDetails is the block of lm v, and what the identity rests on.
func (a *app) printDetails(r *symres.Report, bits int) {
	field := func(name, value string) {
		if value != "" {
			a.console.line("    %-18s %s", name+":", value)
		}
	}
	prose := func(name, text string) { a.wrapped(fmt.Sprintf("    %-18s ", name+":"), text) }
	field("Mapped image file", r.Image)
	field("Image path", r.Module.Path)
	field("Image name", r.Module.Image)
	field("Timestamp", stampText(r))
	field("CheckSum", fmt.Sprintf("%08X", r.CheckSum()))
	field("ImageSize", fmt.Sprintf("%08X", r.Module.Size))
	field("Listed by", r.Module.Origin)
	field("PDB key", r.PDBID.Key())
	if r.Loaded() || r.Carried() {
		field("Proof", fmt.Sprintf("%v (%v)", r.Proof, r.Identity))
	}
	for _, l := range headerLines(r, bits, true) {
		a.console.line("    %s", l)
	}
	for _, e := range r.Evidence {
		prose("Evidence", e.Line())
	}
	if r.Pages != nil {
		field("Pages", fmt.Sprintf("%v, %v", r.Pages.Verdict, r.Pages))
	}
	field("Symbols", strings.TrimPrefix(fromLine(r), "symbols "))
	for _, n := range r.Notes {
		prose("Note", n)
	}
	if !r.Loaded() {
		for _, l := range a.attemptLines(r.Attempts) {
			a.console.line("    %s", l)
		}
	}
	if next := r.Next.String(); next != "" {
		prose("Try next", next)
	}
}

// stampText never takes the hash of a reproducible build for a date: it shows
// one only where a debug directory says that the build is none.
func stampText(r *symres.Report) string {
	stamp := r.TimeDateStamp()
	switch {
	case stamp == 0:
		return "unavailable (00000000)"
	case r.Header != nil && r.Header.Repro, r.Copy != nil && r.Copy.Repro:
		return fmt.Sprintf("%08X (This is a reproducible build file hash, not a timestamp)", stamp)
	case !knowsDebug(r.Header) && !knowsDebug(r.Copy):
		return fmt.Sprintf("%08X (a time, or the hash of a reproducible build: no debug directory to tell)", stamp)
	}
	return fmt.Sprintf("%s (%08X)", time.Unix(int64(stamp), 0).UTC().Format("Mon Jan _2 15:04:05 2006"), stamp)
}

// knowsDebug reports whether the debug directory was read, or there is none.
func knowsDebug(m *symres.Image) bool {
	if m == nil {
		return false
	}
	missing := m.Missing(pe.PartDebugDirectory)
	return missing == nil || errors.Is(missing, pe.ErrNoPart)
}

// unloaded lists the modules the target remembers to have unloaded.
func (a *app) unloaded(t *target, patterns []*symres.Pattern) {
	header := sync.OnceFunc(func() {
		if !a.console.json {
			a.console.line("")
			a.console.line("Unloaded modules:")
		}
	})
	for m, err := range t.Unloaded() {
		if errors.Is(err, targets.ErrNoRecord) {
			a.console.warn("only a dump has a list of unloaded modules")
			return
		}
		header()
		switch {
		case err != nil:
			a.console.warn("unloaded modules: %v", err)
		case matches(patterns, m.Image):
			a.printUnloaded(m, t.bits)
		}
	}
	header()
}

// unloadedObject is a line about a module that is not there any more.
type unloadedObject struct {
	Name      string `json:"name"`
	Image     string `json:"image,omitempty"`
	Base      string `json:"base"`
	Size      string `json:"size"`
	Timestamp string `json:"timestamp,omitempty"`
	Checksum  string `json:"checksum,omitempty"`
	Unloaded  bool   `json:"unloaded"`
}

func (a *app) printUnloaded(m symres.Module, bits int) {
	if a.console.json {
		a.console.object(unloadedObject{
			Name: cmp.Or(symres.ModuleName(m.Image), m.Image), Image: m.Image, Base: hexString(m.Base), Size: hexString(m.Size),
			Timestamp: hexKnown(uint64(m.TimeDateStamp)), Checksum: hexKnown(uint64(m.CheckSum)), Unloaded: true,
		})
		return
	}
	a.console.line("%s %s   %s", vadmath.FormatAddr(m.Base, bits), vadmath.FormatAddr(m.Base+m.Size, bits), m.Image)
}
