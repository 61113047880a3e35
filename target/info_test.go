package target_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

func TestInfo_minidump(t *testing.T) {
	tg, _ := opened(t, write(t, "a.dmp", dumpbuild.BuildMinidump(dumpbuild.SeedMinidump())), target.Options{Symbols: sympath.Chain()})
	want := target.Info{
		System: "Windows", Major: 10, Build: 19045, ServicePack: "Service Pack 1", Processors: 4,
		Time: time.Unix(0x45d35f73, 0).UTC(), SystemUptime: time.Hour, Process: `C:\app\app.exe`, PID: 0x1908, ProcessUptime: time.Minute,
		Comments: []string{"why\nit was made", "why\nit was made"},
	}
	if diff := cmp.Diff(want, tg.Info()); diff != "" {
		t.Error(diff)
	}
	for th, err := range tg.Threads(t.Context()) {
		if th.Name != "worker" || err != nil {
			t.Errorf("thread %+v, %v", th, err)
		}
	}
}

// TestException_access has what was done to which address, or another exception.
func TestException_access(t *testing.T) {
	for name, c := range map[string]struct {
		architecture uint16
		platform     uint32
		code         uint32
		parameters   []uint64
		name, title  string
		want         target.Fault
	}{
		"execute": {9, 2, 0xc0000005, []uint64{8, 0x7fff00001234}, "STATUS_ACCESS_VIOLATION", "access violation", target.Fault{Access: target.AccessExecute, Target: 0x7fff00001234}},
		"null":    {9, 2, 0xc0000005, []uint64{0, 0}, "STATUS_ACCESS_VIOLATION", "access violation", target.Fault{Access: target.AccessRead}},
		"32 bits": {0, 2, 0xc0000005, []uint64{1, 0xffffffff80000000}, "STATUS_ACCESS_VIOLATION", "access violation", target.Fault{Access: target.AccessWrite, Target: 0x80000000}},
		"page in": {9, 2, 0xc0000006, []uint64{0, 0x1000, 0xc000009c}, "STATUS_IN_PAGE_ERROR", "page could not be read in",
			target.Fault{Status: 0xc000009c, StatusName: "STATUS_DEVICE_DATA_ERROR", Access: target.AccessRead, Target: 0x1000}},
		"C++":         {9, 2, 0xe06d7363, []uint64{0x19930520, 1, 2, 3}, "CPP_EH_EXCEPTION", "C++ exception", target.Fault{}},
		"unknown":     {9, 2, 0x12345678, []uint64{1}, "", "", target.Fault{}},
		"signal":      {9, 0x8201, 11, []uint64{1, 0x10}, "SIGSEGV", "", target.Fault{}},
		"Mach":        {9, 0x8102, 1, nil, "EXC_BAD_ACCESS", "", target.Fault{}},
		"on no crash": {9, 0x8203, 0xffffffff, nil, "DUMP_REQUESTED", "", target.Fault{}},
	} {
		m := dumpbuild.SeedMinidump()
		m.Architecture, m.Platform, m.ExceptionIs, m.Parameters = c.architecture, c.platform, c.code, c.parameters
		if c.parameters == nil {
			m.Parameters = []uint64{}
		}
		if c.architecture == 0 {
			m.Modules[0].Base, m.ExceptionAt = 0x400000, 0x401000
		}
		tg, _ := opened(t, write(t, "a.dmp", dumpbuild.BuildMinidump(m)), target.Options{Symbols: sympath.Chain()})
		e, err := tg.Exception()
		c.want.Address = m.ExceptionAt
		if err != nil || e.Name != c.name || e.Title != c.title || e.Fault != c.want || len(e.Meanings) != len(c.parameters) {
			t.Errorf("%s: %+v, %v; want %+v", name, e, err, c.want)
		}
	}
}

// TestInfo_kernel: of a kernel dump there is the same, as far as it says.
func TestInfo_kernel(t *testing.T) {
	spec, err := dumpbuild.Demo(fixture.Read)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	le.PutUint32(b[0x28:], 0xd1)
	for i, v := range []uint32{0x10, 2, 1, 0xfe0c8310} {
		le.PutUint32(b[0x2c+4*i:], v)
	}
	copy(b[0x820:], "a comment\x00")
	le.PutUint64(b[0xfb8:], 36e9)
	le.PutUint64(b[0xfc0:], 116444736000000000+1e7)
	tg, _ := opened(t, write(t, "k.dmp", b), target.Options{Symbols: sympath.Chain()})
	check, err := tg.BugCheck()
	want := target.BugCheck{
		Code: 0xd1, Name: "DRIVER_IRQL_NOT_LESS_OR_EQUAL", Title: "a driver accessed memory at a raised IRQL that is not there", Parameters: [4]uint64{0x10, 2, 1, 0xfe0c8310},
		Meanings: [4]string{"address accessed", "IRQL: DISPATCH_LEVEL", "access: write", "instruction"},
		Fault:    target.Fault{Address: 0xfe0c8310, Access: target.AccessWrite, Target: 0x10},
	}
	if err != nil || check != want {
		t.Errorf("bug check %+v, %v; want %+v", check, err, want)
	}
	info := tg.Info()
	if info.System != "Windows" || info.Build != 2600 || info.SystemUptime != time.Hour || info.Time.Unix() != 1 ||
		!cmp.Equal(info.Comments, []string{"a comment"}) || info.Process == "" {
		t.Errorf("%+v", info)
	}
}

