package dwarf

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/symres/symres/symbols"
)

// Standard and extended operations of line programs (DWARF 5, 7.22).
const (
	lnsCopy = iota + 1
	lnsAdvancePC
	lnsAdvanceLine
	lnsSetFile
	lnsSetColumn
	lnsNegateStmt
	lnsBasicBlock
	lnsConstAddPC
	lnsFixedAdvancePC
	lnsPrologueEnd

	lneEndSequence = 1
	lneSetAddress  = 2
	lneDefineFile  = 3

	lnctPath      = 1
	lnctDirectory = 2
)

// row is where code came from, from its address to that of the next row.
type row struct {
	rva, line, file uint32
	column          uint16
	end             bool // nobody knows what follows
	body            bool // a function has made its frame here
}

// sourceFile is a file of a line table.
type sourceFile struct {
	name value
	dir  uint64
}

// lineTable is the line table of one or more units.
type lineTable struct {
	root  // how its values are read
	dirs  []value
	files []sourceFile
	rows  []row // by address
	bytes int
}

func (l *lineTable) cost() int {
	return l.bytes + costRow*len(l.rows) + costName*(len(l.dirs)+len(l.files))
}

// program is a line program and what its header says.
type program struct {
	*lineTable
	in        reader
	minLength uint64
	lineBase  int64
	lineRange uint64
	opBase    uint8
	lengths   []byte // of the operands of standard operations
}

// linesOf returns the line table of a unit, nil for none.
func (t *Table) linesOf(u *root) (*lineTable, error) {
	if u.stmtList.form == 0 {
		return nil, nil
	}
	return keep(t.kept, key{keptLines, u.stmtList.u, u.encoding}, func() (*lineTable, error) {
		w := t.part(t.lineBytes(u))
		p, err := t.readProgram(u, w)
		if err != nil {
			return nil, err
		}
		err = p.run(w, func(r row) error {
			p.rows = append(p.rows, r)
			return w.spend(costRow)
		})
		sortRows(p.rows)
		p.lineTable.rows = slices.Clip(p.rows)
		return p.lineTable, err
	})
}

// sortRows sorts by address; what ends at one is in front of what begins there.
func sortRows(rows []row) {
	order := func(a, b row) int {
		if c := cmp.Compare(a.rva, b.rva); c != 0 || a.end == b.end {
			return c
		}
		if a.end {
			return -1
		}
		return 1
	}
	if !slices.IsSortedFunc(rows, order) {
		slices.SortStableFunc(rows, order)
	}
}

// lineBytes is the size of a unit's line table, 0 if it has none.
func (t *Table) lineBytes(u *root) uint64 {
	c, err := t.sections.open("line")
	if err != nil {
		return 0
	}
	b, _ := c.upTo(u.stmtList.u, 12)
	in := reader{b: b}
	n, _ := in.length()
	return min(n, uint64(c.size))
}

// readProgram reads the header of the line table of a unit.
func (t *Table) readProgram(u *root, w *work) (*program, error) {
	c, err := t.sections.open("line")
	if err != nil {
		return nil, err
	}
	off := u.stmtList.u
	b, err := c.upTo(off, 12)
	if err != nil {
		return nil, err
	}
	in := reader{b: b}
	n, offsetSize := in.length()
	if in.bad || n > uint64(c.size) {
		return nil, wrongLines(off)
	}
	if b, err = c.bytes(off, n+uint64(in.pos)); err != nil {
		return nil, err
	}
	if err := w.spend(len(b)); err != nil {
		return nil, err
	}
	l := &lineTable{root: root{t: t, head: u.head, strs: u.strs}, bytes: len(b)}
	l.offsetSize = uint8(offsetSize)
	p := &program{lineTable: l, in: reader{b: b, pos: in.pos}}
	return p, p.header(off, w)
}

func wrongLines(off uint64) error {
	return fmt.Errorf("DWARF: line table at %#x: %w", off, symbols.ErrFormat)
}

