package cli_test

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/qemutest"
)

// guest is a machine of QEMU that holds the memory of the dump of processes and
// whose processor stands in its kernel, and the address of its stub.
func guest(t *testing.T, stub bool, set func(m *qemutest.Machine, facts *dumpbuild.Facts)) string {
	t.Helper()
	qemutest.Need(t)
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	spec.Modules[0].Pages = nil
	facts, pages, err := physicalPages(spec, stub)
	if err != nil {
		t.Fatal(err)
	}
	control(t, facts, pages)
	ram := filepath.Join(t.TempDir(), "ram")
	if err := writeImage(ram, "raw", facts, pages); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(ram, 80<<20); err != nil {
		t.Fatal(err)
	}
	m, socket := qemutest.Listen(t, ram)
	// The processor tells of 64 bits only while a segment of that kind is in CS:
	// one is in the descriptor table at 0 that processors begin with.
	m.Set("efer", qemutest.EFERLong)
	m.Set("cr0", 0x11) // protected mode
	m.Set("cs", codeSegment)
	m.Set("cr4", qemutest.CR4PAE)
	m.Set("cr3", facts.Root)
	m.Set("cr0", qemutest.CR0Paging)
	set(m, facts)
	m.Leave()
	return forward(t, socket)
}

const (
	codeSegment = 0x10
	slack       = 0xe00 // in the page of the kernel's header, behind the header
)

// control writes the control region of a processor and an interrupt table into
// the slack of the kernel's header, and the descriptor of a code segment.
func control(t *testing.T, facts *dumpbuild.Facts, pages map[uint64][]byte) {
	t.Helper()
	le, kernel := binary.LittleEndian, facts.Modules[0]
	header := pages[kernel.Pages[0].Frame]
	pcr, idt, handler := kernel.Base+slack, kernel.Base+slack+0x100, kernel.Base+0x1010
	le.PutUint64(header[slack+0x18:], pcr)
	le.PutUint64(header[slack+0x38:], idt)
	le.PutUint16(header[slack+0x100:], uint16(handler))
	le.PutUint16(header[slack+0x106:], uint16(handler>>16))
	le.PutUint32(header[slack+0x108:], uint32(handler>>32))
	pages[0] = make([]byte, 0x1000)
	le.PutUint64(pages[0][codeSegment:], 0x00209b0000000000)
	facts.Frames = append([]uint64{0}, facts.Frames...)
}

// forward serves the socket at a TCP address.
func forward(t *testing.T, socket string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				in.Close()
				continue
			}
			go func() {
				io.Copy(out, in) // ends with the client
				out.Close()
			}()
			go func() {
				io.Copy(in, out)
				in.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// TestGDB_finds_kernel asks a machine of QEMU with Windows in its memory for
// all that a dump of it answers, and wants the same answers.
func TestGDB_finds_kernel(t *testing.T) {
	dump := filepath.Join(t.TempDir(), "user.dmp")
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	spec.Modules[0].Pages = nil
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dump, b, 0o600); err != nil {
		t.Fatal(err)
	}
	all := [][]string{{"processes"}, {"modules"}, {"modules", "--process", "notepad.exe"},
		{"vad", "--process", "notepad.exe", "7f78e9e000f"}}
	// With a module named there is no reading through memory.
	all = append(all, []string{"processes", "--module", "x.sys=fffff800`70000000,1000"})
	for name, c := range map[string]struct {
		stub bool
		set  func(m *qemutest.Machine, facts *dumpbuild.Facts)
		args [][]string
	}{
		"gs_base": {false, func(m *qemutest.Machine, f *dumpbuild.Facts) { m.Set("gs_base", f.Modules[0].Base+slack) }, all},
		// In user code GS is the process's own.
		"user": {false, func(m *qemutest.Machine, f *dumpbuild.Facts) {
			m.Set("gs_base", 0x7f7ffffd000)
			m.Set("k_gs_base", f.Modules[0].Base+slack)
		}, all[4:]},
		"low_stub": {true, func(m *qemutest.Machine, f *dumpbuild.Facts) { m.Set("cr3", 0x3000) }, all[3:]},
	} {
		t.Run(name, func(t *testing.T) {
			address := guest(t, c.stub, c.set)
			for _, args := range c.args {
				want, _, _ := run(t, "", append(args, "--dump", dump)...)
				got, errs, status := run(t, "", append(args, "--gdb", address)...)
				if status != 0 || got != want || strings.Count(got, "\n") < 2 {
					t.Errorf("%v: status %d, %s\n%s\nwant as in the dump:\n%s", args, status, errs, got, want)
				}
			}
		})
	}
}
