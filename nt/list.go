package nt

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/memsource"
)

const (
	pageSize   = 0x1000
	maxModules = 10000      // entries followed; real systems have some hundreds
	maxImage   = 0x40000000 // bytes; no driver is larger
)

// Module is what the loader recorded of one driver. Zero fields are unknown.
// It is plain data.
type Module struct {
	Name string // BaseDllName, such as Fs_Rec.SYS; else the last part of Path
	Path string // FullDllName, such as \SystemRoot\System32\Drivers\Fs_Rec.SYS

	// NameErr and PathErr say why Name and Path are "": their text is paged
	// pool and often paged out. They wrap a [*memsource.Fault], or
	// [ErrMalformed] or crashdump.ErrFormat when they make no sense.
	NameErr, PathErr error

	Base           uint64
	Size           uint64 // SizeOfImage in bytes, rounded up to pages
	SizeNotRounded uint32 // SizeOfImage as the linker wrote it
	EntryPoint     uint64
	CheckSum       uint32
	TimeDateStamp  uint32
	Entry          uint64 // address of the loader's entry
	DebugInfo      uint64 // NonPagedDebugInfo, see [ReadDebugInfo]
	Origin         string // what the facts were read from, such as the layout used
}

// ListBreak is the error [Modules] yields when the list cannot be followed
// further from its head. It does not end the sequence: the entries that can be
// reached from the other end come after it. It unwraps to Fault.
type ListBreak struct {
	At        uint64 // the entry that cannot be read or followed
	Fault     error  // why; wraps a [*memsource.Fault] or [ErrMalformed]
	Recovered int    // entries found from the other end, which follow in load order

	// End is where the walk from the other end stopped. When it equals At,
	// nothing is missing but At itself, if that is what could not be read; when
	// not, entries between the two may be.
	End uint64
}

// Error says where the list broke and how much came from the other end.
func (e *ListBreak) Error() string {
	return fmt.Sprintf("loaded-module list broken at %s, %d entries recovered from the other end: %v",
		hexaddr.Addr(e.At), e.Recovered, e.Fault)
}

// Unwrap returns Fault.
func (e *ListBreak) Unwrap() error { return e.Fault }

var (
	errLoop     = fmt.Errorf("the list runs in a circle that misses its head: %w", ErrMalformed)
	errTooMany  = fmt.Errorf("more than %d entries: %w", maxModules, ErrMalformed)
	errNoLayout = errors.New("nt: no module layout for this machine")
)

// Modules walks the loaded-driver list whose LIST_ENTRY head is at head, in
// load order: the kernel comes first. Where the list breaks, because the page of
// an entry is out or a link is damaged, a [*ListBreak] is yielded, followed by
// the entries that can be reached from the other end. An entry that is no
// module (base not page-aligned, impossible size) yields an error that wraps
// [ErrMalformed] and is passed over. So errors do not end the sequence: a caller
// goes on to the end and reports them. No entry is visited twice and at most
// 10,000 are.
//
// Only the errors of a source that does not contain the head are fatal to the
// whole: one ListBreak with nothing behind it.
func Modules(src memsource.Source, l ModuleLayout, head uint64) iter.Seq2[Module, error] {
	return func(yield func(Module, error) bool) {
		w := walk{src: src, l: l, head: head, seen: map[uint64]bool{head: true}}
		if w.l.width() == 0 {
			yield(Module{}, errNoLayout)
			return
		}
		at, fault, more := w.forward(yield)
		if !more || fault == nil {
			return
		}
		back, end := w.backward()
		if !yield(Module{}, &ListBreak{At: at, Fault: fault, Recovered: len(back), End: end}) {
			return
		}
		for _, e := range slices.Backward(back) {
			if !w.emit(e, yield) {
				return
			}
		}
	}
}

type walk struct {
	src  memsource.Source
	l    ModuleLayout
	head uint64
	seen map[uint64]bool
}

// forward yields the entries from the head on. It returns where and why the
// list broke, with a nil fault when it came back to the head, and whether the
// caller wants more.
func (w *walk) forward(yield func(Module, error) bool) (at uint64, fault error, more bool) {
	from := w.head
	for {
		next, fault := w.l.width().read(w.src, from)
		if fault != nil {
			return from, fault, true
		}
		if next == w.head {
			return 0, nil, true
		}
		if fault := w.check(next); fault != nil {
			return from, fault, true
		}
		w.seen[next] = true
		if _, err := w.l.width().read(w.src, next); err != nil {
			return next, err, true // not an entry lost to a bad field: it cannot be read at all
		}
		if !w.emit(next, yield) {
			return 0, nil, false
		}
		from = next
	}
}

// check says why an address cannot be that of the next entry.
func (w *walk) check(next uint64) error {
	switch {
	case next == 0 || next%uint64(w.l.width()) != 0:
		return malformed(next, "no address of an entry")
	case w.seen[next]:
		return errLoop
	case len(w.seen) > maxModules:
		return errTooMany
	}
	return nil
}

// backward collects the entries that only the backward links reach, last
// loaded first, and returns where it stopped.
func (w *walk) backward() (list []uint64, end uint64) {
	from := w.head
	for {
		next, err := w.l.width().read(w.src, from+uint64(w.l.width()))
		if err != nil {
			return list, from
		}
		if w.check(next) != nil {
			return list, next
		}
		if _, err := w.l.width().read(w.src, next); err != nil {
			return list, next
		}
		w.seen[next] = true
		list, from = append(list, next), next
	}
}

// emit yields the module of entry e, or why it is none, and returns whether the
// caller wants more.
func (w *walk) emit(e uint64, yield func(Module, error) bool) bool {
	b := make([]byte, w.l.size())
	n, err := w.src.ReadMemory(b, e)
	if err != nil && n < w.l.core() {
		return yield(Module{}, fmt.Errorf("loader entry: %w", err))
	}
	m := w.decode(b[:n], e)
	if m.Base%pageSize != 0 || m.Base == 0 || m.Size == 0 || m.Size >= maxImage || m.Base > w.l.width().top()-m.Size+1 {
		return yield(Module{}, malformed(e, "loader entry with base %s and size %#x", hexaddr.Addr(m.Base), m.Size))
	}
	return yield(m, nil)
}

// decode reads the fields that are there: the tail of an entry may be on a page
// that is out.
func (w *walk) decode(b []byte, e uint64) Module {
	l, ptr := &w.l, w.l.width()
	m := Module{
		Base: ptr.of(b, l.Base), Size: uint64(u32(b, l.Size)), EntryPoint: ptr.of(b, l.EntryPoint),
		DebugInfo: ptr.of(b, l.DebugInfo), CheckSum: u32(b, l.CheckSum),
		SizeNotRounded: u32(b, l.SizeUnrounded), TimeDateStamp: u32(b, l.TimeDateStamp),
		Entry: e, Origin: "loaded-module list (" + l.Origin + ")",
	}
	m.Path, m.PathErr = ptr.text(w.src, b, l.Path, e)
	m.Name, m.NameErr = ptr.text(w.src, b, l.Name, e)
	if m.Name == "" && m.Path != "" {
		m.Name, m.NameErr = lastPart(m.Path), nil
	}
	return m
}
