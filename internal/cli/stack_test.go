package cli_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// stackLine is a line of stack --json.
type stackLine struct {
	Thread             uint32
	Frame              int
	PC, SP, Return     string
	Module, Name       string
	Displacement       int64
	Rule, Bytes, Proof string
	End                string
	Frames             []struct {
		Function, File string
		Line           uint32
		Inlined        bool
	}
	Args []struct{ Name, Type, Kind, Function, Value, Text, Place, Status string }
}

func (l *stackLine) label() string {
	if l.Name == "" {
		return fmt.Sprintf("%s+%#x", l.Module, l.Displacement)
	}
	return fmt.Sprintf("%s!%s+%#x", l.Module, l.Name, l.Displacement)
}

// stackOf runs stack --json.
func stackOf(t *testing.T, args ...string) (list []stackLine) {
	t.Helper()
	out, errs, status := run(t, "", append([]string{"stack", "--json"}, args...)...)
	if status != 0 {
		t.Fatalf("stack %q: status %d: %s", args, status, errs)
	}
	for sc := bufio.NewScanner(strings.NewReader(out)); sc.Scan(); {
		var l stackLine
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			t.Fatalf("%v: %s", err, sc.Text())
		}
		list = append(list, l)
	}
	return list
}

// corpusStacks are the folders of crashed programs with known chains.
func corpusStacks(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(fixture.Shared(t), "stacks", "*-O?"))
	if err != nil || len(dirs) != 6 {
		t.Fatalf("stacks %q, %v", dirs, err)
	}
	return dirs
}

// definitions are the lines of the source of the crashed programs on which
// functions stand: each is one line, fastcall_four another for each machine.
func definitions(t *testing.T) map[string][]uint32 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fixture.Shared(t), "..", "lab", "stack", "crash.c"))
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: the source of the programs: %v", err)
	}
	lines := map[string][]uint32{}
	def := regexp.MustCompile(`^(?:NI |static |int |void)[^;(]*?(?:__attribute__\(\([^)]*\)\) ?)?[^;(]*?(\w+)\(`)
	for i, line := range strings.Split(string(b), "\n") {
		if m := def.FindStringSubmatch(line); m != nil {
			lines[m[1]] = append(lines[m[1]], uint32(i+1))
		}
	}
	return lines
}

// TestStackChains: the chains of the corpus with their lines, at -O0 to -O2, and
// what was inlined.
func TestStackChains(t *testing.T) {
	at := definitions(t)
	for _, dir := range corpusStacks(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, "chain.txt"))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(strings.TrimSpace(string(b)), "\n")
			if strings.HasPrefix(want[0], "#") {
				want = want[1:]
			}
			got := stackOf(t, "--dump", filepath.Join(dir, "crash.dmp"))
			inlined := ""
			for i, w := range want {
				if i >= len(got) {
					t.Fatalf("%d frames, want %q", len(got), want)
				}
				l := &got[i]
				if name, _, exact := strings.Cut(w, "+"); l.label() != w && (exact || l.Module+"!"+l.Name != name) {
					t.Errorf("frame %d is %s, not %s", i, l.label(), w)
				}
				outer := l.Frames[max(0, len(l.Frames)-1):]
				if len(outer) == 0 || !strings.HasSuffix(outer[0].File, "crash.c") || !slices.Contains(at[l.Name], outer[0].Line) {
					t.Errorf("frame %d, %s: %+v, want line %v", i, l.Name, outer, at[l.Name])
				}
				for _, f := range l.Frames {
					if f.Inlined {
						inlined += l.Name + " <- " + f.Function + ". "
					}
				}
			}
			if want := "stdcall_five <- inlined_two. stdcall_five <- inlined_one. "; inlined != want {
				t.Errorf("inlined: %s", inlined)
			}
		})
	}
}

