package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/vadmath"
)

// maxDetailed is how many modules that fail tell everything that was tried
// without -v: looking in every module of a dump should not bury the answer.
const maxDetailed = 3

// teller tells what loading modules gave, once for each module, as the
// debugger does when it loads one.
type teller struct {
	*app
	target *target
	told   map[string]bool // by module name
	failed int
	brief  bool     // the question names no module: those without symbols are summed up
	summed []string // modules of such questions
}

// asked is told of a question, whose module comes before a `!`. One that does not
// name a module asks all of them, and why each has no symbols would bury the answer.
func (t *teller) asked(question string) {
	module, _, qualified := strings.Cut(question, "!")
	unnamed := !qualified || module == "" || strings.ContainsAny(module, "*?[#+")
	t.brief = unnamed && !t.noisy && !t.console.json && len(t.target.session.Modules()) > 1
}

func (a *app) newTeller(t *target) *teller {
	return &teller{app: a, target: t, told: map[string]bool{}}
}

// module tells about a module once it is loaded.
func (t *teller) module(name string) {
	if t.told[name] {
		return
	}
	for _, r := range t.target.session.Modules() {
		if r.Module.Name == name && r.Status != symres.StatusDeferred {
			t.report(r, nil)
		}
	}
}

// withoutPDB tells of modules that have the symbols of their image alone: what
// was not found there may be in the PDB.
func (t *teller) withoutPDB() {
	for _, r := range t.target.session.Modules() {
		if r.Carried() && !t.brief {
			t.report(r, r.NoPDB)
		}
	}
}

// warnings tells what happened to files on their way that a user should know.
func (a *app) warnings() {
	for _, text := range a.progress.take() {
		a.console.warn("%s", text)
	}
}

// failure tells why a module could not be loaded, or whatever else err is.
func (t *teller) failure(err error) {
	var load *symres.LoadError
	if errors.As(err, &load) {
		t.report(load.Report, err)
		return
	}
	t.app.report(err)
}

func (t *teller) report(r *symres.Report, err error) {
	if t.told[r.Module.Name] {
		return
	}
	t.told[r.Module.Name] = true
	if err != nil {
		t.failed++
		t.app.weigh(err)
	}
	t.warnings()
	switch {
	case t.brief && err != nil:
		t.summed = append(t.summed, imageName(r))
	case t.console.json && err != nil:
		t.app.report(err)
	case t.console.json:
	case t.noisy:
		t.notes(t.story(r))
		t.notes(verdict(r))
	default:
		t.notes(verdict(r))
		if err != nil && t.failed <= maxDetailed {
			t.notes(headerLines(r, t.target.bits, true))
			t.notes(indent(reason(err)))
			t.notes(t.attemptLines(r.Attempts))
		}
	}
}

func (t *teller) notes(lines []string) {
	for _, l := range lines {
		t.console.note("%s", l)
	}
}

// nextStep is the last line of a failure: what to try, going by what was found.
func (t *target) nextStep() string {
	return tryNext(identify.NextFor(t.session.Modules(), t.hint))
}

// tryNext is a step, and how to take it where that is known; "" for none.
func tryNext(next, how identify.Step) string {
	if next.Kind == identify.StepNone {
		return ""
	}
	if how.Kind == identify.StepNone {
		return "Try next: " + next.String()
	}
	return "Try next: " + next.String() + " (" + how.String() + ")"
}

// end says what to try next when something failed.
func (t *teller) end() {
	if t.failed == 0 || t.console.json {
		return
	}
	if len(t.summed) > 0 {
		t.console.note("%s", t.summary())
	}
	if t.failed > maxDetailed+len(t.summed) && !t.noisy {
		t.console.note("%d modules have no symbols; -v tells what was tried for each", t.failed)
	}
	if next := t.target.nextStep(); next != "" {
		t.console.note("%s", next)
	}
}

// maxSummed is how many modules without symbols are called by name.
const maxSummed = 5

// summary is the one line about the modules that have no symbols.
func (t *teller) summary() string {
	names := strings.Join(t.summed[:min(maxSummed, len(t.summed))], ", ")
	if more := len(t.summed) - maxSummed; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%d of %s no symbols: %s; -v tells what was tried for each", len(t.summed),
		count(len(t.target.session.Modules()), "module has", "modules have"), names)
}

// story is what !sym noisy prints about a load.
func (t *teller) story(r *symres.Report) []string {
	return append(headerLines(r, t.target.bits, true), t.loadLines(r)...)
}

