package kdtext

import (
	"regexp"
	"strings"
)

// Parse reads a transcript: lines "kd> COMMAND", each followed by the answer.
// Kernel or user, everything is of the process that was made the implicit one
// last ("0" before the first).
func Parse(transcript string) Facts {
	p := &parser{facts: Facts{}, process: "0", forms: newForms()}
	for line := range strings.Lines(transcript) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\x7f", "") // the linker's mark, which nobody sees
		if command, ok := strings.CutPrefix(line, "kd> "); ok {
			p.start(command)
			continue
		}
		p.line(line)
	}
	return p.facts
}

// parser is where it stands in a transcript.
type parser struct {
	facts   Facts
	forms   []form
	command []string // words
	process string   // the implicit one
	object  string   // process, VAD or PTE of the lines that follow
	thread  string
	frame   int // number of the next one
	file    bool
	rows    int // of a list in the PEB
}

func (p *parser) start(command string) {
	p.command = append(strings.Fields(command), "")
	p.object, p.thread, p.frame, p.rows, p.file = "", "", 0, 0, false
}

// form is a line that is known, and what to make of its parts.
type form struct {
	commands string // words the command begins with; "" is any
	line     *regexp.Regexp
	take     func(p *parser, m []string)
}

// line tries the forms in turn.
func (p *parser) line(text string) {
	if strings.HasPrefix(text, "DBGHELP:") || strings.HasPrefix(text, "***") {
		return
	}
	for _, f := range p.forms {
		if f.commands != "" && (len(p.command) == 0 || !strings.Contains(" "+f.commands+" ", " "+p.command[0]+" ")) {
			continue
		}
		if m := f.line.FindStringSubmatch(text); m != nil {
			f.take(p, m[1:])
			return
		}
	}
}

// number strips what only formats a number.
func number(s string) string {
	s = strings.TrimLeft(strings.ToLower(strings.ReplaceAll(s, "`", "")), "0")
	if s == "" {
		return "0"
	}
	return s
}

func numbers(list []string) (out []any) {
	for _, s := range list {
		out = append(out, number(s))
	}
	return out
}
