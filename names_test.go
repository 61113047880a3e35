package symres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// namesModule is the image of C++ names as a file.
func namesModule(t *testing.T) symres.Module {
	t.Helper()
	m := fileModule(t, fixture.Bytes(t, "names/x64/names.exe"))
	m.Image = "names.exe"
	return m
}

func namesConfig(data []byte) symres.Config {
	return symres.Config{Symbols: sympath.Dir("d", fstest.MapFS{"names.pdb": {Data: data}})}
}

// withoutSections returns the PDB without its section headers: entry 5 of the
// optional debug header, which ends the DBI stream, says that there are none.
func withoutSections(t *testing.T, data []byte) []byte {
	t.Helper()
	b, le := bytes.Clone(data), binary.LittleEndian
	at := bytes.Index(b, []byte("\xff\xff\xff\xff\x77\x09\x31\x01"))
	if at < 0 {
		t.Fatal("no DBI stream")
	}
	opt := at + 64
	for _, size := range []int{24, 28, 32, 36, 40, 52} { // the parts in front of it
		opt += int(le.Uint32(b[at+size:]))
	}
	le.PutUint16(b[opt+2*5:], 0xFFFF)
	return b
}

// list collects symbols by name.
func list(t *testing.T, s *symres.Session, pattern string, kinds ...symres.Kind) map[string]symres.Symbol {
	t.Helper()
	all := map[string]symres.Symbol{}
	seq := s.Lookup(context.Background(), pattern)
	if len(kinds) > 0 {
		seq = s.LookupKinds(context.Background(), pattern, kinds...)
	}
	for sym, err := range seq {
		if err != nil && !errors.Is(err, symres.ErrNotFound) {
			t.Fatal(err)
		}
		if err == nil {
			all[sym.Raw] = sym
		}
	}
	return all
}

// TestLookup_withoutSections: without section headers in the PDB those of the
// image are used; where the image is not known either, nothing has an address.
func TestLookup_withoutSections(t *testing.T) {
	data := fixture.Bytes(t, "names/x64/names.pdb")
	m := namesModule(t)
	whole := list(t, session(t, namesConfig(data), m), "names!*")
	bare := m
	bare.File = nil
	inMemory := namesConfig(withoutSections(t, data))
	inMemory.Memory = mapped(t, fixture.Bytes(t, "names/x64/names.exe"), m.Base)
	for how, s := range map[string]*symres.Session{
		"file":   session(t, namesConfig(withoutSections(t, data)), m),
		"memory": session(t, inMemory, bare),
	} {
		got := list(t, s, "names!*")
		for raw, want := range whole {
			if sym := got[raw]; sym != want {
				t.Errorf("%s: %+v, want %+v", how, sym, want)
			}
		}
		loc, err := s.Resolve(context.Background(), whole["start"].Address+1)
		if err != nil || loc.Name != "start" || loc.Displacement != 1 {
			t.Errorf("%s: %+v, %v", how, loc, err)
		}
	}
	s := session(t, namesConfig(withoutSections(t, data)), bare)
	got := list(t, s, "names!*")
	if len(got) < 10 {
		t.Errorf("%d symbols", len(got))
	}
	for raw, sym := range got {
		if !sym.ThreadLocal && (!sym.Unplaced || sym.Absolute || sym.Address != 0 || sym.RVA != 0) {
			t.Errorf("%s has a place: %+v", raw, sym)
		}
	}
	if loc, err := s.Resolve(context.Background(), whole["start"].Address); !errors.Is(err, symres.ErrNotFound) {
		t.Errorf("%+v, %v", loc, err)
	}
}

// TestLookup_threadLocal: a thread-local variable is data, and has an offset in
// the storage of a thread.
func TestLookup_threadLocal(t *testing.T) {
	s := session(t, namesConfig(fixture.Bytes(t, "names/x64/names.pdb")), namesModule(t))
	sym, ok := list(t, s, "names!per_thread", symres.KindData)["per_thread"]
	if !ok || sym.Kind != symres.KindData || !sym.ThreadLocal || sym.Absolute || sym.Unplaced || sym.Address != 0 || sym.Size != 4 || sym.Code {
		t.Errorf("%v, %+v", ok, sym)
	}
	if got := list(t, s, "names!per_thread", symres.KindFunction); len(got) != 0 {
		t.Errorf("as a function: %v", got)
	}
}

