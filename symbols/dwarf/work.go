package dwarf

import (
	"fmt"

	"github.com/symres/symres/symbols"
)

// What counts towards the work one question may cause. Entries, lists and tables
// can be shared by any number of others, so that the size of the file alone
// bounds nothing.
const (
	leastWork   = 16 << 20
	workPerByte = 4 // of the file, of which compilers' output takes 0.6; 1 for what it expands to
	costRange   = 16
	costRow     = 24
	costText    = 32 // besides its bytes
	costName    = 64 // of a file or folder of a line table
	costSymbol  = 64 // of one in a list

	leastPart      = 4 << 20 // of a part of the file that is kept,
	partPerByte    = 64      // and for each of its bytes
	workForNothing = 3       // for an attribute without bytes
)

// work is what may still be done. It belongs to one goroutine.
type work struct {
	left    int64
	visited map[uint64]bool // units that entries refer to: each counts once
}

// work is that of one question.
func (t *Table) work() *work {
	return &work{left: leastWork + workPerByte*t.im.FileSize + t.sections.expanded.Load()}
}

// part is what reading a part of n bytes may take: no more and no less whatever a
// question has done, so that a part that is kept is the same for all.
func (t *Table) part(n uint64) *work {
	return &work{left: min(t.work().left, leastPart+partPerByte*int64(n))}
}

// visit counts what reading a unit took, even if it was kept.
func (w *work) visit(u *unit) error {
	if w.visited[u.off] {
		return nil
	}
	if w.visited == nil {
		w.visited = map[uint64]bool{}
	}
	w.visited[u.off] = true
	return w.spend(u.spent + u.abbrevs.cost())
}

// out reports whether nothing is left.
func (w *work) out() bool { return w.left < 0 }

// spend takes n off. The error wraps [symbols.ErrLimit] when that is more than is
// left.
func (w *work) spend(n int) error {
	if w.left -= int64(n); w.left < 0 {
		return errCut()
	}
	return nil
}

func errCut() error { return fmt.Errorf("DWARF: what follows was cut off: %w", symbols.ErrLimit) }
