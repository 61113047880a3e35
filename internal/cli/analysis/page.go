// Package analysis prints what package analyze found as a page in the look of kd's
// !analyze -v.
package analysis

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/analyze"
	"github.com/symres/symres/internal/cli/frames"
	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/ntstatus"
	"github.com/symres/symres/vadmath"
)

// Options say what is printed beside the page.
type Options struct {
	Proof bool // of each frame
}

// Append appends the page. Every line is safe to print.
func Append(b []byte, r *analyze.Result, o Options) []byte {
	p := &page{b: b, r: r}
	p.banner()
	p.happened()
	p.line("Debugging Details:")
	p.line("------------------")
	p.line("")
	p.where()
	p.around()
	p.stack(o)
	p.blame()
	p.list("MISSING", missing(r))
	p.list("WARNINGS", warnings(r))
	p.field("FAILURE_BUCKET_ID", r.Bucket.Signature)
	p.field("FAILURE_ID_HASH", r.Bucket.Hash)
	return p.b
}

// page is what was printed so far.
type page struct {
	b []byte
	r *analyze.Result
}

func (p *page) line(format string, args ...any) {
	start := len(p.b)
	p.b = text.FinishRow(fmt.Appendf(p.b, format, args...), start, start)
}

// field prints a value under the name !analyze has for it, if there is one.
func (p *page) field(name, value string) {
	if value = strings.TrimSpace(value); value != "" {
		p.line("%s:  %s", name, value)
		p.line("")
	}
}

func (p *page) list(name string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.line("%s:", name)
	for _, l := range lines {
		p.line("    %s", l)
	}
	p.line("")
}

const width = 79

// banner is the box that !analyze begins with.
func (p *page) banner() {
	title := map[analyze.Kind]string{analyze.KindBugCheck: "Bugcheck Analysis", analyze.KindException: "Exception Analysis"}[p.r.Kind]
	title = cmp.Or(title, "Stack Analysis")
	stars, left := strings.Repeat("*", width), (width-2-len(title))/2
	empty := "*" + strings.Repeat(" ", width-2) + "*"
	for _, l := range []string{stars, empty, fmt.Sprintf("*%*s%*s*", left+len(title), title, width-2-left-len(title), ""), empty, stars, ""} {
		p.line("%s", l)
	}
}

func (p *page) addr(a uint64) string { return vadmath.FormatAddr(a, p.r.Bits) }

// happened is the name, what was done, and the parameters.
func (p *page) happened() {
	r := p.r
	if r.Kind == analyze.KindNone {
		p.line("No bug check and no exception.")
		p.line("")
		return
	}
	p.line("%s (%x)", cmp.Or(r.Name, "UNKNOWN"), r.Code)
	if s := sentence(r, p.addr); s != "" {
		p.line("%s", s)
	}
	p.line("Arguments:")
	for i, a := range r.Parameters {
		p.line("Arg%d: %0*x%s", i+1, r.Bits/4, a.Value, lead(", ", a.Meaning))
	}
	p.line("")
}

