package nt

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/vadmath"
)

const maxUserImage = 1 << 36 // bytes; no image of a process is larger

// PEBError says that the module lists of a process cannot be reached. It
// unwraps to Err.
type PEBError struct {
	Ldr uint64 // address of Peb.Ldr, as kd prints it
	Err error  // why; wraps a [*memsource.Fault] or [ErrMalformed]
}

// Error is what kd says, with the reason.
func (e *PEBError) Error() string {
	what := "PEB cannot be read"
	if errors.Is(e.Err, memsource.ErrPagedOut) {
		what = "PEB is paged out"
	}
	return fmt.Sprintf("%s (Peb.Ldr = %s): %v", what, hexaddr.Addr(e.Ldr), e.Err)
}

// Unwrap returns Err.
func (e *PEBError) Unwrap() error { return e.Err }

// loaderModules returns the modules in the three lists of a process's loader,
// whose PEB is at peb, in load order; what only the list in memory or
// initialization order reaches comes after that. The error is a [*PEBError]
// when no list can be reached. problems has a [*ListBreak] for each list that is
// broken, and an error for each entry that is no module: more modules may be
// loaded than are returned then.
func loaderModules(src memsource.Source, l loaderLayout, peb uint64) (list []Module, problems []error, err error) {
	w := l.width()
	if w == 0 {
		return nil, nil, fmt.Errorf("loader lists: %w", ErrNoLayout)
	}
	at := peb + uint64(l.Ldr)
	ldr, err := w.read(src, at)
	switch {
	case err != nil:
		return nil, nil, &PEBError{Ldr: at, Err: err}
	case ldr == 0 || ldr%uint64(w) != 0 || ldr > w.top()-pageSize:
		return nil, nil, &PEBError{Ldr: at, Err: malformed(at, "no address of loader data: %#x", ldr)}
	}
	u := loaderLists{src: src, l: &l, page: uint64(cmp.Or(l.Page, vadmath.Page4K)), seen: map[uint64]bool{},
		reader: entryReader{src: src, l: l.Entry, most: maxUserImage, origin: "loader lists (" + l.Origin + ")", road: RoadLoader}}
	for i, name := range []string{"loader list in load order", "loader list in memory order", "loader list in initialization order"} {
		u.walk(name, ldr+uint64(l.Heads[i]), uint64(l.Links[i]))
	}
	if len(u.modules) == 0 && u.broken != nil {
		return nil, nil, &PEBError{Ldr: at, Err: u.broken}
	}
	return u.modules, u.errs, nil
}

// loaderLists gathers the entries of the three lists, which hold the same ones.
type loaderLists struct {
	src     memsource.Source
	l       *loaderLayout
	page    uint64 // bytes
	reader  entryReader
	seen    map[uint64]bool // entries
	modules []Module
	errs    []error
	broken  error // the first list that could not be walked to its end
}

func (u *loaderLists) walk(name string, head, links uint64) {
	for at, err := range newRing(u.src, u.l.width(), name, head, maxModules).links() {
		if err != nil {
			u.errs, u.broken = append(u.errs, err), cmp.Or(u.broken, err)
			continue
		}
		e := at - links
		if u.seen[e] {
			continue
		}
		u.seen[e] = true
		m, err := u.reader.read(e)
		if err != nil {
			u.errs = append(u.errs, err)
			continue
		}
		m.SizeNotRounded = uint32(m.Size)
		m.Size = (m.Size + u.page - 1) &^ (u.page - 1)
		u.modules = append(u.modules, m)
	}
}
