package nt

import (
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// PoolBounds is the layout as it is after a look at the debugger data block.
func PoolBounds(src memsource.Source, block uint64, l paging.Layout) (paging.Layout, error) {
	d, err := openDebuggerData(src, block, 4)
	if err == nil {
		d.poolBounds(&l)
	}
	return l, err
}