func lead(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

// sentence says what happened in one line.
func sentence(r *analyze.Result, addr func(uint64) string) string {
	var parts []string
	if r.Title != "" {
		parts = append(parts, r.Title)
	}
	if r.Kind == analyze.KindBugCheck && r.Fault.Status != 0 {
		parts = append(parts, fmt.Sprintf("%08x %s", r.Fault.Status, cmp.Or(r.Fault.StatusName, "(unknown exception)")))
	}
	if r.Fault.Access != "" {
		parts = append(parts, fmt.Sprintf("%s of %s%s", r.Fault.Access, addr(r.Fault.Target), lead(", ", r.Accessed.String())))
	}
	if where := r.Where(); where.Name() != "" {
		parts = append(parts, "in "+where.Name())
	}
	return strings.Join(parts, "; ")
}

// where is the instruction and what it accessed.
func (p *page) where() {
	r := p.r
	if r.Kind == analyze.KindException {
		p.field("EXCEPTION_CODE", fmt.Sprintf("(NTSTATUS) 0x%x%s", r.Code, lead(" - ", r.Title)))
	} else if r.Fault.Status != 0 {
		p.field("EXCEPTION_CODE", fmt.Sprintf("(NTSTATUS) 0x%x%s", r.Fault.Status, lead(" - ", cmp.Or(ntstatus.Title(r.Fault.Status), r.Fault.StatusName))))
	}
	if r.Kind == analyze.KindException && r.Fault.Status != 0 {
		p.field("IO_ERROR", fmt.Sprintf("(NTSTATUS) 0x%x %s", r.Fault.Status, r.Fault.StatusName))
	}
	if r.Fault.Address != 0 {
		p.field("FAULTING_IP", fmt.Sprintf("%s %s%s", p.addr(r.Fault.Address), cmp.Or(r.Place.String(), "in no module"), place(&r.Place.Line)))
	}
	if r.Fault.Access != "" {
		name := strings.ToUpper(string(r.Fault.Access)) + "_ADDRESS"
		value := p.addr(r.Fault.Target) + " " + cmp.Or(r.Accessed.String(), "the target does not tell what is there")
		if l := r.Accessed.Lacks; l != nil && r.Accessed.Kind != analyze.PlaceNull {
			value += "; not read: " + firstLine(l)
		}
		p.field(name, value+lead("; ", r.Accessed.Note))
	}
}

func place(f *symres.Frame) string { return string(frames.AppendLine(nil, f)) }

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// around is the process, the thread and the system.
func (p *page) around() {
	r := p.r
	process := r.Info.Process
	if r.Info.PID != 0 {
		process += fmt.Sprintf(" (pid %x)", r.Info.PID)
	}
	p.field("PROCESS_NAME", process)
	p.field("PROCESS_UPTIME", text.Uptime(r.Info.ProcessUptime))
	p.field("THREAD", p.thread())
	if r.Processor >= 0 {
		p.field("PROCESSOR", fmt.Sprintf("%d%s", r.Processor, of(r.Info.Processors)))
	}
	system := strings.TrimSpace(r.Info.System + " " + r.Version())
	if m := r.MachineName(); m != "" {
		system = strings.TrimPrefix(system+", "+m, ", ")
	}
	p.field("SYSTEM", system)
	if !r.Info.Time.IsZero() {
		p.field("DEBUG_TIME", r.Info.Time.Format("2006-01-02 15:04:05 UTC"))
	}
	p.field("SYSTEM_UPTIME", text.Uptime(r.Info.SystemUptime))
	for _, c := range r.Info.Comments {
		p.list("COMMENT", strings.Split(c, "\n"))
	}
}

func of(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" of %d", n)
}

func (p *page) thread() string {
	th := &p.r.Thread
	var words []string
	if th.ID != 0 {
		words = append(words, fmt.Sprintf("%x", th.ID))
	}
	if th.Address != 0 {
		words = append(words, p.addr(th.Address))
	}
	if th.Name != "" {
		words = append(words, fmt.Sprintf("%q", th.Name))
	}
	if th.Origin != "" {
		words = append(words, "(registers: "+th.Origin+")")
	}
	return strings.Join(words, " ")
}

// stack is the stack, and where it ends.
func (p *page) stack(o Options) {
	if len(p.r.Frames) == 0 {
		return
	}
	p.line("STACK_TEXT:")
	p.b = frames.Append(p.b, p.r.Frames, frames.Options{Proof: o.Proof})
	if p.r.End != nil {
		p.line("    (the walk ends here: %s)", firstLine(p.r.End))
	}
	p.line("")
}

// blame is the first code that is nobody's, and the modules on the stack.
func (p *page) blame() {
	r := p.r
	if c := r.Culprit; c != nil {
		guess := ""
		if c.Guess {
			guess = " (a guess)"
		}
		p.field("SYMBOL_NAME", c.String()+guess)
		p.field("FAULTING_SOURCE", strings.Trim(place(&c.Line), " []"))
		p.field("MODULE_NAME", c.Module)
		if c.Unloaded || len(r.Modules) == 0 || r.Modules[0].Name != c.Module {
			p.field("IMAGE_NAME", "")
		} else {
			p.field("IMAGE_NAME", r.Modules[0].Image)
		}
	} else if len(r.Frames) > 0 {
		p.field("SYMBOL_NAME", "none: every frame is of the system, of a runtime or of no module")
	}
	var lines []string
	for i := range r.Modules {
		lines = append(lines, moduleLine(&r.Modules[i]))
	}
	p.list("MODULES_BY_BLAME", lines)
}

func moduleLine(m *analyze.Module) string {
	words := []string{fmt.Sprintf("%-16s frame %d, %d in all", m.Name, m.First, m.Frames)}
	if m.System {
		words = append(words, "system or runtime")
	}
	if m.Unloaded {
		words = append(words, "unloaded")
	} else {
		words = append(words, m.Status.String())
	}
	if m.Symbols != "" {
		words = append(words, fmt.Sprintf("%v (%v)", m.Proof, m.Identity))
	}
	if m.Copy != "" {
		words = append(words, "code "+m.Verdict.String())
	}
	return strings.Join(words, ", ")
}

func missing(r *analyze.Result) (lines []string) {
	for _, m := range r.Missing {
		lines = append(lines, m.String())
	}
	return lines
}

func warnings(r *analyze.Result) (lines []string) {
	for _, w := range r.Warnings {
		lines = append(lines, w.Text)
	}
	return lines
}
