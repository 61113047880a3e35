package minidump_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/memsource/minidump"
)

// userDump is a dump of the format before MDMP, in one of its forms.
func userDump(wide bool) dumpbuild.Minidump {
	base, size := uint64(0x140000000), 1232
	m := dumpbuild.Minidump{Architecture: x64, PID: 0x1e1c, ExceptionIs: 0xc0000005, Parameters: []uint64{1, 0x10}}
	at := map[int]uint64{0xf8: base + 0x1234, 0x98: 0x9fe10, 0xa0: 0x9ff00}
	if !wide {
		m.Architecture, base, size = x86, 0x400000, 716
		at = map[int]uint64{0xb8: base + 0x1234, 0xc4: 0x9fe10, 0xb4: 0x9ff00}
	}
	m.ExceptionAt = base + 0x1234
	m.Modules = []dumpbuild.MinidumpModule{{Name: "app.exe", Base: base, Size: 0x9000}, {Name: `C:\Windows\ntdll.dll`, Base: base + 0x100000, Size: 0x1000}}
	m.Full = []dumpbuild.MinidumpRange{
		{Addr: 0x10000, Data: bytes.Repeat([]byte("low "), 0x400)}, {Addr: base, Data: bytes.Repeat([]byte("code"), 0x800)},
	}
	m.Threads = []dumpbuild.MinidumpThread{{ID: 7}, {ID: 8, Context: context(size, at)}}
	m.Exception = &m.Threads[1]
	return m
}

func TestUserDump(t *testing.T) {
	for _, wide := range []bool{true, false} {
		m := userDump(wide)
		base, machine, bits := m.Modules[0].Base, uint16(0x8664), 64
		if !wide {
			machine, bits = 0x14c, 32
		}
		f := openBytes(t, dumpbuild.BuildUserDump(m, wide))
		want := minidump.System{Machine: machine, Major: 10, Build: 19045, Platform: minidump.PlatformNT}
		if p := f.Problems(); len(p) > 0 || !f.IsUserDump() || f.Bits() != bits || f.System() != want {
			t.Errorf("wide %v: %+v, %d bits, problems %v", wide, f.System(), f.Bits(), p)
		}
		modules, err := collect(f.Modules())
		if err != nil || len(modules) != 2 || modules[0].Name != "app.exe" || modules[0].Base != base || modules[0].Size != 0x9000 ||
			modules[1].Name != `C:\Windows\ntdll.dll` || modules[1].Base != base+0x100000 {
			t.Errorf("wide %v: modules %+v, %v", wide, modules, err)
		}
		registers := minidump.Context{IP: base + 0x1234, SP: 0x9fe10, FP: 0x9ff00}
		threads, err := collect(f.Threads())
		if err != nil || len(threads) != 2 || threads[0].ID != 7 || threads[1].ID != 8 || threads[1].Context != registers {
			t.Errorf("wide %v: threads %+v, %v", wide, threads, err)
		}
		e, err := f.Exception()
		if err != nil || e.ThreadID != 8 || e.Code != 0xc0000005 || e.Address != base+0x1234 || e.Context != registers ||
			!cmp.Equal(e.Parameters, []uint64{1, 0x10}) || !bytes.Equal(e.Registers, threads[1].Registers) {
			t.Errorf("wide %v: exception %+v, %v", wide, e, err)
		}
		if p, err := f.Process(); p != (minidump.Process{ID: 0x1e1c}) || err != nil {
			t.Errorf("wide %v: process %+v, %v", wide, p, err)
		}
		if err := memtest.TestSource(f.Memory(),
			memtest.Hole(0, 0x10000, memsource.ReasonNotInDump), memtest.Data(0x10000, m.Full[0].Data),
			memtest.Hole(base-0x1000, 0x1000, memsource.ReasonNotInDump), memtest.Data(base, m.Full[1].Data),
		); err != nil {
			t.Errorf("wide %v:\n%v", wide, err)
		}
		if _, err := collect(f.Unloaded()); !errors.Is(err, minidump.ErrNoStream) {
			t.Errorf("wide %v: unloaded: %v", wide, err)
		}
	}
}

