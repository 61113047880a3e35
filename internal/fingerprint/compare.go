package fingerprint

import (
	"bytes"
	"encoding/binary"
)

// Limits on what is taken for a patch by its value alone. Beyond them the
// bytes are simply others.
const (
	maxBreakpoints  = 4
	maxLockPrefixes = 64
)

// minContent is how many bytes of a range must differ from its most common
// one: filler tells no images apart.
const minContent = 16

// Comparer compares resident bytes with an image. It belongs to one goroutine.
type Comparer struct {
	image  *Image
	result Result
	window window

	page    uint64         // number of the page being gathered, plus 1
	memory  [PageSize]byte // its bytes
	present []mask         // runs of them that are there, relative to the page
}

// NewComparer returns a comparer that has seen nothing yet.
func NewComparer(i *Image) *Comparer {
	c := &Comparer{image: i, window: window{image: i}, result: Result{whole: true}}
	c.result.Pages = make([]Page, i.size/PageSize)
	for n := range c.result.Pages {
		c.result.Pages[n] = i.outline(uint64(n) * PageSize)
	}
	return c
}

// outline says what a page can prove before anything is read.
func (i *Image) outline(rva uint64) (p Page) {
	covered := false
	for _, s := range i.segmentsIn(rva, rva+PageSize) {
		if s.skip != 0 {
			p.Reasons |= s.skip
			continue
		}
		covered = true
	}
	switch {
	case !covered && p.Reasons == 0:
		p.Reasons = NotFromFile
	case covered:
		p.Class, p.Reasons = Strong, 0
	}
	return p
}

// Add compares data, the resident bytes at rva. Calls come in ascending order
// of rva and do not overlap; data is not kept.
func (c *Comparer) Add(rva uint64, data []byte) {
	for len(data) > 0 && rva < c.image.size {
		if n := rva/PageSize + 1; n != c.page {
			c.flush()
			c.page = n
		}
		at := rva % PageSize
		n := copy(c.memory[at:], data)
		if last := len(c.present) - 1; last >= 0 && c.present[last].end == at {
			c.present[last].end += uint64(n)
		} else {
			c.present = append(c.present, mask{start: at, end: at + uint64(n)})
		}
		rva, data = rva+uint64(n), data[n:]
	}
}

// Result ends the comparison.
func (c *Comparer) Result() *Result {
	c.flush()
	r := c.result
	r.sum()
	return &r
}

// flush compares the page gathered.
func (c *Comparer) flush() {
	if len(c.present) == 0 {
		return
	}
	c.compare(&c.result.Pages[c.page-1], (c.page-1)*PageSize)
	c.present = c.present[:0]
}

// compare fills in the result of a page.
func (c *Comparer) compare(p *Page, rva uint64) {
	if p.Class == Skip {
		p.State = Skipped
		return
	}
	want, plain, err := c.window.page(rva)
	if err != nil {
		p.State, p.Reasons = Skipped, p.Reasons|Unreadable
		return
	}
	cmp := comparison{image: c.image, rva: rva, want: want, plain: plain, have: c.memory[:], page: p}
	if c.zeroed() && content(want) >= minContent {
		p.State, p.Class, p.Reasons = Skipped, Skip, p.Reasons|Zeroed
		return
	}
	compared := false
	for _, s := range c.image.segmentsIn(rva, rva+PageSize) {
		if s.skip != 0 {
			continue
		}
		from, to := max(s.start, rva)-rva, min(s.end, rva+PageSize)-rva
		seen := uint64(0)
		for _, r := range c.present {
			if a, b := max(from, r.start), min(to, r.end); a < b {
				cmp.rangeOf(a, b)
				seen += b - a
			}
		}
		compared = compared || seen > 0
		if seen < to-from {
			p.Reasons |= Partly
		}
	}
	cmp.conclude(compared)
}

// zeroed reports whether the whole page is there and zero.
func (c *Comparer) zeroed() bool {
	return len(c.present) == 1 && c.present[0].end-c.present[0].start == PageSize &&
		len(bytes.TrimLeft(c.memory[:], "\x00")) == 0
}

// comparison is that of one page.
type comparison struct {
	image       *Image
	rva         uint64
	want, plain []byte // relocated, and as the file has it
	have        []byte
	page        *Page
	content     int // of the ranges compared
	breakpoints int
	prefixes    int
}

// rangeOf compares the bytes from a to b, which are of one section.
func (c *comparison) rangeOf(a, b uint64) {
	for _, m := range c.image.masksIn(c.rva+a, c.rva+b) {
		to := max(m.start, c.rva+a) - c.rva
		c.bytes(a, to)
		c.page.Class, c.page.Reasons = Weak, c.page.Reasons|m.why
		a = min(m.end-c.rva, b)
	}
	c.bytes(a, b)
}

