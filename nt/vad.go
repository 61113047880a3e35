package nt

import (
	"cmp"
	"errors"
	"fmt"
	"iter"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/vadmath"
)

const (
	maxVADs     = 0x20000 // descriptors of one process
	maxVADDepth = 100     // of the tree, which is balanced: that many hold more than all memory
	vadImageMap = 2       // VadType of an image
	vadPhysical = 1
	maxVADNames = 8 << 20 // bytes of all file names of a tree; real ones have some 100 KB
)

// TreeBreak is yielded by [VADs] when the tree cannot be followed: the part
// below Node is missing. It unwraps to Fault.
type TreeBreak struct {
	Node   uint64 // the descriptor that cannot be read or followed
	Parent uint64 // the one that names it; 0 for the root
	Fault  error  // why; wraps a [*memsource.Fault] or [ErrMalformed]
}

// Error says where the tree broke.
func (e *TreeBreak) Error() string {
	return fmt.Sprintf("VAD tree broken at %s: %v", hexaddr.Addr(e.Node), e.Fault)
}

// Unwrap returns Fault.
func (e *TreeBreak) Unwrap() error { return e.Fault }

// vad is a descriptor, with what reading its pages takes.
type vad struct {
	vadmath.Entry
	prototypes uint64 // address of its first prototype PTE; 0: it has none
}

// vads walks the tree of virtual address descriptors below root, by address. A
// descriptor that cannot be read costs itself and what hangs below it: a
// [*TreeBreak] is yielded and the walk goes on, as it does after a descriptor
// that makes no sense. No descriptor is visited twice, and a forged tree ends
// after 131,072 of them. A root of 0 is an empty tree.
//
// Entries have the pages, type, protection and, through the section, the file
// of a mapping. A file name that cannot be read leaves File empty; Note then
// says why. A layout that is not known is an error that wraps [ErrNoLayout].
func vads(src memsource.Source, l vadLayout, s sectionLayout, root uint64) iter.Seq2[vad, error] {
	return func(yield func(vad, error) bool) {
		if !l.known() {
			yield(vad{}, fmt.Errorf("VADs: %w", ErrNoLayout))
			return
		}
		w := &vadWalk{src: src, l: &l, s: &s, seen: map[uint64]bool{}, yield: yield}
		w.run(root)
	}
}

// vadWalk walks a tree in order with a stack of its own.
type vadWalk struct {
	src   memsource.Source
	l     *vadLayout
	s     *sectionLayout
	seen  map[uint64]bool
	stack []vadNode // nodes whose left side is being walked
	names int       // bytes of the file names read so far
	yield func(vad, error) bool
}

// vadNode is a node as read.
type vadNode struct {
	addr, left, right uint64
	level             int
	b                 []byte
}

func (w *vadWalk) run(root uint64) {
	next := vadNode{addr: root}
	if !w.descend(next, 0) {
		return
	}
	for len(w.stack) > 0 {
		n := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if !w.yield(w.entry(n)) || !w.descend(vadNode{addr: n.right, level: n.level + 1}, n.addr) {
			return
		}
	}
}

// descend puts a node and the chain of its left children on the stack, and
// returns whether the caller wants more.
func (w *vadWalk) descend(n vadNode, parent uint64) bool {
	for n.addr != 0 {
		if err := w.read(&n); err != nil {
			return w.yield(vad{}, &TreeBreak{Node: n.addr, Parent: parent, Fault: err})
		}
		w.stack = append(w.stack, n)
		parent, n = n.addr, vadNode{addr: n.left, level: n.level + 1}
	}
	return true
}

// read reads a node that was not visited yet.
func (w *vadWalk) read(n *vadNode) error {
	switch {
	case w.seen[n.addr]:
		return malformed(n.addr, "the tree leads back to this node")
	case n.level > maxVADDepth:
		return malformed(n.addr, "more than %d levels", maxVADDepth)
	case len(w.seen) >= maxVADs:
		return malformed(n.addr, "more than %d nodes", maxVADs)
	case n.addr%uint64(w.l.width()) != 0:
		return malformed(n.addr, "no address of a node")
	}
	w.seen[n.addr] = true
	b, err := structure(w.src, "node", n.addr, w.l.short())
	if err != nil {
		return err
	}
	n.b, n.left, n.right = b, w.l.Left.of(b), w.l.Right.of(b)
	return nil
}

