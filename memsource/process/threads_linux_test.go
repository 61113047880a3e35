//go:build linux && amd64

package process_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/memsource/process"
)

// start starts a program, which is killed with the test, and opens it when it is
// ready.
func start(t *testing.T, ready func(pid int) bool, path string, args ...string) (*process.Process, int) {
	t.Helper()
	if _, err := os.ReadFile("/proc/self/syscall"); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	cmd := exec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		_ = cmd.Wait()
	})
	for end := time.Now().Add(time.Minute); !ready(cmd.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not become ready", path)
		}
	}
	p, err := process.Open(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p, cmd.Process.Pid
}

// waits reports whether a program waits in the system call of that number.
func waits(call string) func(int) bool {
	return func(pid int) bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		return err == nil && strings.HasPrefix(string(b), call+" ")
	}
}

// waiting has the stack pointer and the PC that the kernel itself shows of a
// thread that waits: proc(5), syscall. It has just been woken, maybe.
func waiting(t *testing.T, pid int) (sp, pc uint64) {
	t.Helper()
	for range 60000 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		if f := strings.Fields(string(b)); err == nil && len(f) == 9 {
			if n, err := fmt.Sscanf(f[7]+" "+f[8], "0x%x 0x%x", &sp, &pc); n == 2 && err == nil {
				return sp, pc
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the program does not wait")
	return 0, 0
}

// registers reads a CONTEXT of x64: eip, rsp, rbx, and the code segment.
func registers(b []byte) (pc, sp, rbx uint64, cs uint16) {
	le := binary.LittleEndian
	return le.Uint64(b[0xf8:]), le.Uint64(b[0x98:]), le.Uint64(b[0x90:]), le.Uint16(b[0x38:])
}

// TestThreads holds the registers of a program that waits against what the
// kernel shows, and the program goes on afterwards.
func TestThreads(t *testing.T) {
	p, pid := start(t, waits("230"), "sleep", "600") // clock_nanosleep
	for range 20 {
		wantSP, wantPC := waiting(t, pid)
		n := 0
		for th, err := range p.Threads(t.Context()) {
			if err != nil || th.Err != nil {
				t.Fatal(err, th.Err)
			}
			n++
			pc, sp, _, cs := registers(th.Registers)
			if pc != wantPC || sp != wantSP || cs != 0x33 || th.Name != "sleep" || th.FSBase == 0 {
				t.Errorf("%s: pc %x, sp %x, cs %x; the kernel shows %x, %x", th.Name, pc, sp, cs, wantPC, wantSP)
			}
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", th.ID))
			if err != nil || !bytes.Contains(status, []byte("TracerPid:\t0\n")) || bytes.Contains(status, []byte("State:\tt")) {
				t.Errorf("%v, %s", err, status)
			}
		}
		if n != 1 {
			t.Fatalf("%d threads", n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range p.Threads(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	}
}

// TestThreads_many: of a program with many threads, of which some run, every one
// stands in code, on a stack.
func TestThreads_many(t *testing.T) {
	if os.Getenv("SYMRES_MANY_THREADS") != "" {
		end := time.Now().Add(time.Minute)
		for range 3 {
			go func() {
				for time.Now().Before(end) {
				}
			}()
		}
		time.Sleep(time.Minute)
	}
	t.Setenv("SYMRES_MANY_THREADS", "1")
	many := func(pid int) bool {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		return err == nil && len(tasks) >= 4
	}
	p, _ := start(t, many, os.Args[0], "-test.run=^TestThreads_many$")
	n := 0
	for th, err := range p.Threads(t.Context()) {
		if err != nil || th.Err != nil {
			t.Fatal(err, th.Err)
		}
		n++
		pc, sp, _, _ := registers(th.Registers)
		code, stack := false, false
		for r, err := range p.Regions() {
			if err != nil {
				t.Fatal(err)
			}
			code = code || pc-r.Addr < r.Size && r.Exec
			stack = stack || sp-r.Addr < r.Size && r.Write
		}
		if !code || !stack {
			t.Errorf("thread %d: pc %x in code: %v, sp %x on a stack: %v", th.ID, pc, code, sp, stack)
		}
	}
	if n < 4 {
		t.Errorf("%d threads", n)
	}
}

// TestThreads_32bit: a program of 32 bits that waits in pause(2).
func TestThreads_32bit(t *testing.T) {
	const base = 0x10000000
	code := []byte{0xbb, 0x44, 0x33, 0x22, 0x11, 0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7} // mov ebx, 0x11223344; mov eax, 29; int 0x80; again
	words := []uint32{
		2 | 3<<16, 1, base + 0x54, 0x34, 0, 0, 0x34 | 0x20<<16, 1, 0, // ELF header: an executable for the 386
		1, 0, base, base, 0x54 + uint32(len(code)), 0x54 + uint32(len(code)), 5, 0x1000, // one part that is loaded
	}
	b := append([]byte{0x7f, 'E', 'L', 'F', 1, 1, 1}, make([]byte, 9)...)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	b = b[:0x34]
	for _, w := range words[9:] {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	path := filepath.Join(t.TempDir(), "pause32")
	if err := os.WriteFile(path, append(b, code...), 0o700); err != nil {
		t.Fatal(err)
	}
	p, _ := start(t, waits("29"), path)
	for th, err := range p.Threads(t.Context()) {
		if err != nil || th.Err != nil {
			t.Fatal(err, th.Err)
		}
		pc, sp, rbx, cs := registers(th.Registers)
		if pc != base+0x54+12 || rbx != 0x11223344 || cs != 0x23 || sp>>32 != 0 || sp == 0 {
			t.Errorf("pc %x, sp %x, rbx %x, cs %x", pc, sp, rbx, cs)
		}
	}
}

// TestThreads_errors: nobody stops his own threads, or those of a process that
// is gone.
func TestThreads_errors(t *testing.T) {
	n := 0
	for th, err := range self(t).Threads(t.Context()) {
		if errors.Is(th.Err, os.ErrPermission) {
			n++
		} else if err != nil || !errors.Is(th.Err, os.ErrProcessDone) { // those that end meanwhile
			t.Errorf("%v, %v", err, th.Err)
		}
	}
	if n == 0 {
		t.Error("no thread is refused")
	}
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	p, err := process.Open(cmd.Process.Pid)
	if err := errors.Join(err, cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_ = cmd.Wait() // it was killed, and says so
	for th, err := range p.Threads(t.Context()) {
		if !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("after its end: %+v, %v", th, err)
		}
	}
}
