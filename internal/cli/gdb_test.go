package cli_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/gdbserve"
	"github.com/symres/symres/memsource/memtest"
)

// TestGDB finds the symbols of a module through its header behind a stub.
func TestGDB(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	if image, err = image.At(0xfffff80003a00000); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb"))
	address := gdbserve.Serve(t, image.Source())
	module := "fs_rec.sys=fffff800`03a00000,9000"
	out, errs, status := run(t, "", "lookup", "--json", "--gdb", address, "--module", module, "--sympath", dir, "fs_rec!DriverEntry")
	if status != 0 || !strings.Contains(out, `"proof":"exact","identity":"pdb-id"`) {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if _, errs, status = run(t, "", "modules", "--gdb", address); status != 3 || !strings.Contains(errs, "no physical memory") || !strings.Contains(errs, "--module") {
		t.Errorf("without --module: status %d: %s", status, errs)
	}
	if _, errs, status = run(t, "", "reload", "-v", "--gdb", address, "--module", "other.sys=fffff800`05000000,9000", "--sympath", dir); status != 1 {
		t.Errorf("nothing there: status %d: %s", status, errs)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	if _, errs, status = run(t, "", "modules", "--gdb", gone, "--module", module); status != 3 || !strings.Contains(errs, gone) || strings.Count(errs, "\n") != 1 {
		t.Errorf("nobody listens: status %d: %s", status, errs)
	}
}