// entry is the descriptor of a node, or why it is none.
func (w *vadWalk) entry(n vadNode) (vad, error) {
	l, b := w.l, n.b
	v := vad{Entry: vadmath.Entry{Address: n.addr, Level: n.level, Pages: l.pages(b), Commit: int64(l.Commit.of(b)),
		Protection: vadmath.ProtectionName(uint32(l.Protection.of(b)))}}
	if l.Commit.full(l.Commit.of(b)) {
		v.Commit = -1
	}
	if _, _, err := v.Pages.Bytes(cmp.Or(l.Page, vadmath.Page4K)); err != nil {
		return vad{}, malformed(n.addr, "descriptor of pages %x to %x", uint64(v.Pages.Start), uint64(v.Pages.End))
	}
	switch {
	case l.Type.of(b) == vadImageMap || l.ImageMap.of(b) == 1:
		v.Type = vadmath.TypeImage
	case l.Private.of(b) == 1:
		v.Type, v.View = vadmath.TypePrivate, vadmath.ViewUnmap
		return v, nil
	default:
		v.Type = vadmath.TypeMapped
	}
	if l.Physical.of(b) != 1 && (l.Type.of(b) != vadPhysical || l.ImageMap.known()) {
		w.mapping(&v)
	}
	return v, nil
}

// pages puts the page numbers together from their parts before anything is
// done with them.
func (l *vadLayout) pages(b []byte) vadmath.Pages {
	join := func(low, high, higher field) vadmath.VPN {
		v, shift := low.of(b), 8*low.Size
		if high.known() {
			v |= high.of(b) << shift
			shift += 8 * high.Size
		}
		if higher.known() {
			v |= higher.of(b) << shift
		}
		return vadmath.VPN(v)
	}
	return vadmath.Pages{Start: join(l.Start, l.StartHigh, l.StartHigher), End: join(l.End, l.EndHigh, l.EndHigher)}
}

// mapping reads what only the descriptor of a mapping has: the way to the file
// and to the prototype PTEs.
func (w *vadWalk) mapping(v *vad) {
	b, err := structure(w.src, "descriptor", v.Address, w.l.long())
	if err == nil {
		v.prototypes = w.l.FirstPrototype.of(b)
		v.View = w.view(v.Address, b)
		v.File, err = w.file(b)
	}
	switch {
	case errors.Is(err, errNoFile):
		v.Note = "Pagefile section"
	case err != nil:
		v.Note = "file name not known: " + err.Error()
	}
}

// view says whether children get the view of the descriptor at addr, which
// begins with b; unknown where nothing says. On XP the flag is behind what has
// to be read of a descriptor.
func (w *vadWalk) view(addr uint64, b []byte) vadmath.View {
	f := w.l.Inherit
	if !f.known() {
		return vadmath.ViewUnknown
	}
	if f.end() > len(b) {
		var err error
		if b, err = structure(w.src, "descriptor", addr, f.end()); err != nil {
			return vadmath.ViewUnknown
		}
	}
	if f.of(b) == 1 {
		return vadmath.ViewShare
	}
	return vadmath.ViewUnmap
}

// file follows the section to the name of the mapped file.
func (w *vadWalk) file(b []byte) (string, error) {
	area := w.l.ControlArea.of(b)
	if w.l.Subsection.known() {
		subsection := w.l.Subsection.of(b)
		if subsection == 0 {
			return "", errNoFile
		}
		var err error
		if area, err = w.l.width().read(w.src, subsection); err != nil {
			return "", fmt.Errorf("subsection: %w", err)
		}
	}
	switch {
	case area == 0:
		return "", errNoFile
	case w.s.Bits == 0:
		return "", ErrNoLayout
	case w.names > maxVADNames:
		return "", malformed(area, "more than %d bytes of file names", maxVADNames)
	}
	name, err := w.s.fileName(w.src, area)
	w.names += len(name)
	return name, err
}
