package kd

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/pdb"
)

func symbolCommands() []entry {
	return []entry{
		{"x", "list symbols: /1 /2 /a /A /n /N /z /Z /v /t /s SIZE /q /p /f /d", (*Session).examine},
		{"ln", "show the symbols next to an address", (*Session).nearest},
	}
}

// examineOptions are the options of x.
type examineOptions struct {
	letters string
	size    uint64
	sized   bool
	pattern string
}

func (o *examineOptions) has(letter string) bool { return strings.Contains(o.letters, letter) }

func (s *Session) parseExamine(ctx context.Context, args string) (o examineOptions, err error) {
	for strings.HasPrefix(args, "/") {
		w, rest := word(args)
		if w = w[1:]; w == "" || strings.Trim(w, "12aAnNzZvtsqpfdD") != "" {
			return o, refuse("%*s^ Syntax error in 'x %s'", len("kd> ")+2, "", args)
		}
		o.letters += w
		if args = rest; strings.HasSuffix(w, "s") {
			var size string
			size, args = word(rest)
			if o.size, err = s.number(ctx, size); err != nil {
				return o, err
			}
			o.sized = true
		}
	}
	o.pattern = args
	return o, nil
}

func (s *Session) examine(ctx context.Context, c Command) error {
	o, err := s.parseExamine(ctx, c.Args)
	mod, name, qualified := strings.Cut(o.pattern, "!")
	switch {
	case err != nil || o.pattern == "" || !qualified: // without a module x looks for locals, and says nothing without any
		return err
	case name == "" && strings.ContainsAny(mod, "*?["):
		return s.listModules(ctx, Command{"lm", "m " + mod})
	case name == "":
		o.pattern += "*"
	}
	list, err := s.matching(ctx, o.pattern)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(f found) bool { return !o.wants(s, ctx, f) })
	o.sort(list, func(f found) uint64 { return s.sizeOf(ctx, f) })
	for _, f := range list {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.symbolRow(ctx, &o, f)
	}
	return nil
}

// found is a symbol of a list.
type found struct {
	symres.Symbol
	public bool
	bucket uint32
}

// rank is where a symbol stands in a list: variables, functions, public symbols.
func (f *found) rank() int {
	switch {
	case f.public:
		return 2
	case f.Kind == symres.KindFunction || f.Kind == symres.KindThunk:
		return 1
	}
	return 0
}

// matching finds the symbols of a pattern, as the debugger lists them: by their rank, and
// then in the order of the hash tables of their PDBs.
func (s *Session) matching(ctx context.Context, pattern string) (list []found, err error) {
	loaded := s.deferred()
	for sym, err := range s.target.Session().Lookup(ctx, pattern) {
		failed, isLoad := errors.AsType[*symres.LoadError](err)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case isLoad:
			s.told(failed.Report, failed)
		case errors.Is(err, symres.ErrNoModule):
			mod, _, _ := strings.Cut(pattern, "!")
			return nil, refuse("%*s^ Couldn't resolve 'x %s'", len("kd> ")+2+len(mod), "", mod)
		case errors.Is(err, symres.ErrNotFound):
		case err != nil:
			return nil, refuse("%v", err)
		default:
			list = append(list, found{sym, isPublic(sym), nameHash(sym.Raw) % buckets})
		}
	}
	s.tellLoaded(loaded)
	slices.SortStableFunc(list, func(a, b found) int {
		if a.Module != b.Module {
			return 0
		}
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.bucket, b.bucket),
			cmp.Compare(len(a.Raw), len(b.Raw)), cmp.Compare(strings.ToLower(a.Raw), strings.ToLower(b.Raw)))
	})
	return list, nil
}

// deferred are the names of the modules that were not asked for yet.
func (s *Session) deferred() map[string]bool {
	out := map[string]bool{}
	for _, r := range s.target.Session().Modules() {
		if r.Status == symres.StatusDeferred {
			out[r.Module.Name] = true
		}
	}
	return out
}

// tellLoaded says of the modules that were loaded meanwhile what the debugger says.
func (s *Session) tellLoaded(before map[string]bool) {
	for _, r := range s.target.Session().Modules() {
		if before[r.Module.Name] && r.Loaded() {
			s.told(r, nil)
		}
	}
}

func isPublic(sym symres.Symbol) bool { return sym.Kind == symres.KindPublic }

// buckets is the number of buckets of the hash tables in a PDB (gsi.h, IPHR_HASH).
const buckets = 4096

