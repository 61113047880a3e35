package target_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/memtest"
	proc "github.com/symres/symres/memsource/process"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// mapped lays an image out in this process, as Wine does, and returns it where it
// is and the writable memory behind it.
func mapped(t *testing.T) (image *memtest.ImageBuilder, rest []byte, at uint64) {
	t.Helper()
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	const grain = 0x10000
	b, err := syscall.Mmap(-1, 0, int(image.Size())+2*grain, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(b) }) // the process ends soon
	if _, err := fmt.Sscanf(fmt.Sprintf("%p", &b[0]), "0x%x", &at); err != nil {
		t.Fatal(err)
	}
	gap := int(-at % grain)
	if image, err = image.At(at + uint64(gap)); err != nil {
		t.Fatal(err)
	}
	copy(b[gap:], image.Bytes())
	header, code := b[gap:gap+0x1000], b[gap+0x1000:gap+0x2000]
	if err := errors.Join(syscall.Mprotect(header, syscall.PROT_READ), syscall.Mprotect(code, syscall.PROT_READ|syscall.PROT_EXEC)); err != nil {
		t.Fatal(err)
	}
	end := gap + int(image.Size())
	return image, b[end:], at + uint64(end)
}

// TestLive finds an image by the memory alone.
func TestLive(t *testing.T) {
	image, rest, _ := mapped(t)
	opts := target.Options{SymbolPath: filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb"))}
	tg, err := target.Live(t.Context(), os.Getpid(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	found := slices.ContainsFunc(tg.Modules(), func(m symres.Module) bool { return m.Base == image.Base() && m.Name == "fs_rec" })
	if names := lookup(t, tg, "fs_rec!DriverEntry"); len(names) != 1 || !found || tg.Kind() != target.KindProcess {
		t.Errorf("%v; modules %+v", names, tg.Modules())
	}
	if got := tg.Info(); got.PID != uint32(os.Getpid()) {
		t.Errorf("%+v", got)
	}
	opts.NoModules = true
	bare, err := target.Live(t.Context(), os.Getpid(), opts)
	if err != nil || len(bare.Modules()) != 0 {
		t.Fatalf("%v", err)
	}
	defer bare.Close()
	if _, err := target.Live(t.Context(), 1<<30, opts); err == nil {
		t.Error("a process of a number that nobody has")
	}
	runtime.KeepAlive(rest)
}

// TestLive_systemCall: a thread in a system call of Wine has the registers with
// which it left Windows, which lie where its TEB says.
func TestLive_systemCall(t *testing.T) {
	image, rest, at := mapped(t)
	tg, err := target.Live(t.Context(), os.Getpid(), target.Options{Symbols: sympath.Chain()})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	le := binary.LittleEndian
	const frame, stack = 0x2000, 0x3000
	for off, v := range map[int]uint64{
		0x8: at + 0x4000, 0x10: at + stack, 0x30: at, 0x48: 0x24, // TEB
		0x2f0: 7, 0x2f8: at + 0x2800, 0x370: 8, 0x378: at + frame, // a forged frame, and the real one
		frame + 0x08: 0xb, frame + 0x70: image.Base() + 0x5000, frame + 0x88: at + stack + 0x100, frame + 0x98: 0xbb,
	} {
		le.PutUint64(rest[off:], v)
	}
	regs := make([]byte, 0x4d0)
	le.PutUint32(regs[0x30:], 0x100007)
	le.PutUint16(regs[0x38:], 0x33)
	le.PutUint64(regs[0x98:], 0x7000)
	le.PutUint64(regs[0xf8:], 0x1234) // in no module
	th := target.LiveThread(tg, proc.Thread{ID: 7, Registers: regs, GSBase: at})
	want := target.Registers{IP: image.Base() + 0x5000, SP: at + stack + 0x100, FP: 0xbb}
	if th.Registers != want || th.Context.Int[3] != 0xb || th.ID != 0x24 || th.TEB != at || th.Stack != at+stack || th.StackSize != 0x1000 || th.Err != nil {
		t.Errorf("%+v", th)
	}
	le.PutUint64(regs[0xf8:], image.Base()+0x5010)
	if th := target.LiveThread(tg, proc.Thread{ID: 7, Registers: regs, GSBase: at}); th.Registers.SP != 0x7000 || th.Origin != "the thread, stopped for a moment" {
		t.Errorf("in a module: %+v", th)
	}
	if th := target.LiveThread(tg, proc.Thread{ID: 7, Registers: regs, GSBase: at + 8}); th.ID != 7 || th.TEB != 0 {
		t.Errorf("not a TEB: %+v", th)
	}
	runtime.KeepAlive(rest)
}

// TestLive_threads: a process of this machine has its threads, with registers; its
// own threads nobody can stop.
func TestLive_threads(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for pid, reason := range map[int]error{cmd.Process.Pid: nil, os.Getpid(): os.ErrPermission} {
		tg, err := target.Live(t.Context(), pid, target.Options{Symbols: sympath.Chain(), NoModules: true})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		if runtime.GOARCH != "amd64" {
			reason = errors.ErrUnsupported
		}
		n := 0
		for th, err := range tg.Threads(t.Context()) {
			if errors.Is(th.Err, os.ErrProcessDone) { // it ended meanwhile
				continue
			}
			if n++; err != nil || !errors.Is(th.Err, reason) || (reason == nil) != (th.Registers.IP != 0 && th.Context.Machine == unwind.X64) {
				t.Errorf("%+v, %v", th, err)
			}
		}
		if n == 0 {
			t.Errorf("process %d has no threads", pid)
		}
	}
}
