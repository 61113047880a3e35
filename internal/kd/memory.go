package kd

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

func memoryCommands() []entry {
	return []entry{
		{"db dw dd dq dp dc da du dps dds dqs d", "show memory: ADDRESS, L COUNT", (*Session).dump},
		{"s", "search memory: -a -u -b -w -d -q RANGE WHAT", (*Session).search},
		{"u", "show instructions: ADDRESS, L COUNT", (*Session).unassemble},
		{"ub", "show the instructions before an address: ADDRESS, L COUNT", (*Session).unassembleBack},
		{"uf", "show a function: ADDRESS", (*Session).unassembleFunction},
		{"!dh", "show the headers of an image: -f -s -a ADDRESS", (*Session).showHeader},
		{"!chkimg", "compare the code in memory with the image file, as .symres verify does: MODULE", (*Session).checkImage},
	}
}

// Bounds of ranges, in objects that are shown and in bytes that are searched.
const (
	maxObjects = 1 << 20
	maxSearch  = 256 << 20
)

// rangeOf reads an address and how many objects are wanted: `ADDR`, `ADDR L10` or
// `ADDR END`. count is 0 where nothing says it.
func (s *Session) rangeOf(ctx context.Context, args string, size uint64) (addr, count uint64, err error) {
	args = strings.TrimSpace(args)
	head, length, has := cutLength(args)
	if !has {
		head, length = word(args)
	}
	if head != "" {
		if addr, err = s.number(ctx, head); err != nil {
			return 0, 0, err
		}
	}
	if length == "" {
		return s.narrow(addr), 0, nil
	}
	n, err := s.number(ctx, length)
	if err != nil {
		return 0, 0, err
	}
	if !has {
		n = (s.narrow(n)-s.narrow(addr))/size + 1
	}
	if n == 0 || n > maxSearch {
		return 0, 0, refuse("%*s^ Range error in '%s'", len("kd> ")+2, "", args)
	}
	return s.narrow(addr), n, nil
}

// cutLength splits `ADDR L10` at the L.
func cutLength(args string) (head, length string, ok bool) {
	for i := len(args) - 1; i > 0; i-- {
		if (args[i] == 'L' || args[i] == 'l') && (args[i-1] == ' ' || args[i-1] == '\t') {
			return strings.TrimSpace(args[:i]), strings.TrimPrefix(args[i+1:], "?"), true
		}
	}
	return args, "", false
}

// dumpForm says how objects are shown.
type dumpForm struct {
	size, row, count uint64
	text, symbols    bool
}

func (s *Session) dumpForm(name string) dumpForm {
	word := uint64(s.bits() / 8)
	switch name {
	case "dw":
		return dumpForm{size: 2, row: 8, count: 64}
	case "dd":
		return dumpForm{size: 4, row: 4, count: 32}
	case "dc":
		return dumpForm{size: 4, row: 4, count: 32, text: true}
	case "dq":
		return dumpForm{size: 8, row: 2, count: 16}
	case "dp":
		return dumpForm{size: word, row: 16 / word, count: 128 / word}
	case "dps":
		return dumpForm{size: word, row: 1, count: 16, symbols: true}
	case "dds":
		return dumpForm{size: 4, row: 1, count: 16, symbols: true}
	case "dqs":
		return dumpForm{size: 8, row: 1, count: 16, symbols: true}
	}
	return dumpForm{size: 1, row: 16, count: 128, text: true}
}

func (s *Session) dump(ctx context.Context, c Command) error {
	if c.Name == "da" || c.Name == "du" {
		return s.dumpText(ctx, c)
	}
	f := s.dumpForm(c.Name)
	addr, count, err := s.rangeOf(ctx, c.Args, f.size)
	if err != nil {
		return err
	}
	if c.Args == "" {
		addr = s.next
	}
	if count == 0 {
		count = f.count
	}
	if count > maxObjects {
		return refuse("%d objects are too many: at most %d", count, maxObjects)
	}
	for count > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n := min(count, f.row)
		s.dumpRow(ctx, f, addr, n)
		addr, count = s.narrow(addr+n*f.size), count-n
	}
	s.next = addr
	return nil
}

