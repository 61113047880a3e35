package cli_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// mutantsEnv names the variable that says how many changed dumps TestDumpMutants tries; a few without it.
const mutantsEnv = "SYMRES_MUTANTS"

// Bounds of a command on a changed dump.
const (
	mutantTime   = 2 * time.Second // held against in long runs alone: other programs run too
	mutantMemory = 256 << 20       // bytes allocated in all
)

// original is a dump to change, and where its symbols are.
type original struct {
	name, sympath string
	data          []byte
}

// originals are the demo's minidump, kernel dumps of the builder, and those of the
// corpus if that is there.
func originals(t *testing.T) (list []original) {
	t.Helper()
	list = append(list, original{"crash", filepath.Dir(fixture.Path(t, "demo/symbols/notepad.exe")), fixture.Bytes(t, "demo/crash.dmp")})
	for _, name := range []string{"w7", "xp", "triage", "w10", "ia64"} {
		spec, err := dumpbuild.SeedKd(fixture.Read, name)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := dumpbuild.Build(spec)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for _, file := range []string{"/ntkrnlmp.pdb", "/ntoskrnl.exe"} {
			if b, err := fixture.Read(dumpbuild.KdSymbols(name)[0] + file); err == nil {
				if err := os.WriteFile(dir+file, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		list = append(list, original{name, dir, b})
	}
	t.Run("corpus", func(t *testing.T) {
		for _, path := range corpusDumps(t) { // skips loudly
			list = append(list, original{filepath.Base(path), filepath.Dir(path), unpacked(t, path)})
		}
	})
	return list
}

// mutate changes bytes anywhere and words near the beginning, where headers and lists
// are, and cuts some files short.
func mutate(r *rand.Rand, b []byte) []byte {
	b = slices.Clone(b)
	for range 1 + r.IntN(12) {
		b[r.IntN(len(b))] = byte(r.Uint32())
	}
	for range r.IntN(8) {
		at := r.IntN(min(len(b), 0x3000)) &^ 3
		copy(b[at:], [][]byte{{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0x7f}, {byte(r.Uint32()), byte(r.Uint32()), 0, 0}}[r.IntN(4)])
	}
	if r.IntN(10) == 0 {
		b = b[:1+r.IntN(len(b))]
	}
	return b
}

// mutantCommands read threads, the lists and VADs of processes, and symbols.
func mutantCommands() [][]string {
	return [][]string{
		{"stack", "--thread", "all"}, {"analyze"}, {"processes"}, {"vad", "--process", "explorer.exe"},
		{"lookup", "--process", "explorer.exe", "ExplorerFrame!*"},
	}
}

// TestDumpMutants runs commands on changed dumps: all end with a status of theirs, in
// time and within their memory, and what they print is JSON.
func TestDumpMutants(t *testing.T) {
	list, n := originals(t), 30
	long := os.Getenv(mutantsEnv) != ""
	if long {
		var err error
		if n, err = strconv.Atoi(os.Getenv(mutantsEnv)); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	path := filepath.Join(t.TempDir(), "mutant.dmp")
	var slowest time.Duration
	var most uint64
	statuses := map[int]int{}
	for i := range n {
		o := &list[i%len(list)]
		if err := os.WriteFile(path, mutate(r, o.data), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range mutantCommands() {
			took, allocated, status := tryMutant(t, command, path, o.sympath)
			statuses[status]++
			if allocated > mutantMemory || long && took > mutantTime {
				kept := filepath.Join(os.TempDir(), "mutant-"+strconv.Itoa(i)+".dmp")
				t.Errorf("%s of mutant %d of %s: %v, %d MB; kept as %s, %v", command[0], i, o.name, took, allocated>>20, kept, os.Rename(path, kept))
			}
			slowest, most = max(slowest, took), max(most, allocated)
		}
	}
	t.Logf("%d mutants of %d dumps: at most %v and %d MB allocated, exit statuses %v", n, len(list), slowest, most>>20, statuses)
	if statuses[0] == 0 {
		t.Error("not one was of use")
	}
}

func tryMutant(t *testing.T, command []string, path, sympath string) (took time.Duration, allocated uint64, status int) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	out, errs, status := run(t, "", append(command[:len(command):len(command)], "--json", "--dump", path, "--sympath", sympath)...)
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	if status != 0 && status != 1 && status != 3 && !strings.Contains(errs, "kernel target") {
		t.Errorf("%s: status %d: %s", command[0], status, errs)
	}
	for line := range strings.Lines(out) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%s prints %q", command[0], line)
		}
	}
	return took, after.TotalAlloc - before.TotalAlloc, status
}
