package pdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// maxFuzzTypes bounds how many types of an input are looked at.
const maxFuzzTypes = 500

// typeAnswers is what a PDB says about types, as text.
func typeAnswers(f *pdb.File) string {
	var b strings.Builder
	say := func(v ...any) { fmt.Fprintln(&b, v...) }
	n := 0
	for typ, err := range f.Types() {
		if n++; n > maxFuzzTypes || b.Len() > 1<<20 {
			break
		}
		say(typ.Index(), typ.Leaf(), typ.Kind(), typ.Name(), typ.UniqueName(), err)
		say(typ.Size())
		say(typ.String())
		for m, err := range typ.Fields() {
			say(m.Kind, m.Name(), m.Offset, m.Bit, m.Bits, m.Index, m.Value, err)
			if b.Len() > 1<<20 {
				break
			}
		}
		say(f.TypeByName(typ.Name()))
		say(f.IDName(typ.Index()))
	}
	say(f.Check())
	return b.String()
}

// checkTypeProperties holds the type streams of any file to what is promised
// for all input.
func checkTypeProperties(t *testing.T, data []byte) {
	t.Helper()
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return
	}
	checkTypeMemory(t, data)
	g, err := pdb.NewMemory(data)
	if err != nil {
		t.Fatal(err)
	}
	if one, two := typeAnswers(f), typeAnswers(g); one != two {
		t.Fatalf("frame providers disagree:\n%s", firstDifference(one, two))
	}
	sound := len(typeProblems(f)) == 0
	n := 0
	for typ, err := range f.Types() {
		if n++; n > maxFuzzTypes {
			return
		}
		if err != nil {
			if !errors.Is(err, pdb.ErrFormat) {
				t.Fatalf("Types yields %v, which is not about the format", err)
			}
			continue
		}
		checkType(t, f, typ, sound)
	}
}

// checkType checks one type; sound says that Check finds nothing wrong.
func checkType(t *testing.T, f *pdb.File, typ pdb.Type, sound bool) {
	t.Helper()
	if s := typ.Declare("x"); len(s) > 1<<19 {
		t.Fatalf("type %#x takes %d bytes of text", typ.Index(), len(s))
	}
	checkFields(t, typ)
	if !sound {
		return
	}
	if again, err := f.Type(typ.Index()); err != nil || again.Leaf() != typ.Leaf() || again.Name() != typ.Name() {
		t.Fatalf("type %#x is %v, %v by index, %v in the sequence", typ.Index(), again, err, typ)
	}
	if !typ.IsTag() || typ.IsForward() || strings.Contains(typ.Name(), "\x00") {
		return
	}
	named, err := f.TypeByName(typ.Name())
	if err != nil || named.IsForward() || named.Name() != typ.Name() && named.UniqueName() != typ.Name() {
		t.Fatalf("TypeByName(%q) = %v, %v", typ.Name(), named, err)
	}
}

// checkFields expects the first member of each name to be found by it.
func checkFields(t *testing.T, typ pdb.Type) {
	t.Helper()
	n := 0
	for m, err := range typ.Fields() {
		if err != nil {
			if !errors.Is(err, pdb.ErrFormat) && !errors.Is(err, pdb.ErrNotFound) {
				t.Fatalf("%v: Fields yields %v", typ, err)
			}
			return
		}
		if n++; n > 50 {
			return
		}
		if m.Kind != pdb.MemberData || strings.ContainsAny(m.Name(), ".[") || m.Name() == "" {
			continue
		}
		got, err := typ.Field(m.Name())
		if err != nil {
			if errors.Is(err, pdb.ErrNotFound) {
				t.Fatalf("%v: Field(%q): %v", typ, m.Name(), err)
			}
			continue // the type of the member is damaged
		}
		if got.Name != m.Name() || got.Bits > 0 && got.Mask() == 0 && int(got.Bit)+int(got.Bits) <= 64 {
			t.Fatalf("%v: Field(%q) = %+v", typ, m.Name(), got)
		}
	}
}

