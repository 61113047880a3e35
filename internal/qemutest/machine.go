package qemutest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Program is the emulator that runs.
const Program = "qemu-system-x86_64"

// Machine is a PC that never runs. It is not safe for concurrent use.
type Machine struct {
	Remote
	tb     testing.TB
	regs   map[string]register
	stderr bytes.Buffer
	conn   net.Conn // of [Listen]
}

// Need skips the test unless the emulator is there.
func Need(tb testing.TB) {
	tb.Helper()
	if _, err := exec.LookPath(Program); err != nil {
		tb.Skipf("NOT COMPARED with the page walk of QEMU: %v; on Debian: apt-get install qemu-system-x86 seabios", err)
	}
}

// Start starts a machine whose physical memory is the file ram, a whole number
// of megabytes that the caller may write to before. more are arguments to QEMU.
// The machine is killed with the test, or after ten minutes. Each error is the
// end of the test.
func Start(tb testing.TB, ram string, more ...string) *Machine {
	tb.Helper()
	m := &Machine{tb: tb}
	cmd := m.command(ram, append([]string{"-gdb", "stdio"}, more...))
	in, err := cmd.StdinPipe()
	m.Must(err)
	out, err := cmd.StdoutPipe()
	m.Must(err)
	m.Must(cmd.Start())
	m.attend(cmd)
	m.introduce(out, in)
	return m
}

// Listen is [Start] for a machine whose stub serves one client after the other
// on the socket it returns the path of: [Machine.Leave] makes room for another.
func Listen(tb testing.TB, ram string, more ...string) (m *Machine, socket string) {
	tb.Helper()
	m = &Machine{tb: tb}
	dir, err := os.MkdirTemp("", "q") // the path of a socket must be short
	m.Must(err)
	tb.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "gdb")
	cmd := m.command(ram, append([]string{"-chardev", "socket,id=gdb,server=on,wait=off,path=" + socket, "-gdb", "chardev:gdb"}, more...))
	m.Must(cmd.Start())
	m.attend(cmd)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if m.conn, err = net.Dial("unix", socket); err == nil {
			break
		}
		if time.Now().After(end) {
			m.Must(err)
		}
	}
	m.introduce(m.conn, m.conn)
	return m, socket
}

// Leave ends the connection to a machine of [Listen], which stands still as before.
func (m *Machine) Leave() {
	m.tb.Helper()
	m.Must(m.conn.Close())
}

// command is the emulator with its memory and without devices.
func (m *Machine) command(ram string, more []string) *exec.Cmd {
	m.tb.Helper()
	info, err := os.Stat(ram)
	m.Must(err)
	size := info.Size() >> 20
	ctx, cancel := context.WithTimeout(m.tb.Context(), 10*time.Minute)
	m.tb.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, Program, append([]string{"-M", "q35,memory-backend=ram",
		"-object", fmt.Sprintf("memory-backend-file,id=ram,size=%dM,mem-path=%s,share=off", size, filepath.Base(ram)),
		"-m", fmt.Sprintf("%dM", size), "-accel", "tcg", "-cpu", "max", "-nodefaults", "-vga", "none",
		"-display", "none", "-S"}, more...)...)
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = filepath.Dir(ram), &m.stderr, 10*time.Second
	return cmd
}

// attend ends the emulator with the test.
func (m *Machine) attend(cmd *exec.Cmd) {
	m.tb.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		_ = cmd.Wait()         // it was killed, and says so
		if m.tb.Failed() && m.stderr.Len() > 0 {
			m.tb.Logf("%s: %s", Program, m.stderr.Bytes())
		}
	})
}

// introduce reads what registers there are.
func (m *Machine) introduce(in io.Reader, out io.Writer) {
	m.tb.Helper()
	m.Remote = Remote{bufio.NewReaderSize(in, 64<<10), out}
	var err error
	m.regs, err = m.registers()
	m.Must(err)
}

// Must ends the test if err is not nil.
func (m *Machine) Must(err error) {
	m.tb.Helper()
	if err != nil {
		m.tb.Fatalf("%s: %v", Program, err)
	}
}

// Bits of control registers (Intel SDM volume 3, 2.5 and 2.2.1).
const (
	CR0Paging = 1<<31 | 1<<16 | 1<<4 | 1<<0 // PG, WP, ET, PE
	CR4PSE    = 1 << 4
	CR4PAE    = 1 << 5
	CR4LA57   = 1 << 12
	EFERLong  = 1<<10 | 1<<8 // LMA, LME
)

// Set sets a register and reads it back.
func (m *Machine) Set(name string, v uint64) {
	m.tb.Helper()
	r, ok := m.regs[name]
	if !ok || r.size < 4 || r.size > 8 {
		m.tb.Fatalf("%s: register %s is %+v", Program, name, r)
	}
	want := hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, v)[:r.size])
	m.Must(m.Expect(fmt.Sprintf("P%x=%s", r.number, want)))
	if got, err := m.Ask(fmt.Sprintf("p%x", r.number)); err != nil || got != want {
		m.tb.Fatalf("%s: %s is %s after setting it to %s, %v", Program, name, got, want, err)
	}
}

// Read returns n bytes at a virtual address, nil if that is not mapped.
func (m *Machine) Read(va uint64, n int) []byte {
	m.tb.Helper()
	b, err := m.Memory(va, n)
	if no, ok := errors.AsType[Refused](err); ok && no == NotMapped {
		return nil
	}
	m.Must(err)
	return b
}

// Translate asks for the physical address of each virtual address. use is
// called with the index of each, in order.
func (m *Machine) Translate(vas []uint64, use func(i int, pa uint64, ok bool)) {
	m.tb.Helper()
	commands := make([]string, len(vas))
	for i, va := range vas {
		commands[i] = fmt.Sprintf("gva2gpa %#x", va)
	}
	m.Must(m.MonitorAll(commands, func(i int, text string) {
		text = strings.TrimSpace(text)
		if text == "Unmapped" {
			use(i, 0, false)
			return
		}
		pa, err := strconv.ParseUint(strings.TrimPrefix(text, "gpa: 0x"), 16, 64)
		if err != nil && text != "gpa: 0" { // C prints no 0x before 0
			m.tb.Errorf("%s: %.60q", commands[i], text)
		}
		use(i, pa, true)
	}))
}
