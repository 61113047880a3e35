package analyze_test

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/analyze"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// kernelDump is a dump of Windows 7 on x64 as dumpbuild makes it, and a folder with
// the kernel's files and those of the driver Fs_Rec.
func kernelDump(t testing.TB) ([]byte, *dumpbuild.Facts, sympath.Store) {
	t.Helper()
	spec, err := dumpbuild.SeedKd(fixture.Read, "w7")
	if err != nil {
		t.Fatal(err)
	}
	b, facts, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	folders := dumpbuild.KdSymbols("w7")
	share := fstest.MapFS{}
	for _, name := range []string{folders[0] + "/ntkrnlmp.pdb", folders[0] + "/ntoskrnl.exe", folders[1] + "/fs_rec.sys", folders[1] + "/fs_rec.pdb"} {
		share[path.Base(name)] = &fstest.MapFile{Data: fixture.Bytes(t, name)}
	}
	return b, facts, sympath.Dir("share", share)
}

// stop writes another bug check into a dump of x64.
func stop(b []byte, code uint32, parameters ...uint64) {
	binary.LittleEndian.PutUint32(b[0x38:], code)
	for i, p := range parameters {
		binary.LittleEndian.PutUint64(b[0x40+8*i:], p)
	}
}

// patch overwrites memory of a dump.
func patch(t *testing.T, b []byte, addr uint64, data []byte) {
	t.Helper()
	tg := openBytes(t, b, target.Options{})
	page := make([]byte, 4096)
	if err := memsource.ReadFull(tg.Memory(), page, addr&^0xfff); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, page)
	if at < 0 || bytes.Contains(b[at+1:], page) {
		t.Fatalf("the page at %#x is there more than once, or not at all: %d", addr, at)
	}
	copy(b[at+int(addr&0xfff):], data)
}

// TestBugCheck: the driver that the parameters name, the process, the thread, the
// processor, and the stack down to user mode.
func TestBugCheck(t *testing.T) {
	b, facts, share := kernelDump(t)
	driver := module(t, facts, "Fs_Rec.SYS")
	stop(b, 0xd1, 0x10, 2, 1, driver+0x500c)
	r := run(t, openBytes(t, b, target.Options{Symbols: share}), analyze.Options{})
	if r.Kind != analyze.KindBugCheck || r.Name != "DRIVER_IRQL_NOT_LESS_OR_EQUAL" || r.Fault.Access != target.AccessWrite || r.Accessed.Kind != analyze.PlaceNull {
		t.Errorf("%v %s %+v %v", r.Kind, r.Name, r.Fault, r.Accessed)
	}
	if r.Place.Name() != "Fs_Rec!FsRecDispatch+0xc" || r.Culprit.String() != "Fs_Rec!FsRecDispatch+0xc" || r.Culprit.Frame != 1 {
		t.Errorf("%v, %v", r.Place, r.Culprit)
	}
	if r.Info.Process != "explorer.exe" || r.Thread.ID == 0 || r.Processor != 0 || len(r.Frames) < 8 {
		t.Errorf("%+v %+v processor %d, %d frames", r.Info, r.Thread, r.Processor, len(r.Frames))
	}
	if m := r.Modules; len(m) != 2 || m[0].Name != "Fs_Rec" || m[0].System || m[0].Verdict < identify.VerdictLikely || m[1].Name != "nt" || !m[1].System || m[1].Frames < 5 {
		t.Errorf("%+v", m)
	}
	if want := "bugcheck d1 write < fs_rec!FsRecDispatch+c"; r.Bucket.Signature != want {
		t.Errorf("%s, want %s", r.Bucket.Signature, want)
	}
	if len(r.Missing) != 1 || !strings.Contains(r.Missing[0].Why, "--process b50") {
		t.Errorf("missing %v", r.Missing)
	}
}

func module(t *testing.T, facts *dumpbuild.Facts, name string) uint64 {
	t.Helper()
	for _, m := range facts.Modules {
		if strings.EqualFold(m.Name, name) {
			return m.Base
		}
	}
	t.Fatalf("no module %s", name)
	return 0
}

