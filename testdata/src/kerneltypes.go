//go:build ignore

// Command kerneltypes writes the C declarations of a kernel's structures from
// a table of their fields:
//
//	NAME SIZE [union]
//	OFFSET KIND [TYPE:]NAME
//
// Numbers are hexadecimal. KIND is b, B (signed), h, d, q for 1, 1, 2, 4 and 8
// bytes; p for a pointer to TYPE, s for a TYPE itself, aN and PN for arrays of
// N of them; cN, jN, iN and IN for N bits of 1, 4, 8 and 8 signed bytes, whose NAME
// ends in @ and the first bit. What no field covers is padding; fields that
// overlap stand in unions without a name. The compiler checks every offset.
//
// A structure of a later table stands in place of the one of that name. A table
// that ends in .c is a source that is going to include what is written: the
// structures it declares itself, and those that contain them, are left out.
//
// Usage: kerneltypes POINTERSIZE TABLE...
package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

type field struct {
	off, size  int
	kind, typ  string
	name, decl string
	bit        int
}

type structure struct {
	name   string
	size   int
	union  bool
	fields []field
}

type table struct {
	pointer int
	all     map[string]*structure
	order   []string
	done    map[string]bool

	elsewhere map[string]bool // declared by a source
	out       *bufio.Writer
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kerneltypes:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 3 {
		return fmt.Errorf("want POINTERSIZE TABLE...")
	}
	pointer, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	t := &table{pointer: pointer, all: map[string]*structure{}, done: map[string]bool{}, elsewhere: map[string]bool{}, out: bufio.NewWriter(os.Stdout)}
	for _, table := range os.Args[2:] {
		read := t.read
		if strings.HasSuffix(table, ".c") {
			read = t.leaveOut
		}
		if err := read(table); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	for _, name := range t.order {
		t.print("%s;\n", t.cType(name))
	}
	for _, name := range t.order {
		if t.isElsewhere(name) {
			continue
		}
		if err := t.emit(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return t.out.Flush()
}

func (t *table) print(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

// read parses the table. A line that begins with a capital letter begins a
// structure: offsets have small ones.
func (t *table) read(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var s *structure
	var here []string // structures of this table
	for i, line := range strings.Split(string(b), "\n") {
		w := strings.Fields(line)
		switch {
		case len(w) == 0 || line[0] == '#':
		case line[0] >= 'A' && line[0] <= 'Z':
			size, err := strconv.ParseInt(w[1], 16, 32)
			if err != nil || slices.Contains(here, w[0]) {
				return fmt.Errorf("line %d: %v, or %s is there twice", i+1, err, w[0])
			}
			s = &structure{name: w[0], size: int(size), union: len(w) > 2}
			if here = append(here, s.name); t.all[s.name] == nil {
				t.order = append(t.order, s.name)
			}
			t.all[s.name] = s
		default:
			f, err := t.field(w)
			if err != nil {
				return fmt.Errorf("line %d: %w", i+1, err)
			}
			s.fields = append(s.fields, f)
		}
	}
	return nil
}

// leaveOut takes the names of the structures that a source declares.
func (t *table) leaveOut(name string) error {
	b, err := os.ReadFile(name)
	for line := range strings.Lines(string(b)) {
		if w := strings.Fields(line); len(w) > 2 && (w[0] == "struct" || w[0] == "union") && w[2] == "{" {
			t.elsewhere[strings.TrimPrefix(w[1], "_")] = true
		}
	}
	return err
}

// isElsewhere reports whether a structure, or one inside it, is declared by the source.
func (t *table) isElsewhere(name string) bool {
	if t.elsewhere[name] {
		return true
	}
	s := t.all[name]
	return s != nil && slices.ContainsFunc(s.fields, func(f field) bool { return (f.kind == "s" || f.kind == "a") && t.isElsewhere(f.typ) })
}

func (t *table) field(w []string) (field, error) {
	off, err := strconv.ParseInt(w[0], 16, 32)
	if err != nil || len(w) != 3 {
		return field{}, fmt.Errorf("no field: %q", w)
	}
	f := field{off: int(off), kind: w[1][:1], name: w[2]}
	if typ, name, ok := strings.Cut(w[2], ":"); ok {
		f.typ, f.name = typ, name
	}
	n := 0
	if len(w[1]) > 1 {
		if n, err = strconv.Atoi(w[1][1:]); err != nil {
			return field{}, err
		}
	}
	if name, bit, ok := strings.Cut(f.name, "@"); ok {
		if f.bit, err = strconv.Atoi(bit); err != nil {
			return field{}, err
		}
		f.name = name
	}
	f.size = n
	return f, nil
}

var plain = map[string]string{"b": "u8", "B": "s8", "h": "u16", "d": "u32", "q": "u64", "u8": "u8", "u16": "u16", "u32": "u32", "u64": "u64", "void": "void"}

var bytes = map[string]int{"u8": 1, "s8": 1, "u16": 2, "u32": 4, "u64": 8}

func (t *table) cType(name string) string {
	if p := plain[name]; p != "" {
		return p
	}
	if s := t.all[name]; s != nil && s.union {
		return "union _" + name
	}
	return "struct _" + name
}

// declare fills in size and declaration.
func (t *table) declare(f *field) error {
	n := f.size
	width := func() int {
		if w := bytes[f.typ]; w != 0 {
			return w
		}
		if s := t.all[f.typ]; s != nil {
			return s.size
		}
		return 0
	}
	switch f.kind {
	case "p":
		f.size, f.decl = t.pointer, t.cType(f.typ)+" *"+f.name
	case "P":
		f.size, f.decl = n*t.pointer, fmt.Sprintf("%s *%s[%d]", t.cType(f.typ), f.name, n)
	case "s":
		f.size, f.decl = width(), t.cType(f.typ)+" "+f.name
	case "a":
		f.size, f.decl = n*width(), fmt.Sprintf("%s %s[%d]", t.cType(f.typ), f.name, n)
	default:
		f.size, f.decl = bytes[plain[f.kind]], plain[f.kind]+" "+f.name
	}
	if f.size == 0 {
		return fmt.Errorf("%s: no type %q", f.name, f.typ)
	}
	f.decl += ";"
	return nil
}

// bitGroup makes one item of bit fields that share a word.
func bitGroup(fields []field) (field, int) {
	base := map[string]string{"c": "u8", "j": "u32", "i": "u64", "I": "long long"}
	first := fields[0]
	n := 1
	for n < len(fields) && fields[n].off == first.off && strings.Contains("cjiI", fields[n].kind) {
		n++
	}
	var words []string
	at, word := 0, "u64"
	switch first.kind {
	case "c":
		word = "u8"
	case "j":
		word = "u32"
	}
	for _, f := range fields[:n] {
		if f.bit > at {
			words = append(words, fmt.Sprintf("%s : %d;", word, f.bit-at))
		}
		words = append(words, fmt.Sprintf("%s %s : %d;", base[f.kind], f.name, f.size))
		at = f.bit + f.size
	}
	return field{off: first.off, size: bytes[word], kind: "bits", decl: strings.Join(words, " ")}, n
}

// items are the fields with bit fields put together.
func (t *table) items(s *structure) ([]field, error) {
	var list []field
	for i := 0; i < len(s.fields); {
		if strings.Contains("cjiI", s.fields[i].kind) {
			g, n := bitGroup(s.fields[i:])
			list = append(list, g)
			i += n
			continue
		}
		f := s.fields[i]
		if err := t.declare(&f); err != nil {
			return nil, err
		}
		list = append(list, f)
		i++
	}
	return list, nil
}

func (t *table) emit(name string) error {
	s := t.all[name]
	if s == nil || t.done[name] {
		return nil
	}
	t.done[name] = true
	for _, f := range s.fields {
		if f.kind == "s" || f.kind == "a" {
			if err := t.emit(f.typ); err != nil {
				return err
			}
		}
	}
	items, err := t.items(s)
	if err != nil {
		return err
	}
	t.print("#pragma pack(push, 1)\n%s {\n", t.cType(name))
	if s.union {
		for _, f := range items {
			t.print("\t%s\n", inside(f))
		}
	} else if err := t.body(s, items); err != nil {
		return err
	}
	if len(t.elsewhere) > 0 && s.size%t.pointer == 0 { // the source has them inside its own
		t.print("} __attribute__((aligned(%d)));\n", t.pointer)
	} else {
		t.print("};\n")
	}
	t.print("#pragma pack(pop)\n_Static_assert(sizeof(%s) == %#x, \"%s\");\n", t.cType(name), s.size, name)
	for _, f := range items {
		if f.kind != "bits" {
			t.print("_Static_assert(__builtin_offsetof(%s, %s) == %#x, \"%s.%s\");\n", t.cType(name), f.name, f.off, name, f.name)
		}
	}
	t.print("%s *keep_%s;\n", t.cType(name), name)
	return nil
}

// inside is a declaration as one member.
func inside(f field) string {
	switch {
	case f.kind == "bits":
		return "struct { " + f.decl + " };"
	case f.off > 0:
		return fmt.Sprintf("struct { u8 Fill_%s[%#x]; %s };", f.name, f.off, f.decl)
	}
	return f.decl
}

// body declares the items of a structure in order of their offsets.
func (t *table) body(s *structure, items []field) error {
	slices.SortStableFunc(items, func(a, b field) int {
		if a.off != b.off {
			return a.off - b.off
		}
		return b.size - a.size
	})
	at := 0
	for i := 0; i < len(items); {
		group, end := items[i:i+1], items[i].off+items[i].size
		for i++; i < len(items) && items[i].off < end; i++ {
			group = items[i-len(group) : i+1]
			end = max(end, items[i].off+items[i].size)
		}
		if group[0].off > at {
			t.print("\tu8 Pad%x[%#x];\n", at, group[0].off-at)
		}
		t.group(group)
		at = end
	}
	if at > s.size {
		return fmt.Errorf("ends at %x", at)
	}
	if at < s.size {
		t.print("\tu8 Pad%x[%#x];\n", at, s.size-at)
	}
	return nil
}

// group declares items that overlap: in layers, each of which has no overlap.
func (t *table) group(group []field) {
	if len(group) == 1 {
		t.print("\t%s\n", group[0].decl)
		return
	}
	var layers [][]field
next:
	for _, f := range group {
		for k, l := range layers {
			if last := l[len(l)-1]; last.off+last.size <= f.off {
				layers[k] = append(l, f)
				continue next
			}
		}
		layers = append(layers, []field{f})
	}
	t.print("\tunion {\n")
	for k, l := range layers {
		t.print("\t\tstruct {")
		at := group[0].off
		for _, f := range l {
			if f.off > at {
				t.print(" u8 Fill%d_%x[%#x];", k, at, f.off-at)
			}
			t.print(" %s", f.decl)
			at = f.off + f.size
		}
		t.print(" };\n")
	}
	t.print("\t};\n")
}