// nameHash is the hash of a name in a PDB (misc.h, LHashPbCb).
func nameHash(name string) uint32 {
	b := []byte(name)
	h := uint32(0)
	for ; len(b) >= 4; b = b[4:] {
		h ^= binary.LittleEndian.Uint32(b)
	}
	if len(b) >= 2 {
		h ^= uint32(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		h ^= uint32(b[0])
	}
	h |= 0x20202020
	h ^= h >> 11
	return h ^ h>>16
}

// wants reports whether a symbol passes the filters.
func (o *examineOptions) wants(s *Session, ctx context.Context, f found) bool {
	switch {
	case o.has("f") && !f.Code && f.Kind != symres.KindFunction:
		return false
	case o.has("d") && (f.Code || f.Kind == symres.KindFunction) && !f.public:
		return false
	case o.sized:
		return !f.public && f.Kind == symres.KindData && s.sizeOf(ctx, f) == o.size
	}
	return true
}

// sizeOf is the size of a variable, by its type where it has one; that of a public symbol
// is not known.
func (s *Session) sizeOf(ctx context.Context, f found) uint64 {
	if f.public {
		return 0
	}
	size := uint64(f.Size)
	if t, err := s.target.TypeOf(ctx, f.Symbol); err == nil {
		size, _ = t.Size() // that of a function is not known
	}
	return size
}

func (o *examineOptions) sort(list []found, size func(found) uint64) {
	by := map[string]func(a, b found) int{
		"a": func(a, b found) int { return cmp.Compare(a.Address, b.Address) },
		"n": func(a, b found) int { return cmp.Compare(a.Name, b.Name) },
		"z": func(a, b found) int { return cmp.Compare(size(a), size(b)) },
	}
	for _, letter := range []string{"a", "n", "z"} {
		if o.has(letter) {
			slices.SortStableFunc(list, by[letter])
		}
		if o.has(strings.ToUpper(letter)) {
			slices.SortStableFunc(list, func(a, b found) int { return by[letter](b, a) })
		}
	}
}

// symbolRow shows a symbol.
func (s *Session) symbolRow(ctx context.Context, o *examineOptions, f found) {
	name := f.Module + "!" + f.Name
	switch {
	case o.has("1"):
		s.printf("%s\n", name)
		return
	case o.has("2"):
		s.printf("%s %s\n", s.addr(f.Address), name)
		return
	case o.has("q"):
		name = `@!"` + name + `"`
	}
	typ, value := s.typedValue(ctx, f)
	if o.has("p") {
		value = strings.TrimPrefix(value, " (")
		if strings.HasSuffix(value, ")") && f.Code {
			value = "(" + value
		}
	}
	head := s.addr(f.Address) + " "
	if o.has("v") {
		class := map[bool]string{true: "pub global ", false: "prv global "}[f.public]
		if f.Kind == symres.KindFunction {
			class = "prv func   "
		}
		head = class + s.addr(f.Address) + " " + strconv.FormatUint(uint64(f.Size), 16) + " "
		if f.public {
			head = class + s.addr(f.Address) + "    0 "
		}
	}
	if typ == "" && f.public {
		typ = "<NoType>"
	}
	if o.has("t") && typ != "" {
		head += typ + " "
	}
	s.printf("%s%s%s\n", head, name, value)
}

// typedValue is the type of a symbol, and what is shown behind its name.
func (s *Session) typedValue(ctx context.Context, f found) (typ, value string) {
	if f.Kind == symres.KindFunction || f.Kind == symres.KindThunk {
		return "", " (void)"
	}
	if f.public {
		return "", " = <no type information>"
	}
	t, err := s.target.TypeOf(ctx, f.Symbol)
	if err != nil {
		return "", " = <no type information>"
	}
	v := viewer{s: s, ctx: ctx}
	return typeWords(t), " = " + v.variable(t, f.Address)
}

// typeWords spells a type as the debugger's C++ does.
func typeWords(t pdb.Type) string {
	text := t.String()
	for _, p := range [][2]string{{"__int64", "int64"}, {"const ", ""}, {"volatile ", ""}} {
		text = strings.ReplaceAll(text, p[0], p[1])
	}
	base := t
	for range 64 {
		if k := base.Kind(); k != pdb.TypePointer && k != pdb.TypeArray && k != pdb.TypeModifier {
			break
		}
		elem, err := base.Elem()
		if err != nil {
			break
		}
		base = elem
	}
	switch base.Kind() {
	case pdb.TypeStruct:
		text = "struct " + text
	case pdb.TypeUnion:
		text = "union " + text
	case pdb.TypeClass:
		text = "class " + text
	}
	if i := strings.IndexByte(text, '*'); i > 0 && text[i-1] != ' ' {
		text = text[:i] + " " + text[i:]
	}
	if i := strings.IndexByte(text, '['); i > 0 && text[i-1] != ' ' && text[i-1] != '*' {
		text = text[:i] + " " + text[i:]
	}
	return text
}

func (s *Session) nearest(ctx context.Context, c Command) error {
	addr := s.thread.Context.PC
	if c.Args != "" {
		v, err := s.number(ctx, c.Args)
		if err != nil {
			return err
		}
		addr = s.narrow(v)
	}
	before := s.deferred()
	loc, err := s.target.Session().Resolve(ctx, addr)
	s.tellLoaded(before)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed, ok := errors.AsType[*symres.LoadError](err); ok {
		s.told(failed.Report, failed)
	}
	if err != nil {
		return nil // there is nothing near it
	}
	at := ""
	if loc.Displacement != 0 {
		at = "+0x" + strconv.FormatUint(loc.Displacement, 16)
	}
	next := s.following(ctx, loc.Symbol)
	s.printf("(%s)   %s!%s%s   %s\n", s.addr(loc.Address), loc.Module, loc.Name, at, next)
	if loc.Displacement == 0 {
		s.exact(ctx, loc.Symbol)
	}
	return nil
}

// exact lists the names at an address.
func (s *Session) exact(ctx context.Context, sym symres.Symbol) {
	s.printf("Exact matches:\n")
	list, err := s.matching(ctx, sym.Module+"!*")
	if err != nil {
		return
	}
	for _, f := range list {
		if f.Address == sym.Address {
			_, value := s.typedValue(ctx, f)
			s.printf("    %s!%s%s\n", f.Module, f.Name, value)
		}
	}
}

// following is the symbol behind another one in its module.
func (s *Session) following(ctx context.Context, sym symres.Symbol) string {
	for next, err := range s.target.Session().Lookup(ctx, sym.Module+"!*") {
		if err == nil && next.Address > sym.Address && !next.Unplaced {
			return "|  (" + s.addr(next.Address) + ")   " + next.Module + "!" + next.Name
		}
	}
	return ""
}
