package kd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/values"
	"github.com/symres/symres/pdb"
)

func typeCommands() []entry {
	return []entry{{"dt", "show a type or a variable: -r -b -v -y -a -s -i, fields, an address", (*Session).displayType}}
}

// typeOptions are the options of dt.
type typeOptions struct {
	level         int  // how deep structures are shown: with -r behind pointers too
	blocks        bool // -b: structures inside only
	prefix, noisy bool
	size          uint64
	sized         bool
	elements      bool
	list          string // the field that links a list
	name          string
	fields        []string
	addr          uint64
	placed        bool
	rows          int
}

func (s *Session) parseType(ctx context.Context, args string) (o typeOptions, err error) {
	for list := words(args); len(list) > 0; list = list[1:] {
		w := list[0]
		flag, isFlag := strings.CutPrefix(w, "-")
		switch {
		case !isFlag && o.name == "":
			o.name = w
		case !isFlag && isPlace(w):
			addr, failed := s.number(ctx, w)
			if failed != nil && !strings.Contains(w, "!") {
				return o, failed
			}
			o.addr, o.placed = s.narrow(addr), failed == nil
		case !isFlag:
			o.fields = append(o.fields, w)
		case flag == "b":
			o.blocks, o.level = true, maxLevel
		case strings.HasPrefix(flag, "r"):
			if o.level = 2; len(flag) > 1 {
				o.level, _ = strconv.Atoi(flag[1:]) // what is no number shows no level
			}
			o.level = min(o.level, maxLevel)
		case flag == "v":
			o.noisy = true
		case flag == "y":
			o.prefix = true
		case strings.HasPrefix(flag, "a"):
			o.elements = true
		case flag == "s" && len(list) > 1:
			if o.size, err = s.number(ctx, list[1]); err != nil {
				return o, err
			}
			o.sized, list = true, list[1:]
		case flag == "e" && o.name == "":
		case flag == "l" && o.name != "" && len(list) > 1:
			o.list, list = list[1], list[1:]
		case flag == "i" || flag == "c" || flag == "o" || flag == "n" || flag == "e" || flag == "d" || flag == "t" || flag == "p" || flag == "l":
		default:
			return o, refuse("dt: unknown option %s", w)
		}
	}
	return o, nil
}

// isPlace reports whether a word behind the name of a type is an address and no
// field.
func isPlace(w string) bool {
	if w[0] >= '0' && w[0] <= '9' || strings.ContainsAny(w, "@!$+(`") {
		return true
	}
	return len(w) >= 5 && strings.Trim(strings.ToLower(w), "0123456789abcdef") == ""
}

func (s *Session) displayType(ctx context.Context, c Command) error {
	o, err := s.parseType(ctx, c.Args)
	if err != nil {
		return err
	}
	if o.name == "" {
		return refuse("dt: of which type?")
	}
	if strings.ContainsAny(o.name, "*?[") || o.sized {
		return s.listTypes(ctx, o)
	}
	t, err := s.target.Session().Type(ctx, o.name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return s.displayVariable(ctx, o)
	}
	if !strings.Contains(o.name, "!") {
		s.printf("%s!%s\n", t.Module, t.FullName())
	}
	return s.showType(ctx, &o, t.Type)
}

// displayVariable shows a variable by its type.
func (s *Session) displayVariable(ctx context.Context, o typeOptions) error {
	env := s.env(ctx)
	addr, t, err := env.Variable(ctx, o.name)
	if err != nil {
		return refuse("Symbol %s not found.", o.name)
	}
	o.addr, o.placed = addr, true
	t = behind(t)
	if t.IsTag() && t.Kind() != pdb.TypeEnum {
		return s.showType(ctx, &o, t)
	}
	v := viewer{s: s, ctx: ctx}
	s.printf("%s\n", v.fieldValue(t, addr))
	return nil
}

func (s *Session) listTypes(ctx context.Context, o typeOptions) error {
	for t, err := range s.target.Session().Types(ctx, o.name) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, symres.ErrNotFound) || errors.Is(err, symres.ErrNoSymbols):
			continue
		case err != nil:
			return refuse("%v", err)
		}
		if size, err := t.Size(); o.sized && (err != nil || size != o.size || !t.IsTag()) {
			continue
		}
		s.printf("          %s!%s\n", t.Module, t.FullName())
	}
	return nil
}

func (s *Session) showType(ctx context.Context, o *typeOptions, t pdb.Type) error {
	v := viewer{s: s, ctx: ctx}
	if t.Kind() == pdb.TypeEnum {
		return v.enumerators(t)
	}
	if o.noisy {
		s.printf("%s\n", verboseName(t))
	}
	if o.list != "" && o.placed {
		return v.listed(o, t)
	}
	if line := v.brief(t, o.addr); o.placed && line != "" && len(o.fields) == 0 {
		s.printf(" %s\n", line)
	}
	if len(o.fields) > 0 && strings.Contains(o.fields[0], ".") {
		return v.within(o, t, o.addr, 0, strings.Split(o.fields[0], "."))
	}
	return v.rows(o, t, o.addr, 0)
}

