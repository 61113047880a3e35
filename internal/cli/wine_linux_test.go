package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wine is a folder in which programs of Windows run.
type wine struct {
	t   *testing.T
	dir string
}

// newWine builds app.exe, with its PDB, in an empty folder. What Wine keeps and
// runs there ends with the test.
func newWine(t *testing.T) *wine {
	t.Helper()
	for _, program := range []string{"wine", "wineserver", "clang-19", "lld-link-19", "llvm-dlltool-19"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOTHING OF WINE was read: %v; on Debian: apt-get install wine wine64 clang-19 lld-19 llvm-19", err)
		}
	}
	source, err := filepath.Abs("testdata/wine")
	if err != nil {
		t.Fatal(err)
	}
	w := &wine{t, t.TempDir()}
	for _, dll := range []string{"kernel32", "dbghelp"} {
		w.run("llvm-dlltool-19", "-m", "i386:x86-64", "-d", filepath.Join(source, dll+".def"), "-l", dll+".lib")
	}
	w.run("clang-19", "--target=x86_64-pc-windows-msvc", "-c", "-O1", "-g", "-gcodeview", "-ffreestanding",
		"-fno-stack-protector", filepath.Join(source, "app.c"), "-o", "app.obj")
	w.run("lld-link-19", "/nologo", "/subsystem:console", "/entry:start", "/nodefaultlib", "/debug", "/pdb:app.pdb",
		"/pdbaltpath:app.pdb", "/out:app.exe", "app.obj", "kernel32.lib", "dbghelp.lib")
	return w
}

// command prepares a program that works in the folder.
func (w *wine) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "WINEPREFIX="+filepath.Join(w.dir, "prefix"), "WINEDEBUG=-all",
		"WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=")
	return cmd
}

func (w *wine) run(name string, args ...string) {
	w.t.Helper()
	if out, err := w.command(name, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// start runs app.exe until it waits, and returns its process number. Wine makes
// its folder first, which takes some seconds.
func (w *wine) start() int {
	w.t.Helper()
	app := w.command("wine", "app.exe")
	if err := app.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Wait() }()
	w.t.Cleanup(func() {
		_ = w.command("wineserver", "-k").Run() // fails when nothing runs any more
		_ = w.command("wineserver", "-w").Run()
		_ = app.Process.Kill()
	})
	for limit := time.Now().Add(4 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(w.dir, "ready")); err == nil {
			return app.Process.Pid
		}
		select {
		case err := <-ended:
			w.t.Fatalf("app.exe ended: %v", err)
		default:
		}
		if time.Now().After(limit) {
			w.t.Fatal("app.exe does not start")
		}
	}
}

// modules returns what the command lists, by name.
func (w *wine) modules(target ...string) map[string]string {
	w.t.Helper()
	out, errs, status := run(w.t, "", append([]string{"modules", "--json"}, target...)...)
	if status != 0 {
		w.t.Fatalf("%v: status %d: %s", target, status, errs)
	}
	all := map[string]string{}
	for line := range strings.Lines(out) {
		var m struct{ Name, Base, Size, Timestamp, Checksum string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			w.t.Fatal(err)
		}
		all[m.Name] = strings.Join([]string{m.Base, m.Size, m.Timestamp, m.Checksum}, " ")
	}
	return all
}