func (p *program) header(off uint64, w *work) error {
	in := &p.in
	if p.version = in.u16(); p.version < 2 || p.version > 5 {
		return wrongLines(off)
	}
	if p.version >= 5 {
		if p.width = in.u8(); p.width != 4 && p.width != 8 || in.u8() != 0 {
			return wrongLines(off)
		}
	}
	length := in.fixed(int(p.offsetSize))
	start := uint64(in.pos) + length
	p.minLength = uint64(in.u8())
	if p.version >= 4 {
		in.u8() // operations in an instruction: one on all that run Windows
	}
	in.u8() // whether rows begin statements
	p.lineBase, p.lineRange, p.opBase = int64(int8(in.u8())), uint64(in.u8()), in.u8()
	p.lengths = in.take(uint64(max(p.opBase, 1)) - 1)
	if p.lineRange == 0 || in.bad || length > uint64(len(in.b)) || start > uint64(len(in.b)) {
		return wrongLines(off)
	}
	var err error
	if p.version >= 5 {
		err = p.names5(w)
	} else {
		err = p.namesOld(w)
	}
	if err == nil && in.bad {
		err = wrongLines(off)
	}
	in.pos = int(start)
	return err
}

// namesOld reads the folders and files as DWARF 2 to 4 list them.
func (p *program) namesOld(w *work) error {
	for {
		dir := p.in.text()
		if len(dir) == 0 {
			break
		}
		if err := w.spend(costName); err != nil {
			return err
		}
		p.dirs = append(p.dirs, value{form: formString, b: dir})
	}
	for {
		name := p.in.text()
		if len(name) == 0 {
			return nil
		}
		if err := w.spend(costName); err != nil {
			return err
		}
		p.addFile(name)
	}
}

func (p *program) addFile(name []byte) {
	f := sourceFile{name: value{form: formString, b: name}, dir: p.in.uleb()}
	p.in.uleb() // when it was changed
	p.in.uleb() // its size
	p.files = append(p.files, f)
}

// names5 reads the folders and files as DWARF 5 lists them.
func (p *program) names5(w *work) error {
	err := p.list5(w, func(name value, _ uint64) { p.dirs = append(p.dirs, name) })
	if err != nil {
		return err
	}
	return p.list5(w, func(name value, dir uint64) { p.files = append(p.files, sourceFile{name, dir}) })
}

func (p *program) list5(w *work, add func(name value, dir uint64)) error {
	in := &p.in
	formats := make([][2]uint16, in.u8())
	for i := range formats {
		formats[i] = [2]uint16{uint16(min(in.uleb(), 0xffff)), uint16(min(in.uleb(), 0xffff))}
	}
	for n := in.uleb(); n > 0 && !in.bad; n-- {
		var name value
		var dir uint64
		for _, f := range formats {
			v := in.value(p.encoding, f[1], 0)
			switch f[0] {
			case lnctPath:
				name = v
			case lnctDirectory:
				dir = v.u
			}
		}
		if err := w.spend(costName + len(formats)); err != nil {
			return err
		}
		add(name, dir)
	}
	return nil
}

// machine is the state of a line program.
type machine struct {
	addr   uint64
	line   int64
	file   uint64
	column uint64
	body   bool
}

func (p *program) reset() machine { return machine{line: 1, file: 1} }

// run runs the program. Rows outside of the image are left out. What is wrong with
// it ends it.
func (p *program) run(w *work, emit func(row) error) error {
	m := p.reset()
	put := func(end bool) error {
		rva, ok := p.t.rva(m.addr)
		body := m.body
		m.body = false
		if !ok && !(end && m.addr-p.t.im.ImageBase == uint64(p.t.im.SizeOfImage)) {
			return nil
		}
		return emit(row{rva: rva, line: uint32(max(0, min(m.line, 1<<32-1))), file: uint32(min(m.file, 1<<32-1)), column: uint16(min(m.column, 1<<16-1)), end: end, body: body})
	}
	in := &p.in
	for !in.done() {
		if err := w.spend(1); err != nil {
			return err
		}
		op := in.u8()
		if op >= p.opBase {
			op -= p.opBase
			m.addr += uint64(op) / p.lineRange * p.minLength
			m.line += p.lineBase + int64(uint64(op)%p.lineRange)
			if err := put(false); err != nil {
				return err
			}
			continue
		}
		switch op {
		case 0:
			files := len(p.files)
			if err := p.extended(&m, put); err != nil {
				return err
			}
			if err := w.spend(costName * (len(p.files) - files)); err != nil {
				return err
			}
		case lnsCopy:
			if err := put(false); err != nil {
				return err
			}
		default:
			p.standard(op, &m)
		}
	}
	return nil
}

