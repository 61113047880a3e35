package target_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// kdTarget opens a dump of dumpbuild with the files of its folders on the path.
func kdTarget(t *testing.T, name string, symbols bool, process string) (*target.Target, dumpbuild.Spec, *dumpbuild.Facts) {
	t.Helper()
	spec, err := dumpbuild.SeedKd(fixture.Read, name)
	if err != nil {
		t.Fatal(err)
	}
	dump, facts, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	share := sympath.Chain()
	if folders := dumpbuild.KdSymbols(name); symbols {
		names := []string{folders[0] + "/ntkrnlmp.pdb", folders[0] + "/ntoskrnl.exe", folders[1] + "/fs_rec.sys", folders[1] + "/fs_rec.pdb"}
		share = files(t, names...)
	}
	tg, err := target.Open(t.Context(), write(t, "kd.dmp", dump), target.Options{Symbols: share, Images: share, Process: process, Warn: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	return tg, spec, facts
}

// TestThreads: every thread of kernel dumps has its registers, and its stack goes
// through the kernel into user mode: of threads that wait in system calls and in
// page faults, and of the one that stopped the system.
func TestThreads(t *testing.T) {
	for _, name := range []string{"w7", "w10", "xp", "xp-pae"} {
		t.Run(name, func(t *testing.T) {
			tg, spec, facts := kdTarget(t, name, true, "")
			first, n := true, 0
			for th, err := range tg.Threads(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if first && !th.Running || th.Err != nil {
					t.Errorf("thread %x, runs: %v, %v", th.ID, th.Running, th.Err)
				}
				first = false
				n++
				want, user := threadFacts(t, &spec, facts, th)
				checkThread(t, tg, th, want, user)
			}
			if n != 5 {
				t.Errorf("%d threads", n)
			}
		})
	}
}

// threadFacts finds what the builder says about a thread.
func threadFacts(t *testing.T, spec *dumpbuild.Spec, facts *dumpbuild.Facts, th target.Thread) (dumpbuild.ThreadFacts, *dumpbuild.UserFrame) {
	t.Helper()
	for i, p := range facts.Processes {
		for j, f := range p.Threads {
			if f.Address != th.Address {
				continue
			}
			if uint64(th.ID) != f.TID || th.TEB != f.TEB || th.Process != p.Address || th.Running != f.Running {
				t.Errorf("%+v, want %+v of %x", th, f, p.Address)
			}
			return f, spec.Processes[i].Threads[j].User
		}
	}
	t.Fatalf("no thread at %x", th.Address)
	return dumpbuild.ThreadFacts{}, nil
}

func checkThread(t *testing.T, tg *target.Target, th target.Thread, want dumpbuild.ThreadFacts, user *dumpbuild.UserFrame) {
	t.Helper()
	x86 := th.Context.Machine == unwind.X86
	i, inUser := 0, false
	for f, err := range tg.Stack(t.Context(), th) {
		if err != nil {
			t.Logf("thread %x, behind frame %d: %v", th.ID, i-1, err)
			break
		}
		if f.PC>>(tg.Bits()-1) == 0 {
			if inUser {
				continue
			}
			if f.Lacks != nil {
				t.Logf("thread %x, frame %d lacks: %v", th.ID, i, f.Lacks)
			}
			if inUser = true; user == nil || f.PC != user.IP || f.SP() != user.SP {
				t.Errorf("thread %x: user frame at %x with stack %x", th.ID, f.PC, f.SP())
			}
			continue
		}
		if i >= len(want.Frames) || inUser {
			t.Errorf("thread %x: one frame more: %s", th.ID, frameName(t, tg, &f))
			break
		}
		if w := want.Frames[i]; frameName(t, tg, &f) != w.Where || !x86 && f.SP() != w.Stack {
			t.Errorf("thread %x, frame %d: %x %s, want %x %s", th.ID, i, f.SP(), frameName(t, tg, &f), w.Stack, w.Where)
		}
		i++
	}
	if i != len(want.Frames) || (user != nil) != inUser {
		t.Errorf("thread %x: %d kernel frames, want %d; user mode: %v", th.ID, i, len(want.Frames), inUser)
	}
}

// TestThreads_embedded reads the threads without the kernel's PDB.
func TestThreads_embedded(t *testing.T) {
	for _, name := range []string{"w10", "xp"} {
		tg, spec, facts := kdTarget(t, name, false, "")
		n := 0
		for th, err := range tg.Threads(t.Context()) {
			if err != nil || th.Err != nil {
				t.Fatalf("%s: %v, %v", name, err, th.Err)
			}
			n++
			threadFacts(t, &spec, facts, th)
			if !strings.Contains(th.Origin, "embedded") && !strings.Contains(th.Origin, "debugger data block") && !strings.Contains(th.Origin, "header") {
				t.Errorf("%s: registers from %q", name, th.Origin)
			}
		}
		if n != 5 {
			t.Errorf("%s: %d threads", name, n)
		}
	}
	tg, _, _ := kdTarget(t, "w7", false, "")
	var errs []error
	for _, err := range tg.Threads(t.Context()) {
		errs = append(errs, err)
	}
	if !errors.Is(errors.Join(errs...), nt.ErrNoLayout) {
		t.Errorf("a build nothing is embedded for: %v", errs)
	}
}

// TestThreads_process are those of one process.
func TestThreads_process(t *testing.T) {
	tg, _, _ := kdTarget(t, "w10", true, "notepad.exe")
	var ids []uint32
	for th, err := range tg.Threads(t.Context()) {
		if ids = append(ids, th.ID); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(ids, []uint32{0x7d4}) {
		t.Errorf("threads %x", ids)
	}
}

// TestThreads_triage: small dumps of real machines have the registers of every
// processor, by the offsets in their debugger data block; first come those of the
// header.
func TestThreads_triage(t *testing.T) {
	for name, processors := range map[string]int{"win10_arm_rpi3_mem/RPi3_ARM_mini.cab.dmp": 4, "win10_arm64_mem/win10_arm64_mem.dmp": 8} {
		path := filepath.Join(fixture.Shared(t), "ivellioscolin+kdlibcpp/kdlib/tests/dumps", filepath.FromSlash(name))
		tg, err := target.Open(t.Context(), path, target.Options{Symbols: sympath.Chain(), Images: sympath.Chain(), Warn: func(error) {}})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		n := 0
		for th, err := range tg.Threads(t.Context()) {
			if errors.Is(err, nt.ErrNoLayout) { // nobody has the PDB of the kernel, so its processes are not known
				continue
			}
			if err != nil || th.Err != nil || !strings.Contains(th.Origin, "debugger data block") {
				t.Errorf("%s: from %s: %v, %v", name, th.Origin, err, th.Err)
			}
			if c := headerContext(t, path, tg.Machine()); n == 0 && (c.PC != th.Context.PC || c.SP() != th.Context.SP()) {
				t.Errorf("%s: %x comes first, the header has %x", name, th.Context.PC, c.PC)
			}
			n++
			for f, err := range tg.Stack(t.Context(), th) {
				if f.Index == 0 && err == nil && f.Module == nil && f.PC>>(tg.Bits()-1) == 1 {
					t.Errorf("%s: %x is in no module", name, f.PC)
				}
			}
		}
		if n != processors {
			t.Errorf("%s: %d threads", name, n)
		}
	}
}

// headerContext has the registers in a dump's header.
func headerContext(t *testing.T, path string, machine uint16) unwind.Context {
	t.Helper()
	f, err := crashdump.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := f.Context()
	if err != nil {
		t.Fatal(err)
	}
	c, err := unwind.ParseContext(unwind.Machine(machine), b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestThreads_none: targets without registers say so.
func TestThreads_none(t *testing.T) {
	own, err := target.New(target.Options{Symbols: sympath.Chain()})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := firstOf(own.Threads(t.Context())); !errors.Is(err, target.ErrNoRecord) {
		t.Errorf("%v", err)
	}
	failed := errors.New("no registers")
	if err := firstOf(own.Stack(t.Context(), target.Thread{Err: failed})); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
