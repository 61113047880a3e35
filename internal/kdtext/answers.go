package kdtext

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// An Answer is a command of a transcript and the lines that follow it.
type Answer struct {
	Command string
	Lines   []string
}

// Answers reads a transcript: lines "kd> COMMAND", each followed by the answer. What is
// in front of the first command is left out.
func Answers(transcript string) (list []Answer) {
	for line := range strings.Lines(transcript) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\x7f", "")
		if command, ok := strings.CutPrefix(line, "kd> "); ok {
			list = append(list, Answer{Command: command})
		} else if n := len(list); n > 0 {
			list[n-1].Lines = append(list[n-1].Lines, line)
		}
	}
	return list
}

// A Prose tells the lines that say nothing of the target. Its zero value knows
// none.
type Prose struct {
	shapes, parts []*regexp.Regexp
	sums          map[string]bool
}

// ParseProse reads a list of lines: a regular expression behind a slash, which matches a
// line whose blanks are single; one behind a tilde, which matches a part of a line, of which
// its group stays; or the beginning of the SHA-256 of a line ([Sum]). A line that begins with # is a comment.
func ParseProse(text []byte) (*Prose, error) {
	p := &Prose{sums: map[string]bool{}}
	for line := range bytes.Lines(text) {
		s := strings.TrimSpace(string(line))
		switch {
		case s == "" || s[0] == '#':
		case s[0] == '/' || s[0] == '~':
			if err := p.add(s); err != nil {
				return nil, fmt.Errorf("prose: %w", err)
			}
		default:
			sum, _, _ := strings.Cut(s, " ")
			p.sums[sum] = true
		}
	}
	return p, nil
}

func (p *Prose) add(s string) error {
	list, expr := &p.parts, s[1:]
	if s[0] == '/' {
		list, expr = &p.shapes, "^(?:"+s[1:]+")$"
	}
	re, err := regexp.Compile(expr)
	*list = append(*list, re)
	return err
}

// Sum is how a list of prose names a line.
func Sum(line string) string {
	h := sha256.Sum256([]byte(single(line)))
	return hex.EncodeToString(h[:8])
}

// Values are the lines of an answer that say something of the target, with single
// blanks, without what names a folder. What follows one of the debugger's lines about
// a module it loads, further in, belongs to it.
func (p *Prose) Values(lines []string) (out []string) {
	story := false
	for _, line := range lines {
		if strings.HasPrefix(line, "DBGHELP:") || strings.HasPrefix(line, "DBGENG:") || strings.HasPrefix(line, "SYMRES:") {
			story = true
			continue
		}
		if story && strings.HasPrefix(line, "         ") {
			continue
		}
		story = false
		if s := single(line); s != "" && !p.is(s) {
			if n := len(out); n > 0 && strings.Trim(s, ".") == "" && strings.Trim(out[n-1], ".") == "" {
				out[n-1] += s // rows of dots, which stories interrupt
				continue
			}
			out = append(out, p.without(s))
		}
	}
	return out
}

func (p *Prose) is(line string) bool {
	if p.sums[Sum(line)] {
		return true
	}
	for _, re := range p.shapes {
		if re.MatchString(line) {
			return true
		}
	}
	return false
}

func single(line string) string { return strings.Join(strings.Fields(line), " ") }

// without is a line without parts that are prose and without folders.
func (p *Prose) without(line string) string {
	for _, re := range p.parts {
		line = re.ReplaceAllString(line, "$1")
	}
	path := regexp.MustCompile(`(?i)\b[a-z]:\\[^;' ]*`)
	file := regexp.MustCompile(`\.(?i:pdb|sys|exe|dll|dmp)$`)
	return strings.TrimSpace(path.ReplaceAllStringFunc(line, func(path string) string {
		path = strings.ToLower(path)
		if file.MatchString(path) {
			return path[strings.LastIndexByte(path, '\\')+1:]
		}
		return path
	}))
}
