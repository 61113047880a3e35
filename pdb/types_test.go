package pdb_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// memberLeaves are the members the comparison looks at.
var memberLeaves = map[pdb.MemberKind]string{
	pdb.MemberData: "LF_MEMBER", pdb.MemberStatic: "LF_STMEMBER", pdb.MemberNested: "LF_NESTTYPE",
	pdb.MemberEnumerator: "LF_ENUMERATE", pdb.MemberBase: "LF_BCLASS",
	pdb.MemberVirtualBase: "LF_VBCLASS", pdb.MemberIndirectBase: "LF_IVBCLASS",
}

// typeComparison counts what was compared.
type typeComparison struct{ tags, named, members, bitFields, forward int }

// compareTypes holds all types of a PDB against another reader's.
func compareTypes(t *testing.T, f *pdb.File, want map[uint32]*llvmType) (n typeComparison) {
	t.Helper()
	seen := 0
	for typ, err := range f.Types() {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		w := want[typ.Index()]
		if w == nil || typ.Leaf() != w.leaf {
			t.Fatalf("type %#x is %v, want %+v", typ.Index(), typ.Leaf(), w)
		}
		if again, err := f.Type(typ.Index()); err != nil || again.String() != typ.String() || again.Index() != typ.Index() {
			t.Fatalf("type %#x is %v, %v by index, %v in the sequence", typ.Index(), again, err, typ)
		}
		switch {
		case typ.IsTag():
			n.add(compareTag(t, f, typ, w, want))
		case typ.Kind() == pdb.TypeArray:
			if size, err := typ.Size(); size != w.size || err != nil {
				t.Errorf("%v: size %d, %v; want %d", typ, size, err, w.size)
			}
		case len(w.args) > 0:
			compareText(t, f, w.args)
		}
	}
	if seen != len(want) {
		t.Errorf("%d types, want %d", seen, len(want))
	}
	return n
}

func (n *typeComparison) add(m typeComparison) {
	n.tags += m.tags
	n.named += m.named
	n.members += m.members
	n.bitFields += m.bitFields
	n.forward += m.forward
}

func compareTag(t *testing.T, f *pdb.File, typ pdb.Type, w *llvmType, all map[uint32]*llvmType) (n typeComparison) {
	t.Helper()
	if typ.Name() != w.name || typ.UniqueName() != w.unique || typ.IsForward() != w.forward {
		t.Fatalf("type %#x is %q %q %v, want %+v", typ.Index(), typ.Name(), typ.UniqueName(), typ.IsForward(), w)
	}
	n.tags++
	if w.forward {
		n.forward++
		def, err := typ.Definition()
		switch {
		case w.definition == 0 && err == nil: // the other reader does not look for types of functions everywhere
			if d := all[def.Index()]; d == nil || !typ.IsScoped() || d.forward || d.name != w.name || d.unique != w.unique {
				t.Errorf("%q is %#x, %v; want no definition", w.name, def.Index(), err)
			}
		case w.definition == 0 && !errors.Is(err, pdb.ErrNotFound):
			t.Errorf("%q: %v, want not found", w.name, err)
		case w.definition != 0 && (err != nil || !sameTag(all, def.Index(), w.definition)):
			t.Errorf("%q is %#x, %v; want %#x", w.name, def.Index(), err, w.definition)
		}
		return n
	}
	if size, err := typ.Size(); typ.Kind() != pdb.TypeEnum && (size != w.size || err != nil) {
		t.Errorf("%v: size %d, %v; want %d", typ, size, err, w.size)
	}
	members, bits := compareMembers(t, typ, flatten(all, w.fields), all)
	n.members, n.bitFields = members, bits
	if typ.IsAnonymous() {
		return n
	}
	n.named++
	byName, err := f.TypeByName(w.name)
	if err != nil || byName.IsForward() || byName.Name() != w.name {
		t.Errorf("TypeByName(%q) = %v %v, %v", w.name, byName.Kind(), byName, err)
	}
	return n
}

// sameTag reports whether two records are definitions of one name: of several,
// unequal ones this package takes the last, as Microsoft's reader does.
func sameTag(all map[uint32]*llvmType, a, b uint32) bool {
	x, y := all[a], all[b]
	return a == b || x != nil && y != nil && !x.forward && x.name == y.name && x.unique == y.unique && a > b
}

// flatten joins a field list with the records it goes on in.
func flatten(all map[uint32]*llvmType, list uint32) (out []llvmMember) {
	for all[list] != nil {
		next := uint32(0)
		for _, m := range all[list].members {
			if m.leaf == "LF_INDEX" {
				next = m.index
				continue
			}
			out = append(out, m)
		}
		list = next
	}
	return out
}

func compareMembers(t *testing.T, typ pdb.Type, want []llvmMember, all map[uint32]*llvmType) (members, bitFields int) {
	t.Helper()
	want = slices.DeleteFunc(slices.Clone(want), func(m llvmMember) bool { return m.leaf == "LF_ONEMETHOD" })
	for m, err := range typ.Members() {
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		leaf := memberLeaves[m.Kind]
		if leaf == "" {
			continue
		}
		if members >= len(want) {
			t.Errorf("%v: more than %d members", typ, len(want))
			return
		}
		w := want[members]
		members++
		if field := all[w.index]; field != nil && field.leaf == "LF_BITFIELD" {
			bitFields++
			if m.Bit != field.bit || m.Bits != field.bits {
				t.Errorf("%v.%s: bits %d+%d, want %d+%d", typ, m.Name(), m.Bit, m.Bits, field.bit, field.bits)
			}
			w.index = field.elem
		} else if m.Bits != 0 {
			t.Errorf("%v.%s: a bit field, want none", typ, m.Name())
		}
		if leaf != w.leaf || m.Name() != w.name || m.Index != w.index || m.Offset != w.offset || leaf == "LF_ENUMERATE" && !sameValue(t, typ, m.Value, w.value) {
			t.Errorf("%v: %v %q type %#x offset %d value %v, want %+v", typ, leaf, m.Name(), m.Index, m.Offset, m.Value, w)
		}
	}
	if members != len(want) {
		t.Errorf("%v: %d members, want %d", typ, members, len(want))
	}
	return members, bitFields
}

