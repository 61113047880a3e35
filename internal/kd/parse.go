package kd

import (
	"slices"
	"strings"
	"unicode"
)

// Command is one command as it was typed.
type Command struct {
	Name string // such as "x", ".reload", "!vad", "??"
	Args string // what stands behind it, without blanks around it
}

// String spells the command. [Split] reads it as the same one.
func (c Command) String() string {
	if c.Args == "" {
		return c.Name
	}
	return c.Name + " " + c.Args
}

// Split divides a line into its commands, at `;` outside of quotation marks. Paths and
// the names of files take the whole line, since they may have a `;` in them. Comments
// are left out: `*` to the end of the line, `$$` to the next `;`.
func Split(line string) (list []Command) {
	rest := strings.TrimSpace(line)
	for rest != "" {
		if rest[0] == '*' {
			return list
		}
		name := nameOf(rest)
		end := commandEnd(rest, name)
		text := strings.TrimSpace(rest[:end])
		rest = strings.TrimLeftFunc(rest[end:], func(r rune) bool { return r == ';' || unicode.IsSpace(r) })
		if text == "" || name == "$$" {
			continue
		}
		list = append(list, Command{name, strings.TrimSpace(text[min(len(name), len(text)):])})
	}
	return list
}

// commandEnd is the length of the command that a text begins with.
func commandEnd(text, name string) int {
	if takesLine(name) {
		return len(text)
	}
	quoted := false
	for i := range len(text) {
		switch text[i] {
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				return i
			}
		}
	}
	return len(text)
}

// takesLine reports whether a command has all of the line.
func takesLine(name string) bool {
	return slices.Contains([]string{".sympath", ".sympath+", ".exepath", ".exepath+", ".srcpath", ".srcpath+", "$<", "$><"}, name)
}

// nameOf is the name of the command that a text begins with.
func nameOf(text string) string {
	for _, op := range []string{"$$", "$><", "$<", "??", "?", "||", "|"} {
		if strings.HasPrefix(text, op) {
			return op
		}
	}
	i := 0
	switch {
	case text[0] == '~':
		i = strings.IndexAny(text+" ", " \t;")
		return text[:min(i, len(text))]
	case text[0] == '.' || text[0] == '!':
		i = 1
		for i < len(text) && isWord(text[i]) {
			i++
		}
		if i < len(text) && (text[i] == '+' || text[i] == '-') && text[0] == '.' {
			i++
		}
	default:
		for i < len(text) && isWord(text[i]) {
			i++
		}
	}
	return text[:max(i, 1)]
}

func isWord(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// words splits arguments at blanks.
func words(args string) []string { return strings.Fields(args) }

// word takes the first word off arguments.
func word(args string) (first, rest string) {
	first, rest, _ = strings.Cut(strings.TrimSpace(args), " ")
	return first, strings.TrimSpace(rest)
}
