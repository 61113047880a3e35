package cli_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/gdbserve"
	"github.com/symres/symres/memsource/memtest"
)

// TestKdLive types commands about a stub and about a process, which are only read.
func TestKdLive(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb"))
	address := gdbserve.ServeThreads(t, image.Source(), []string{"rip", "rsp"}, []gdbserve.Thread{{ID: "1", Values: []uint64{image.Base() + 0x5000, 0x7000}}})
	module := fmt.Sprintf("fs_rec.sys=%x,%x", image.Base(), image.Size())
	out, errs, status := run(t, "", "kd", "--gdb", address, "--module", module, "--sympath", dir, "-c", "x fs_rec!DriverE*; ln @rip; r rip; u @rip L1; ~", "-c", "ed @rip 0", "-c", "g")
	for _, want := range []string{"fs_rec!DriverEntry", "fs_rec!FsRecDispatch", "rip=0000000140005000", "Id: 0.1", "ed: targets are only read here", "g: targets are only read here"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %q: %s%s", status, want, errs, out)
		}
	}
	sleep := exec.Command("sleep", "60")
	if runtime.GOOS != "linux" || sleep.Start() != nil {
		t.Skip("NOT TRIED on a process: no Linux with sleep here")
	}
	defer sleep.Wait()
	defer sleep.Process.Kill()
	out, errs, status = run(t, "", "kd", "--pid", fmt.Sprint(sleep.Process.Pid), "-c", "version", "-c", "lm", "-c", "eb 0 0", "-c", ".bugcheck", "-c", "!process")
	for _, want := range []string{"process", "module name", "eb: targets are only read here", "there is no bug check", "no kernel"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %q: %s%s", status, want, errs, out)
		}
	}
}
