package dwarf

import (
	"cmp"
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/symres/symres/symbols"
)

// index says which unit covers which addresses.
type index struct {
	data  *dwarf.Data
	addrs []byte // .debug_addr
	width int    // bytes of an address
	units []dwarf.Offset
	spans []span // by start
}

type span struct {
	start, end uint64
	unit       dwarf.Offset
}

func newIndex(s *sections) (*index, error) {
	data, err := s.data()
	if err != nil {
		return nil, err
	}
	x := &index{data: data, width: 4}
	if s.im.Is64() {
		x.width = 8
	}
	if x.addrs, err = s.read("addr"); err != nil {
		return nil, err
	}
	r := data.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			return nil, damaged(err)
		}
		if e == nil {
			break
		}
		if r.SkipChildren(); e.Tag != dwarf.TagCompileUnit {
			continue
		}
		x.units = append(x.units, e.Offset)
		ranges, err := data.Ranges(e)
		if err != nil {
			continue // nobody knows what it covers; lists have it
		}
		for _, r := range ranges {
			x.spans = append(x.spans, span{r[0], r[1], e.Offset})
		}
	}
	slices.SortStableFunc(x.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	return x, nil
}

// unitOf returns the unit that covers an address.
func (x *index) unitOf(addr uint64) (dwarf.Offset, bool) {
	i := sort.Search(len(x.spans), func(i int) bool { return x.spans[i].start > addr })
	if i == 0 || addr >= x.spans[i-1].end {
		return 0, false
	}
	return x.spans[i-1].unit, true
}

// unit is what was read of a unit.
type unit struct {
	entities []entity // functions, calls inlined into them, variables
	rows     []row    // of its lines, by address
	files    []*dwarf.LineFile
}

// entity is a function, an inlined call or a variable.
type entity struct {
	name, linkage string
	code, inlined bool
	ranges        [][2]uint64
	addr          uint64 // of a variable
	parent        int    // the function it was inlined into, directly; -1 for none

	callFile, callLine, callColumn int
}

func (e *entity) start() uint64 {
	if len(e.ranges) > 0 {
		return e.ranges[0][0]
	}
	return e.addr
}

func (e *entity) holds(addr uint64) bool {
	return slices.ContainsFunc(e.ranges, func(r [2]uint64) bool { return addr >= r[0] && addr < r[1] })
}

// reading is a unit while it is read.
type reading struct {
	*index
	r     *dwarf.Reader // of the unit
	jump  *dwarf.Reader // of what entries refer to
	left  symbols.Budget
	addrs []byte // those of the unit
	unit
	open []int // the functions that enclose the entry, -1 for other scopes
}

// readUnit reads the entries and lines of the unit at off.
func readUnit(x *index, off dwarf.Offset, left symbols.Budget) (*unit, error) {
	u := &reading{index: x, r: x.data.Reader(), jump: x.data.Reader(), left: left}
	u.r.Seek(off)
	root, err := u.r.Next()
	if err != nil || root == nil {
		return nil, damaged(cmp.Or(err, io.ErrUnexpectedEOF))
	}
	if base, ok := root.Val(dwarf.AttrAddrBase).(int64); ok && base >= 0 && base <= int64(len(x.addrs)) {
		u.addrs = x.addrs[base:]
	}
	if root.Children {
		if err := u.entries(); err != nil {
			return nil, err
		}
	}
	return &u.unit, u.lines(root)
}

// entries reads those of the unit, to the end of its children.
func (u *reading) entries() error {
	u.open = []int{-1}
	for len(u.open) > 0 {
		e, err := u.r.Next()
		if err != nil || e == nil {
			return damaged(cmp.Or(err, io.ErrUnexpectedEOF))
		}
		if err := u.left.Spend(len(e.Field)); err != nil {
			return err
		}
		if e.Tag == 0 {
			u.open = u.open[:len(u.open)-1]
			continue
		}
		at := u.entry(e)
		if e.Children {
			if len(u.open) >= maxDepth {
				u.r.SkipChildren()
				continue
			}
			u.open = append(u.open, at)
		}
	}
	return nil
}

// entry takes an entry and returns what encloses its children.
func (u *reading) entry(e *dwarf.Entry) int {
	around := u.open[len(u.open)-1]
	switch e.Tag {
	case dwarf.TagSubprogram, dwarf.TagInlinedSubroutine:
		ranges, err := u.data.Ranges(e)
		if err != nil || len(ranges) == 0 {
			return -1
		}
		f := entity{code: true, ranges: ranges, parent: -1}
		u.name(&f, e, 8)
		if f.inlined = e.Tag == dwarf.TagInlinedSubroutine; f.inlined {
			f.parent = around
			f.callFile, f.callLine, f.callColumn = number(e, dwarf.AttrCallFile), number(e, dwarf.AttrCallLine), number(e, dwarf.AttrCallColumn)
		}
		u.entities = append(u.entities, f)
		return len(u.entities) - 1
	case dwarf.TagVariable:
		if addr, ok := u.address(e); ok {
			v := entity{addr: addr, parent: -1}
			u.name(&v, e, 8)
			u.entities = append(u.entities, v)
		}
	case dwarf.TagLexDwarfBlock:
		return around // code of the function around it
	}
	return -1
}

