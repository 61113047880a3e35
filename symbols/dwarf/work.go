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
	workPerByte = 8 // of the file; 2 for what it expands to
	costRange   = 16
	costVisit   = 64 << 10 // another unit, besides its bytes
	costRow     = 24
	costText    = 32 // besides its bytes

	leastPart      = 4 << 20 // of a part of the file that is kept,
	partPerByte    = 64      // and for each of its bytes
	workForNothing = 3       // for an attribute without bytes
)

// work is what may still be done. It belongs to one goroutine.
type work int64

// work is that of one question.
func (t *Table) work() *work {
	w := work(leastWork + workPerByte*t.im.FileSize + 2*t.sections.expanded.Load())
	return &w
}

// part is what reading a part of n bytes may take: no more and no less whatever a
// question has done, so that a part that is kept is the same for all.
func (t *Table) part(n uint64) *work {
	w := min(*t.work(), leastPart+partPerByte*work(n))
	return &w
}

// spend takes n off. The error wraps [symbols.ErrLimit] when that is more than is
// left.
func (w *work) spend(n int) error {
	if *w -= work(n); *w < 0 {
		return fmt.Errorf("DWARF: what follows was cut off: %w", symbols.ErrLimit)
	}
	return nil
}
