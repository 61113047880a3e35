package sympath_test

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The system calls with which the cache is written; openat, write and close are
// made for other ends as well.
var writeCalls = map[uintptr]string{
	unix.SYS_MKDIRAT: "mkdirat", unix.SYS_OPENAT: "openat", unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64",
	unix.SYS_FSYNC: "fsync", unix.SYS_LINKAT: "linkat", unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat",
	unix.SYS_UNLINKAT: "unlinkat", unix.SYS_FLOCK: "flock", unix.SYS_UTIMENSAT: "utimensat", unix.SYS_CLOSE: "close",
}

// slots are the offsets, in what PTRACE_PEEKUSER reads (sys/user.h), of the
// number of a system call and of its result.
var slots = map[string]struct{ number, result uintptr }{"amd64": {15 * 8, 10 * 8}, "386": {11 * 4, 6 * 4}}

// A fault befalls one system call of a process, whichever of its threads makes
// it: strace counts the calls of each thread, and which thread makes a call is
// another each time.
type fault struct {
	call  string        // the name
	when  int           // the first is 1, counted from the first mkdirat on; 0 for each of them
	errno syscall.Errno // what the call fails with; 0 kills the process
}

// A tracer runs one process with a fault.
type tracer struct {
	fault
	seen   int
	begun  bool
	inCall map[int]bool // by thread: between the entry of a call and its end
	faulty map[int]bool // by thread: its call is one that fails
	struck int          // the calls the fault befell
}

// run returns the process's output, how many calls the fault befell, and whether
// the process ended well.
func (f fault) run(t *testing.T, cmd *exec.Cmd) (out string, struck int, good bool) {
	t.Helper()
	if _, ok := slots[runtime.GOARCH]; !ok {
		t.Skipf("system calls are traced on amd64 and 386, this is %s; run it there", runtime.GOARCH)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	tr := tracer{fault: f, inCall: map[int]bool{}, faulty: map[int]bool{}}
	end, err := tr.follow(cmd)
	if errors.Is(err, unix.EPERM) {
		t.Skipf("processes cannot be traced here (%v); allow ptrace", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), tr.struck, end.Exited() && end.ExitStatus() == 0
}

// follow starts a process and returns how it ended. One thread has to do all of
// it, as the kernel has it.
func (tr *tracer) follow(cmd *exec.Cmd) (end unix.WaitStatus, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	defer cmd.Process.Release()
	if _, err := unix.Wait4(pid, &end, 0, nil); err != nil {
		return 0, err
	}
	const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return 0, err
	}
	for thread := pid; ; {
		sig := tr.stopped(pid, thread, end)
		// A thread that is gone by now, as the process was killed, is no error.
		if err := unix.PtraceSyscall(thread, sig); err != nil && err != unix.ESRCH {
			return 0, err
		}
		for {
			if thread, err = unix.Wait4(-pid, &end, unix.WALL, nil); err != nil && err != unix.EINTR {
				return 0, err
			}
			if err == nil && (end.Stopped() || thread == pid) {
				break
			}
		}
		if !end.Stopped() {
			return end, nil
		}
	}
}

// stopped looks at why a thread stopped, and returns the signal to go on with.
func (tr *tracer) stopped(pid, thread int, why unix.WaitStatus) (signal int) {
	switch sig := why.StopSignal(); {
	case sig == unix.SIGTRAP|0x80:
		if tr.inCall[thread] = !tr.inCall[thread]; tr.inCall[thread] {
			tr.enter(pid, thread)
		} else if tr.faulty[thread] {
			delete(tr.faulty, thread)
			tr.poke(thread, slots[runtime.GOARCH].result, -int(tr.errno))
		}
		return 0
	case sig == unix.SIGTRAP || sig == unix.SIGSTOP: // the start of a process or thread
		return 0
	default:
		return int(sig)
	}
}

// enter strikes at the entry of a call, which the kernel then does not make.
func (tr *tracer) enter(pid, thread int) {
	var word [unix.SizeofPtr]byte
	at := slots[runtime.GOARCH].number
	if _, err := unix.PtracePeekUser(thread, at, word[:]); err != nil {
		return
	}
	name := writeCalls[number(word[:])]
	tr.begun = tr.begun || name == "mkdirat"
	if name != tr.call || !tr.begun {
		return
	}
	if tr.seen++; tr.when != 0 && tr.when != tr.seen {
		return
	}
	tr.struck++
	if tr.errno == 0 {
		unix.Kill(pid, unix.SIGKILL)
		return
	}
	tr.faulty[thread] = true
	tr.poke(thread, at, -1)
}

// poke writes a register of a stopped thread.
func (tr *tracer) poke(thread int, slot uintptr, value int) {
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], uint64(value))
	unix.PtracePokeUser(thread, slot, word[:unix.SizeofPtr])
}

// number reads a register.
func number(word []byte) uintptr {
	var whole [8]byte
	copy(whole[:], word)
	return uintptr(binary.LittleEndian.Uint64(whole[:]))
}