// name fills in the names of an entry, which may be those of another it refers to.
func (u *reading) name(f *entity, e *dwarf.Entry, depth int) {
	if name, ok := e.Val(dwarf.AttrName).(string); ok && f.name == "" {
		f.name = name
	}
	if name, ok := e.Val(dwarf.AttrLinkageName).(string); ok && f.linkage == "" {
		f.linkage = name
	}
	for _, attr := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
		off, ok := e.Val(attr).(dwarf.Offset)
		if !ok || depth == 0 {
			continue
		}
		u.jump.Seek(off)
		if to, err := u.jump.Next(); err == nil && to != nil {
			u.name(f, to, depth-1)
		}
	}
}

// address is the fixed address of a variable: an expression of DW_OP_addr or
// DW_OP_addrx alone.
func (u *reading) address(e *dwarf.Entry) (uint64, bool) {
	const opAddr, opAddrx = 3, 0xa1
	b, _ := e.Val(dwarf.AttrLocation).([]byte)
	if len(b) == 1+u.width && b[0] == opAddr {
		return u.pointer(b[1:]), true
	}
	if len(b) < 2 || b[0] != opAddrx {
		return 0, false
	}
	i, n := binary.Uvarint(b[1:])
	if n != len(b)-1 || i >= uint64(len(u.addrs)/u.width) {
		return 0, false
	}
	return u.pointer(u.addrs[int(i)*u.width:]), true
}

func (x *index) pointer(b []byte) uint64 {
	if x.width == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func number(e *dwarf.Entry, attr dwarf.Attr) int {
	n, _ := e.Val(attr).(int64)
	return int(n)
}

// row is where code came from, from its address to that of the next row.
type row struct {
	addr         uint64
	file         int
	line, column int
	end          bool
}

// lines reads the line table of a unit.
func (u *reading) lines(root *dwarf.Entry) error {
	r, err := u.data.LineReader(root)
	if r == nil || err != nil {
		return nil // functions are known without their lines
	}
	numbers := map[*dwarf.LineFile]int{}
	var e dwarf.LineEntry
	for {
		if err := r.Next(&e); err != nil {
			if !errors.Is(err, io.EOF) {
				return nil
			}
			break
		}
		if err := u.left.Spend(0); err != nil {
			return err
		}
		if len(numbers) == 0 || u.files == nil || e.File != nil && !known(numbers, e.File) {
			u.files = r.Files()
			for i, f := range u.files {
				numbers[f] = i
			}
		}
		u.rows = append(u.rows, row{e.Address, numbers[e.File], e.Line, e.Column, e.EndSequence})
	}
	if u.files == nil {
		u.files = r.Files()
	}
	u.whole(root)
	slices.SortStableFunc(u.rows, func(a, b row) int {
		if c := cmp.Compare(a.addr, b.addr); c != 0 || a.end == b.end {
			return c
		}
		if a.end { // what ends there is not what begins
			return -1
		}
		return 1
	})
	return nil
}

// whole mends the name of the unit's own file: where it is absolute, the standard
// library still puts the folder of the compilation in front of it (DWARF 5).
func (u *reading) whole(root *dwarf.Entry) {
	name, _ := root.Val(dwarf.AttrName).(string)
	dir, _ := root.Val(dwarf.AttrCompDir).(string)
	if !strings.HasPrefix(name, "/") {
		return
	}
	for i, f := range u.files {
		if f != nil && f.Name == strings.TrimSuffix(dir, "/")+name {
			own := *f
			own.Name = name
			u.files[i] = &own
		}
	}
}

func known(numbers map[*dwarf.LineFile]int, f *dwarf.LineFile) bool {
	_, ok := numbers[f]
	return ok
}

// row is the row of an address, without a line where there is none.
func (u *unit) row(addr uint64) row {
	i := sort.Search(len(u.rows), func(i int) bool { return u.rows[i].addr > addr })
	if i == 0 || u.rows[i-1].end {
		return row{}
	}
	return u.rows[i-1]
}

func (u *unit) file(n int) string {
	if n < 0 || n >= len(u.files) || u.files[n] == nil || u.files[n].Name == "?" { // Go's word for none
		return ""
	}
	return u.files[n].Name
}

// scopes are the function that holds an address and the calls inlined there, from
// the outside in.
func (u *unit) scopes(addr uint64) []*entity {
	inner := -1
	for i := range u.entities { // children come behind their parents
		if e := &u.entities[i]; e.code && e.holds(addr) && (!e.inlined || e.parent == inner || inner < 0) {
			inner = i
		}
	}
	var list []*entity
	for i := inner; i >= 0; i = u.entities[i].parent {
		list = append(list, &u.entities[i])
	}
	slices.Reverse(list)
	return list
}