// sameValue compares an enumerator with the text of another reader, which
// shows the bits of a negative value of some compilers.
func sameValue(t *testing.T, enum pdb.Type, got pdb.Number, want string) bool {
	t.Helper()
	if got.String() == want {
		return true
	}
	v, ok := got.Int64()
	size, err := enum.Size()
	return err == nil && ok && v < 0 && strconv.FormatUint(uint64(v)<<(64-8*size)>>(64-8*size), 10) == want
}

// innermost returns what pointers and modifiers are about, the zero Type for a
// const pointer, whose text is different there ("void* const" reads "const void*").
func innermost(t *testing.T, typ pdb.Type) pdb.Type {
	t.Helper()
	for typ.Kind() == pdb.TypePointer || typ.Kind() == pdb.TypeModifier {
		elem, err := typ.Elem()
		if err != nil {
			t.Fatal(err)
		}
		if typ.Kind() == pdb.TypeModifier && elem.Kind() == pdb.TypePointer {
			return pdb.Type{}
		}
		typ = elem
	}
	return typ
}

// compareText compares the C text of types, as far as the other reader uses
// that of C: it puts the star behind the list of arguments.
func compareText(t *testing.T, f *pdb.File, args []llvmArg) {
	t.Helper()
	for _, a := range args {
		typ, err := f.Type(a.index)
		if err != nil {
			t.Errorf("%#x: %v", a.index, err)
			continue
		}
		tag := innermost(t, typ)
		if !tag.IsTag() && tag.Kind() != pdb.TypeBasic {
			continue
		}
		want := a.text
		if tag.Kind() == pdb.TypeBasic {
			for _, r := range [][2]string{{"unsigned __int128", "!128"}, {"unsigned __int64", "!64"}, {"unsigned char", "!c"}, {"unsigned short", "!s"}, {"unsigned long", "!l"}, {"unsigned", "unsigned int"},
				{"!128", "unsigned __int128"}, {"!64", "unsigned __int64"}, {"!c", "unsigned char"}, {"!s", "unsigned short"}, {"!l", "unsigned long"}, {"<no type>", "..."}} {
				want = strings.ReplaceAll(want, r[0], r[1])
			}
		}
		if got := typ.String(); got != want {
			t.Errorf("type %#x is %q, want %q", a.index, got, want)
		}
	}
}

func TestTypes_nt(t *testing.T) {
	for _, machine := range []string{"x64", "x86"} {
		t.Run(machine, func(t *testing.T) {
			b := fixture.Bytes(t, "nt/"+machine+"/ntkrnlmp.pdb")
			path := filepath.Join(t.TempDir(), "ntkrnlmp.pdb")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			want := parseTypes(t, path)
			for name, newFile := range map[string]func() (*pdb.File, error){
				"pread":  func() (*pdb.File, error) { return pdb.New(bytes.NewReader(b), int64(len(b))) },
				"memory": func() (*pdb.File, error) { return pdb.NewMemory(b) },
			} {
				f, err := newFile()
				if err != nil {
					t.Fatal(err)
				}
				n := compareTypes(t, f, want)
				if n.named < 20 || n.bitFields == 0 {
					t.Errorf("%s: compared only %+v", name, n)
				}
				t.Logf("%s: %+v", name, n)
			}
		})
	}
}

// TestTypes_corpus compares all types of all PDBs of the corpus that have any.
func TestTypes_corpus(t *testing.T) {
	t.Parallel()
	named := 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			want := parseTypes(t, c[1])
			n := compareTypes(t, open(t, c[1]), want)
			t.Logf("%+v", n)
			named += n.named
		})
	}
	if named < 200 {
		t.Errorf("%d named definitions compared, want at least 200", named)
	}
}

// TestTypeByName_current: where a name has several definitions, the hash
// stream can say which one is current.
func TestTypeByName_current(t *testing.T) {
	t.Parallel()
	total := 0
	for _, c := range corpusPDBs(t) {
		f := open(t, c[1])
		inside := false
		for line := range llvmDump(t, c[1], "-types", "-type-extras") {
			name, index, ok := strings.Cut(strings.TrimSpace(line), "` -> 0x")
			inside = strings.Contains(line, "Hash Adjusters") || inside && ok
			if !inside || !ok {
				continue
			}
			total++
			got, err := f.TypeByName(strings.TrimPrefix(name, "`"))
			if err != nil || got.Index() != number[uint32](index, 16) {
				t.Errorf("%s: %s` is %#x, %v; want 0x%s", filepath.Base(c[0]), name, got.Index(), err, index)
			}
		}
	}
	if total == 0 {
		t.Error("no PDB of the corpus marks a type as current")
	}
	t.Logf("%d marked types", total)
}
