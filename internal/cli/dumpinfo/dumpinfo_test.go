package dumpinfo_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/internal/cli/dumpinfo"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/minidump"
)

// crash is a minidump with two threads, of which one stopped in code that it was
// executing, and an unloaded module.
func crash() dumpbuild.Minidump {
	context := make([]byte, 1232)
	binary.LittleEndian.PutUint64(context[0xf8:], 0x140001000)
	context[0x30] = 0xf // ContextFlags
	context[0x32] = 0x10
	m := dumpbuild.SeedMinidump()
	m.Created -= 95
	m.Unloaded = []dumpbuild.MinidumpModule{{Name: "gone.dll", Base: 0x160000000, Size: 0x1000}}
	m.Threads = []dumpbuild.MinidumpThread{{ID: 7, Name: "worker", Context: context}, {ID: 8, Context: context}}
	m.Exception = &dumpbuild.MinidumpThread{ID: 7, Context: context}
	return m
}

// bugCheck is the demo's dump with a bug check.
func bugCheck(t testing.TB, code uint32, parameters ...uint32) []byte {
	t.Helper()
	spec, err := dumpbuild.Demo(fixture.Read)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(b[0x28:], code)
	for i, p := range parameters {
		binary.LittleEndian.PutUint32(b[0x2c+4*i:], p)
	}
	return b
}