// dumpRow shows a row of objects. Each is read for itself where a page of the row
// is out.
func (s *Session) dumpRow(ctx context.Context, f dumpForm, addr, n uint64) {
	b := make([]byte, n*f.size)
	got, err := s.read(ctx, b, addr)
	known := func(i uint64) bool { return err == nil || (i+1)*f.size <= uint64(got) }
	var cells strings.Builder
	var chars []byte
	for i := range n {
		sep := " "
		if f.size == 1 && i == 8 {
			sep = "-"
		}
		if i > 0 {
			cells.WriteString(sep)
		}
		if !known(i) {
			cells.WriteString(unknownCell(f.size))
		} else {
			cells.WriteString(s.cell(b[i*f.size:][:f.size]))
		}
		for j := range f.size {
			switch c := b[i*f.size+j]; {
			case !known(i):
				chars = append(chars, '?')
			case c < 0x20 || c > 0x7e:
				chars = append(chars, '.')
			default:
				chars = append(chars, c)
			}
		}
	}
	line := s.addr(addr) + "  " + cells.String()
	switch {
	case f.text:
		width := int(f.row*(2*f.size+1)) - 1
		line = fmt.Sprintf("%s  %-*s  %s", s.addr(addr), width, cells.String(), chars)
	case f.symbols && known(0):
		if name := s.symbolAt(ctx, s.value); name != "" {
			line += " " + name
		}
	}
	s.printf("%s\n", line)
}

// cell is an object in hex.
func (s *Session) cell(b []byte) string {
	var v [8]byte
	copy(v[:], b)
	s.value = binary.LittleEndian.Uint64(v[:])
	if len(b) == 8 {
		return fmt.Sprintf("%08x`%08x", s.value>>32, uint32(s.value))
	}
	return fmt.Sprintf("%0*x", 2*len(b), s.value)
}

func unknownCell(size uint64) string {
	if size == 8 {
		return "????????`????????"
	}
	return strings.Repeat("??", int(size))
}

// symbolAt is the symbol of an address with the distance to it, or nothing. Symbols
// are not looked for far away.
func (s *Session) symbolAt(ctx context.Context, addr uint64) string {
	loc, err := s.target.Session().Resolve(ctx, addr)
	if err != nil || loc.Name == "" {
		return s.moduleAt(addr)
	}
	name := loc.Module + "!" + loc.Name
	if loc.Displacement != 0 {
		name += "+0x" + strconv.FormatUint(loc.Displacement, 16)
	}
	return name
}

// moduleAt is the module of an address, with the distance to its base.
func (s *Session) moduleAt(addr uint64) string {
	for _, r := range s.target.Session().Modules() {
		if r.Module.Contains(addr) {
			return r.Module.Name + "+0x" + strconv.FormatUint(addr-r.Module.Base, 16)
		}
	}
	return ""
}

// dumpText shows text, to its end or for so many characters.
func (s *Session) dumpText(ctx context.Context, c Command) error {
	size := map[string]uint64{"da": 1, "du": 2}[c.Name]
	addr, count, err := s.rangeOf(ctx, c.Args, size)
	if err != nil {
		return err
	}
	if c.Args == "" {
		addr = s.next
	}
	const row = 32
	left := count
	if left == 0 {
		left = 512
	}
	for left > 0 && left <= maxObjects {
		n := min(left, row)
		b := make([]byte, n*size)
		got, err := s.read(ctx, b, addr)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if got == 0 && err != nil {
			s.printf("%s  \"%s\"\n", s.addr(addr), strings.Repeat("?", 1))
			return nil
		}
		text, ended := decode(b[:got], size)
		s.printf("%s  \"%s\"\n", s.addr(addr), text)
		addr, left = s.narrow(addr+n*size), left-n
		if s.next = addr; ended || err != nil {
			return nil
		}
	}
	return nil
}

