package analyze

import (
	"context"
	"fmt"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// WarningKind is what is doubtful.
type WarningKind uint8

// The kinds.
const (
	WarnTorn      WarningKind = iota // the walk did not come to the end of the stack
	WarnGuessed                      // frames were found by guessing
	WarnUnproven                     // a module's symbols or image are not proven to be the target's
	WarnPatched                      // code in memory differs from that of the file
	WarnNoModule                     // a frame is in no module
	WarnPastEnd                      // a name is that of the nearest symbol, which ends before the address
	WarnRegisters                    // the registers are not those of the fault
)

// String returns the kind in a word.
func (k WarningKind) String() string {
	words := []string{"torn stack", "guessed frames", "unproven", "patched code", "no module", "past its end", "registers"}
	if int(k) < len(words) {
		return words[k]
	}
	return fmt.Sprintf("WarningKind(%d)", uint8(k))
}

// Warning is what may make the answer wrong.
type Warning struct {
	Kind   WarningKind
	Module string // "" where it is about no module
	Frame  int    // the first frame concerned; 0 where it is about none
	Text   string // in words; names in it are the target's
}

func (a *analysis) add(k WarningKind, module string, frame int, format string, args ...any) {
	a.Warnings = append(a.Warnings, Warning{k, module, frame, fmt.Sprintf(format, args...)})
}

// warn finds what is doubtful.
func (a *analysis) warn() {
	if a.Fault.Address != 0 && a.Kind == KindException && len(a.Frames) > 0 && a.Frames[0].PC != a.Fault.Address {
		a.add(WarnRegisters, "", 0, "the stack does not begin at the instruction that failed: the registers are of another moment (%s)", a.Thread.Origin)
	}
	if a.Kind == KindBugCheck && a.target.View() != nil && !a.Thread.Running && len(a.Frames) > 0 {
		a.add(WarnRegisters, "", 0, "the stack is that of a thread of the process asked for, not of the one that stopped the system")
	}
	a.warnFrames()
	for i := range a.Modules {
		a.warnModule(&a.Modules[i])
	}
	if a.End != nil && len(a.Frames) > 0 {
		a.add(WarnTorn, "", len(a.Frames)-1, "torn stack: the walk ends after %s: %s", plural(len(a.Frames), "frame"), firstLine(a.End))
	}
}

func (a *analysis) warnFrames() {
	guessed, lost, past := false, false, false
	user := a.userFrame()
	for i := range a.Frames {
		f := &a.Frames[i]
		if i == user {
			lost = true // see what is missing
		}
		if f.Rule.Guess() && !guessed {
			guessed = true
			a.add(WarnGuessed, f.ModuleName(), i, "frame %d and those behind it were found by guessing (%v) and may be wrong", i, f.Rule)
		}
		if f.Module == nil && !lost {
			lost = true
			a.add(WarnNoModule, f.ModuleName(), i, "frame %d, %v, is in no module that is loaded", i, f)
		}
		if f.Location.PastEnd && !past {
			past = true
			a.add(WarnPastEnd, f.ModuleName(), i, "frame %d: the function %s ends before this address: the name may be wrong", i, f.Location.Name)
		}
	}
}

// warnModule tells of symbols and images that are not proven, and of patched code.
func (a *analysis) warnModule(m *Module) {
	if m.Symbols != "" && m.Proof < symres.ProofImage {
		a.add(WarnUnproven, m.Name, m.First, "the symbols of %s are %v (%v): nothing proves that they are the target's", m.Name, m.Proof, m.Identity)
	}
	for i := range a.Frames {
		f := &a.Frames[i]
		if f.ModuleName() == m.Name && f.Origin.Bytes == unwind.BytesCopy && f.Origin.Proof < unwind.ProofImage && !f.Rule.Guess() {
			a.add(WarnUnproven, m.Name, i, "frame %d rests on a copy of the image of %s that is %v", i, m.Name, f.Origin.Proof)
			break
		}
	}
	if m.Verdict == identify.VerdictMismatch && m.pages != nil {
		a.add(WarnPatched, m.Name, m.First, "%s", a.patched(m))
	}
}

// patched says which code differs.
func (a *analysis) patched(m *Module) string {
	differing, bytes, hit := 0, 0, -1
	for _, p := range m.pages.Ranges {
		if p.State != identify.PageStateDiffers {
			continue
		}
		differing, bytes = differing+p.Count, bytes+p.Bytes
		for i := range a.Frames {
			f := &a.Frames[i]
			if hit < 0 && f.Module != nil && f.Module.Base == m.base && f.RVA()-p.RVA < uint32(p.Count)*pageSize {
				hit = i
			}
		}
	}
	if differing == 0 {
		return fmt.Sprintf("%s is not the build of its copy %s", m.Name, m.Copy)
	}
	text := fmt.Sprintf("patched code: %s of %s differ from the copy %s, %s in all", plural(differing, "page"), m.Name, m.Copy, plural(bytes, "byte"))
	if hit >= 0 {
		text += fmt.Sprintf("; frame %d runs in one of them", hit)
	}
	return text
}

const pageSize = 4096

// compare holds the code of the modules on the stack against copies, where a page
// of it is in memory.
func (a *analysis) compare(ctx context.Context) {
	if a.opts.NoCompare || a.target.Memory() == nil {
		return
	}
	session := a.target.Session()
	if a.opts.Symbols != nil || a.opts.Images != nil {
		other, err := a.sessionFor()
		if err != nil {
			return
		}
		defer other.Close()
		session = other
	}
	for i := range a.Modules {
		m := &a.Modules[i]
		if m.report == nil || !a.codeInMemory(ctx, m) {
			continue
		}
		r, err := session.Verify(ctx, m.report.Module.Name)
		if err == nil && r.Pages != nil {
			m.Verdict, m.Copy, m.pages = r.Pages.Verdict, r.Image, r.Pages
		}
	}
}

// sessionFor is one of the modules on the stack, with the stores of the options.
func (a *analysis) sessionFor() (*symres.Session, error) {
	cfg := a.target.Session().Config()
	cfg.Symbols, cfg.Images = a.opts.Symbols, a.opts.Images
	s, err := symres.NewSession(cfg)
	if err != nil {
		return nil, err
	}
	for i := range a.Modules {
		if m := &a.Modules[i]; m.report != nil {
			_ = s.Add(m.report.Module) // it was added before
		}
	}
	return s, nil
}

// codeInMemory reports whether the page of one of the module's frames is in memory:
// small dumps have no more than a few bytes around the instruction.
func (a *analysis) codeInMemory(ctx context.Context, m *Module) bool {
	page := make([]byte, pageSize)
	memory := memsource.Bind(ctx, a.target.Memory())
	for i := range a.Frames {
		f := &a.Frames[i]
		if f.Module != nil && f.Module.Base == m.base && memsource.ReadFull(memory, page, f.LookupPC()&^(pageSize-1)) == nil {
			return true
		}
	}
	return false
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
