//go:build linux

package gdbremote_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/symres/symres/internal/qemutest"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/memsource/paging"
)

// machine is a PC that runs the boot sector of testdata.
type machine struct {
	cmd    *exec.Cmd
	socket string
}

// run starts the machine, which is killed with the test. more are arguments to
// QEMU.
func run(t *testing.T, more ...string) *machine {
	t.Helper()
	qemutest.Need(t)
	dir, err := os.MkdirTemp("", "q") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, args := range [][]string{
		{"clang-19", "--target=x86_64-linux-gnu", "-c", "testdata/boot.S", "-o", filepath.Join(dir, "boot.o")},
		{"ld.lld-19", "--oformat", "binary", "-Ttext", "0x7c00", "-o", filepath.Join(dir, "boot.bin"), filepath.Join(dir, "boot.o")},
	} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Skipf("NOT RUN against QEMU: %v; on Debian: apt-get install clang-19 lld-19", err)
		}
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}
	m := &machine{socket: filepath.Join(dir, "gdb")}
	m.cmd = exec.Command(qemutest.Program, append(more, "-machine", "pc,accel=tcg", "-m", "8M", "-nodefaults", "-display", "none",
		"-drive", "file="+filepath.Join(dir, "boot.bin")+",format=raw,if=floppy",
		"-chardev", "socket,id=gdb,server=on,wait=off,path="+m.socket, "-gdb", "chardev:gdb")...)
	var stderr bytes.Buffer
	m.cmd.Stderr = &stderr
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.cmd.Process.Kill() // it may be gone
		_ = m.cmd.Wait()
		if t.Failed() && stderr.Len() > 0 {
			t.Logf("%s: %s", qemutest.Program, stderr.Bytes())
		}
	})
	return m
}

func (m *machine) config(timeout time.Duration) gdbremote.Config {
	return gdbremote.Config{Timeout: timeout, Resume: true, Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", m.socket)
	}}
}