// decode reads text to its end.
func decode(b []byte, size uint64) (text string, ended bool) {
	var units []uint16
	for i := 0; i+int(size) <= len(b); i += int(size) {
		u := uint16(b[i])
		if size == 2 {
			u = binary.LittleEndian.Uint16(b[i:])
		}
		if u == 0 {
			ended = true
			break
		}
		if u < 0x20 || size == 1 && u > 0x7e {
			u = '.'
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), ended
}

// search shows where memory has something.
func (s *Session) search(ctx context.Context, c Command) error {
	kind, rest := "b", c.Args
	if flag, after := word(rest); strings.HasPrefix(flag, "-") && len(flag) > 1 {
		kind, rest = flag[len(flag)-1:], after
	}
	where, length, has := cutBefore(rest)
	if !has {
		return refuse("s: which range? s -a ADDRESS L COUNT TEXT")
	}
	count, what := word(length)
	addr, err := s.number(ctx, where)
	if err != nil {
		return err
	}
	n, err := s.number(ctx, strings.TrimPrefix(count, "?"))
	if err != nil {
		return err
	}
	if n > maxSearch {
		return refuse("s: %d bytes are too many: at most %d", n, maxSearch)
	}
	needle, size, err := s.needle(ctx, kind, what)
	if err != nil {
		return err
	}
	return s.find(ctx, s.narrow(addr), n*size, needle, kind)
}

// cutBefore splits `ADDR L10 WHAT` at the L.
func cutBefore(args string) (where, rest string, ok bool) {
	for i := 1; i < len(args); i++ {
		if (args[i] == 'L' || args[i] == 'l') && args[i-1] == ' ' {
			return strings.TrimSpace(args[:i]), args[i+1:], true
		}
	}
	return args, "", false
}

// needle is what is searched for, and the size in bytes that a length counts.
func (s *Session) needle(ctx context.Context, kind, what string) (b []byte, size uint64, err error) {
	width := map[string]uint64{"b": 1, "w": 2, "d": 4, "q": 8}[kind]
	text := strings.Trim(strings.TrimSpace(what), `"`)
	switch kind {
	case "a":
		return []byte(text), 1, nil
	case "u":
		for _, u := range utf16.Encode([]rune(text)) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
		return b, 2, nil
	}
	if width == 0 {
		return nil, 0, refuse("s: unknown option -%s", kind)
	}
	for _, w := range words(what) {
		v, err := s.number(ctx, w)
		if err != nil {
			return nil, 0, err
		}
		b = append(b, binary.LittleEndian.AppendUint64(nil, v)[:width]...)
	}
	return b, width, nil
}

// find reads page after page, and leaves out what cannot be read.
func (s *Session) find(ctx context.Context, addr, size uint64, needle []byte, kind string) error {
	if len(needle) == 0 {
		return refuse("s: for what?")
	}
	const page = 0x1000
	form := s.dumpForm(map[string]string{"w": "dw", "d": "dd", "q": "dq"}[kind])
	form.text = true
	var kept []byte // what can still begin a match
	for at := addr; at-addr < size; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n := min(page-at%page, size-(at-addr))
		b := make([]byte, n)
		got, _ := s.read(ctx, b, at) // what is out has nothing
		kept = append(kept, b[:got]...)
		base := at + uint64(got) - uint64(len(kept))
		for i := 0; i+len(needle) <= len(kept); i++ {
			if string(kept[i:i+len(needle)]) == string(needle) {
				s.dumpRow(ctx, form, base+uint64(i), form.row)
			}
		}
		if uint64(got) < n {
			kept = nil
		} else {
			kept = kept[max(0, len(kept)-len(needle)+1):]
		}
		at += n
	}
	return nil
}

// hex8 is a number in eight digits.
func hex8(v uint32) string { return fmt.Sprintf("%08x", v) }
