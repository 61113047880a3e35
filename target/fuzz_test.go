package target_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// FuzzOpenReader: what opens is a target of a dump's kind whose session knows no
// module that it does not list, and whose lists end.
func FuzzOpenReader(f *testing.F) {
	for _, name := range []string{"demo/crash.dmp", "demo/ram.lime"} {
		b, err := fixture.Read(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	spec, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Triage)
	if err != nil {
		f.Fatal(err)
	}
	triage, _, err := dumpbuild.Build(spec)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(triage)
	m := newMachine(f)
	f.Add(m.rows(10, nil))
	lying := m.rows(9, make([]byte, 64))
	copy(lying[0x10:], "PAGEPAGE")
	f.Add(lying)
	f.Add(pack(f, "gz", m.rows(8, nil)))
	kinds := []target.Kind{target.KindCrashDump, target.KindTriage, target.KindMinidump, target.KindPhysical}
	f.Fuzz(func(t *testing.T, b []byte) {
		tg, err := target.OpenReader(context.Background(), bytes.NewReader(b), int64(len(b)), target.Options{Symbols: sympath.Chain()})
		if err != nil {
			return
		}
		defer tg.Close()
		if !slices.Contains(kinds, tg.Kind()) || tg.Bits() != 32 && tg.Bits() != 64 {
			t.Errorf("%v of %d bits", tg.Kind(), tg.Bits())
		}
		for _, r := range tg.Session().Modules() {
			if !slices.ContainsFunc(tg.Modules(), func(m symres.Module) bool { return m.Base == r.Module.Base && m.Size == r.Module.Size }) {
				t.Errorf("%s is not among the modules", r.Module.Name)
			}
		}
		n := 0
		for range tg.Unloaded() {
			n++
		}
		for th := range tg.Threads(t.Context()) {
			if n++; n > 4 {
				continue
			}
			frames := 0
			for f := range tg.Stack(t.Context(), th) {
				if frames++; frames > unwind.DefaultMaxFrames+1 {
					t.Fatalf("frame %d", f.Index)
				}
			}
		}
		if n > len(b) {
			t.Errorf("%d entries in %d bytes", n, len(b))
		}
		if err := tg.Close(); err != nil {
			t.Error(err)
		}
	})
}
