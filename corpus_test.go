package symres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// realDump opens a real kernel triage dump of the shared corpus.
func realDump(t *testing.T, name string) (*nt.Kernel, []symres.Module) {
	t.Helper()
	f, err := crashdump.Open(filepath.Join(fixture.Shared(t), "ivellioscolin+kdlibcpp/kdlib/tests/dumps", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	kernel, err := nt.FromDump(f)
	if err != nil {
		t.Fatal(err)
	}
	var modules []symres.Module
	for m, err := range kernel.Modules() {
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, target.FromLoader(m))
	}
	return kernel, modules
}

// TestTriage_ARM finds the one record that a fragment of a 32-bit ARM dump
// holds, and takes nothing else for one.
func TestTriage_ARM(t *testing.T) {
	kernel, modules := realDump(t, "win10_arm_rpi3_mem/RPi3_ARM_mini.cab.dmp")
	// The bytes RSDS stand here too, in a block that belongs to no module.
	modules = append(modules, symres.Module{Image: "decoy.sys", Base: 0x85394000, Size: 0x1000})
	s := session(t, symres.Config{Memory: kernel.Memory(), Machine: kernel.Machine(), Symbols: sympath.Dir("none", fstest.MapFS{})}, modules...)
	found := 0
	for _, m := range s.Modules() {
		rep, _ := s.Load(context.Background(), m.Module.Name) // no PDB is there
		e := rung(t, rep, identify.RungScan, "RSDS record")
		if rep.PDBID.IsZero() {
			if e.Result != identify.ComparisonNotResident || !strings.Contains(e.Note, "none in ") {
				t.Errorf("%s: %+v", m.Module.Name, e)
			}
			continue
		}
		found++
		if id := rep.PDBID; m.Module.Image != "SerCx2.sys" || id.GUID().String() != "78EB997E-59B6-30E0-C459-A3EBC5ED222E" || id.Age() != 1 {
			t.Errorf("%s: %v", m.Module.Name, id)
		}
		if rep.From != identify.RungScan || !strings.HasPrefix(e.Note, "at RVA 107c4, ") || !strings.Contains(e.Target.String(), "SerCx2.pdb") {
			t.Errorf("from %v: %+v", rep.From, e)
		}
		if a := rep.Attempts; len(a) == 0 || !strings.Contains(a[0].Location, "SerCx2.pdb") {
			t.Errorf("looked for %v", a)
		}
	}
	if found != 1 {
		t.Errorf("%d records were found, want that of SerCx2.sys", found)
	}
	decoy, _ := s.Load(context.Background(), "decoy")
	if e := rung(t, decoy, identify.RungScan, "RSDS record"); e.Note != "none in 1 resident pages" {
		t.Errorf("the decoy: %+v", e)
	}
}

// TestTriage_ARM64 says of each module that no record is resident, and takes
// copies of modules of which neither stamp nor checksum is known for what they
// are.
func TestTriage_ARM64(t *testing.T) {
	kernel, modules := realDump(t, "win10_arm64_mem/win10_arm64_mem.dmp")
	cfg := symres.Config{Memory: kernel.Memory(), Machine: kernel.Machine(), Symbols: sympath.Dir("none", fstest.MapFS{})}
	s := session(t, cfg, modules...)
	bare := 0
	for _, m := range s.Modules() {
		rep, _ := s.Load(context.Background(), m.Module.Name)
		if e := rung(t, rep, identify.RungScan, "RSDS record"); e.Result != identify.ComparisonNotResident || !strings.Contains(e.Note, "none in ") {
			t.Errorf("%s: %+v", m.Module.Name, e)
		}
		if m.Module.TimeDateStamp == 0 && m.Module.CheckSum == 0 {
			bare++
			bareModule(t, kernel, m.Module)
		}
	}
	if bare < 4 {
		t.Errorf("%d modules without stamp and checksum, want win32k and its parts", bare)
	}
}

// bareModule loads a module of which only the rounded size is known, with a
// copy that has it and one that has not.
func bareModule(t *testing.T, kernel *nt.Kernel, m symres.Module) {
	image := bytes.Clone(fixture.Bytes(t, "wide/x64/wide.sys"))
	sizeAt := binary.LittleEndian.Uint32(image[0x3c:]) + 24 + 56
	for _, c := range []struct {
		size     uint64
		check    symres.VersionCheck
		identity symres.Identity
		proof    symres.Proof
	}{
		{m.Size, symres.CheckKnown, symres.IdentityChecksumSize, symres.ProofWeak},
		{m.Size + 0x1000, symres.CheckOff, symres.IdentityName, symres.ProofNameOnly},
	} {
		binary.LittleEndian.PutUint32(image[sizeAt:], uint32(c.size))
		binary.LittleEndian.PutUint32(image[sizeAt+8:], 0) // no checksum
		dir := fstest.MapFS{m.Image: {Data: image}, "wide.pdb": {Data: fixture.Bytes(t, "wide/x64/wide.pdb")}}
		cfg := symres.Config{Memory: kernel.Memory(), Machine: kernel.Machine(), Symbols: sympath.Dir("d", dir), Check: c.check}
		rep, err := session(t, cfg, m).Load(context.Background(), m.Name)
		if err != nil || rep.Identity != c.identity || rep.Proof != c.proof {
			t.Errorf("%s, size %x: %v, %v, %v; %v", m.Image, c.size, rep.Identity, rep.Proof, err, rep.Evidence)
			continue
		}
		if e := rung(t, rep, identify.RungCopy, "TimeDateStamp"); e.Result != identify.ComparisonUnknown {
			t.Errorf("%s: %+v, want no stamp to compare", m.Image, e)
		}
		if size := rung(t, rep, identify.RungCopy, "SizeOfImage"); (size.Result == identify.ComparisonEqual) != (c.check == symres.CheckKnown) {
			t.Errorf("%s: %+v", m.Image, size)
		}
	}
}