// headerLines tells of an image header that cannot be read: kd's line, and the
// true reason after it.
func headerLines(r *symres.Report, bits int, why bool) []string {
	if r.HeaderErr == nil {
		return nil
	}
	lines := []string{fmt.Sprintf("Unable to read image header for %s at %s - NTSTATUS %v",
		imageName(r), vadmath.FormatAddr(r.Module.Base, bits), memsource.StatusUnsuccessful)}
	if !why {
		return lines
	}
	var fault *memsource.Fault
	if errors.As(r.HeaderErr, &fault) {
		return append(lines, "    "+fault.Error())
	}
	return append(lines, "    "+r.HeaderErr.Error())
}

// loadLines is every probe, what was compared, and the outcome.
func (a *app) loadLines(r *symres.Report) []string {
	var lines []string
	if r.HeaderErr != nil {
		lines = append(lines, fmt.Sprintf("DBGHELP: No header for %s.  Searching for image on disk", imageName(r)))
	}
	lines = append(lines, a.attemptLines(r.Attempts)...)
	for _, e := range r.Evidence {
		lines = append(lines, fmt.Sprintf("DBGHELP: %s - %s", r.Module.Name, e.Line()))
	}
	for _, n := range r.Notes {
		lines = append(lines, "DBGHELP: "+n)
	}
	if from := fromLine(r); from != "" {
		lines = append(lines, fmt.Sprintf("DBGHELP: %s - %s", r.Module.Name, from))
	}
	if r.Carried() {
		lines = append(lines, fmt.Sprintf("DBGHELP: %s - %v, proof %v (%v)", r.Module.Name, r.Status, r.Proof, r.Identity))
		if r.Image != "" {
			lines = append(lines, "        "+r.Image)
		}
		return lines
	}
	if !r.Loaded() {
		return append(lines, fmt.Sprintf("DBGHELP: %s - no symbols loaded", r.Module.Name))
	}
	words := map[identify.Status]string{symres.StatusPublic: "public symbols", symres.StatusPrivate: "private symbols"}
	return append(lines, fmt.Sprintf("DBGHELP: %s - %s, proof %v (%v)", r.Module.Name, words[r.Status], r.Proof, r.Identity),
		"        "+r.PDB)
}

// fromLine tells whose symbols these are: those of the target's own image, or
// those of a copy.
func fromLine(r *symres.Report) string {
	switch r.SymbolsFrom() {
	case identify.SymbolsFromTarget:
		return fmt.Sprintf("symbols named by the target's image (%v)", r.From)
	case identify.SymbolsFromCopy:
		return "symbols named by the copy " + r.Image
	case identify.SymbolsFromName:
		return "symbols found by nothing but the file's name"
	}
	return ""
}

// attemptLines is every probe; with -v also what happened in it.
func (a *app) attemptLines(attempts []sympath.Attempt) []string {
	var lines []string
	for _, at := range attempts {
		lines = append(lines, at.String())
		if story := a.progress.story(at); a.noisy {
			lines = append(lines, story...)
		}
	}
	return lines
}

// verdict is what the debugger says of a module without being asked.
func verdict(r *symres.Report) []string {
	x := imageName(r)
	if r.Defaulted() {
		return []string{fmt.Sprintf("*** ERROR: Symbol file could not be found.  Defaulted to %v for %s - ", r.Status, x)}
	}
	if !r.Loaded() && !r.Carried() {
		return []string{"*** ERROR: Module load completed but symbols could not be loaded for " + x}
	}
	if r.Identity == symres.IdentityPDB && r.Proof == symres.ProofExact {
		return nil
	}
	var lines []string
	why := "nothing proves that they belong to the target"
	for _, e := range r.Evidence {
		if line := e.Warning(x); line != "" {
			lines = append(lines, "*** WARNING: "+line)
		}
		if e.Result == identify.ComparisonDiffers {
			why = "they are not the target's, and were taken because of --version-check off"
		}
	}
	if r.Proof == symres.ProofNameOnly {
		lines = append(lines, "*** WARNING: symbols for "+x+" are name-only: "+why)
	}
	return lines
}

// reason is the cause of a failed load without the words of the line above it.
func reason(err error) []string {
	var load *symres.LoadError
	var miss *sympath.NotFoundError
	switch {
	case errors.As(err, &miss):
		return []string{miss.Error()}
	case errors.As(err, &load):
		return strings.Split(load.Err.Error(), "\n")
	}
	return strings.Split(err.Error(), "\n")
}

func indent(lines []string) []string {
	for i, l := range lines {
		lines[i] = "    " + l
	}
	return lines
}

// imageName is what messages call a module.
func imageName(r *symres.Report) string {
	if r.Module.Image != "" {
		return r.Module.Image
	}
	return r.Module.Name
}
