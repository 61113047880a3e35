package target_test

import (
	"errors"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// TestRegion_minidump: the list of regions, and none.
func TestRegion_minidump(t *testing.T) {
	m := dumpbuild.SeedMinidump()
	m.Regions = []dumpbuild.MinidumpRegion{
		{Addr: 0x10000, Size: 0x2000, State: 0x1000, Protect: 4, Type: 0x20000},
		{Addr: 0x12000, Size: 0x1000, State: 0x1000, Protect: 0x104, Type: 0x20000},
	}
	tg, _ := opened(t, write(t, "a.dmp", dumpbuild.BuildMinidump(m)), target.Options{Symbols: sympath.Chain()})
	const from = "list of regions in the dump"
	want := target.Region{Base: 0x12000, Size: 0x1000, State: "committed", Type: "private", Protection: "READWRITE GUARD", Guard: true, From: from}
	if r, err := tg.Region(target.Thread{}, 0x12fff); err != nil || r != want {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := tg.Region(target.Thread{}, 0x13000); !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("%+v, %v", r, err)
	}
	m.Regions = nil
	tg, _ = opened(t, write(t, "b.dmp", dumpbuild.BuildMinidump(m)), target.Options{Symbols: sympath.Chain()})
	if r, err := tg.Region(target.Thread{}, 0x10000); !errors.Is(err, target.ErrNoRecord) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRegion_kernel: the VADs of the process that ran, or of the thread's.
func TestRegion_kernel(t *testing.T) {
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	b, facts, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	tg, _ := opened(t, write(t, "k.dmp", b), target.Options{Symbols: sympath.Chain()})
	checked := 0
	for i, p := range facts.Processes {
		th := target.Thread{Attached: p.Address}
		for _, v := range spec.Processes[i].VADs {
			base := v.Start << 12
			r, err := tg.Region(th, base+1)
			if err != nil || r.Base != base || r.From != "VAD of "+spec.Processes[i].Name {
				t.Errorf("%s, %#x: %+v, %v", spec.Processes[i].Name, base, r, err)
			}
			checked++
		}
	}
	if checked < 3 {
		t.Errorf("%d VADs", checked)
	}
	if r, err := tg.Region(target.Thread{}, spec.Modules[0].Base); !errors.Is(err, target.ErrNoRecord) {
		t.Errorf("the kernel's half: %+v, %v", r, err)
	}
}
