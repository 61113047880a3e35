package dumpbuild_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// FuzzBuild gives the builder PE files nobody linked. Either it refuses them
// as a bad specification, or what it wrote is what it says it wrote: the page
// tables lead to the image of the facts.
func FuzzBuild(f *testing.F) {
	good := fixture.Bytes(f, "fs_rec/x64/good/fs_rec.sys")
	kernel := fixture.Bytes(f, "nt/x64/ntoskrnl.exe")
	types := fixture.Bytes(f, "nt/x64/ntkrnlmp.pdb")
	f.Add(good)
	f.Add(fixture.Bytes(f, "fs_rec/x64/private/fs_rec.sys"))
	f.Add(kernel)
	f.Add(good[:0x400])
	f.Fuzz(func(t *testing.T, pe []byte) {
		s := dumpbuild.Spec{Machine: dumpbuild.X64, Type: dumpbuild.Full, KernelPDB: types, Modules: []dumpbuild.Module{
			{Name: "ntoskrnl.exe", Base: 0xfffff80002c00000, PE: kernel, Large: true},
			{Name: "a.sys", Base: 0xfffff80003a00000, PE: pe},
		}}
		b, facts, err := dumpbuild.Build(s)
		if err != nil {
			if !errors.Is(err, dumpbuild.ErrSpec) {
				t.Errorf("error %v is no ErrSpec", err)
			}
			return
		}
		d, m := parse(t, b), facts.Modules[1]
		if got := d.read(facts.Root, m.Base, len(m.Memory)); !bytes.Equal(got, m.Memory) {
			t.Errorf("%d bytes in the dump differ from the %d of the facts", len(got), len(m.Memory))
		}
	})
}