// TestSymbol_jsonPlace: JSON has an address of what has one, and of nothing else.
func TestSymbol_jsonPlace(t *testing.T) {
	for want, sym := range map[string]symres.Symbol{
		`"address":"0x5010","rva":"0x10"`: {Kind: symres.KindData, Address: 0x5010, RVA: 0x10},
		`"address":"0x7"`:                 {Kind: symres.KindPublic, Address: 7, Absolute: true},
		`"tls_offset":"0x8"`:              {Kind: symres.KindData, Address: 8, ThreadLocal: true},
		"":                                {Kind: symres.KindData, Unplaced: true},
	} {
		b, err := json.Marshal(sym)
		place, _, _ := strings.Cut(strings.TrimPrefix(string(b), "{"), `"module"`)
		if err != nil || strings.TrimSuffix(place, ",") != want {
			t.Errorf("%s, %v, want %s", b, err, want)
		}
		b, err = json.Marshal(symres.Location{Symbol: sym, Displacement: ^uint64(0)})
		if has := strings.Contains(string(b), `"address"`); err != nil || has != strings.Contains(want, "address") || !strings.Contains(string(b), `"displacement":-1`) {
			t.Errorf("%s, %v", b, err)
		}
	}
}

// TestLookup_removed: a symbol that OMAP maps to nothing was removed from the
// image. It has no address, least of all the one it had.
func TestLookup_removed(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "google+breakpad/src/tools/windows/dump_syms/testdata")
	data, err := os.ReadFile(filepath.Join(dir, "omap_reorder_funcs.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	guid, age := f.ID()
	m := symres.Module{Image: "omap.exe", Base: 0x400000, Size: 0x100000, CodeView: &symres.CodeView{Kind: pe.CodeViewRSDS, GUID: guid, Age: age, Path: "omap.pdb"}}
	removed := 0
	for sym, err := range f.Publics() {
		if err != nil || !sym.HasRVA || removed == 3 {
			continue
		}
		linked, ok := linkedRVA(data, sym)
		entry := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, linked), sym.RVA)
		if !ok || bytes.Count(data, entry) != 1 {
			continue
		}
		removed++
		b := bytes.Replace(data, entry, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, linked), 0), 1)
		s := session(t, symres.Config{Symbols: sympath.Dir("d", fstest.MapFS{"omap.pdb": {Data: b}})}, m)
		got, ok := list(t, s, "omap!*", symres.KindPublic)[sym.Name()]
		if !ok || !got.Unplaced || got.Absolute || got.Address != 0 || got.RVA != 0 {
			t.Errorf("%s was removed: %+v", sym.Name(), got)
		}
		if got, ok := list(t, s, "omap!*")[sym.Name()]; ok && !got.Unplaced {
			t.Errorf("%s was removed: %+v", sym.Name(), got)
		}
	}
	if removed == 0 {
		t.Error("no symbol to remove was found")
	}
}

// linkedRVA finds where a symbol was before the image was rearranged, by the entry of
// the OMAP table that leads from there to where it is: its section begins at a page.
func linkedRVA(data []byte, sym pdb.Symbol) (linked uint32, ok bool) {
	for at := 0; at+8 <= len(data); at += 4 {
		from, to := binary.LittleEndian.Uint32(data[at:]), binary.LittleEndian.Uint32(data[at+4:])
		if to == sym.RVA && from != to && from > sym.Offset && (from-sym.Offset)%0x1000 == 0 && from < 1<<24 {
			return from, true
		}
	}
	return 0, false
}

// TestLookup_literals: string literals are left out unless they are asked for.
func TestLookup_literals(t *testing.T) {
	s := session(t, namesConfig(fixture.Bytes(t, "names/x64/names.pdb")), namesModule(t))
	const placed = 4
	kinds := []symres.Kind{symres.KindFunction, symres.KindThunk, symres.KindData, symres.KindPublic, symres.KindLiteral}
	for _, c := range []struct {
		pattern string
		kinds   []symres.Kind
		want    bool
	}{
		{"names!*", nil, false}, {"names!*", kinds[:placed], false}, {"names!*", kinds, true}, {"names!*", []symres.Kind{symres.KindPublic}, true},
		{"names!*string*", nil, false}, {"names!*`string'", nil, true}, {`names!\?\?_C@*`, nil, true}, {"names!??_c@*", nil, true}, {"names!*title*", nil, false},
	} {
		n := 0
		for raw, sym := range list(t, s, c.pattern, c.kinds...) {
			if len(raw) > 4 && raw[:5] == "??_C@" {
				if n++; sym.Kind != symres.KindPublic || sym.Name != "`string'" {
					t.Errorf("%+v", sym)
				}
			}
		}
		if (n > 0) != c.want {
			t.Errorf("%s, %v: %d literals", c.pattern, c.kinds, n)
		}
	}
}