// TestForeign_asksNothing: the modules of a process of another system are listed,
// and no store is asked for a file of theirs.
func TestForeign_asksNothing(t *testing.T) {
	cv := append([]byte("RSDS0123456789abcdef\x00\x00\x00\x00"), "UIKit\x00"...)
	for platform, system := range map[uint32]string{0x8101: "macOS", 0x8102: "iOS", 0x8201: "Linux", 0x8203: "Android"} {
		m := dumpbuild.SeedMinidump()
		m.Platform = platform
		m.Modules = []dumpbuild.MinidumpModule{
			{Name: "/System/Library/UIKit", Base: 0x140000000, Size: 0x9000, Stamp: 7, CodeView: cv},
			{Name: "/usr/lib/libc.so.6", Base: 0x150000000, Size: 0x9000, CodeView: []byte("LEpB0123456789abcdef")},
		}
		m.Memory = append(m.Memory, dumpbuild.MinidumpRange{Addr: 0x140001000, Data: append([]byte(nil), cv...)})
		var asked []sympath.Query
		store := sympath.NewStore("counting", func(_ context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
			asked = append(asked, q)
			return func(func(sympath.Candidate, error) bool) {}
		})
		for _, check := range []symres.VersionCheck{symres.CheckKnown, symres.CheckOff} {
			tg, _ := opened(t, write(t, "a.dmp", dumpbuild.BuildMinidump(m)), target.Options{Symbols: store, Images: store, Check: check})
			if info := tg.Info(); info.System != system || len(tg.Modules()) != 2 {
				t.Errorf("%s: %+v, %d modules", system, info, len(tg.Modules()))
			}
			for _, module := range tg.Modules() {
				name := symres.ModuleName(module.Image)
				r, err := tg.Session().Load(t.Context(), name)
				if !errors.Is(err, symres.ErrNoSymbols) || !errors.Is(err, fs.ErrNotExist) || r.Next != (identify.Step{}) || module.System != system {
					t.Errorf("%s: %s: %v, next %v", system, name, err, r.Next)
				}
				if _, err := tg.Session().Verify(t.Context(), name); !errors.Is(err, identify.ErrForeign) {
					t.Errorf("%s: %s: verify: %v", system, name, err)
				}
			}
		}
		if len(asked) > 0 {
			t.Errorf("%s: asked for %v", system, asked)
		}
	}
}

// TestUnloaded_named: an address in an unloaded module is named by it, unless a
// loaded one has it now.
func TestUnloaded_named(t *testing.T) {
	m := dumpbuild.SeedMinidump()
	m.Unloaded = []dumpbuild.MinidumpModule{
		{Name: "first.dll", Base: 0x72540000, Size: 0x4000}, {Name: "KBDRU.DLL", Base: 0x72540000, Size: 0x4000},
		{Name: "old.dll", Base: 0x140000000, Size: 0x20000},
	}
	tg, _ := opened(t, write(t, "a.dmp", dumpbuild.BuildMinidump(m)), target.Options{Symbols: sympath.Chain()})
	for addr, want := range map[uint64]int{0x72540100: 2, 0x140001000: 0, 0x140009000: 1, 0x1000: 0} {
		_, err := tg.Session().Resolve(t.Context(), addr)
		gone, _ := errors.AsType[*identify.UnloadedError](err)
		got := 0
		if gone != nil {
			got = len(gone.Modules)
		}
		if got != want || errors.Is(err, symres.ErrNoModule) == (addr == 0x140001000) {
			t.Errorf("%x: %v, want %d unloaded modules", addr, err, want)
		}
	}
}

// TestHeaderError: a dump of which nothing but the header can be used says why it was
// made all the same.
func TestHeaderError(t *testing.T) {
	spec, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint16(b[0x30:], 0x184) // Alpha
	tg, err := target.Open(t.Context(), write(t, "alpha.dmp", b), target.Options{Symbols: sympath.Chain()})
	only, ok := errors.AsType[*target.HeaderError](err)
	if !ok || tg != nil || !errors.Is(err, crashdump.ErrUnsupported) || only.Header.BugCheckCode != 0xe2 {
		t.Fatalf("%+v, %v", only, err)
	}
	if info := target.HeaderInfo(only.Header); info.System != "Windows" || info.Build != only.Header.Build || info.Processors != 1 {
		t.Errorf("%+v", info)
	}
}
