// Package kdtext takes the facts out of what Microsoft's kernel debugger
// prints: addresses, names and numbers, none of its prose. Tests compare them
// with what symres and the builder of dumps say, and keep them in testdata.
//
// It is for tests only.
package kdtext

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Facts are values by key. A key says of what the value is: "module BASE",
// "process ADDR pid", "pte PROCESS VA". Numbers are in hex without prefix or
// padding, but counts, which are decimal as the debugger prints them. A Facts
// is not safe for concurrent use while it is filled.
type Facts map[string]string

// Set keeps a value, the parts of which are separated by spaces.
func (f Facts) Set(key string, parts ...any) {
	f[key] = strings.TrimRight(fmt.Sprintln(parts...), " \n")
}

// Of returns the facts whose keys begin with one of the kinds, which are first
// words of keys.
func (f Facts) Of(kinds ...string) Facts {
	out := Facts{}
	for k, v := range f {
		if kind, _, _ := strings.Cut(k, " "); slices.Contains(kinds, kind) {
			out[k] = v
		}
	}
	return out
}

// Marshal writes the facts one a line, sorted, key and value separated by a tab.
func (f Facts) Marshal() []byte {
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(f)) {
		b = fmt.Appendf(b, "%s\t%s\n", k, f[k])
	}
	return b
}

// Unmarshal reads what [Facts.Marshal] wrote.
func Unmarshal(b []byte) Facts {
	f := Facts{}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			f[k] = v
		}
	}
	return f
}

// A Reason explains differences between two sets of facts.
type Reason struct {
	Key string // of the facts; a * stands for any text
	Why string
}

// Diff returns the keys at which the two differ, with both values, but for
// those a reason explains. A key that only one of them has is a difference. A
// reason must explain every fact of its keys: one at which the two agree, or that
// has no fact, is in the list as well.
func Diff(a, b Facts, reasons []Reason) []string {
	var out []string
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	used := make([]bool, len(reasons))
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		x, y, r := value(a, k), value(b, k), explained(k, reasons)
		if r >= 0 {
			used[r] = true
		}
		switch {
		case x != y && r < 0:
			out = append(out, fmt.Sprintf("%s: %s, %s", k, x, y))
		case x == y && r >= 0:
			out = append(out, fmt.Sprintf("%s: %s is excused by %q, but both agree", k, x, reasons[r].Key))
		}
	}
	for i, r := range reasons {
		if !used[i] {
			out = append(out, fmt.Sprintf("%s: nothing differs there any more", r.Key))
		}
	}
	return out
}

func value(f Facts, k string) string {
	if v, ok := f[k]; ok {
		return fmt.Sprintf("%q", v)
	}
	return "nothing"
}

// explained finds the first reason for a key; -1 is none.
func explained(key string, reasons []Reason) int {
	return slices.IndexFunc(reasons, func(r Reason) bool { return like(r.Key, key) })
}

// like matches a pattern whose stars stand for any text.
func like(pattern, s string) bool {
	head, tail, star := strings.Cut(pattern, "*")
	rest, ok := strings.CutPrefix(s, head)
	if !star || !ok {
		return ok && rest == ""
	}
	for i := range len(rest) + 1 {
		if like(tail, rest[i:]) {
			return true
		}
	}
	return false
}
