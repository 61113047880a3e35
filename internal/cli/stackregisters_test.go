package cli_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// summing is a 32-bit notepad.exe that is in NotepadSum, called by NotepadOpen: its
// stack, and its registers as a CONTEXT of x86.
func summing(t *testing.T) (stack dumpbuild.MinidumpRange, context []byte) {
	t.Helper()
	const at, text = 0x7f000, 0x7f200
	stack = dumpbuild.MinidumpRange{Addr: at, Data: make([]byte, 0x400)}
	for off, v := range map[int]uint32{0x100: 0x1001009, 0x104: 0x100107b, 0x108: text, 0x10c: 0x51} {
		binary.LittleEndian.PutUint32(stack.Data[off:], v)
	}
	copy(stack.Data[text-at:], `c:\boot.ini`)
	context = make([]byte, 0x2cc)
	for off, v := range map[int]uint32{0: 0x1003f, 0xac: text, 0xb0: 6, 0xb8: 0x1001028, 0xc4: at + 0x100} {
		binary.LittleEndian.PutUint32(context[off:], v)
	}
	return stack, context
}

// summed is what --args prints of it.
const summed = "ChildEBP RetAddr\n" +
	"0007f0fc 01001009 notepad!NotepadSum+0x8 [c:\\fixture\\notepad.c @ 24]\n" +
	"      param const char* text = 0x0007f200 \"c:\\\\boot.ini\"\n" +
	"      local unsigned int sum = 0x6\n" +
	"0007f100 0100107b notepad!NotepadOpen+0x9 [c:\\fixture\\notepad.c @ 34]\n" +
	"      param const char* file = 0x0007f200 \"c:\\\\boot.ini\"\n" +
	"0007f10c 00000000 notepad!WinMainCRTStartup+0xb [c:\\fixture\\notepad.c @ 36]\n"

// notepadDump writes a minidump with the module of notepad.exe and more, and returns
// the dump and the folder of the symbols.
func notepadDump(t *testing.T, change func(*dumpbuild.Minidump)) (dump, symbols string) {
	t.Helper()
	m, err := dumpbuild.DemoMinidump(fixture.Read)
	if err != nil {
		t.Fatal(err)
	}
	m.Modules, m.Exception = m.Modules[:1], nil
	change(&m)
	dump, symbols = filepath.Join(t.TempDir(), "a.dmp"), t.TempDir()
	for _, name := range []string{"notepad.exe", "notepad.pdb"} {
		if err := os.WriteFile(filepath.Join(symbols, name), fixture.Bytes(t, "demo/symbols/"+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dump, dumpbuild.BuildMinidump(m), 0o600); err != nil {
		t.Fatal(err)
	}
	return dump, symbols
}

// TestStackContext: --context goes on from a CONTEXT in memory, also where what lies
// behind it is out, and says where the registers are from.
func TestStackContext(t *testing.T) {
	stack, context := summing(t)
	dump, symbols := notepadDump(t, func(m *dumpbuild.Minidump) {
		m.Memory = []dumpbuild.MinidumpRange{stack, {Addr: 0x90000, Data: context}, {Addr: 0xa0000, Data: context[:0xc8]}}
	})
	for _, at := range []string{"90000", "0xa0000"} {
		out, errs, status := run(t, "", "k", "--dump", dump, "--sympath", symbols, "--context", at, "--args")
		if status != 0 || out != summed {
			t.Errorf("%s: status %d, %s\n%s\nnot\n%s", at, status, errs, out, summed)
		}
	}
	if list := stackOf(t, "--dump", dump, "--sympath", symbols, "--context", "90000", "--depth", "2"); len(list) != 2 || list[1].Name != "NotepadOpen" || list[0].Rule != "context" || list[1].Rule != "frame-data" {
		t.Errorf("%+v", list)
	}
	if _, errs, status := run(t, "", "k", "--dump", dump, "--sympath", symbols, "--context", "7f000"); status != 3 || !strings.Contains(errs, "not a CONTEXT") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// TestStackWOW64: a thread of a 32-bit process has its 64-bit stack, and behind it
// the 32-bit one with the variables there.
func TestStackWOW64(t *testing.T) {
	const teb, area = 0x20000, 0x30000
	stack, context := summing(t)
	tebData, wide := make([]byte, 0x2000), make([]byte, 0x4d0)
	binary.LittleEndian.PutUint64(tebData[0x1488:], area)
	binary.LittleEndian.PutUint32(wide[0x30:], 0x10001f)
	binary.LittleEndian.PutUint16(wide[0x38:], 0x33)
	binary.LittleEndian.PutUint64(wide[0x98:], 0x8e000)
	binary.LittleEndian.PutUint64(wide[0xf8:], 0x77001000)
	build := func(cpu string) (string, string) {
		return notepadDump(t, func(m *dumpbuild.Minidump) {
			m.Architecture = 9
			m.Modules = append(m.Modules, dumpbuild.MinidumpModule{Name: `C:\Windows\System32\` + cpu, Base: 0x77000000, Size: 0xa000, Stamp: 7})
			m.Threads = []dumpbuild.MinidumpThread{{ID: 7, TEB: teb, Context: wide}}
			m.Memory = []dumpbuild.MinidumpRange{stack, {Addr: teb, Data: tebData}, {Addr: area, Data: append(make([]byte, 4), context...)}}
		})
	}
	dump, symbols := build("wow64cpu.dll")
	out, errs, status := run(t, "", "stack", "--dump", dump, "--sympath", symbols, "--args")
	const top = "Child-SP          RetAddr           Call Site\n00000000`0008e000 00000000`00000000 wow64cpu+0x1000\n    (the walk breaks off here: "
	if status != 0 || !strings.HasPrefix(out, top) || !strings.HasSuffix(out, summed) {
		t.Errorf("status %d, %s\n%s", status, errs, out)
	}
	list := stackOf(t, "--dump", dump, "--sympath", symbols)
	var got []string
	for _, l := range list {
		got = append(got, fmt.Sprintf("%s!%s %s", l.Module, l.Name, l.Rule))
	}
	if want := "wow64cpu! context, notepad!NotepadSum context, notepad!NotepadOpen frame-data, notepad!WinMainCRTStartup frame-data"; strings.Join(got, ", ") != want {
		t.Errorf("%s\nnot %s", strings.Join(got, ", "), want)
	}
	dump, symbols = build("app.dll") // the place of the registers is the program's own
	if list := stackOf(t, "--dump", dump, "--sympath", symbols); len(list) != 2 || list[1].End == "" {
		t.Errorf("%+v", list)
	}
}
