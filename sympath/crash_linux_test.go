package sympath_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/symres/symres/sympath"
)

// needProgram skips a test loudly when a program is missing.
func needProgram(t *testing.T, name, how string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("%s runs for a while; leave -short out", t.Name())
	}
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not here; %s", name, how)
	}
}

// Killed at every system call of its write path, a process leaves an entry that
// is absent or whole, and the next one succeeds and tidies up.
func TestCrash_killAtEverySystemCall(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred processes are killed; leave -short out")
	}
	want := symbolFile(idOf(1), 600<<10)
	url, _ := server(t, want, 0)
	for _, call := range slices.Compact(slices.Sorted(maps.Values(writeCalls))) {
		killed := 0
		for killAt(t, want, url, fault{call: call, when: killed + 1}) {
			killed++
		}
		t.Logf("killed at %d calls of %s", killed, call)
		if killed == 0 {
			t.Errorf("%s is never called: is the write path what the test thinks it is?", call)
		}
	}
}

// killAt runs a process that is killed at a call, and another after it. It is
// false when the process ended before that call.
func killAt(t *testing.T, want []byte, url string, at fault) (killed bool) {
	t.Helper()
	dir := t.TempDir()
	what := fmt.Sprintf("killed at %s %d", at.call, at.when)
	out, struck, good := at.run(t, startChild(t, "srv*"+dir+"*"+url))
	if good == (struck > 0) || good && !strings.Contains(out, "read") {
		t.Fatalf("%s: struck %d, ended well: %v: %s", what, struck, good, out)
	}
	entry := filepath.Join(dir, "f.pdb/A00000011/f.pdb")
	if data, err := os.ReadFile(entry); err == nil && !bytes.Equal(data, want) {
		t.Errorf("%s: an entry of %d bytes was left, %d are whole", what, len(data), len(want))
	}
	if out, err := startChild(t, "srv*"+dir+"*"+url).CombinedOutput(); err != nil {
		t.Errorf("%s: the next process failed: %s", what, out)
	}
	if data, err := os.ReadFile(entry); err != nil || !bytes.Equal(data, want) {
		t.Errorf("%s: afterwards the entry has %d bytes, %v", what, len(data), err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, ".symres/tmp")); len(left) > 0 {
		t.Errorf("%s: left behind: %v", what, left)
	}
	return struck > 0
}

