package symres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
)

const base64 = 0xfffff80003a00000

// store is a chain of plain directories, one for each variant of a fixture.
func store(t testing.TB, variants ...string) sympath.Store {
	t.Helper()
	var stores []sympath.Store
	for _, v := range variants {
		dir := fstest.MapFS{"Fs_Rec.sys": {Data: fsRec(t, v)}}
		if pdb, err := fixture.Read("fs_rec/" + v + "/fs_rec.pdb"); err == nil {
			dir["fs_rec.pdb"] = &fstest.MapFile{Data: pdb}
		}
		stores = append(stores, sympath.Dir(v, dir))
	}
	return sympath.Chain(stores...)
}

// loaderEntry is what a Windows 10 loader keeps of the image.
func loaderEntry(t testing.TB, variant string, base uint64) symres.Module {
	t.Helper()
	b := fsRec(t, variant)
	img, err := symres.NewImage(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return symres.Module{
		Image: "Fs_Rec.SYS", Base: base, Size: (uint64(img.SizeOfImage) + 0xfff) &^ 0xfff,
		SizeOfImage: img.SizeOfImage, TimeDateStamp: img.TimeDateStamp, CheckSum: img.CheckSum,
	}
}

func session(t testing.TB, cfg symres.Config, modules ...symres.Module) *symres.Session {
	t.Helper()
	s, err := symres.NewSession(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, m := range modules {
		if err := s.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func names(t testing.TB, s *symres.Session, pattern string) []string {
	t.Helper()
	var found []string
	for sym, err := range s.Lookup(context.Background(), pattern) {
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		found = append(found, sym.Name)
	}
	return found
}

func TestLookup_header_paged_out(t *testing.T) {
	const base = 0xfe0c8000
	m := loaderEntry(t, "x86/good", base)
	m.TimeDateStamp, m.SizeOfImage = 0, 0 // an XP loader entry has neither
	s := session(t, symres.Config{
		Memory: mapped(t, fsRec(t, "x86/good"), base, 0), Symbols: store(t, "x86/good"), Machine: 0x14c,
	}, m)
	var lines []string
	for sym, err := range s.Lookup(context.Background(), "fs_rec!*") {
		if err != nil {
			t.Fatal(err)
		}
		if sym.Proof != symres.ProofWeak || sym.Identity != symres.IdentityChecksumSize {
			t.Fatalf("%+v: want proof weak", sym)
		}
		lines = append(lines, fmt.Sprintf("%x %s!%s", sym.Address, sym.Module, sym.Name))
	}
	for _, want := range []string{
		"fe0c8358 Fs_Rec!_imp___allmul", "fe0c8310 Fs_Rec!_imp__IoCreateDevice", "fe0c835c Fs_Rec!_imp___allshr",
		"fe0c8360 Fs_Rec!ntoskrnl_NULL_THUNK_DATA", "fe0c832c Fs_Rec!_imp__KeSetEvent", "fe0c9570 Fs_Rec!_NULL_IMPORT_DESCRIPTOR",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if !slices.IsSorted(lines) {
		t.Error("the symbols are not in address order")
	}
	rep := s.Modules()[0]
	if !errors.Is(rep.HeaderErr, memsource.ErrPagedOut) || rep.Status != symres.StatusPublic || rep.Image == "" || rep.PDB == "" {
		t.Errorf("report %+v", rep)
	}
}

func TestLoad_header_in_memory(t *testing.T) {
	m := loaderEntry(t, "x64/good", base64)
	m.TimeDateStamp, m.SizeOfImage, m.CheckSum = 0, 0, 0
	s := session(t, symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64), Symbols: store(t, "x64/ts1", "x64/samets", "x64/good")}, m)
	rep, err := s.Load(context.Background(), "FS_REC.sys")
	if err != nil || rep.Proof != symres.ProofExact || rep.Identity != symres.IdentityPDB || rep.HeaderErr != nil {
		t.Errorf("%+v, %v; want proof exact", rep, err)
	}
	if !strings.HasPrefix(rep.PDB, "x64/good") {
		t.Errorf("PDB %s, want the one of x64/good", rep.PDB)
	}
}

// recordOut are the pages of a fs_rec image with the header and the record
// that names its PDB.
func recordOut(arch string) []int {
	if arch == "x64" {
		return []int{0, 2}
	}
	return []int{0}
}

// TestLoad_variants puts wrong copies first on the path: each is refused with
// both values, and the right one is found after it.
func TestLoad_variants(t *testing.T) {
	for _, arch := range []string{"x86", "x64"} {
		for variant, field := range map[string]string{
			"ts1": "TimeDateStamp", "samets": "CheckSum", "bigger": "SizeOfImage", "nodebug": "CheckSum",
		} {
			t.Run(arch+"/"+variant, func(t *testing.T) {
				const base = 0xf8000000
				wrong, right := arch+"/"+variant, arch+"/good"
				cfg := symres.Config{Memory: mapped(t, fsRec(t, right), base, recordOut(arch)...), Symbols: store(t, wrong, right)}
				rep, err := session(t, cfg, loaderEntry(t, right, base)).Load(context.Background(), "fs_rec")
				if err != nil || rep.Proof != symres.ProofImage || !strings.HasPrefix(rep.Image, right) || !strings.HasPrefix(rep.PDB, right) {
					t.Fatalf("image %s, PDB %s, proof %v, %v", rep.Image, rep.PDB, rep.Proof, err)
				}
				if !refused(rep, wrong, field+" differs: target ") {
					t.Errorf("no refusal of %s for its %s in %v", wrong, field, rep.Attempts)
				}
			})
		}
	}
}

func refused(rep *symres.Report, location, why string) bool {
	return slices.ContainsFunc(rep.Attempts, func(a sympath.Attempt) bool {
		return a.Status == sympath.StatusRefused && strings.HasPrefix(a.Location, location) &&
			errors.Is(a.Err, symres.ErrMismatch) && strings.Contains(a.Err.Error(), why)
	})
}

func TestLoad_check_off_trusts_the_first(t *testing.T) {
	for _, variant := range []string{"x64/ts1", "x64/samets", "x64/bigger"} {
		cfg := symres.Config{
			Memory: mapped(t, fsRec(t, "x64/good"), base64, 0, 2), Symbols: store(t, variant, "x64/good"), Check: symres.CheckOff,
		}
		rep, err := session(t, cfg, loaderEntry(t, "x64/good", base64)).Load(context.Background(), "fs_rec")
		if err != nil || rep.Proof != symres.ProofNameOnly || !strings.HasPrefix(rep.Image, variant) {
			t.Errorf("%s: image %s, proof %v, %v; want the first one, name-only", variant, rep.Image, rep.Proof, err)
		}
	}
}

func TestLoad_check_strict_refuses_weak(t *testing.T) {
	m := loaderEntry(t, "x86/good", 0xfe0c8000)
	m.TimeDateStamp, m.SizeOfImage = 0, 0
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x86/good"), m.Base, 0), Symbols: store(t, "x86/good"), Check: symres.CheckStrict}
	rep, err := session(t, cfg, m).Load(context.Background(), "fs_rec")
	if !errors.Is(err, symres.ErrNoSymbols) || !errors.Is(err, symres.ErrMismatch) || rep.Status != symres.StatusNoSymbols {
		t.Errorf("%+v, %v; want no symbols for a mismatch", rep, err)
	}
}

func TestLoad_nothing_known_is_refused(t *testing.T) {
	m := symres.Module{Image: "Fs_Rec.SYS", Base: base64, Size: 0x9000}
	cfg := symres.Config{Memory: &memsource.Sparse{}, Symbols: store(t, "x64/good")}
	if _, err := session(t, cfg, m).Load(context.Background(), "fs_rec"); !errors.Is(err, symres.ErrMismatch) {
		t.Errorf("%v, want a size mismatch", err)
	}
	cfg.Check = symres.CheckOff
	rep, err := session(t, cfg, m).Load(context.Background(), "fs_rec")
	if err != nil || rep.Proof != symres.ProofNameOnly {
		t.Errorf("%+v, %v; want name-only", rep, err)
	}
}

// TestLoad_mismatched_pdb has a PDB of another GUID under the right name. An
// exact one later on the path beats it even when nothing is checked.
func TestLoad_mismatched_pdb(t *testing.T) {
	m := loaderEntry(t, "x64/good", base64)
	memory := mapped(t, fsRec(t, "x64/good"), base64)
	for _, check := range []symres.VersionCheck{symres.CheckKnown, symres.CheckOff} {
		cfg := symres.Config{Memory: memory, Symbols: store(t, "x64/samets", "x64/good"), Check: check}
		rep, err := session(t, cfg, m).Load(context.Background(), "fs_rec")
		if err != nil || rep.Proof != symres.ProofExact || !refused(rep, "x64/samets", "the image wants") {
			t.Errorf("check %v: PDB %s, proof %v, %v", check, rep.PDB, rep.Proof, err)
		}
	}
	cfg := symres.Config{Memory: memory, Symbols: store(t, "x64/samets")}
	if _, err := session(t, cfg, m).Load(context.Background(), "fs_rec"); !errors.Is(err, symres.ErrMismatch) {
		t.Errorf("%v, want ErrMismatch", err)
	}
	cfg.Check = symres.CheckOff
	rep, err := session(t, cfg, m).Load(context.Background(), "fs_rec")
	if err != nil || rep.Proof != symres.ProofNameOnly {
		t.Errorf("proof %v, %v; want name-only", rep.Proof, err)
	}
	if e := rep.Evidence[len(rep.Evidence)-1]; e.Field != identify.FieldPDB || e.Result != identify.ComparisonDiffers || e.Target == e.Copy {
		t.Errorf("evidence %v; want both identities of the PDB", e)
	}
}

func TestLoad_by_image_key_from_a_symbol_store(t *testing.T) {
	good := fsRec(t, "x64/good")
	img, err := symres.NewImage(bytes.NewReader(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{
		"Fs_Rec.SYS/" + img.ID().Key() + "/fs_rec.sys":          {Data: good},
		"fs_rec.pdb/" + img.CodeView.ID().Key() + "/fs_rec.pdb": {Data: fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")},
	}
	cfg := symres.Config{Memory: mapped(t, good, base64, 0, 2), Symbols: sympath.Symsrv("store", tree)}
	rep, err := session(t, cfg, loaderEntry(t, "x64/good", base64)).Load(context.Background(), "fs_rec")
	if err != nil || rep.Proof != symres.ProofImage {
		t.Errorf("%+v, %v; want proof image", rep, err)
	}
}

func TestLoad_no_copy(t *testing.T) {
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64, 0), Symbols: store(t, "x64/nodebug")}
	m := loaderEntry(t, "x64/good", base64)
	s := session(t, cfg, m)
	rep, err := s.Load(context.Background(), "fs_rec")
	var loadErr *symres.LoadError
	if !errors.As(err, &loadErr) || loadErr.Report != rep || len(rep.Attempts) == 0 || !strings.Contains(err.Error(), "Fs_Rec.SYS") {
		t.Errorf("%v with report %+v", err, rep)
	}
	if _, err := s.Resolve(context.Background(), base64+0x1000); !errors.Is(err, symres.ErrNoSymbols) {
		t.Errorf("Resolve: %v, want ErrNoSymbols", err)
	}
	_, err = session(t, symres.Config{}, m).Load(context.Background(), "fs_rec")
	if !errors.Is(err, symres.ErrNoSymbols) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without stores: %v", err)
	}
}

func TestLoad_copy_without_its_pdb(t *testing.T) {
	dir := sympath.Dir("d", fstest.MapFS{"fs_rec.sys": {Data: fsRec(t, "x64/good")}})
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64, 0, 2), Symbols: dir}
	_, err := session(t, cfg, loaderEntry(t, "x64/good", base64)).Load(context.Background(), "fs_rec")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "fs_rec.pdb") {
		t.Errorf("%v, want the PDB that is missing", err)
	}
	var loadErr *symres.LoadError
	if errors.As(err, &loadErr); loadErr.Report.Image == "" || len(loadErr.Report.Evidence) == 0 {
		t.Errorf("the report does not say that the copy was verified: %+v", loadErr.Report)
	}
}