// within shows the fields on the way to another one, and that one: Pcb.Header.Type. A dot at
// the end asks for all that are in it.
func (v viewer) within(o *typeOptions, t pdb.Type, addr uint64, level int, path []string) error {
	for m, err := range t.Shown() {
		if err != nil {
			return err
		}
		if path[0] != "" && !strings.EqualFold(m.Name(), path[0]) {
			continue
		}
		ft, err := m.Type()
		if err != nil {
			return refuse("%v", err)
		}
		if len(path) == 1 || path[0] == "" {
			if v.row(o, m, ft, m.Name(), addr, level); path[0] == "" {
				continue
			}
			return nil
		}
		inner := behind(ft)
		if d, err := inner.Definition(); err == nil {
			inner = d
		}
		text := ""
		if o.placed {
			text = v.brief(inner, addr+m.Offset)
		}
		v.s.printf("%s   +0x%03x %-16s :  %s\n", strings.Repeat("   ", level), m.Offset, m.Name(), text)
		if !inner.IsTag() {
			return refuse("Cannot find specified field members.")
		}
		return v.within(o, inner, addr+m.Offset, level+1, path[1:])
	}
	if path[0] != "" {
		return refuse("Cannot find specified field members.")
	}
	return nil
}

// maxList bounds the entries of a list that dt -l follows.
const maxList = 4096

// listed shows the structures of a list, which a field links.
func (v viewer) listed(o *typeOptions, t pdb.Type) error {
	f, err := t.Field(o.list)
	if err != nil {
		return refuse("Cannot find specified field members.")
	}
	size := uint64(v.s.bits() / 8)
	next := *o
	next.list = ""
	for at, n := o.addr, 0; n < maxList; n++ {
		v.s.printf("%s at 0x%s\n---------------------------------------------\n", o.list, v.s.addr(at))
		next.addr, next.rows = at, 0
		if err := v.s.showType(v.ctx, &next, t); err != nil {
			return err
		}
		v.s.printf("\n")
		link, err := v.number(at+f.Offset, size)
		if at = v.s.narrow(link); err != nil || at == 0 || at == o.addr || v.ctx.Err() != nil {
			return v.ctx.Err()
		}
	}
	return nil
}