// TestLookup_moduleSuffix: a name that a module of C++20 owns is found and shown
// without its owner.
func TestLookup_moduleSuffix(t *testing.T) {
	s := session(t, namesConfig(fixture.Bytes(t, "names/x64/names.pdb")), namesModule(t))
	got := list(t, s, "names!owned")
	if sym := got["?owned@@YAXXZ::<!math.core>"]; len(got) != 1 || sym.Name != "owned" || sym.RVA != 0x1000 {
		t.Errorf("%+v", got)
	}
}

// TestLookup_failedModule: a search that found nothing says so in the end, whatever
// became of a module before.
func TestLookup_failedModule(t *testing.T) {
	good := namesModule(t)
	missing := symres.Module{Image: "missing.dll", Base: 0x10000, Size: 0x1000, CodeView: &symres.CodeView{Kind: pe.CodeViewRSDS, GUID: good.CodeView.GUID, Age: 9, Path: "missing.pdb"}}
	for pattern, want := range map[string][]error{
		"*!no_such_symbol": {symres.ErrNoSymbols, symres.ErrNotFound}, "missing!*": {symres.ErrNoSymbols, symres.ErrNotFound},
		"names!no_such_symbol": {symres.ErrNotFound}, "*!start": {symres.ErrNoSymbols},
	} {
		s := session(t, namesConfig(fixture.Bytes(t, "names/x64/names.pdb")), good, missing)
		var got []error
		for _, err := range s.Lookup(context.Background(), pattern) {
			if err != nil {
				got = append(got, err)
			}
		}
		if !slices.EqualFunc(got, want, errors.Is) {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

// TestTypes_nested: a nested or merely declared type is found by the last part of
// its name, and by wildcards.
func TestTypes_nested(t *testing.T) {
	s := session(t, namesConfig(fixture.Bytes(t, "names/x64/names.pdb")), namesModule(t))
	for name, want := range map[string][]string{
		"Inner": {"Most::Inner", "ns::Inner"}, "inner": {"Most::Inner", "ns::Inner"}, "Item": {"ns::Box<ns::Inner>::Item"},
		"Opaque": {"Most::Opaque"}, "Only": {"ns::Only"}, "Wide": {"Most::Inner::Wide"}, "Inner::Wide": {"Most::Inner::Wide"},
		"Most": {"Most"}, "ns::Inner": {"ns::Inner"}, "ns::On*": {"ns::Only"}, "*Opaque": {"Most::Opaque"}, "nner": nil, "Inner>::Item": nil,
	} {
		var got []string
		for typ, err := range s.Types(context.Background(), "names!"+name) {
			if err == nil {
				got = append(got, typ.FullName())
			} else if !errors.Is(err, symres.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if typ, err := s.Type(context.Background(), "names!Item"); err != nil || typ.FullName() != "ns::Box<ns::Inner>::Item" || typ.IsForward() {
		t.Errorf("%v, %v", typ, err)
	}
}

// TestLookup_sharedSections: Sessions that share a PDB without section headers
// share what one of them knows of its image, and only that.
func TestLookup_sharedSections(t *testing.T) {
	shared := files(t, symres.FilesConfig{})
	cfg := namesConfig(withoutSections(t, fixture.Bytes(t, "names/x64/names.pdb")))
	cfg.Files = shared
	known := namesModule(t)
	bare := known
	bare.File = nil
	first := session(t, cfg, bare)
	if sym := list(t, first, "names!start")["start"]; !sym.Unplaced {
		t.Errorf("before: %+v", sym)
	}
	if sym := list(t, session(t, cfg, known), "names!start")["start"]; sym.RVA != 0x1010 || sym.Unplaced {
		t.Errorf("with the image: %+v", sym)
	}
	if sym := list(t, session(t, cfg, bare), "names!start")["start"]; sym.RVA != 0x1010 && !sym.Unplaced {
		t.Errorf("after: %+v", sym)
	}
	if sym := list(t, first, "names!start")["start"]; sym.RVA != 0x1010 && !sym.Unplaced {
		t.Errorf("the first one: %+v", sym)
	}
}
