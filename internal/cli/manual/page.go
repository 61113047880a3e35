package manual

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Footer is what man pages say at their edges.
type Footer struct {
	Version string // of the program
	Date    string // of that version, such as 2026-12-01; empty where it is not known
}

// status is the text about exit statuses, which are the same for all commands.
const status = `0 found or done, 1 nothing matched or not found, 2 usage, 3 a target or symbol file could not be used (the reason is on standard error), 130 interrupted.`

// WriteDir writes a man page for cmd and for each command below it into dir, which
// is made where it is not there, and returns the names of the files. The error is that of
// the file system.
func WriteDir(dir string, cmd *cobra.Command, f Footer) ([]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return writeTree(dir, cmd, f)
}

func writeTree(dir string, cmd *cobra.Command, f Footer) ([]string, error) {
	path := filepath.Join(dir, pageName(cmd)+".1")
	if err := os.WriteFile(path, Page(cmd, f), 0o666); err != nil {
		return nil, err
	}
	files := []string{path}
	for _, c := range pages(cmd) {
		below, err := writeTree(dir, c, f)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	return files, nil
}

// pages are the commands below cmd that have a page: not those that help.
func pages(cmd *cobra.Command) (list []*cobra.Command) {
	for _, c := range available(cmd) {
		if c.Name() != "help" {
			list = append(list, c)
		}
	}
	return list
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// Page returns the man page of a command, in the man macros of groff_man(7), which
// mandoc reads as well.
func Page(cmd *cobra.Command, f Footer) []byte {
	var p page
	p.line(".TH %s 1 %s %s", quote(strings.ToUpper(pageName(cmd))), quote(f.Date), quote("symres "+f.Version))
	p.head("NAME")
	p.text(pageName(cmd) + ` \- ` + escape(cmd.Short))
	p.head("SYNOPSIS")
	p.line(".B %s", escape(cmd.UseLine()))
	p.head("DESCRIPTION")
	p.paragraphs(cmd.Long)
	if len(cmd.Aliases) > 0 {
		p.line(".PP")
		p.text(escape("The command also goes by the name " + strings.Join(cmd.Aliases, ", ") + "."))
	}
	p.commands(cmd)
	p.flags(cmd)
	p.head("EXIT STATUS")
	p.text(escape(status))
	if cmd.HasExample() {
		p.head("EXAMPLES")
		p.verbatim(cmd.Example)
	}
	p.seeAlso(cmd)
	return p.b.Bytes()
}

// page is a man page while it is written.
type page struct{ b bytes.Buffer }

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

func (p *page) head(title string) { p.line(".SH %s", title) }

// text writes a line of running text, which is escaped already.
func (p *page) text(s string) { p.line("%s", guard(s)) }

// paragraphs writes running text. A paragraph that is indented is a table or an
// example and keeps its lines.
func (p *page) paragraphs(text string) {
	for i, block := range strings.Split(text, "\n\n") {
		if i > 0 {
			p.line(".PP")
		}
		if strings.HasPrefix(block, " ") {
			p.verbatim(block)
			continue
		}
		for line := range strings.Lines(block) {
			p.text(escape(strings.TrimSpace(line)))
		}
	}
}

func (p *page) verbatim(text string) {
	p.line(".nf")
	for line := range strings.Lines(text) {
		p.text(escape(strings.TrimRight(line, "\n")))
	}
	p.line(".fi")
}

func (p *page) commands(cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	p.head("COMMANDS")
	for _, c := range pages(cmd) {
		p.line(".TP")
		p.line(`.BR %s (1)`, escape(pageName(c)))
		p.text(escape(c.Short))
	}
}

func (p *page) flags(cmd *cobra.Command) {
	p.head("OPTIONS")
	for _, s := range sections(cmd) {
		p.line(".SS %s", escape(string(s.title)))
		s.flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				p.flag(f)
			}
		})
	}
}

func (p *page) flag(f *pflag.Flag) {
	value, usage := pflag.UnquoteUsage(f)
	name := `\fB` + escape("--"+f.Name) + `\fR`
	if f.Shorthand != "" {
		name = `\fB` + escape("-"+f.Shorthand) + `\fR, ` + name
	}
	if value != "" {
		name += ` \fI` + escape(value) + `\fR`
	}
	if f.DefValue != "" && f.Value.Type() == "string" || f.Value.Type() == "int" && f.DefValue != "0" {
		usage += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	p.line(".TP")
	p.line("%s", name)
	p.text(escape(usage))
}

func (p *page) seeAlso(cmd *cobra.Command) {
	if parent := cmd.Parent(); parent != nil {
		p.head("SEE ALSO")
		p.line(".BR %s (1)", escape(pageName(parent)))
	}
}

// escape makes text safe for troff: a backslash begins an escape there, and a
// hyphen is printed as another character than people type.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
}

// guard keeps a line from being taken for a request.
func guard(s string) string {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

// quote makes an argument of a request.
func quote(s string) string { return `"` + strings.ReplaceAll(escape(s), `"`, `\(dq`) + `"` }
