package kd

import (
	"context"
	"slices"
	"strings"

	"github.com/symres/symres/internal/cli/text"
)

// maxCompletions bounds the names that complete a word.
const maxCompletions = 1000

// Complete returns what the last word of a line can be: the name of a command, of a module,
// or of a symbol in a module that is loaded.
func (s *Session) Complete(ctx context.Context, line string) (list []string) {
	line = line[strings.LastIndexByte(line, ';')+1:]
	word := line[strings.LastIndexAny(line, " \t")+1:]
	if strings.TrimSpace(line) == word {
		list = slices.DeleteFunc(Names(), func(name string) bool { return !strings.HasPrefix(name, word) })
		return list
	}
	for _, r := range s.target.Session().Modules() {
		module := r.Module.Name
		name, in := cutFold(word, module+"!")
		switch {
		case in && r.Loaded():
			list = append(list, s.symbolsLike(ctx, module, name)...)
		case !in && hasPrefixFold(module, word) && word != "":
			list = append(list, module+"!")
		}
	}
	// Names come from the target: one that would have to be escaped is none to type.
	return slices.DeleteFunc(list, func(name string) bool { return text.EscapeLine(name) != name })
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func cutFold(s, prefix string) (string, bool) {
	if !hasPrefixFold(s, prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func (s *Session) symbolsLike(ctx context.Context, module, prefix string) (list []string) {
	if strings.ContainsAny(prefix, "*?[]") {
		return nil
	}
	for sym, err := range s.target.Session().Lookup(ctx, module+"!"+prefix+"*") {
		if err == nil && !strings.ContainsAny(sym.Name, " \t;") {
			list = append(list, module+"!"+sym.Name)
		}
		if len(list) == maxCompletions {
			break
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