// TestUserDump_unusual: regions without data, and a dump made for no exception.
func TestUserDump_unusual(t *testing.T) {
	for _, wide := range []bool{true, false} {
		m := userDump(wide)
		m.Exception = nil
		m.Regions = []dumpbuild.MinidumpRegion{{Addr: 0x7000000, Size: 0x10000, State: reserved}, {Addr: 0x8000000, Size: 0x10000, State: free}}
		f := openBytes(t, dumpbuild.BuildUserDump(m, wide))
		if _, err := f.Exception(); !errors.Is(err, minidump.ErrNoStream) {
			t.Errorf("exception: %v", err)
		}
		if p, err := f.Process(); p.ID != 0x1e1c || err != nil {
			t.Errorf("process %+v, %v", p, err)
		}
		if err := memtest.TestSource(f.Memory(),
			memtest.Data(0x10000, m.Full[0].Data), memtest.Hole(0x7000000, 0x1000, memsource.ReasonNotInDump), memtest.Data(m.Modules[0].Base, m.Full[1].Data),
		); err != nil || len(f.Problems()) > 0 {
			t.Errorf("problems %v\n%v", f.Problems(), err)
		}
	}
}

// TestUserDump_hostile keeps what is there and tells of what is not.
func TestUserDump_hostile(t *testing.T) {
	le := binary.LittleEndian
	for name, c := range map[string]struct {
		lie              func(b []byte) []byte
		modules, threads int
		told             bool
	}{
		"module count":  {func(b []byte) []byte { le.PutUint32(b[0x18:], math.MaxUint32); return b }, 10000, 2, true},
		"thread count":  {func(b []byte) []byte { le.PutUint32(b[0x14:], math.MaxUint32); return b }, 2, 0, true},
		"region count":  {func(b []byte) []byte { le.PutUint32(b[0x1c:], math.MaxUint32); return b }, 2, 2, true},
		"offsets":       {func(b []byte) []byte { copy(b[0x20:0x58], bytes.Repeat([]byte{0xff}, 0x38)); return b }, 0, 0, true},
		"name length":   {func(b []byte) []byte { le.PutUint32(b[le.Uint64(b[0x28:])+12:], math.MaxUint32); return b }, 0, 2, true},
		"cut":           {func(b []byte) []byte { return b[:le.Uint64(b[0x30:])+0x800] }, 2, 2, true},
		"cut in header": {func(b []byte) []byte { return b[:0x50] }, -1, 0, true},
		"no event":      {func(b []byte) []byte { le.PutUint64(b[0x40:], 0); return b }, 2, 2, false},
	} {
		b := c.lie(dumpbuild.BuildUserDump(userDump(true), true))
		f, err := minidump.New(bytes.NewReader(b), int64(len(b)))
		if c.modules < 0 {
			if !errors.Is(err, minidump.ErrFormat) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(name, err)
		}
		modules, moduleErr := collect(f.Modules())
		threads, threadErr := collect(f.Threads())
		_, eventErr := f.Exception()
		errs := append(f.Problems(), moduleErr, threadErr)
		if len(modules) > c.modules || len(modules) < min(c.modules, 2) || len(threads) < c.threads {
			t.Errorf("%s: %d modules, %d threads", name, len(modules), len(threads))
		}
		if told := errors.Join(errs...) != nil; told != c.told || name == "no event" && !errors.Is(eventErr, minidump.ErrNoStream) {
			t.Errorf("%s: %v, exception: %v", name, errs, eventErr)
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, minidump.ErrFormat) {
				t.Errorf("%s: %v does not wrap ErrFormat", name, err)
			}
		}
		if text := fmt.Sprint(errs); strings.Contains(text, "%!") {
			t.Error(text)
		}
	}
}