// TestWine reads a minidump that Wine's own MiniDumpWriteDump made, and the
// process it is of. Its module records name no PDB, so that the dump needs the
// image; the process has its header in memory.
func TestWine(t *testing.T) {
	w := newWine(t)
	pid := strconv.Itoa(w.start())
	dump := filepath.Join(w.dir, "app.dmp")
	saved, live := w.modules("--dump", dump), w.modules("--pid", pid)
	if len(saved) < 4 || saved["app"] == "" || saved["ntdll"] == "" {
		t.Errorf("the dump lists %v", saved)
	}
	for name, is := range saved {
		if live[name] != is {
			t.Errorf("%s: %q in the process, %q in the dump", name, live[name], is)
		}
	}
	if out, errs, status := run(t, "", "check", dump); status != 0 {
		t.Errorf("check: status %d: %s%s", status, out, errs)
	}
	for _, c := range []struct {
		target []string
		proof  string
	}{
		{[]string{"--dump", dump}, `"proof":"image","identity":"image-key"`},
		{[]string{"--pid", pid}, `"proof":"exact","identity":"pdb-id"`},
	} {
		args := append([]string{"lookup", "--json", "--sympath", w.dir, "app!wait_to_be_read"}, c.target...)
		out, errs, status := run(t, "", args...)
		if status != 0 || !strings.Contains(out, `"name":"wait_to_be_read"`) || !strings.Contains(out, c.proof) {
			t.Errorf("%v: status %d: %s%s", c.target, status, out, errs)
		}
	}
	// In a process of its own: this one waits for app.exe, and would see it stop.
	out, err := w.command("symres", "stack", "--pid", pid, "--sympath", w.dir, "--args").CombinedOutput()
	for _, want := range []string{" app!wait_to_be_read+", "      local void* ready = ", " app!start+", "      local void* file = "} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("stack --pid: %v, no %q: %s", err, want, out)
		}
	}
}

// strongPages counts the pages of a module that differ, and those every byte of
// which was compared and is equal. Pages with masked bytes are neither.
func (w *wine) strongPages(module string, args ...string) (equal, differing int) {
	w.t.Helper()
	out, errs, _ := run(w.t, "", append([]string{"verify", "--json", module}, args...)...)
	var v struct {
		Verdict string
		Pages   []struct {
			RVA           string
			Count         int
			State, Reason string
		}
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		w.t.Fatalf("verify %s: %v: %s%s", module, err, out, errs)
	}
	if v.Verdict != "confirmed" {
		w.t.Errorf("%s is %s", module, v.Verdict)
	}
	masked := []string{"import table", "loader slots", "reserved loader slots", "lock prefixes", "dynamic relocations", "breakpoints"}
	for _, p := range v.Pages {
		weak := slices.ContainsFunc(strings.Split(p.Reason, ", "), func(r string) bool { return slices.Contains(masked, r) })
		switch {
		case p.State == "differs":
			differing += p.Count
			w.t.Logf("%s: %d pages from RVA %s differ", module, p.Count, p.RVA)
		case (p.State == "match" || p.State == "fixups") && !weak:
			equal += p.Count
		}
	}
	return equal, differing
}

// builtins is the folder of the DLLs that the process maps.
func (w *wine) builtins(pid string) string {
	w.t.Helper()
	maps, err := os.ReadFile(filepath.Join("/proc", pid, "maps"))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if path := line[max(strings.IndexByte(line, '/'), 0):]; strings.HasSuffix(path, "/ntdll.dll\n") {
			return filepath.Dir(path)
		}
	}
	w.t.Fatal("the process maps no ntdll.dll")
	return ""
}

// TestWine_pages holds every builtin DLL of a process of Wine against its file:
// 99 of 100 strong pages are equal, and the measured figure stands in
// docs/proof.md.
func TestWine_pages(t *testing.T) {
	w := newWine(t)
	pid := strconv.Itoa(w.start())
	dir := w.builtins(pid)
	equal, differing, dlls := 0, 0, 0
	for name := range w.modules("--pid", pid) {
		if _, err := os.Stat(filepath.Join(dir, name+".dll")); err != nil {
			continue // the program itself
		}
		e, d := w.strongPages(name, "--pid", pid, "--sympath", dir)
		equal, differing, dlls = equal+e, differing+d, dlls+1
		t.Logf("%s: %d strong pages equal, %d pages differ", name, e, d)
	}
	t.Logf("%d DLLs of %s: %d of %d strong pages are equal", dlls, dir, equal, equal+differing)
	if dlls < 4 || equal < 500 || equal*100 < 99*(equal+differing) {
		t.Errorf("%d of %d strong pages of %d DLLs are equal, want 99 of 100", equal, equal+differing, dlls)
	}
}
