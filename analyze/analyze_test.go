package analyze_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/analyze"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// openBytes opens a dump without a symbol path.
func openBytes(t testing.TB, b []byte, o target.Options) *target.Target {
	t.Helper()
	if o.Symbols == nil {
		o.Symbols = sympath.Chain()
	}
	o.Images, o.Getenv, o.Warn = o.Symbols, func(string) string { return "" }, func(error) {}
	tg, err := target.OpenReader(t.Context(), bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	return tg
}

func run(t testing.TB, tg *target.Target, o analyze.Options) *analyze.Result {
	t.Helper()
	r, err := analyze.Run(t.Context(), tg, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	appBase  = 0x140000000
	stackLow = 0x9f000
)

// registers is a CONTEXT of x64 with a PC and a stack pointer.
func registers(pc, sp uint64) []byte {
	b := make([]byte, 1232)
	binary.LittleEndian.PutUint32(b[0x30:], 0x10000b)
	binary.LittleEndian.PutUint64(b[0x98:], sp)
	binary.LittleEndian.PutUint64(b[0xf8:], pc)
	return b
}

// crash is a minidump of a process that read an address: no image of it is there.
func crash(code uint32, parameters ...uint64) dumpbuild.Minidump {
	const pc = appBase + 0x1234
	teb := make([]byte, 0x100)
	binary.LittleEndian.PutUint64(teb[8:], stackLow+0x1000)
	binary.LittleEndian.PutUint64(teb[0x10:], stackLow-0x3000)
	return dumpbuild.Minidump{
		Architecture: 9, Platform: 2, PID: 0x1908, Created: 0x45d35f73 - 60,
		Modules: []dumpbuild.MinidumpModule{
			{Name: `C:\app\app.exe`, Base: appBase, Size: 0x9000, Stamp: 7},
			{Name: `C:\Windows\System32\ntdll.dll`, Base: 0x7ffe00000000, Size: 0x1f0000, Stamp: 9},
		},
		Unloaded: []dumpbuild.MinidumpModule{{Name: "gone.dll", Base: 0x180000000, Size: 0x4000, Stamp: 1}},
		Regions: []dumpbuild.MinidumpRegion{
			{Addr: 0x20000, Size: 0x10000, State: 0x1000, Protect: 2, Type: 0x40000}, {Addr: 0x30000, Size: 0x10000, State: 0x10000, Protect: 1},
			{Addr: 0x9b000, Size: 0x1000, State: 0x1000, Protect: 0x104, Type: 0x20000},
		},
		Threads: []dumpbuild.MinidumpThread{
			{ID: 7, Name: "worker", Context: registers(pc, stackLow+0x800), Stack: dumpbuild.MinidumpRange{Addr: stackLow, Data: make([]byte, 0x1000)}},
			{ID: 8, Context: registers(pc, 0x80800), Stack: dumpbuild.MinidumpRange{Addr: 0x80000, Data: make([]byte, 0x1000)}},
		},
		Exception:   &dumpbuild.MinidumpThread{ID: 7, Context: registers(pc, stackLow+0x800)},
		ExceptionAt: pc, ExceptionIs: code, Parameters: parameters,
	}
}

// TestAccessed: what is at the address of an access violation, of every kind.
func TestAccessed(t *testing.T) {
	for name, c := range map[string]struct {
		addr uint64
		kind analyze.PlaceKind
		text string // a part
		note string // another
	}{
		"null":          {0, analyze.PlaceNull, "a null pointer", ""},
		"null + offset": {0x18, analyze.PlaceNull, "0x18 bytes from a null pointer", ""},
		"module":        {appBase + 0x2000, analyze.PlaceModule, "app+0x2000", ""},
		"unloaded":      {0x180000010, analyze.PlaceUnloaded, "<Unloaded_gone.dll>+0x10", ""},
		"its stack":     {stackLow + 0x10, analyze.PlaceStack, "the stack of thread 7", ""},
		"another stack": {0x80008, analyze.PlaceStack, "the stack of thread 8", ""},
		"guard":         {0x9b008, analyze.PlaceGuard, "below the stack of thread 7", ""},
		"read-only":     {0x20010, analyze.PlaceRegion, "mapped memory, READONLY", ""},
		"free":          {0x30010, analyze.PlaceRegion, "free memory", ""},
		"in no region":  {0x7000000, analyze.PlaceNothing, "no memory is there", ""},
		"no address":    {0x01f0000000000000, analyze.PlaceInvalid, "not an address", ""},
		"not reported":  {1<<64 - 1, analyze.PlaceNothing, "", "not canonical"},
		"freed":         {0xfeeefeeefeeefef2, analyze.PlaceInvalid, "", "feeefeee fills freed memory"},
		"fresh":         {0xcdcdcdcdcdcdcdcd, analyze.PlaceInvalid, "", "cdcdcdcd fills new memory"},
	} {
		r := run(t, openBytes(t, dumpbuild.BuildMinidump(crash(0xc0000005, 0, c.addr)), target.Options{}), analyze.Options{})
		if r.Accessed.Kind != c.kind || !strings.Contains(r.Accessed.String(), c.text) || !strings.Contains(r.Accessed.Note, c.note) || c.note == "" && r.Accessed.Note != "" {
			t.Errorf("%s: %v: %v, %q", name, r.Accessed.Kind, r.Accessed, r.Accessed.Note)
		}
	}
}

// TestProcess: the fields that a dump tells, without any symbols: module and
// offset, the reason, and what to fetch.
func TestProcess(t *testing.T) {
	m := crash(0xc0000005, 1, 0x10)
	m.Modules[0].CodeView = append([]byte("RSDS0123456789abcdef\x01\x00\x00\x00"), "app.pdb\x00"...)
	r := run(t, openBytes(t, dumpbuild.BuildMinidump(m), target.Options{}), analyze.Options{Path: identify.PathStep("/no/where", false)})
	if r.Kind != analyze.KindException || r.Name != "STATUS_ACCESS_VIOLATION" || r.Title != "access violation" || r.Fault.Access != target.AccessWrite || r.Fault.Target != 0x10 {
		t.Errorf("%v %q %q %+v", r.Kind, r.Name, r.Title, r.Fault)
	}
	if r.Thread.ID != 7 || r.Thread.Name != "worker" || r.Info.PID != 0x1908 || r.Info.Process != `C:\app\app.exe` || r.Processor != -1 {
		t.Errorf("thread %+v, %+v, processor %d", r.Thread, r.Info, r.Processor)
	}
	if len(r.Parameters) != 2 || r.Parameters[0] != (analyze.Parameter{Value: 1, Meaning: "access: write"}) {
		t.Errorf("%+v", r.Parameters)
	}
	if r.Place.Name() != "app+0x1234" || r.Culprit.String() != "app+0x1234" || r.Culprit.Frame != 0 || r.Culprit.Guess {
		t.Errorf("%v, %v", r.Place, r.Culprit)
	}
	want := []string{
		"app.pdb 333231303534373638396162636465661, the symbols of app: 1 frame without its name (put copies of the image and its PDB into a folder and append it to the path: --sympath '/no/where;DIR')",
		"app.exe 000000079000, the image of app: its unwind data lead on to the callers (put copies of the image and its PDB into a folder and append it to the path: --sympath '/no/where;DIR')",
	}
	if got := texts(r.Missing); !slices.Equal(got, want) {
		t.Errorf("missing %q, want %q", got, want)
	}
	if len(r.Warnings) != 1 || r.Warnings[0].Kind != analyze.WarnTorn || !errors.Is(r.End, unwind.ErrUnreadable) {
		t.Errorf("%v, end %v", r.Warnings, r.End)
	}
}

func texts(list []analyze.Missing) (out []string) {
	for _, m := range list {
		out = append(out, m.String())
	}
	return out
}

// TestUnloadedCode: a crash in a module that was unloaded is its own, and one in no
// module at all is nobody's.
func TestUnloadedCode(t *testing.T) {
	m := crash(0xc0000005, 8, 0x180000100)
	m.ExceptionAt = 0x180000100
	m.Exception.Context = registers(m.ExceptionAt, stackLow+0x800)
	r := run(t, openBytes(t, dumpbuild.BuildMinidump(m), target.Options{}), analyze.Options{})
	if c := r.Culprit; c == nil || !c.Unloaded || c.String() != "<Unloaded_gone.dll>+0x100" || !strings.Contains(r.Bucket.Signature, "gone.dll") {
		t.Errorf("%v, %s", c, r.Bucket.Signature)
	}
	m.ExceptionAt = 0x190000100
	m.Exception.Context = registers(m.ExceptionAt, stackLow+0x800)
	r = run(t, openBytes(t, dumpbuild.BuildMinidump(m), target.Options{}), analyze.Options{})
	if r.Culprit != nil || r.Warnings[0].Kind != analyze.WarnNoModule {
		t.Errorf("%v, %v", r.Culprit, r.Warnings)
	}
}

// TestNothing: of a dump without an exception, and of files, it is said that there is
// none.
func TestNothing(t *testing.T) {
	m := crash(0)
	m.Exception = nil
	r := run(t, openBytes(t, dumpbuild.BuildMinidump(m), target.Options{}), analyze.Options{})
	if r.Kind != analyze.KindNone || len(r.Frames) != 1 || r.Where().Name() != "app+0x1234" || r.Missing[0].Kind != analyze.MissingRecord {
		t.Errorf("%v %v %v", r.Kind, r.Frames, r.Missing)
	}
	tg, err := target.Files("../testdata/demo/symbols/notepad.exe", "", target.Options{Symbols: sympath.Chain(), Images: sympath.Chain()})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if r := run(t, tg, analyze.Options{}); r.Kind != analyze.KindNone || len(r.Frames) != 0 || !errors.Is(r.Thread.Err, target.ErrNoRecord) || r.Missing[1].Kind != analyze.MissingRegisters {
		t.Errorf("%v %v", r.Frames, r.Missing)
	}
}

// TestHeader: of a kernel dump that is not read the header still tells why.
func TestHeader(t *testing.T) {
	h := crashdump.Header{Bits: 64, Machine: 0x200, Build: 7601, BugCheckCode: 0xd1, BugCheckParameters: [4]uint64{0x10, 2, 1, 0x30}}
	r := analyze.Header(h, crashdump.ErrUnsupported)
	b, err := json.Marshal(r)
	if err != nil || r.Name != "DRIVER_IRQL_NOT_LESS_OR_EQUAL" || r.Fault.Target != 0x10 || !errors.Is(r.Missing[0].Err, crashdump.ErrUnsupported) ||
		!strings.Contains(string(b), `"machine":"ia64"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestCanceled: a run whose context ends has no result.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := analyze.Run(ctx, openBytes(t, dumpbuild.BuildMinidump(crash(0xc0000005, 0, 0)), target.Options{}), analyze.Options{}); err == nil {
		t.Errorf("%+v", r)
	}
}
