package target_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// TestKernelStacks starts from a kernel dump alone and compares the stacks of
// the running and the waiting threads with those Microsoft's kd shows.
func TestKernelStacks(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "kd")
	path := filepath.Join(t.TempDir(), "x64.dmp")
	if err := os.WriteFile(path, unpack(t, filepath.Join(dir, "x64.dmp.gz")), 0o600); err != nil {
		t.Fatal(err)
	}
	syms := filepath.Join(dir, "sym-x64") + ";" + filepath.Join(dir, "sym-x64-fs")
	tg, err := target.Open(t.Context(), path, target.Options{SymbolPath: syms, ImagePath: syms})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	text, err := os.ReadFile(filepath.Join(dir, "x64.txt"))
	if err != nil {
		t.Fatal(err)
	}
	stacks := kdThreads(string(text))
	n := 0
	for th, err := range tg.Threads(t.Context()) {
		if err != nil {
			t.Error(err)
			continue
		}
		if n == 0 && !th.Running {
			t.Error("the thread that stopped the system is not the first")
		}
		n++
		want := stacks[th.Address]
		if len(want) < 5 {
			t.Errorf("kd shows %d frames of %x", len(want), th.Address)
		}
		compareFrames(t, tg, th, want)
	}
	if n != len(stacks) {
		t.Errorf("%d threads, kd shows %d", n, len(stacks))
	}
}

// compareFrames compares stack pointers and names. Of user mode kd shows frames
// of code that is in no module it knows, by taking words of the stack: the walk
// ends at the first.
func compareFrames(t *testing.T, tg *target.Target, th target.Thread, want []string) {
	t.Helper()
	i := 0
	for f, err := range tg.Stack(t.Context(), th) {
		if err != nil {
			t.Logf("%x: behind frame %d: %v", th.Address, i-1, err)
			break
		}
		got := fmt.Sprintf("%016x %s", f.SP(), frameName(t, tg, &f))
		if i >= len(want) {
			break
		}
		if got != want[i] {
			t.Errorf("%x: frame %d is %s, not %s", th.Address, i, got, want[i])
		}
		i++
	}
	// Of user mode the first frame is sure: its memory is that of the thread's own
	// process, in which kd is not.
	for j, rest := range want[min(i, len(want)):] {
		if !strings.Contains(rest, " 0x") || i+j > 0 && !strings.Contains(want[i+j-1], " 0x") {
			t.Errorf("%x: no frame %s", th.Address, rest)
		}
	}
}

// frameName names a frame as kd does.
func frameName(t *testing.T, tg *target.Target, f *unwind.Frame) string {
	t.Helper()
	if f.Module == nil {
		return fmt.Sprintf("%#x", f.PC)
	}
	at, err := tg.Session().Resolve(t.Context(), f.LookupPC())
	if err != nil {
		return fmt.Sprintf("%s+%#x", f.Module.Name, f.PC-f.Module.Base)
	}
	return fmt.Sprintf("%s!%s+%#x", f.Module.Name, at.Name, at.Displacement+f.PC-f.LookupPC())
}

// kdThreads finds the stacks behind the THREAD lines of a transcript.
func kdThreads(text string) map[uint64][]string {
	thread := regexp.MustCompile(`^ *THREAD ([0-9a-f]+) `)
	frame := regexp.MustCompile("^ *([0-9a-f`]{17}) [0-9a-f`]{17} : .* : (\\S+)")
	stacks := map[uint64][]string{}
	var at uint64
	for sc := bufio.NewScanner(strings.NewReader(text)); sc.Scan(); {
		if m := thread.FindStringSubmatch(sc.Text()); m != nil {
			at, _ = strconv.ParseUint(m[1], 16, 64)
			stacks[at] = nil // as it is shown last
		} else if m := frame.FindStringSubmatch(sc.Text()); m != nil && at != 0 {
			stacks[at] = append(stacks[at], strings.ReplaceAll(m[1], "`", "")+" "+m[2])
		} else if strings.HasPrefix(sc.Text(), "kd>") {
			at = 0
		}
	}
	return stacks
}

func unpack(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	b, err = io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCrashedPrograms walks the stacks of crashed programs, from the exception,
// with images and PDBs found along the paths.
func TestCrashedPrograms(t *testing.T) {
	lists, err := filepath.Glob(filepath.Join(fixture.Shared(t), "stacks", "*", "chain.txt"))
	if err != nil || len(lists) == 0 {
		t.Fatalf("no stacks: %v", err)
	}
	for _, list := range lists {
		dir := filepath.Dir(list)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			tg, err := target.Open(t.Context(), filepath.Join(dir, "crash.dmp"), target.Options{SymbolPath: dir, ImagePath: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer tg.Close()
			b, err := os.ReadFile(list)
			if err != nil {
				t.Fatal(err)
			}
			checkChain(t, tg, strings.Split(strings.TrimSpace(string(b)), "\n"))
		})
	}
}

func checkChain(t *testing.T, tg *target.Target, want []string) {
	t.Helper()
	if strings.HasPrefix(want[0], "#") {
		want = want[1:]
	}
	for th, err := range tg.Threads(t.Context()) {
		if e, failed := tg.Exception(); err != nil || failed != nil || e.ThreadID != th.ID || th.Origin != "exception record" {
			t.Fatalf("thread %x from the %s is the first: %v, %v", th.ID, th.Origin, err, failed)
		}
		i := 0
		for f, err := range tg.Stack(t.Context(), th) {
			if err != nil {
				t.Logf("behind frame %d: %v", i-1, err)
				break
			}
			name := frameName(t, tg, &f)
			short, _, _ := strings.Cut(name, "+")
			if i < len(want) && name != want[i] && short != want[i] {
				t.Errorf("frame %d is %s, not %s", i, name, want[i])
			}
			i++
		}
		if i < len(want) {
			t.Errorf("%d frames, want %d", i, len(want))
		}
		return
	}
	t.Error("no thread")
}
