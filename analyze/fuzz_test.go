package analyze_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/analyze"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// FuzzRun: whatever a dump says, two runs agree in their JSON, which reads back; the
// culprit is a frame of the stack that is of neither the system nor a runtime, or the
// place of the fault; no guess is exact; and the modules by blame are those of the
// frames.
func FuzzRun(f *testing.F) {
	f.Add(dumpbuild.BuildMinidump(crash(0xc0000005, 0, 0x9b008)))
	f.Add(dumpbuild.BuildMinidump(crash(0xc00000fd, 1, stackLow-8)))
	demo, err := fixture.Read("demo/crash.dmp")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(demo)
	spec, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Triage)
	if err != nil {
		f.Fatal(err)
	}
	triage, _, err := dumpbuild.Build(spec)
	if err != nil {
		f.Fatal(err)
	}
	stop(triage, 0x1000007e, 0xc0000005, spec.Modules[0].Base+0x1000, spec.Modules[0].Base, spec.Modules[0].Base+8)
	f.Add(triage)
	f.Fuzz(func(t *testing.T, b []byte) {
		tg, err := target.OpenReader(context.Background(), bytes.NewReader(b), int64(len(b)), target.Options{Symbols: sympath.Chain(), Images: sympath.Chain(), Warn: func(error) {}})
		if err != nil {
			return
		}
		defer tg.Close()
		r := run(t, tg, analyze.Options{})
		check(t, r)
		one, err := json.Marshal(r)
		if err != nil || !json.Valid(one) {
			t.Fatalf("%s, %v", one, err)
		}
		if two, _ := json.Marshal(run(t, tg, analyze.Options{})); !bytes.Equal(one, two) {
			t.Fatalf("two runs differ:\n%s\n%s", one, two)
		}
	})
}

func check(t *testing.T, r *analyze.Result) {
	t.Helper()
	frames := 0
	for i := range r.Modules {
		m := &r.Modules[i]
		if frames += m.Frames; m.First >= len(r.Frames) || r.Frames[m.First].ModuleName() != m.Name {
			t.Errorf("%+v of %d frames", m, len(r.Frames))
		}
	}
	for i := range r.Frames {
		f := &r.Frames[i]
		if f.ModuleName() != "" {
			frames--
		}
		if f.Rule.Guess() && f.Origin.Proof == unwind.ProofExact {
			t.Errorf("frame %d, a guess, is exact", i)
		}
	}
	if c := r.Culprit; frames != 0 || c != nil && c.Frame >= 0 && (r.Frames[c.Frame].ModuleName() != c.Module || r.Frames[c.Frame].Rule.Guess() != c.Guess) ||
		c != nil && c.Frame < 0 && c.Module != r.Place.Module {
		t.Errorf("%+v, %d frames of no module by blame", c, frames)
	}
	if len(r.Bucket.Hash) != 16 || !strings.HasPrefix(r.Bucket.Signature, r.Kind.String()) {
		t.Errorf("%+v", r.Bucket)
	}
	if slices.ContainsFunc(r.Missing, func(m analyze.Missing) bool { return m.String() == "" }) || (r.Kind == analyze.KindNone) != (r.Code == 0 && len(r.Parameters) == 0) && r.Kind == analyze.KindNone {
		t.Errorf("missing %v", r.Missing)
	}
}
