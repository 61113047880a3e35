package nt_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
)

func userSpec(t testing.TB) dumpbuild.Spec {
	t.Helper()
	s, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Bitmap)
	if err != nil {
		t.Fatal(err)
	}
	s.Build = 19041
	return s
}

// row is a module in short.
type row struct {
	name       string
	base, size uint64
	road       string // what Origin begins with
}

func rows(list []nt.Module) (rows []row) {
	for _, m := range list {
		road, _, _ := strings.Cut(m.Origin, " (")
		rows = append(rows, row{m.Name, m.Base, m.Size, road})
	}
	return rows
}

func sameRows(t *testing.T, u nt.UserModules, want ...row) {
	t.Helper()
	got := rows(u.Modules)
	if len(got) != len(want) {
		t.Fatalf("modules %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("module %+v, want %+v", got[i], want[i])
		}
	}
}

const (
	notepadBase, frameBase = 0x7f78e9e0000, 0x7fb37a60000
	notepadSize, frameSize = 0x32000, 0x1e000
)

func TestModules_PEB_paged_out(t *testing.T) {
	s := userSpec(t)
	k, facts := typed(t, s)
	p := process(t, k, "notepad.exe")
	v := view(t, k, p)
	u := v.Modules()
	peb, ok := errors.AsType[*nt.PEBError](u.PEB)
	if !ok || !errors.Is(u.PEB, memsource.ErrPagedOut) || peb.Ldr != p.PEB+0x18 || u.Road != nt.RoadVAD || len(u.Problems) != 0 {
		t.Errorf("%+v", u)
	}
	if want := "PEB is paged out (Peb.Ldr = 000007f7`ffffe018): "; !strings.HasPrefix(u.PEB.Error(), want) {
		t.Errorf("%v, want %q", u.PEB, want)
	}
	sameRows(t, u, row{"notepad.exe", notepadBase, notepadSize, "VAD"}, row{"ExplorerFrame.dll", frameBase, frameSize, "VAD"})
	checkVADs(t, v, s.Processes[2], facts.Processes[2])
	checkVADs(t, view(t, k, process(t, k, "explorer.exe")), s.Processes[1], facts.Processes[1])
	e, err := v.VADAt(0x7f78e9e000f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Reload(4096)
	if r.Force = false; err != nil || r.String() != ".reload notepad.exe=000007f7`8e9e0000,32000" {
		t.Errorf("%s, %v", r, err)
	}
}

func TestModules_loader_lists(t *testing.T) {
	k, _ := typed(t, userSpec(t))
	u := view(t, k, process(t, k, "calc.exe")).Modules()
	if u.PEB != nil || u.Road != nt.RoadLoader || u.Problems != nil {
		t.Errorf("%+v", u)
	}
	sameRows(t, u, row{"calc.exe", notepadBase + 0x2000000, notepadSize, "loader lists"}, row{"ExplorerFrame.dll", frameBase, frameSize, "loader lists"})
	for _, m := range u.Modules {
		if m.CheckSum != 0 || m.DebugInfo != 0 || m.TimeDateStamp == 0 || m.Path != `C:\Windows\System32\`+m.Name || m.SizeNotRounded == 0 {
			t.Errorf("%+v", m)
		}
	}
}

// TestModules_list_cut: of four entries the second and third are out, so that
// no walk from either end finds what the VADs add.
func TestModules_list_cut(t *testing.T) {
	k, _ := typed(t, userSpec(t))
	u := view(t, k, process(t, k, "cmd.exe")).Modules()
	if u.PEB != nil || u.Road != nt.RoadLoader|nt.RoadVAD {
		t.Errorf("%+v", u)
	}
	sameRows(t, u, row{"cmd.exe", notepadBase + 0x3000000, notepadSize, "loader lists"},
		row{"two.dll", frameBase + 0x2000000, notepadSize, "loader lists"},
		row{"ExplorerFrame.dll", frameBase, frameSize, "VAD"}, row{"one.dll", frameBase + 0x1000000, notepadSize, "VAD"})
	var b *nt.ListBreak
	if len(u.Problems) != 3 || !errors.As(u.Problems[0], &b) || b.Recovered != 1 || !errors.Is(b, memsource.ErrPagedOut) {
		t.Errorf("problems %v", u.Problems)
	}
}

// TestModules_empty_list: a loader that has not listed anything yet says
// nothing of what is mapped.
func TestModules_empty_list(t *testing.T) {
	s := userSpec(t)
	s.Processes[3].Loader.Empty = true
	k, _ := typed(t, s)
	u := view(t, k, process(t, k, "calc.exe")).Modules()
	if u.PEB != nil || u.Road != nt.RoadLoader|nt.RoadVAD {
		t.Errorf("%+v", u)
	}
	sameRows(t, u, row{"calc.exe", notepadBase + 0x2000000, notepadSize, "VAD"}, row{"ExplorerFrame.dll", frameBase, frameSize, "VAD"})
}

// TestModules_names_out: a name whose page is out in the loader's memory is
// taken from the VAD; where the VAD's is out too the module has none.
func TestModules_names_out(t *testing.T) {
	s := userSpec(t)
	calc := &s.Processes[3]
	calc.Loader.Pages = map[int]dumpbuild.Page{2: {State: dumpbuild.PageFile}, 4: {State: dumpbuild.PageFile}}
	calc.VADs[0].NameOut = true
	k, _ := typed(t, s)
	u := view(t, k, process(t, k, "calc.exe")).Modules()
	if u.PEB != nil || u.Road != nt.RoadLoader|nt.RoadVAD || len(u.Modules) != 2 {
		t.Fatalf("%+v", u)
	}
	if m := u.Modules[0]; m.Name != "" || !errors.Is(m.NameErr, memsource.ErrPagedOut) || m.Base != notepadBase+0x2000000 {
		t.Errorf("%+v", m)
	}
	if m := u.Modules[1]; m.Name != "ExplorerFrame.dll" || m.NameErr != nil || !strings.HasSuffix(m.Origin, ", its name from the VAD") {
		t.Errorf("%+v", m)
	}
}

// TestModules_WoW64 has a 32-bit process on x64: a list of each loader.
func TestModules_WoW64(t *testing.T) {
	for _, build := range []uint32{7601, 17134, 19041} {
		s := userSpec(t)
		if build != 19041 {
			era, err := dumpbuild.SeedEra(fixture.Read, amd64, build)
			if err != nil {
				t.Fatal(err)
			}
			s.Build, s.Modules, s.KernelPDB = build, era.Modules, era.KernelPDB
			s.Processes[0].Threads = era.Processes[0].Threads // where the era has their types
		} else {
			s.Modules = s.Modules[:1]
		}
		pe := fixture.Bytes(t, "fs_rec/x86/good/fs_rec.sys")
		calc := &s.Processes[3]
		calc.VADs = append(calc.VADs, dumpbuild.VAD{Start: 0x400, End: 0x401, File: `\Windows\SysWOW64\narrow.exe`, PE: pe, Narrow: true, Protection: 7})
		calc.WoW64, calc.Loader32 = 0x7efde000, &dumpbuild.Loader{Heap: 0x2000000}
		k, _ := typed(t, s)
		p := process(t, k, "calc.exe")
		u := view(t, k, p).Modules()
		if p.WoW64 != 0x7efde000 || u.PEB != nil || u.Problems != nil {
			t.Errorf("build %d: %+v, %+v", build, p, u)
		}
		sameRows(t, u, row{"calc.exe", notepadBase + 0x2000000, notepadSize, "loader lists"}, row{"ExplorerFrame.dll", frameBase, frameSize, "loader lists"},
			row{"narrow.exe", 0x400000, 0x2000, "loader lists"})
	}
}

// TestView_pages reads every page of every image of every process.
func TestView_pages(t *testing.T) {
	k, facts := typed(t, userSpec(t))
	for _, f := range facts.Processes[1:] {
		v := view(t, k, process(t, k, f.Name))
		for _, d := range f.VADs {
			for i, p := range d.Pages {
				want := d.Memory[i*4096:][:4096]
				if p.State == dumpbuild.NotMapped {
					checkInFile(t, v, p, d.File)
				} else if err := checkPage(v.Memory(), p, want); err != nil {
					t.Errorf("%s: %s page %d: %v", f.Name, d.File, i, err)
				}
			}
		}
	}
}

// checkInFile: the page tables say nothing of the page, and the VAD leads to a
// prototype PTE that does.
func checkInFile(t *testing.T, v *nt.View, p dumpbuild.PageFacts, file string) {
	t.Helper()
	_, err := memsource.U16(v.Memory(), p.Addr)
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok || f.Reason != memsource.ReasonFileBacked || f.File != file {
		t.Errorf("%x: %v, want %s", p.Addr, err, file)
	}
}

// TestView_shared: a page one process never touched is read where another has
// it in memory, through the prototype PTE they share.
func TestView_shared(t *testing.T) {
	s := userSpec(t)
	s.Processes[2].VADs[1].Pages = map[int]dumpbuild.Page{0: {State: dumpbuild.PrototypeValid}}
	for n := 4; n < frameSize/4096; n++ {
		s.Processes[2].VADs[1].Pages[n] = dumpbuild.Page{State: dumpbuild.NotMapped}
	}
	k, facts := typed(t, s)
	want := facts.Processes[2].VADs
	var header [4096]byte
	v := view(t, k, process(t, k, "explorer.exe"))
	if err := memsource.ReadFull(v.Memory(), header[:], frameBase); err != nil || !bytes.Equal(header[:], want[len(want)-1].Memory[:4096]) {
		t.Errorf("%v, % x", err, header[:16])
	}
}

// TestContexts: an image of session space is in no table of the System
// process; which process has it the tables decide.
func TestContexts(t *testing.T) {
	k, facts := typed(t, userSpec(t))
	win32k, ati := facts.Modules[2], facts.Modules[3]
	read := func(src memsource.Source, addr uint64) (*memsource.Fault, string) {
		_, err := memsource.U16(src, addr)
		f, _ := errors.AsType[*memsource.Fault](err)
		c, _ := errors.AsType[*nt.ContextError](err)
		if c == nil {
			return f, ""
		}
		return f, c.Process.Name
	}
	for addr, who := range map[uint64]string{win32k.Base: "explorer.exe", ati.Base: "calc.exe", notepadBase: "notepad.exe"} {
		f, name := read(k.Memory(), addr)
		if f == nil || f.Reason != memsource.ReasonWrongContext || name != who || errors.Is(f, memsource.ErrPagedOut) {
			t.Errorf("%x from System: %v (%s), want %s", addr, f, name, who)
		}
		v, ok := k.Context(addr)
		if !ok || v.Process().Name != who {
			t.Errorf("%x: context %v", addr, ok)
		}
	}
	if f, name := read(view(t, k, process(t, k, "notepad.exe")).Memory(), ati.Base); f == nil || f.Reason != memsource.ReasonWrongContext || name != "calc.exe" {
		t.Errorf("of session 2 from session 1: %v (%s)", f, name)
	}
	v, _ := k.Context(win32k.Base)
	for i, p := range win32k.Pages {
		got := make([]byte, 4096)
		if err := memsource.ReadFull(v.Memory(), got, p.Addr); err != nil || !bytes.Equal(got, win32k.Memory[i*4096:][:4096]) {
			t.Errorf("page %d of win32k.sys: %v", i, err)
		}
	}
	for _, addr := range []uint64{0xfffff97000000000, facts.Modules[1].Base + 0x100000, 0x10000} {
		if f, name := read(k.Memory(), addr); f == nil || f.Reason != memsource.ReasonNotMapped || name != "" {
			t.Errorf("%x, mapped nowhere: %v", addr, f)
		}
		if _, ok := k.Context(addr); ok {
			t.Errorf("%x has a context", addr)
		}
	}
	if f, _ := read(k.Memory(), facts.Modules[1].Base); f == nil || f.Reason != memsource.ReasonPagedOut {
		t.Errorf("a header that is paged out: %v", f)
	}
}

// TestContexts_XP: session space of a 32-bit target, whose sessions the
// embedded layout does not tell.
func TestContexts_XP(t *testing.T) {
	s, err := dumpbuild.Demo(fixture.Read)
	if err != nil {
		t.Fatal(err)
	}
	s.Processes[1].Session, s.Processes[2].Session = 1, 2
	s.Modules = append(s.Modules, dumpbuild.Module{Name: "win32k.sys", Base: 0xa0000000, PE: fixture.Bytes(t, "fs_rec/x86/private/fs_rec.sys"), Sessions: []uint32{2}})
	k, facts := build(t, s)
	win32k := facts.Modules[len(facts.Modules)-1]
	_, err = memsource.U16(k.Memory(), win32k.Base)
	if !errors.Is(err, memsource.ErrWrongContext) || errors.Is(err, memsource.ErrPagedOut) || !strings.Contains(err.Error(), "notepad.exe (pid c24)") {
		t.Errorf("%v", err)
	}
	v, ok := k.Context(win32k.Base)
	if !ok {
		t.Fatal("no context")
	}
	got := make([]byte, len(win32k.Memory))
	if err := memsource.ReadFull(v.Memory(), got, win32k.Base); err != nil || !bytes.Equal(got, win32k.Memory) {
		t.Errorf("%v", err)
	}
}
