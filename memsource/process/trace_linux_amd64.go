package process

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stopWait  = time.Second // for a thread to stop
	stopPause = time.Millisecond / 4
)

// traced stops a thread, reads its registers, and lets it go on. The thread of
// this process that traces ends with it: whatever happens, the kernel then lets
// go of what it traces.
func traced(ctx context.Context, t *Thread) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- trace(ctx, t)
	}()
	return <-done
}

func trace(ctx context.Context, t *Thread) error {
	if err := unix.PtraceSeize(t.ID); err != nil {
		return traceError(err)
	}
	if err := unix.PtraceInterrupt(t.ID); err != nil {
		return traceError(err)
	}
	if err := untilStopped(ctx, t.ID); err != nil {
		return err
	}
	var regs unix.PtraceRegs
	err := unix.PtraceGetRegs(t.ID, &regs)
	if err := errors.Join(err, unix.PtraceDetach(t.ID)); err != nil {
		return traceError(err)
	}
	t.Registers, t.FSBase, t.GSBase = contextOf(&regs), regs.Fs_base, regs.Gs_base
	return nil
}

// traceError says what the errors of ptrace(2) mean: EPERM that we may not, or
// that somebody else traces the thread; ESRCH that it is gone.
func traceError(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("ptrace", err)
}

// untilStopped waits for the stop that was asked for. A signal that comes first
// stops the thread too, and is passed on.
func untilStopped(ctx context.Context, id int) error {
	for end := time.Now().Add(stopWait); time.Now().Before(end); time.Sleep(stopPause) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// What ended is left to its parent, which may be this program.
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, id, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
		if errors.Is(err, unix.ECHILD) {
			return os.ErrProcessDone
		}
		if err != nil || info.Signo == 0 {
			continue
		}
		var status unix.WaitStatus
		if _, err := unix.Wait4(id, &status, unix.WNOHANG|unix.WALL, nil); err != nil || !status.Stopped() {
			continue
		}
		if uint32(status)>>16 == unix.PTRACE_EVENT_STOP {
			return nil
		}
		if err := unix.PtraceCont(id, int(status.StopSignal())); err != nil {
			return traceError(err)
		}
	}
	return ErrNotStopped
}

// Offsets in a CONTEXT of x64 (winnt.h), its size, and the flags of the control,
// integer and segment registers.
const (
	contextSize  = 0x4d0
	contextFlags = 0x30
	contextParts = 0x100007
	contextCS    = 0x38
	contextEFL   = 0x44
	contextInts  = 0x78
)

// contextOf has the registers as a CONTEXT of x64.
func contextOf(r *unix.PtraceRegs) []byte {
	if r.Cs == 0 {
		r = widened(r)
	}
	le, b := binary.LittleEndian, make([]byte, contextSize)
	le.PutUint32(b[contextFlags:], contextParts)
	for i, v := range []uint64{r.Cs, r.Ds, r.Es, r.Fs, r.Gs, r.Ss} {
		le.PutUint16(b[contextCS+2*i:], uint16(v))
	}
	le.PutUint32(b[contextEFL:], uint32(r.Eflags))
	for i, v := range []uint64{r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15, r.Rip} {
		le.PutUint64(b[contextInts+8*i:], v)
	}
	return b
}

// widened undoes what the kernel does for a thread in 32-bit code: it gives the
// registers of x86 in the order of user_regs_struct (sys/user.h), 4 bytes each,
// from the beginning on. In 64-bit code CS is never 0.
func widened(r *unix.PtraceRegs) *unix.PtraceRegs {
	const all = 1<<32 - 1
	return &unix.PtraceRegs{
		Rbx: r.R15 & all, Rcx: r.R15 >> 32, Rdx: r.R14 & all, Rsi: r.R14 >> 32, Rdi: r.R13 & all, Rbp: r.R13 >> 32,
		Rax: r.R12 & all, Ds: r.R12 >> 32, Es: r.Rbp & all, Fs: r.Rbp >> 32, Gs: r.Rbx & all,
		Rip: r.R11 & all, Cs: r.R11 >> 32, Eflags: r.R10 & all, Rsp: r.R10 >> 32, Ss: r.R9 & all,
	}
}