// halted connects once the boot sector has done its work. Every connection
// stops the machine, and Resume lets it go on.
func (m *machine) halted(t *testing.T, timeout time.Duration) *gdbremote.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for {
		c, err := gdbremote.Dial(ctx, m.socket, m.config(timeout))
		if err == nil {
			if mz, err := memsource.U16(c, 0x200000); err == nil && mz == 0x5a4d {
				t.Cleanup(func() { c.Close() })
				return c
			}
			c.Close()
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the machine does not boot: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// TestQEMU reads through a real stub. The page that is not present is found to
// be paged out, by the entry of the page table.
func TestQEMU(t *testing.T) {
	const high = 0xffffffff80000000
	c := run(t).halted(t, time.Minute)
	if c.Machine() != 0x8664 {
		t.Errorf("machine %#x, want x64", c.Machine())
	}
	word := binary.LittleEndian.AppendUint64(nil, 0x1122334455667788)
	if err := memtest.TestSource(c,
		memtest.Data(0x9000, word), memtest.Data(0x200000, []byte("MZ")),
		memtest.Hole(0x400000, 0x1000, memsource.ReasonNotMapped),
		memtest.Data(high+0x9000, word), memtest.Hole(high+0x100000, 0x1000, memsource.ReasonPagedOut),
	); err != nil {
		t.Error(err)
	}
	_, err := memsource.U64(c, high+0x100008)
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok || f.PTE != 0x123400000080 || f.Level != 0 || f.PageFile != 0 || f.PageFileOffset != 0x1234000 || f.Len != 0xff8 {
		t.Errorf("%v: %+v", err, f)
	}
	if _, err := memsource.U64(c, 0xfffff80000000000); !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("an empty PML4 entry: %v", err)
	} else if f, _ := errors.AsType[*memsource.Fault](err); f.Len != 1<<39 || f.Level != 3 {
		t.Errorf("an empty PML4 entry: %+v", f)
	}
	physical(t, c, word)
}

// TestQEMU_threads: each processor is a thread with registers of its own, and
// memory is still what the first one sees. The second is left in the BIOS.
func TestQEMU_threads(t *testing.T) {
	c := run(t, "-smp", "2").halted(t, time.Minute)
	ids, err := c.Threads(t.Context())
	if err != nil || len(ids) != 2 {
		t.Fatalf("threads %q, %v", ids, err)
	}
	for i, id := range ids {
		r, err := c.RegistersOf(t.Context(), id, []string{"rip", "rsp", "rax"})
		boots := r["rip"]>>9 == 0x7c00>>9 && r["rsp"] == 0x7c00 && r["rax"] == 0x1122334455667788
		if err != nil || len(r) != 3 || boots != (i == 0) || i == 1 && r["rip"]>>17 != 0xe0000>>17 {
			t.Errorf("thread %s: %x, %v", id, r, err)
		}
		if v, err := memsource.U64(c, 0xffffffff80009000); err != nil || v != 0x1122334455667788 {
			t.Errorf("memory behind thread %s: %x, %v", id, v, err)
		}
	}
	for _, id := range []string{"7", "0;D", ""} {
		if r, err := c.RegistersOf(t.Context(), id, []string{"rip"}); err == nil {
			t.Errorf("thread %q: %x", id, r)
		}
	}
}

// physical reads what the boot sector wrote where it lies, between two reads of
// virtual memory, and finds the page tables by the registers.
func physical(t *testing.T, c *gdbremote.Client, word []byte) {
	t.Helper()
	memory, ok := c.Physical()
	p, err := c.Processor(t.Context())
	if !ok || err != nil || p.Mode != paging.ModeX64 || p.Root == 0 {
		t.Fatalf("physical memory %v; %+v, %v", ok, p, err)
	}
	big := make([]byte, 0x40000) // several turns
	if err := memsource.ReadFull(memory, big, 0); err != nil || !bytes.Equal(big[0x9000:][:8], word) {
		t.Errorf("%v, %x", err, big[0x9000:][:8])
	}
	if v, err := memsource.U64(c, 0xffffffff80009000); err != nil || v != binary.LittleEndian.Uint64(word) {
		t.Errorf("virtual memory afterwards: %x, %v", v, err)
	}
	space, err := paging.New(memory, paging.Config{Mode: p.Mode, Root: p.Root})
	if err != nil {
		t.Fatal(err)
	}
	if page, err := space.Translate(0xffffffff80009000); err != nil || page.Physical != 0x9000 {
		t.Errorf("%+v, %v", page, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := memsource.Bind(ctx, memory).ReadMemory(big, 0); !errors.Is(err, memsource.ErrCanceled) {
		t.Errorf("canceled: %v", err)
	}
}

// readOn reads over and over until that fails; the result comes on the channel.
func readOn(c *gdbremote.Client, started chan<- struct{}) <-chan error {
	failed := make(chan error, 1)
	go func() {
		buf := make([]byte, 0x10000)
		for i := 0; ; i++ {
			if _, err := c.ReadMemory(buf, 0); err != nil {
				failed <- err
				return
			}
			if i == 3 {
				close(started)
			}
		}
	}()
	return failed
}

// TestQEMU_dies stops QEMU in the middle of reads, so that it does not answer,
// and kills it. Reads end within their time limit and leave nothing behind.
func TestQEMU_dies(t *testing.T) {
	for name, signal := range map[string]os.Signal{"frozen": syscall.SIGSTOP, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			m := run(t)
			c := m.halted(t, 4*time.Second)
			before := goleak.IgnoreCurrent()
			started := make(chan struct{})
			failed := readOn(c, started)
			select {
			case <-started:
			case err := <-failed:
				t.Fatal(err)
			}
			if err := m.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-failed:
				if f, ok := errors.AsType[*memsource.Fault](err); !ok || f.Reason != memsource.ReasonIO {
					t.Errorf("%v, want a Fault of reason IO", err)
				}
			case <-time.After(time.Minute): // far more than is allowed
				t.Fatal("the read does not end")
			}
			c.Close()
			goleak.VerifyNone(t, before)
		})
	}
}