// TestStackDumps: programs of which there are PDBs and no images.
func TestStackDumps(t *testing.T) {
	shared := fixture.Shared(t)
	for file, want := range map[string][]string{
		"llvm-mirror+lldb/test/Shell/Minidump/Windows/Sigsegv/Inputs/sigsegv.dmp": {
			"sigsegv!crash+0x29 sigsegv.cpp:22", "sigsegv!foo+0x71 sigsegv.cpp:32", "sigsegv!main+0x1d sigsegv.cpp:38", "sigsegv!mainCRTStartup+0x9 sigsegv.cpp:11",
			"kernel32+0x11fe4"},
		"ivellioscolin+kdlibcpp/kdlib/tests/dumps/targetapp_test_cv_allreg_amd64/targetapp_test_cv_allreg_amd64.dmp": {
			"targetapp!test_cv_allreg_amd64+0x39 test_cv_allreg.cpp:126", "targetapp!test_cv_allreg+0x12 test_cv_allreg.cpp:140",
			"targetapp!wmain+0x41d targetapp.cpp:100", "targetapp!__scrt_common_main_seh+0x10c exe_common.inl:288", "kernel32+0x17bd4"},
		"ivellioscolin+kdlibcpp/kdlib/tests/dumps/targetapp_test_cv_allreg_i386/targetapp_test_cv_allreg_i386.dmp": {
			"targetapp!test_cv_allreg_i386+0x12 test_cv_allreg.cpp:106", "targetapp!wmain+0x3c7 targetapp.cpp:100",
			"targetapp!__scrt_common_main_seh+0xfa exe_common.inl:288", "kernel32+0x16359"},
		"google+syzygy/syzygy/minidump/test_data/notepad-small-64bit.dmp":  {"ntdll+0xa8700"},
		"google+syzygy/syzygy/minidump/test_data/notepad-larger-32bit.dmp": {"ntdll+0xa12fb", "ntdll+0x81607", "ntdll+0x458ad", "ntdll+0x39269"},
	} {
		var got []string
		for _, l := range stackOf(t, "--dump", filepath.Join(shared, filepath.FromSlash(file))) {
			if l.End != "" {
				continue
			}
			text := l.label()
			if n := len(l.Frames); n > 0 {
				text += fmt.Sprintf(" %s:%d", l.Frames[n-1].File[strings.LastIndexByte(l.Frames[n-1].File, '\\')+1:], l.Frames[n-1].Line)
			}
			if l.Rule == "frame-pointer" && l.Proof == "exact" || l.Rule == "scan" && l.Proof == "exact" {
				t.Errorf("%s: %s is a guess and %s", file, text, l.Proof)
			}
			got = append(got, text)
		}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

// TestStackAsKd: the text of all stacks of a kernel dump is that of kd's !process,
// up to the user's code, of which nobody knows the modules: its first frame.
func TestStackAsKd(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "kd")
	dump := unzip(t, filepath.Join(dir, "x64.dmp.gz"))
	out, errs, status := run(t, "", "stack", "--dump", dump, "--sympath", filepath.Join(dir, "sym-x64")+";"+filepath.Join(dir, "sym-x64-fs"), "--thread", "all")
	if status != 0 || errs != "" {
		t.Fatalf("status %d: %s", status, errs)
	}
	text, err := os.ReadFile(filepath.Join(dir, "x64.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want, got := kdStacks(string(text)), kdStacks(out)
	if len(got) != 3 || len(want) != 3 {
		t.Fatalf("%d stacks, kd has %d", len(got), len(want))
	}
	for thread, frames := range want {
		user := slices.IndexFunc(frames, func(f string) bool { return strings.HasPrefix(f, "00000000`0017") })
		if user >= 0 {
			frames = frames[:user+1] // kd takes words of the stack for frames behind it
			frames[user] = frames[user][:17] + frames[user][35:]
		}
		ours := slices.Clone(got[thread])
		if user >= 0 && len(ours) > user {
			ours = ours[:user+1]
			ours[user] = ours[user][:17] + ours[user][35:]
		}
		if !slices.Equal(ours, frames) {
			t.Errorf("thread %s:\n%s\nkd has\n%s", thread, strings.Join(ours, "\n"), strings.Join(frames, "\n"))
		}
	}
}

// TestStackAsStacks: the kernel's functions of each thread are those of kd's !stacks.
func TestStackAsStacks(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "kd")
	b, err := os.ReadFile(filepath.Join(dir, "x64.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(b), "kd> !stacks 2\n")
	text, _, _ = strings.Cut(text, "kd> ")
	thread := regexp.MustCompile(`^ *[0-9a-f]+\.[0-9a-f]+  ([0-9a-f]+) [0-9a-f]+ \w+ +(\S+)$`)
	want, at := map[string][]string{}, ""
	for sc := bufio.NewScanner(strings.NewReader(text)); sc.Scan(); {
		name := strings.TrimSpace(sc.Text())
		if m := thread.FindStringSubmatch(sc.Text()); m != nil {
			at, name = m[1], m[2]
		}
		if at != "" && strings.Contains(name, "!") {
			want[at] = append(want[at], name)
		}
	}
	if !found || len(want) != 3 {
		t.Fatalf("%d stacks in the transcript", len(want))
	}
	dump := unzip(t, filepath.Join(dir, "x64.dmp.gz"))
	for thread, names := range want {
		var got []string
		for _, l := range stackOf(t, "--dump", dump, "--sympath", filepath.Join(dir, "sym-x64")+";"+filepath.Join(dir, "sym-x64-fs"), "--thread", thread) {
			if l.Name != "" {
				got = append(got, l.label())
			}
		}
		if !slices.Equal(got, names) {
			t.Errorf("thread %s: %q, not %q", thread, got, names)
		}
	}
}

// kdStacks has the frames of the stacks behind THREAD lines, by the thread: stack
// pointer, return address and name.
func kdStacks(text string) map[string][]string {
	thread := regexp.MustCompile("^ *THREAD ([0-9a-f`]+) ")
	frame := regexp.MustCompile("^ *([0-9a-f`]{17} [0-9a-f`]{17}) (?:: .* : )?(\\S+)")
	stacks, at := map[string][]string{}, ""
	for sc := bufio.NewScanner(strings.NewReader(text)); sc.Scan(); {
		switch m, f := thread.FindStringSubmatch(sc.Text()), frame.FindStringSubmatch(sc.Text()); {
		case m != nil:
			at = strings.ReplaceAll(m[1], "`", "")
			stacks[at] = nil
		case f != nil && at != "":
			stacks[at] = append(stacks[at], f[1]+" "+f[2])
		case strings.HasPrefix(sc.Text(), "kd>"):
			at = ""
		}
	}
	return stacks
}

// TestStackBothParts: threads that came into the kernel by a system call and by a
// page fault show the kernel's part and the user's.
func TestStackBothParts(t *testing.T) {
	for _, name := range []string{"w7", "xp"} {
		spec, err := dumpbuild.SeedKd(fixture.Read, name)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := dumpbuild.Build(spec)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for _, f := range dumpbuild.KdSymbols(name) {
			fixture.Unpack(t, f, dir)
		}
		dump := filepath.Join(t.TempDir(), "kd.dmp")
		if err := os.WriteFile(dump, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for thread, entry := range map[string][]string{"b58": {"KiPageFault", "KiTrap0E"}, "7d4": {"KiSystemServiceExit", "KiSystemService"}} {
			process := map[string]string{"b58": "explorer.exe", "7d4": "notepad.exe"}[thread]
			list := stackOf(t, "--dump", dump, "--sympath", dir, "--thread", thread, "--process", process)
			at := slices.IndexFunc(list, func(l stackLine) bool { return l.Module == "nt" && slices.Contains(entry, l.Name) })
			if at < 3 || at+1 >= len(list) || list[at+1].Module == "nt" || list[at+1].Module == "" {
				t.Errorf("%s, thread %s: no user part behind %v: %+v", name, thread, entry, list)
			}
		}
	}
}
