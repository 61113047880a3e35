package target_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/target"
)

// TestLive lays an image out in this process, as Wine does, and finds it by the
// memory alone.
func TestLive(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	const grain = 0x10000
	b, err := syscall.Mmap(-1, 0, int(image.Size())+grain, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(b)
	var at uint64
	if _, err := fmt.Sscanf(fmt.Sprintf("%p", &b[0]), "0x%x", &at); err != nil {
		t.Fatal(err)
	}
	gap := int(-at % grain)
	if image, err = image.At(at + uint64(gap)); err != nil {
		t.Fatal(err)
	}
	copy(b[gap:], image.Bytes())
	header, code := b[gap:gap+0x1000], b[gap+0x1000:gap+0x2000]
	if err := errors.Join(syscall.Mprotect(header, syscall.PROT_READ), syscall.Mprotect(code, syscall.PROT_READ|syscall.PROT_EXEC)); err != nil {
		t.Fatal(err)
	}
	opts := target.Options{SymbolPath: filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb"))}
	tg, err := target.Live(t.Context(), os.Getpid(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	found := slices.ContainsFunc(tg.Modules(), func(m symres.Module) bool { return m.Base == image.Base() && m.Name == "fs_rec" })
	if names := lookup(t, tg, "fs_rec!DriverEntry"); len(names) != 1 || !found || tg.Kind() != target.KindProcess {
		t.Errorf("%v; modules %+v", names, tg.Modules())
	}
	opts.NoModules = true
	bare, err := target.Live(t.Context(), os.Getpid(), opts)
	if err != nil || len(bare.Modules()) != 0 {
		t.Fatalf("%v", err)
	}
	defer bare.Close()
	if _, err := target.Live(t.Context(), 1<<30, opts); err == nil {
		t.Error("a process of a number that nobody has")
	}
	runtime.KeepAlive(b)
}
