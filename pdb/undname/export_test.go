package undname

// Limits of the package.
const (
	MaxInput  = maxInput
	MaxDepth  = maxDepth
	MaxOutput = maxOutput
	MaxSteps  = maxSteps
)

// Work counts what reading and printing a name costs: nodes made and nodes
// visited.
func Work(raw string, style Style) (nodes, steps int) {
	var w printer
	root := w.p.parse(raw)
	if w.p.problem == "" {
		w.print(root, style, 0)
	}
	return int(w.p.n), w.steps
}
