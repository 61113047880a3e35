package analyze_test

import (
	"path/filepath"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/analyze"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/gdbserve"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/target"
)

// TestStub: a machine that is stopped behind a stub has no exception; the stack of
// its processor is there, and whose code runs.
func TestStub(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	registers := []gdbserve.Register{{Name: "rip", Value: image.Base() + 0x500c}, {Name: "rsp", Value: 0x7000}}
	tg, err := target.GDB(t.Context(), gdbserve.ServeRegisters(t, image.Source(), registers), target.Options{
		SymbolPath: filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb")),
		Modules:    []symres.Module{{Image: "fs_rec.sys", Base: image.Base(), Size: image.Size()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	r := run(t, tg, analyze.Options{})
	if r.Kind != analyze.KindNone || r.Where().Name() != "fs_rec!FsRecDispatch+0xc" || r.Culprit.String() != "fs_rec!FsRecDispatch+0xc" || r.Thread.Origin != "registers of the stub" {
		t.Errorf("%v in %v, %v, %q", r.Kind, r.Where(), r.Culprit, r.Thread.Origin)
	}
	if r.Missing[0].Kind != analyze.MissingRecord || r.Bucket.Signature != "none < fs_rec!FsRecDispatch+c" {
		t.Errorf("missing %v, %s", r.Missing, r.Bucket.Signature)
	}
}