// checkTypeMemory holds lookups to memory in proportion to the file.
func checkTypeMemory(t *testing.T, data []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := pdb.NewMemory(data)
	if err != nil {
		return
	}
	f.TypeByName("S")
	f.TypeByName("nothing of this name", pdb.IgnoreCase)
	for i := range uint32(8) {
		if typ, err := f.Type(0x1000 + i); err == nil {
			typ.Definition()
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20+4*uint64(len(data)) {
		t.Fatalf("%d bytes allocated for a file of %d", n, len(data))
	}
}

// FuzzTypes feeds type streams and the hash streams that go with them.
func FuzzTypes(f *testing.F) {
	add := func(w typeWriter) {
		types, hash := w.streams()
		f.Add(types, hash)
	}
	for _, w := range sameStructure {
		add(w)
	}
	add(typeWriter{recs: sameModern(true), noHash: true})
	f.Fuzz(func(t *testing.T, types, hash []byte) {
		p := samplePDB()
		p.extra = [][]byte{hash}
		p.edit = func(s *testStreams) { s.list[2], s.list[4] = types, types }
		checkTypeProperties(t, p.write().Bytes())
	})
}

// TestTypes_properties holds real files to the properties of the fuzz target.
func TestTypes_properties(t *testing.T) {
	for _, name := range []string{"nt/x64/ntkrnlmp.pdb", "nt/x86/ntkrnlmp.pdb", "fs_rec/x64/private/fs_rec.pdb", "fs_rec/x86/good/fs_rec.pdb"} {
		checkTypeProperties(t, fixture.Bytes(t, name))
	}
}

// TestTypes_inside: what real compilers write lies inside its type.
func TestTypes_inside(t *testing.T) {
	for _, c := range corpusPDBs(t) {
		f := open(t, c[1])
		for typ, err := range f.Types() {
			if err != nil {
				t.Fatal(err)
			}
			if typ.IsTag() && !typ.IsForward() && typ.Kind() != pdb.TypeEnum {
				checkInside(t, typ)
			}
		}
	}
}

func checkInside(t *testing.T, typ pdb.Type) {
	t.Helper()
	whole, err := typ.Size()
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range typ.Fields() {
		if err != nil {
			t.Errorf("%v: %v", typ, err)
			return
		}
		mt, err := m.Type()
		if err != nil {
			t.Errorf("%v.%s: %v", typ, m.Name(), err)
			continue
		}
		size, err := mt.Size()
		if errors.Is(err, pdb.ErrNotFound) {
			continue
		}
		if err != nil || m.Offset+size > whole {
			t.Errorf("%v.%s: %d bytes at %d of %d, %v", typ, m.Name(), size, m.Offset, whole, err)
		}
	}
}

// TestTypes_concurrent: one File, many goroutines, what is built lazily included.
func TestTypes_concurrent(t *testing.T) {
	data := fixture.Bytes(t, "nt/x64/ntkrnlmp.pdb")
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := describe(t, typeNamed(t, f, "_MMVAD_SHORT"))
	if f, err = pdb.New(bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 20 {
				typ, err := f.TypeByName("_MMVAD_SHORT")
				if err != nil || describe(t, typ) != want {
					t.Errorf("goroutine %d: %v, %v", i, typ, err)
					return
				}
				if _, err := f.TypeByName("nothing"); !errors.Is(err, pdb.ErrNotFound) {
					t.Errorf("goroutine %d: %v", i, err)
					return
				}
			}
		})
	}
	group.Wait()
	typ := typeNamed(t, f, "_EPROCESS")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, named := f.TypeByName("_EPROCESS")
	_, field := typ.Field("Peb")
	for _, err := range []error{named, field, lastError(typ.Members())} {
		if !errors.Is(err, pdb.ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	}
	for _, err := range f.Types() {
		if !errors.Is(err, pdb.ErrClosed) {
			t.Errorf("Types after Close: %v, want ErrClosed", err)
		}
	}
}

// FuzzNumber: the forms of a number agree.
func FuzzNumber(f *testing.F) {
	f.Add([]byte{0, 0x80, 0xFF})
	f.Add([]byte{9, 0x80, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte{0x17, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := pdb.NumberOf(b)
		v, isInt := n.Int64()
		u, isUint := n.Uint64()
		if isInt && v >= 0 != isUint || isInt && isUint && u != uint64(v) {
			t.Fatalf("%v is %d and %d", n, v, u)
		}
		if isInt && n.String() != strconv.FormatInt(v, 10) || isUint && n.String() != strconv.FormatUint(u, 10) {
			t.Fatalf("%d, %d is %v", v, u, n)
		}
	})
}
