package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/memtest"
)

// TestPID lays an image out in this process, as Wine does, and finds it, its
// name and its symbols from the memory alone.
func TestPID(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	const grain = 0x10000
	size := int(image.Size())
	b, err := syscall.Mmap(-1, 0, size+grain, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(b)
	var at uint64
	if _, err := fmt.Sscanf(fmt.Sprintf("%p", &b[0]), "0x%x", &at); err != nil {
		t.Fatal(err)
	}
	gap := int(-at % grain)
	base := at + uint64(gap)
	if image, err = image.At(base); err != nil {
		t.Fatal(err)
	}
	copy(b[gap:], image.Bytes())
	pid, dir := strconv.Itoa(os.Getpid()), filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb"))
	split := func(prot int) { // the header's region begins at base, and code lies behind it
		t.Helper()
		if err := syscall.Mprotect(b[gap:gap+0x1000], syscall.PROT_READ); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mprotect(b[gap+0x1000:gap+0x2000], prot); err != nil {
			t.Fatal(err)
		}
	}
	split(syscall.PROT_READ)
	out, errs, status := run(t, "", "modules", "--pid", pid)
	if strings.Contains(out, "fs_rec") {
		t.Errorf("an image without code is a file that was mapped: status %d: %s%s", status, out, errs)
	}
	split(syscall.PROT_READ | syscall.PROT_EXEC)
	out, errs, status = run(t, "", "modules", "--json", "--pid", pid)
	if want := fmt.Sprintf(`{"name":"fs_rec","base":"%#x",`, base); status != 0 || !strings.Contains(out, want) {
		t.Errorf("status %d: %s%s; want %s", status, out, errs, want)
	}
	out, errs, status = run(t, "", "lookup", "--json", "--pid", pid, "--sympath", dir, "fs_rec!DriverEntry")
	if status != 0 || !strings.Contains(out, `"proof":"exact","identity":"pdb-id"`) {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if _, errs, status = run(t, "", "modules", "--pid", "1073741824"); status != 3 || strings.Count(errs, "\n") != 1 {
		t.Errorf("nobody has that number: status %d: %s", status, errs)
	}
	runtime.KeepAlive(b)
}