func of(t testing.TB, b []byte) *dumpinfo.Dump {
	t.Helper()
	d, err := dumpinfo.Of(t.Context(), bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// text is the rows, one a line.
func text(d *dumpinfo.Dump) string {
	var out strings.Builder
	for _, f := range d.Fields() {
		fmt.Fprintf(&out, "%s: %s\n", f.Name, f.Value)
	}
	return out.String()
}

func TestMinidump(t *testing.T) {
	d := of(t, dumpbuild.BuildMinidump(crash()))
	want := `System: Windows 10.0.19045 Service Pack 1
Time: 2007-02-14 19:13:55 UTC
System Uptime: 0 days 1:00:00.000
Process: C:\app\app.exe (pid 1908), up 0 days 0:02:35.000
Exception: c0000005 STATUS_ACCESS_VIOLATION (access violation)
: execute of 00007fff` + "`00001234" + `
: at 00000001` + "`40001000" + ` (app+0x1000)
: Parameter[0]: 0x8 access: execute
: Parameter[1]: 0x7fff00001234 address
: thread 7 "worker"
Threads: 2
: 7 worker
Modules: 1, 1 unloaded
Comment: why
: it was made
Comment: why
: it was made
`
	if diff := cmp.Diff(want, text(d)); diff != "" {
		t.Error(diff)
	}
	got, err := json.Marshal(d)
	wantJSON := `{"system":"Windows","version":"10.0.19045 Service Pack 1","time":"2007-02-14T19:13:55Z","system_uptime_ms":3600000,` +
		`"process_uptime_ms":155000,"process":"C:\\app\\app.exe","pid":6408,"exception":{"code":"0xc0000005","name":"STATUS_ACCESS_VIOLATION",` +
		`"address":"0x140001000","module":"app","access":"execute","target":"0x7fff00001234","thread":7,"parameters":["0x8","0x7fff00001234"],` +
		`"meanings":["access: execute","address"]},"modules":1,"unloaded_modules":1,"threads":2,"thread_list":[{"id":7,"name":"worker","pc":"0x140001000"},` +
		`{"id":8,"pc":"0x140001000"}],"comments":["why\nit was made","why\nit was made"]}`
	if diff := cmp.Diff(wantJSON, string(got)); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestUnloaded: code that runs in a module that was unloaded is a crash of its own
// kind.
func TestUnloaded(t *testing.T) {
	m := crash()
	m.ExceptionAt = 0x160000100
	d := of(t, dumpbuild.BuildMinidump(m))
	if d.Exception.Module != "<Unloaded_gone.dll>" || !strings.Contains(text(d), "at 00000001`60000100 (<Unloaded_gone.dll>+0x100)") {
		t.Errorf("%+v", d.Exception)
	}
	m.ExceptionAt = 0x170000100
	if d := of(t, dumpbuild.BuildMinidump(m)); d.Exception.Module != "" || !strings.Contains(text(d), "at 00000001`70000100\n") {
		t.Errorf("%+v", d.Exception)
	}
}

// TestBugChecks: those of which the parameters name an access, an exception or
// neither.
func TestBugChecks(t *testing.T) {
	for name, c := range map[string]struct {
		code       uint32
		parameters []uint32
		want       string // a part of the rows
		exception  *dumpinfo.Exception
	}{
		"access": {0xd1, []uint32{0x10, 2, 1, 0xfe0c8310}, `Bug Check: D1 DRIVER_IRQL_NOT_LESS_OR_EQUAL
: Arg1: 0x10 address accessed
: Arg2: 0x2 IRQL: DISPATCH_LEVEL
: Arg3: 0x1 access: write
: Arg4: 0xfe0c8310 instruction
Exception: write of 00000010
: at fe0c8310 (Fs_Rec+0x310)
`, &dumpinfo.Exception{Address: "0xfe0c8310", Module: "Fs_Rec", Access: "write", Target: "0x10"}},
		"exception": {0x1000008e, []uint32{0xc0000005, 0xfe0c8310, 3, 0}, `Bug Check: 1000008E KERNEL_MODE_EXCEPTION_NOT_HANDLED_M
: Arg1: 0xc0000005 exception: STATUS_ACCESS_VIOLATION
: Arg2: 0xfe0c8310 instruction
: Arg3: 0x3 trap frame
: Arg4: 0x0
Exception: c0000005 STATUS_ACCESS_VIOLATION
: at fe0c8310 (Fs_Rec+0x310)
`, &dumpinfo.Exception{Code: "0xc0000005", Name: "STATUS_ACCESS_VIOLATION", Address: "0xfe0c8310", Module: "Fs_Rec"}},
		"neither": {0xe2, []uint32{0, 0, 0, 0}, "Bug Check: E2 MANUALLY_INITIATED_CRASH\n", nil},
		"unknown": {0xfffff0f0, []uint32{1, 2, 3, 4}, "Bug Check: FFFFF0F0\n: Arg1: 0x1\n", nil},
	} {
		d := of(t, bugCheck(t, c.code, c.parameters...))
		if got := text(d); !strings.Contains(got, c.want) {
			t.Errorf("%s: want\n%s\nin\n%s", name, c.want, got)
		}
		got, _ := json.Marshal(d.Exception)
		want, _ := json.Marshal(c.exception)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: exception %s, want %s", name, got, want)
		}
	}
}

// TestDamaged: what the rest of a dump is like does not keep its bug check or
// exception from being told.
func TestDamaged(t *testing.T) {
	whole := bugCheck(t, 0xd1, 0x10, 2, 0, 0xfe0c8310)
	headerOnly := append([]byte(nil), whole[:0x1000]...)
	binary.LittleEndian.PutUint32(headerOnly[0xf88:], 3)
	unlisted := append([]byte(nil), whole...)
	binary.LittleEndian.PutUint32(unlisted[0x18:], 4) // PsLoadedModuleList
	binary.LittleEndian.PutUint32(unlisted[0x60:], 4) // KdDebuggerDataBlock
	for name, b := range map[string][]byte{"header only": headerOnly, "cut": whole[:0x1800], "no lists": unlisted} {
		if d := of(t, b); d.BugCheck == nil || d.BugCheck.Name != "DRIVER_IRQL_NOT_LESS_OR_EQUAL" || d.Exception.Access != "read" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	m := crash()
	m.Modules, m.Streams = nil, []dumpbuild.MinidumpStream{{Type: 4, Data: []byte{1, 0, 0, 0}}} // a list without its entry
	if d := of(t, dumpbuild.BuildMinidump(m)); d.Exception == nil || d.Exception.Code != "0xc0000005" || d.Threads != 2 {
		t.Errorf("no modules: %+v", d)
	}
	if d, err := dumpinfo.Of(t.Context(), bytes.NewReader([]byte("MDMP")), 4); err == nil {
		t.Errorf("nothing: %+v", d)
	}
}

// FuzzDump: whatever a dump says, its JSON reads back, every row is one line, and
// two looks agree.
func FuzzDump(f *testing.F) {
	f.Add(dumpbuild.BuildMinidump(crash()))
	m := crash()
	m.Platform = 0x8201
	f.Add(dumpbuild.BuildMinidump(m))
	f.Add(bugCheck(f, 0x1000008e, 0xc0000005, 0xfe0c8310)[:0x2000])
	f.Fuzz(func(t *testing.T, b []byte) {
		if !minidump.Sniff(b) && !crashdump.Sniff(b) {
			return // identify takes no other
		}
		one, err := dumpinfo.Of(t.Context(), bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		first, err := json.Marshal(one)
		if err != nil || !json.Valid(first) {
			t.Fatalf("%s, %v", first, err)
		}
		for _, field := range one.Fields() {
			if strings.ContainsAny(field.Name+field.Value, "\n\r\x1b\x00") || field.Value == "" && field.Name != "Comment" && field.Name != "" {
				t.Fatalf("row %q", field)
			}
		}
		if second, _ := json.Marshal(of(t, b)); !bytes.Equal(first, second) {
			t.Fatalf("two looks differ:\n%s\n%s", first, second)
		}
	})
}