func TestDisk_injectedErrors(t *testing.T) {
	want := symbolFile(idOf(1), 600<<10)
	url, _ := server(t, want, 0)
	for _, c := range []struct {
		fault
		entry    bool
		warnings int
	}{
		{fault{"fsync", 1, syscall.EIO}, false, 1},
		{fault{"fsync", 2, syscall.EIO}, false, 1}, // of the directory
		{fault{"pwrite64", 2, syscall.ENOSPC}, false, 1},
		{fault{"pwrite64", 1, syscall.EIO}, false, 1},
		{fault{"linkat", 0, syscall.EPERM}, true, 0}, // a file system without links
		{fault{"linkat", 0, syscall.EXDEV}, true, 0},
		{fault{"flock", 0, syscall.ENOLCK}, true, 0}, // NFS without its lock manager
		{fault{"mkdirat", 0, syscall.EROFS}, false, 1},
	} {
		t.Run(fmt.Sprintf("%s %d %s", c.call, c.when, c.errno), func(t *testing.T) {
			dir := t.TempDir()
			out, struck, good := c.run(t, startChild(t, "srv*"+dir+"*"+url))
			if !good || struck == 0 || !strings.Contains(out, fmt.Sprintf("read %d warnings %d", len(want), c.warnings)) {
				t.Errorf("ended well: %v, %d faults: %s", good, struck, out)
			}
			data, err := os.ReadFile(filepath.Join(dir, "f.pdb/A00000011/f.pdb"))
			if (err == nil) != c.entry || err == nil && !bytes.Equal(data, want) {
				t.Errorf("entry %d bytes, %v", len(data), err)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, ".symres/tmp")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// inMount runs a child in a mount namespace of its own, after and before some
// shell commands; $D is the cache.
func inMount(t *testing.T, dir, path, before, after string) string {
	t.Helper()
	needProgram(t, "unshare", "apt-get install util-linux")
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here (%v: %s); run as root or allow user namespaces", err, out)
	}
	script := `D="$1"; mount -t tmpfs -o size=1m none "$D" && ` + before + `; "$2"; echo "exit $?"; ` + after
	cmd := startChild(t, path, "unshare", "-m", "sh", "-c", script, "sh", dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestDisk_full(t *testing.T) {
	dir := t.TempDir()
	want := symbolFile(idOf(1), 3<<20)
	url, _ := server(t, want, 0)
	out := inMount(t, dir, "srv*"+dir+"*"+url, `mkdir -p "$D/old/K" && echo whole >"$D/old/K/old"`,
		`cat "$D/old/K/old"; find "$D/.symres/tmp" -type f; find "$D" -name f.pdb -type f`)
	for _, s := range []string{"no space left", fmt.Sprintf("read %d warnings 1", len(want)), "exit 0"} {
		if !strings.Contains(out, s) {
			t.Errorf("want %q in %s", s, out)
		}
	}
	if !strings.HasSuffix(out, "exit 0\nwhole\n") {
		t.Errorf("the old entry is lost, or something was left behind: %s", out)
	}
}

func TestDisk_readOnly(t *testing.T) {
	dir := t.TempDir()
	want := symbolFile(idOf(1), 100<<10)
	url, _ := server(t, want, 0)
	out := inMount(t, dir, "srv*"+dir+"*"+url, `mount -o remount,ro "$D"`, `find "$D" -mindepth 1`)
	if !strings.HasSuffix(out, "exit 0\n") || !strings.Contains(out, fmt.Sprintf("read %d warnings 1", len(want))) {
		t.Errorf("want an answer, one warning and nothing written: %s", out)
	}
}

func TestDescriptors_noneLeak(t *testing.T) {
	dir := t.TempDir()
	o := serving(1, 2)
	before := 0
	for i := range 20 {
		store := o.store(t, "srv*"+dir+"*https://symbols.test", defaults())
		mustFind(t, store, query(uint32(i%2+1)))
		os.RemoveAll(filepath.Join(dir, "f.pdb"))
		if i == 0 { // those of Go's poller are there from now on
			before = descriptors(t)
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d open files before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("open files cannot be counted (%v); mount /proc", err)
	}
	return len(names)
}

// A FIFO where an entry belongs is refused, and reading it does not hang.
func TestCache_fifoInTheWay(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f.pdb/A00000011/f.pdb")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skipf("no FIFO can be made in %s (%v); set TMPDIR to a local file system", dir, err)
	}
	o := serving(1)
	got := mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", defaults()), query(1))
	if got.attempts[0].Status != sympath.StatusError || o.fetches.Load() != 1 {
		t.Errorf("%v, %d fetches", got.attempts[0], o.fetches.Load())
	}
	if fi, err := os.Lstat(name); err != nil || !fi.Mode().IsRegular() {
		t.Errorf("the entry is %v, %v", fi.Mode(), err)
	}
}

// A process that holds the lock and is killed leaves nothing that is stale;
// one that is stopped is waited for only so long.
func TestProcesses_holderKilledOrStopped(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			url, _ := server(t, symbolFile(idOf(1), 100<<10), 20*time.Second)
			holder := startChild(t, "srv*"+dir+"*"+url)
			if err := holder.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { holder.Process.Kill(); holder.Wait() }()
			temp := filepath.Join(dir, ".symres/tmp")
			for len(names(temp)) == 0 {
				time.Sleep(5 * time.Millisecond)
			}
			holder.Process.Signal(signal)
			if signal == syscall.SIGKILL {
				holder.Wait()
			}
			patience := time.Minute // is not to be needed
			if signal == syscall.SIGSTOP {
				patience = 300 * time.Millisecond
			}
			o := serving(1)
			start := time.Now()
			mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{LockWait: patience}), query(1))
			if took := time.Since(start); took > 30*time.Second || signal == syscall.SIGSTOP && took < patience {
				t.Errorf("took %v", took)
			}
			if n := len(names(temp)); signal == syscall.SIGKILL && n != 0 {
				t.Errorf("%d files of the killed process are left", n)
			}
		})
	}
}

func names(dir string) []os.DirEntry {
	entries, _ := os.ReadDir(dir)
	return entries
}