// TestLoad_recorded_path checks that a recorded path is cut to its last part.
func TestLoad_recorded_path(t *testing.T) {
	file := bytes.Clone(fsRec(t, "x64/good"))
	at := bytes.Index(file, []byte("fs_rec.pdb\x00"))
	for _, recorded := range []string{`..\x.pdb`, `\\h\x.pdb`, `../x.pdb`} {
		copy(file[at:], recorded+"\x00\x00\x00")
		dir := sympath.Dir("d", fstest.MapFS{"x.pdb": {Data: fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")}})
		cfg := symres.Config{Memory: mapped(t, file, base64), Symbols: dir}
		rep, err := session(t, cfg, loaderEntry(t, "x64/good", base64)).Load(context.Background(), "fs_rec")
		if err != nil || rep.PDB == "" {
			t.Errorf("%s: %+v, %v", recorded, rep, err)
		}
	}
}

// TestLoad_unusable_pdb_name: a recorded name that no file can have says no less
// than none; the PDB is looked for under what is left of it, or the image's name.
func TestLoad_unusable_pdb_name(t *testing.T) {
	good := fsRec(t, "x64/good")
	at := bytes.Index(good, []byte("fs_rec.pdb\x00"))
	for name, in := range map[string]string{
		"..": "Fs_Rec.pdb", `"x.pdb"`: "x.pdb", "x.pdb ": "x.pdb", "x.pdb:y": "x.pdb", "x": "Fs_Rec.pdb", "x\x00": "x",
		"con.pdb": "Fs_Rec.pdb", "file.ptr": "Fs_Rec.pdb", "\x01.pdb": "Fs_Rec.pdb", " ": "Fs_Rec.pdb", `C:\`: "Fs_Rec.pdb",
	} {
		file := bytes.Clone(good)
		copy(file[at:], name+"\x00\x00")
		dir := sympath.Dir("d", fstest.MapFS{in: {Data: fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")}})
		cfg := symres.Config{Memory: mapped(t, file, base64), Symbols: dir}
		rep, err := session(t, cfg, loaderEntry(t, "x64/good", base64)).Load(context.Background(), "fs_rec")
		if err != nil || rep.PDB != "d/"+in || rep.Proof != symres.ProofExact {
			t.Errorf("%q: %+v, %v", name, rep, err)
		}
	}
}

func TestLookup(t *testing.T) {
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64), Symbols: store(t, "x64/good")}
	s := session(t, cfg, loaderEntry(t, "x64/good", base64))
	all := names(t, s, "fs_rec!*")
	for _, want := range []string{"DriverEntry", "_imp_IoCreateDevice", "_imp_KeSetEvent"} {
		if !slices.Contains(all, want) {
			t.Errorf("no %s in %v", want, all)
		}
	}
	for pattern, want := range map[string]string{
		"fs_rec!driverentry": "DriverEntry", "DriverEntry": "DriverEntry", "*!Driver*": "DriverEntry",
		"Fs_Rec.SYS!__imp_KeSetEvent": "_imp_KeSetEvent", "fs*!_imp_KeSet*": "_imp_KeSetEvent", "!DriverEntry": "DriverEntry",
	} {
		if got := names(t, s, pattern); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, want %s", pattern, got, want)
		}
	}
	for pattern, want := range map[string]error{
		"fs_rec!nothing": symres.ErrNotFound, "other!*": symres.ErrNoModule, "_fs_rec!*": symres.ErrNoModule, "fs_rec!a[": symres.ErrPattern, "#!x": symres.ErrPattern,
	} {
		for _, err := range s.Lookup(context.Background(), pattern) {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", pattern, err, want)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64), Symbols: store(t, "x64/good")}
	s := session(t, cfg, loaderEntry(t, "x64/good", base64))
	for sym, err := range s.Lookup(context.Background(), "fs_rec!*") {
		if err != nil {
			t.Fatal(err)
		}
		for _, off := range []uint64{0, 1} {
			loc, err := s.Resolve(context.Background(), sym.Address+off)
			if err != nil || loc.Address+loc.Displacement != sym.Address+off || off == 0 && loc.Address != sym.Address {
				t.Errorf("%s+%d: %+v, %v", sym.Name, off, loc, err)
			}
		}
	}
	for addr, want := range map[uint64]error{base64 - 1: symres.ErrNoModule, 0: symres.ErrNoModule, base64 + 0x10: symres.ErrNotFound} {
		if _, err := s.Resolve(context.Background(), addr); !errors.Is(err, want) {
			t.Errorf("%#x: %v, want %v", addr, err, want)
		}
	}
}

func TestAdd(t *testing.T) {
	s := session(t, symres.Config{}, symres.Module{Image: "a.dll", Base: 0x10000, Size: 0x2000})
	for _, m := range []symres.Module{{Base: 0x11000, Size: 1}, {Base: 0xf000, Size: 0x1001}, {Base: 0x10000, Size: 0x2000}} {
		if err := s.Add(m); !errors.Is(err, symres.ErrModuleExists) {
			t.Errorf("%+v: %v, want ErrModuleExists", m, err)
		}
	}
	for _, m := range []symres.Module{{Base: 1}, {Base: 0xfffffffffffff000, Size: 0x1001}, {Size: 1 << 40}} {
		if err := s.Add(m); err == nil {
			t.Errorf("%+v was accepted", m)
		}
	}
	for _, m := range []symres.Module{
		{Image: "A_20000.DLL", Base: 0x30000, Size: 0x1000}, {Image: "A.DLL", Base: 0x20000, Size: 0x1000},
		{Image: "halmacpi.dll", Base: 0x40000, Size: 0x1000}, {Base: 0xfffffffffffff000, Size: 0x1000},
	} {
		if err := s.Add(m); err != nil {
			t.Error(err)
		}
	}
	var got []string
	for _, r := range s.Modules() {
		got = append(got, r.Module.Name)
	}
	if r, _ := s.Load(context.Background(), "A"); r.Module.Base != 0x10000 {
		t.Errorf("A is the module at %#x", r.Module.Base)
	}
	if r, _ := s.Load(context.Background(), "HALACPI"); r == nil || r.Module.Name != "hal" {
		t.Errorf("halacpi is %v", r)
	}
	if want := []string{"a", "A_20000_20000", "A_20000", "hal", "module_fffffffffffff000"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}

// counting counts how often its files are opened.
type counting struct {
	sympath.Store
	mu    sync.Mutex
	finds int
}

func (c *counting) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	c.mu.Lock()
	c.finds++
	c.mu.Unlock()
	return c.Store.Find(ctx, q)
}

func TestLoad_once_for_all_callers(t *testing.T) {
	st := &counting{Store: store(t, "x64/good")}
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64), Symbols: st}
	s := session(t, cfg, loaderEntry(t, "x64/good", base64))
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Resolve(canceled, base64+0x1000); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := s.Resolve(context.Background(), base64+0x1000); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if st.finds > 2 {
		t.Errorf("%d searches; a canceled and a whole load make 2", st.finds)
	}
}

// opened counts the files a store has handed out and not got back.
type opened struct {
	sympath.Store
	files  atomic.Int64
	onOpen func()
}

type openedFile struct {
	sympath.File
	owner *opened
}

func (f openedFile) Close() error {
	f.owner.files.Add(-1)
	return f.File.Close()
}

func (o *opened) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	return func(yield func(sympath.Candidate, error) bool) {
		for c, err := range o.Store.Find(ctx, q) {
			found := sympath.NewCandidate(c.Location, c.Origin, func(ctx context.Context) (sympath.File, error) {
				o.onOpen()
				f, err := c.Open(ctx)
				o.files.Add(1)
				return openedFile{f, o}, err
			})
			if !yield(found, err) {
				return
			}
		}
	}
}

// TestClose_during_load closes the session while a PDB is being opened.
func TestClose_during_load(t *testing.T) {
	st := &opened{Store: store(t, "x64/good")}
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64), Symbols: st}
	s := session(t, cfg, loaderEntry(t, "x64/good", base64))
	st.onOpen = func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Load(context.Background(), "fs_rec"); !errors.Is(err, symres.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if n := st.files.Load(); n != 0 {
		t.Errorf("%d files stay open", n)
	}
}

func TestLoad_canceled_with_a_cause(t *testing.T) {
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64), Symbols: store(t, "x64/good")}
	s := session(t, cfg, loaderEntry(t, "x64/good", base64))
	cause := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	for range 50 { // also once the symbols are there
		if _, err := s.Load(ctx, "fs_rec"); !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
			t.Fatalf("%v, want context.Canceled and its cause", err)
		}
		if _, err := s.Load(context.Background(), "fs_rec"); err != nil {
			t.Fatal(err)
		}
	}
}