// standard runs an operation that makes no row.
func (p *program) standard(op uint8, m *machine) {
	in := &p.in
	switch op {
	case lnsAdvancePC:
		m.addr += in.uleb() * p.minLength
	case lnsAdvanceLine:
		m.line += in.sleb()
	case lnsSetFile:
		m.file = in.uleb()
	case lnsSetColumn:
		m.column = in.uleb()
	case lnsConstAddPC:
		m.addr += uint64(255-p.opBase) / p.lineRange * p.minLength
	case lnsPrologueEnd:
		m.body = true
	case lnsFixedAdvancePC:
		m.addr += in.fixed(2)
	default:
		for range p.lengths[op-1] {
			in.uleb()
		}
	}
}

// extended runs an operation that states its length.
func (p *program) extended(m *machine, put func(end bool) error) error {
	n := p.in.uleb()
	body := reader{b: p.in.take(n)}
	switch body.u8() {
	case lneEndSequence:
		err := put(true)
		*m = p.reset()
		return err
	case lneSetAddress:
		if n == 5 || n == 9 {
			m.addr = body.fixed(int(n - 1))
		}
	case lneDefineFile:
		f := sourceFile{name: value{form: formString, b: body.text()}}
		f.dir = body.uleb()
		if !body.bad {
			p.files = append(p.files, f)
		}
	}
	return nil
}

// row is the row of an address.
func (l *lineTable) row(rva uint32) (row, bool) {
	i := sort.Search(len(l.rows), func(i int) bool { return l.rows[i].rva > rva })
	if i == 0 || l.rows[i-1].end {
		return row{}, false
	}
	return l.rows[i-1], true
}

// file is the path of a file by its number, as the compiler of unit u saw it; ""
// for none.
func (l *lineTable) file(u *root, number uint32, w *work) (string, error) {
	if l == nil || l.version < 5 && number == 0 {
		return "", nil
	}
	if l.version < 5 {
		number--
	}
	if uint64(number) >= uint64(len(l.files)) {
		return "", nil
	}
	f := l.files[number]
	name, err := l.text(f.name, w)
	if err != nil || absolute(name) || name == "?" { // Go's word for no file
		return strings.TrimSuffix(name, "?"), err
	}
	dir, err := l.folder(f.dir, w)
	if err != nil {
		return "", err
	}
	if absolute(dir) || l.version >= 5 && f.dir == 0 {
		return join(dir, name), nil
	}
	home, err := u.text(u.dir, w)
	return join(join(home, dir), name), err
}

// folder is the path of a folder by its number; "" for that of the compilation.
func (l *lineTable) folder(number uint64, w *work) (string, error) {
	if l.version < 5 {
		number-- // the first is no. 1, and 0 becomes none
	}
	if number >= uint64(len(l.dirs)) {
		return "", nil
	}
	return l.text(l.dirs[number], w)
}

// absolute reports whether a path is absolute on Windows or elsewhere.
func absolute(path string) bool {
	drive := len(path) >= 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/')
	return drive || strings.HasPrefix(path, "/") || strings.HasPrefix(path, `\`)
}

// join puts a folder in front of a path, with its kind of slash.
func join(dir, name string) string {
	switch {
	case dir == "" || dir == ".":
		return name
	case name == "":
		return dir
	case strings.HasSuffix(dir, "/") || strings.HasSuffix(dir, `\`):
		return dir + name
	case strings.Contains(dir, `\`) && !strings.Contains(dir, "/"):
		return dir + `\` + name
	}
	return dir + "/" + name
}
