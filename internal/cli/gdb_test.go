package cli_test

import (
	"fmt"
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

// TestGDB_stacks prints the stacks of the threads that a stub lists, all or one.
func TestGDB_stacks(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb"))
	address := gdbserve.ServeThreads(t, image.Source(), []string{"rip", "rsp"}, []gdbserve.Thread{
		{ID: "1", Values: []uint64{image.Base() + 0x5000, 0x7000}}, {ID: "2", Values: []uint64{image.Base() + 0x1000, 0x8000}}, {ID: "1f", Values: []uint64{image.Base() + 0x5003, 0x9000}},
	})
	flags := []string{"stack", "--gdb", address, "--module", fmt.Sprintf("fs_rec.sys=%x,%x", image.Base(), image.Size()), "--sympath", dir}
	out, errs, status := run(t, "", append(flags, "--thread", "all")...)
	for _, want := range []string{"Id: 1  RUNNING  (registers of the stub)\n", " fs_rec!FsRecDispatch\n", "Id: 2  RUNNING", " fs_rec!FsRecLoadFileSystem\n", "Id: 1f  RUNNING", " fs_rec!FsRecDispatch+0x3\n"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %q: %s%s", status, want, errs, out)
		}
	}
	if out, errs, status := run(t, "", append(flags, "--thread", "2")...); status != 0 || !strings.Contains(out, "FsRecLoadFileSystem") || strings.Contains(out, "FsRecDispatch") {
		t.Errorf("status %d: %s%s", status, errs, out)
	}
}