// bytes compares unmasked bytes.
func (c *comparison) bytes(a, b uint64) {
	if a >= b {
		return
	}
	want, have := c.want[a:b], c.have[a:b]
	c.content += content(want)
	if bytes.Equal(want, have) {
		c.page.Equal += uint32(b - a)
		if !bytes.Equal(want, c.plain[a:b]) {
			c.page.Reasons |= Relocated
		}
		return
	}
	run := false
	for k := a; k < b; k++ {
		if c.want[k] != c.plain[k] {
			c.page.Reasons |= Relocated
		}
		if c.want[k] == c.have[k] || c.patched(k, a, b) {
			run = false
			c.page.Equal++
			continue
		}
		if c.page.Bytes++; c.page.First == 0 {
			c.page.First = uint32(c.rva + k)
		}
		if !run {
			c.page.Runs++
		}
		run = true
	}
}

// patched reports whether the byte at k was put there by a debugger or by the
// kernel, as its value shows.
func (c *comparison) patched(k, a, b uint64) bool {
	switch c.image.h.Machine {
	case machineI386, machineAMD64:
		alone := (k == a || c.want[k-1] == c.have[k-1]) && (k+1 >= b || c.want[k+1] == c.have[k+1])
		if alone && c.lockPrefix(k) {
			return true
		}
		return alone && c.have[k] == 0xcc && c.breakpoint(1)
	case machineARM, machineARMNT:
		at := k &^ 1
		return at >= a && at+2 <= b && binary.LittleEndian.Uint16(c.have[at:]) == 0xdefe && c.breakpoint(2)
	case machineARM64:
		at := k &^ 3
		return at >= a && at+4 <= b && binary.LittleEndian.Uint32(c.have[at:]) == 0xd43e0000 && c.breakpoint(4)
	}
	return false
}

// breakpoint counts a byte of an instruction of size bytes that stops a
// debugger: INT3; on ARM UDF #254 and on ARM64 BRK #0xF000, which are what
// MSVC's __debugbreak makes.
func (c *comparison) breakpoint(size int) bool {
	if c.breakpoints++; c.breakpoints > maxBreakpoints*size {
		return false
	}
	c.page.Class, c.page.Reasons = Weak, c.page.Reasons|Breakpoint
	return true
}

// lockPrefix reports whether a lock prefix was replaced by a no-operation or
// the other way round, as 32-bit kernels do for the number of processors.
func (c *comparison) lockPrefix(k uint64) bool {
	const lock, nop = 0xf0, 0x90
	w, h := c.want[k], c.have[k]
	if c.image.h.Machine != machineI386 || !(w == lock && h == nop || w == nop && h == lock) {
		return false
	}
	if c.prefixes++; c.prefixes > maxLockPrefixes {
		return false
	}
	c.page.Class, c.page.Reasons = Weak, c.page.Reasons|LockPrefix
	return true
}

// conclude sets the state.
func (c *comparison) conclude(compared bool) {
	p := c.page
	switch {
	case !compared:
		p.State, p.Equal = Absent, 0 // of a page whose resident part is of no use
	case p.Bytes > 0:
		p.State = Differs
	case c.content < minContent:
		p.State, p.Class, p.Reasons, p.Equal = Skipped, Skip, p.Reasons|AllAlike, 0
	case p.Reasons&^Partly != 0:
		p.State = Fixups
	default:
		p.State = Match
	}
}

// content counts the bytes that are not the most common one.
func content(b []byte) int {
	var counts [256]int
	most := 0
	for _, c := range b {
		counts[c]++
		most = max(most, counts[c])
	}
	return len(b) - most
}

// window reads the pages of an image in ascending order. It reads every byte
// once: a page, and what relocations that cross its borders need of its
// neighbours, which it keeps.
type window struct {
	image   *Image
	buf     []byte // of the image from from on, as the file has it
	from    uint64
	scratch []byte
}

const margin = maxWidth - 1

// page returns the page at rva as the loader would leave it, and as the file
// has it. Both are good until the next call.
func (w *window) page(rva uint64) (want, plain []byte, err error) {
	from, to := rva-min(rva, margin), min(rva+PageSize+margin, w.image.size)
	old := w.buf
	if end := w.from + uint64(len(old)); end > from && w.from <= from {
		old = old[from-w.from:]
	} else {
		old = nil
	}
	buf := append(make([]byte, 0, PageSize+2*margin), old...)[:to-from]
	if err := w.image.fill(buf[len(old):], from+uint64(len(old))); err != nil {
		w.buf = nil
		return nil, nil, err
	}
	w.buf, w.from = buf, from
	plain = buf[rva-from:][:PageSize]
	relocs := w.image.relocsIn(rva, rva+PageSize)
	if len(relocs) == 0 {
		return plain, plain, nil
	}
	w.scratch = append(w.scratch[:0], buf...)
	for _, r := range relocs {
		at := uint64(r.rva) - from // wraps for one that begins before the window, and ends there
		if uint64(r.rva) >= from && at+uint64(r.width) <= uint64(len(w.scratch)) {
			r.apply(w.scratch[at:], w.image.base-w.image.h.ImageBase)
		}
	}
	return w.scratch[rva-from:][:PageSize], plain, nil
}