// TestRecords: where a bug check names an exception record and a context record, what
// they tell is there: the access, and the stack of the exception.
func TestRecords(t *testing.T) {
	b, facts, share := kernelDump(t)
	driver, kernel := module(t, facts, "Fs_Rec.SYS"), facts.Modules[0].Base
	tg := openBytes(t, b, target.Options{Symbols: share})
	frames := run(t, tg, analyze.Options{}).Frames
	record, context := place(t, tg, kernel, 0x98), place(t, tg, kernel, 0x98+1232)+0x98
	info := make([]byte, 0x98)
	binary.LittleEndian.PutUint32(info, 0xc0000005)
	binary.LittleEndian.PutUint64(info[0x10:], driver+0x500c)
	binary.LittleEndian.PutUint32(info[0x18:], 2)
	binary.LittleEndian.PutUint64(info[0x28:], 0x77)
	patch(t, b, record, info)
	patch(t, b, context, registers(driver+0x500c, frames[1].SP()))
	stop(b, 0x1000007e, 0xffffffffc0000005, driver+0x500c, record, context)
	r := run(t, openBytes(t, b, target.Options{Symbols: share}), analyze.Options{})
	if r.Name != "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M" || r.Fault.Status != 0xc0000005 || r.Fault.Access != target.AccessRead || r.Fault.Target != 0x77 {
		t.Errorf("%s, %+v", r.Name, r.Fault)
	}
	if r.Thread.Origin != "context record of the bug check" || r.Frames[0].PC != driver+0x500c || r.Culprit.Frame != 0 || r.Culprit.String() != "Fs_Rec!FsRecDispatch+0xc" {
		t.Errorf("%+v, %v, %v", r.Thread.Origin, &r.Frames[0], r.Culprit)
	}
	if want := "bugcheck 7e c0000005 read < fs_rec!FsRecDispatch+c"; r.Bucket.Signature != want {
		t.Errorf("%s, want %s", r.Bucket.Signature, want)
	}
	stop(b, 0x1000007e, 0xffffffffc0000005, driver+0x500c, record+0x10, context+0x10) // what is there is neither
	r = run(t, openBytes(t, b, target.Options{Symbols: share}), analyze.Options{})
	if r.Fault.Access != "" || r.Thread.Origin == "context record of the bug check" {
		t.Errorf("%+v, %s", r.Fault, r.Thread.Origin)
	}
}

// place finds size zeros in a page of the kernel.
func place(t *testing.T, tg *target.Target, base uint64, size int) uint64 {
	t.Helper()
	for page := base; page < base+0x40000; page += 4096 {
		b := make([]byte, 4096)
		if memsource.ReadFull(tg.Memory(), b, page) != nil {
			continue
		}
		used := len(bytes.TrimRight(b, "\x00"))
		if used > 0 && used+size+16 < 4096 {
			return page + uint64((used+16)&^15)
		}
	}
	t.Fatal("no zeros")
	return 0
}

// TestPatched: code that differs from that of the file is told of, and only with
// copies that the options allow.
func TestPatched(t *testing.T) {
	b, facts, share := kernelDump(t)
	driver := module(t, facts, "Fs_Rec.SYS")
	patch(t, b, driver+0x5040, []byte{0xe9, 1, 2, 3, 4})
	r := run(t, openBytes(t, b, target.Options{Symbols: share}), analyze.Options{})
	if i := warned(r, analyze.WarnPatched); i < 0 || r.Warnings[i].Module != "Fs_Rec" || !strings.Contains(r.Warnings[i].Text, "patched code: 1 page of Fs_Rec") ||
		!strings.Contains(r.Warnings[i].Text, "frame 1 runs in one of them") {
		t.Errorf("%v", r.Warnings)
	}
	for name, o := range map[string]analyze.Options{"not asked for": {NoCompare: true}, "no copies there": {Symbols: sympath.Chain(), Images: sympath.Chain()}} {
		if r := run(t, openBytes(t, b, target.Options{Symbols: share}), o); warned(r, analyze.WarnPatched) >= 0 || r.Modules[0].Copy != "" {
			t.Errorf("%s: %v", name, r.Warnings)
		}
	}
}

// warned returns the first warning of a kind, or -1.
func warned(r *analyze.Result, k analyze.WarningKind) int {
	for i, w := range r.Warnings {
		if w.Kind == k {
			return i
		}
	}
	return -1
}

// TestAnotherProcess: of a process that did not stop the system the stack is that of
// one of its threads, and it is said so.
func TestAnotherProcess(t *testing.T) {
	b, _, share := kernelDump(t)
	for name, want := range map[string]bool{"explorer.exe": false, "notepad.exe": true} {
		r := run(t, openBytes(t, b, target.Options{Symbols: share, Process: name}), analyze.Options{})
		if i := warned(r, analyze.WarnRegisters); len(r.Frames) == 0 || r.Info.Process != name || i >= 0 != want {
			t.Errorf("%s: process %s, %d frames, %v", name, r.Info.Process, len(r.Frames), r.Warnings)
		}
	}
}
