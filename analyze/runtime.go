package analyze

import (
	_ "embed"
	"strings"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/stack"
)

//go:embed runtime.txt
var runtimeNames string

// listed reports whether runtime.txt has a name of that kind, "module" or
// "function".
func listed(kind, name string) bool {
	for line := range strings.Lines(runtimeNames) {
		have, pattern, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if have != kind {
			continue
		}
		start, any := strings.CutSuffix(pattern, "*")
		if name == start || any && strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}

// systemModule reports whether a module is of the system or of a runtime.
func systemModule(name string) bool {
	return listed("module", identify.ModuleName(strings.ToLower(name)))
}

// runtimeFunction reports whether a function is of a runtime that is linked into the
// program. What templates add to the name does not count.
func runtimeFunction(name string) bool {
	name, _, _ = strings.Cut(name, "(")
	return listed("function", name)
}

// nobodys reports whether a frame is of the system, of a runtime, or of no module at
// all.
func nobodys(f *stack.Frame) bool {
	module := f.ModuleName()
	return module == "" || systemModule(module) || f.Named() && runtimeFunction(f.Location.Name)
}