// rowsOf are the lines of a structure.
func (s *Session) rowsOf(ctx context.Context, o typeOptions, t pdb.Type) []string {
	var b strings.Builder
	quiet := &Session{cfg: Config{Out: &b}, target: s.target, here: s.here, process: s.process}
	if err := quiet.showType(ctx, &o, t); err != nil {
		b.WriteString(err.Error())
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// verboseName is what dt -v says of a structure.
func verboseName(t pdb.Type) string {
	n := 0
	for _, err := range t.Shown() {
		if err != nil {
			break
		}
		n++
	}
	size, _ := t.Size() // that of a declaration is not known
	return fmt.Sprintf("%s, %d elements, 0x%x bytes", typeWords(t), n, size)
}

func (v viewer) enumerators(t pdb.Type) error {
	for m, err := range t.Members() {
		if err != nil {
			return refuse("%v", err)
		}
		if m.Kind == pdb.MemberEnumerator {
			v.s.printf("   %s = 0n%v\n", m.Name(), m.Value)
		}
	}
	return nil
}

// rows shows the fields of a structure.
func (v viewer) rows(o *typeOptions, t pdb.Type, addr uint64, level int) error {
	for m, err := range t.Shown() {
		if err == nil {
			err = v.ctx.Err()
		}
		if err != nil {
			return err
		}
		ft, err := m.Type()
		if err != nil {
			return refuse("%v", err)
		}
		name := m.Name()
		switch m.Kind {
		case pdb.MemberVFTable:
			name = "__VFN_table"
		case pdb.MemberStatic, pdb.MemberVirtualBase, pdb.MemberIndirectBase:
			continue
		}
		if level == 0 && !o.shows(name) {
			continue
		}
		if o.rows++; o.rows > maxRows {
			return refuse("the type has more than %d rows", maxRows)
		}
		v.row(o, m, ft, name, addr, level)
		if err := v.inside(o, ft, addr+m.Offset, level); err != nil {
			return err
		}
	}
	return nil
}

// inside shows the structure in a field, or the one it points to.
func (v viewer) inside(o *typeOptions, t pdb.Type, addr uint64, level int) error {
	if level >= o.level {
		return nil
	}
	t = behind(t)
	if t.Kind() == pdb.TypePointer && !o.blocks {
		size, _ := t.Size()
		at, err := v.number(addr, size)
		if o.placed && err != nil {
			return nil
		}
		elem, err := t.Elem()
		if err != nil {
			return nil
		}
		t, addr = behind(elem), at
		if o.placed && at == 0 {
			return nil
		}
	}
	if !t.IsTag() || t.Kind() == pdb.TypeEnum {
		return nil
	}
	if d, err := t.Definition(); err == nil {
		t = d
	}
	return v.rows(o, t, addr, level+1)
}

func (o *typeOptions) shows(name string) bool {
	if len(o.fields) == 0 {
		return true
	}
	for _, f := range o.fields {
		if strings.EqualFold(name, f) || o.prefix && len(name) >= len(f) && strings.EqualFold(name[:len(f)], f) {
			return true
		}
	}
	return false
}

func (v viewer) row(o *typeOptions, m pdb.Member, t pdb.Type, name string, addr uint64, level int) {
	text := ""
	switch {
	case o.placed && m.Bits != 0:
		text = v.bits(t, addr+m.Offset, m.Bit, m.Bits)
	case o.placed:
		text = v.fieldValue(t, addr+m.Offset)
	case m.Bits != 0:
		text = fmt.Sprintf("Pos %d, %d Bit%s", m.Bit, m.Bits, map[bool]string{true: "s"}[m.Bits > 1])
		if o.noisy {
			text = "Bitfield " + text
		}
	case o.noisy:
		text = verboseField(t)
	case o.blocks && behind(t).Kind() == pdb.TypePointer:
		text, _, _ = strings.Cut(values.DebuggerType(t), " ")
	default:
		text = values.DebuggerType(t)
	}
	v.s.printf("%s   +0x%03x %-16s : %s\n", strings.Repeat("   ", level), m.Offset, name, text)
}

// verboseField is a type with the size of the structure in it.
func verboseField(t pdb.Type) string {
	text := values.DebuggerType(t)
	base := behind(t)
	if base.Kind() == pdb.TypePointer {
		elem, err := base.Elem()
		if err != nil {
			return text
		}
		size, _ := base.Size()
		text = fmt.Sprintf("Ptr%d to ", 8*size)
		if base = behind(elem); !base.IsTag() {
			return text + values.DebuggerType(base)
		}
		return text + verboseName(base)
	}
	if base.IsTag() && base.Kind() != pdb.TypeEnum {
		return verboseName(base)
	}
	return text
}

// bits is the value of a bit field, in binary.
func (v viewer) bits(t pdb.Type, addr uint64, bit, bits uint8) string {
	size, _ := behind(t).Size()
	n, err := v.number(addr, size)
	if err != nil {
		return "??"
	}
	n = n >> bit & (1<<bits - 1)
	text := fmt.Sprintf("0y%0*b", int(bits), n)
	if bits > 3 {
		text += " (" + hexOrZero(n) + ")"
	}
	return text
}

func hexOrZero(n uint64) string {
	if n == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(n, 16)
}

// fieldValue is the value of a field.
func (v viewer) fieldValue(t pdb.Type, addr uint64) string {
	t = behind(t)
	size, _ := t.Size()
	switch {
	case t.Kind() == pdb.TypeArray:
		return v.fieldArray(t, addr)
	case t.Kind() == pdb.TypePointer:
		return v.pointer(t, addr, size)
	case t.Kind() == pdb.TypeEnum:
		n, err := v.number(addr, size)
		if err != nil {
			return "??"
		}
		return enumField(t, n)
	case t.IsTag():
		return strings.TrimRight(t.Name()+" "+v.brief(t, addr), " ")
	}
	return v.scalar(t, addr, "0x%x", "??")
}

func enumField(t pdb.Type, n uint64) string {
	text := enumText(t, n)
	if name, _, ok := strings.Cut(text, " (0n"); ok {
		return fmt.Sprintf("%d ( %s )", int32(n), name)
	}
	return text
}

func (v viewer) pointer(t pdb.Type, addr, size uint64) string {
	n, err := v.number(addr, size)
	switch {
	case err != nil:
		return "????"
	case n == 0:
		return "(null)"
	}
	text := "0x" + v.s.addr(n)
	elem, err := t.Elem()
	if err != nil {
		return text
	}
	elem = behind(elem)
	text += " " + plainElement(elem)
	if elem.IsTag() {
		text = strings.TrimRight(text+" "+v.brief(elem, n), " ")
	}
	if isChar(elem) {
		text += " " + v.text(n, maxText, 1)
	}
	return text
}

func plainElement(t pdb.Type) string {
	if t.IsTag() {
		return t.Name()
	}
	return values.DebuggerType(t)
}

// fieldArray is an array: how many elements it has, and the text or the first of
// them.
func (v viewer) fieldArray(t pdb.Type, addr uint64) string {
	n, _ := t.Len()
	elem, err := t.Elem()
	if err != nil {
		return "?"
	}
	elem = behind(elem)
	size, _ := elem.Size()
	if isChar(elem) {
		return fmt.Sprintf("[%d]  %s", n, v.text(addr, n, size))
	}
	if elem.IsTag() && elem.Kind() != pdb.TypeEnum {
		return fmt.Sprintf("[%d] %s", n, elem.Name())
	}
	return fmt.Sprintf("[%d] %s", n, v.fieldValue(elem, addr))
}
