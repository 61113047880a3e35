package pdb

import (
	"cmp"
	"slices"
)

// EachVariable visits the variables of all functions in the order of their
// records.
func (f *File) EachVariable(visit func(Variable)) error {
	sec, err := f.layout()
	if err != nil {
		return err
	}
	return f.eachCode(func(c *moduleLines) error {
		o, err := f.outlineOf(c.ms)
		if err != nil {
			return err
		}
		order := make([]int, len(o.funcs))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(o.funcs[a].rec, o.funcs[b].rec) })
		for _, i := range order {
			r, err := c.ms.body(o.funcs[i])
			if err != nil {
				return err
			}
			w := localWalk{recordWalk: r, sec: sec, fn: o.funcAt[i]}
			for w.next() {
				visit(w.v)
			}
			if w.Err != nil {
				return w.Err
			}
		}
		return nil
	})
}
