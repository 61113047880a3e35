package unwind_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// TestStacks walks the stacks of crashed programs whose calls are known from
// their source.
func TestStacks(t *testing.T) {
	lists, err := filepath.Glob(filepath.Join(fixture.Shared(t), "stacks", "*", "chain.txt"))
	if err != nil || len(lists) == 0 {
		t.Fatalf("no stacks: %v", err)
	}
	for _, list := range lists {
		dir := filepath.Dir(list)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			d := openDump(t, filepath.Join(dir, "crash.dmp"))
			b, err := os.ReadFile(list)
			if err != nil {
				t.Fatal(err)
			}
			compareChain(t, d, strings.Split(strings.TrimSpace(string(b)), "\n"))
		})
	}
}

// compareChain compares the frames of the program with those of the list, which
// has displacements or not. What the frames of the system above it are is not
// known.
func compareChain(t *testing.T, d *dumped, want []string) {
	t.Helper()
	if strings.HasPrefix(want[0], "#") {
		want = want[1:]
	}
	i := 0
	for f, err := range unwind.Walk(t.Context(), d.config(), d.crashed(t)) {
		if err != nil {
			t.Logf("behind frame %d: %v", i-1, err)
			break
		}
		name := d.name(t, &f)
		t.Logf("%x %x %-11v %v %v %s", f.SP(), f.PC, f.Rule, f.Origin.Bytes, f.Origin.Proof, name)
		if i < len(want) {
			short, _, _ := strings.Cut(name, "+")
			if name != want[i] && short != want[i] {
				t.Errorf("frame %d is %s, not %s", i, name, want[i])
			}
			if f.Rule.Guess() {
				t.Errorf("frame %d is a guess: %v", i, f.Rule)
			}
		}
		i++
	}
	if i < len(want) {
		t.Errorf("%d frames, want %d", i, len(want))
	}
}

// TestStacksAsKd compares stack pointers and names of the 64-bit programs with
// the stack that Microsoft's kd shows first of each.
func TestStacksAsKd(t *testing.T) {
	texts, err := filepath.Glob(filepath.Join(fixture.Shared(t), "stacks", "x86_64-*", "kd.txt"))
	if err != nil || len(texts) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, text := range texts {
		b, err := os.ReadFile(text)
		if err != nil {
			t.Fatal(err)
		}
		stacks := transcript(string(b))
		if len(stacks) == 0 || len(stacks[0].frames) < 13 {
			t.Fatalf("%s: no stack", text)
		}
		d := openDump(t, filepath.Join(filepath.Dir(text), "crash.dmp"))
		i := 0
		for f, err := range unwind.Walk(t.Context(), d.config(), d.crashed(t)) {
			if err != nil {
				break
			}
			if want := stacks[0].frames[i]; f.SP() != number(t, want.sp) || d.name(t, &f) != want.name {
				t.Errorf("%s, frame %d: sp %x, %s; kd has %s, %s", text, i, f.SP(), d.name(t, &f), want.sp, want.name)
			}
			i++
		}
		if i != len(stacks[0].frames) {
			t.Errorf("%s: %d frames, kd has %d", text, i, len(stacks[0].frames))
		}
	}
}

// TestDumpsWithoutImages: of these programs nobody has the images, and their
// dumps hold neither headers nor unwind data. What the PDBs say about frames
// leads on (kd takes every word of the stack for a return address here), and
// then the walk says what it lacks. The chains were compared with sources and
// stacks by hand.
func TestDumpsWithoutImages(t *testing.T) {
	for file, want := range map[string][]string{
		"llvm-mirror+lldb/test/Shell/Minidump/Windows/Sigsegv/Inputs/sigsegv.dmp": {
			"sigsegv!crash+0x29", "sigsegv!foo+0x71", "sigsegv!main+0x1d", "sigsegv!mainCRTStartup+0x9", "kernel32+0x11fe4"},
		"ivellioscolin+kdlibcpp/kdlib/tests/dumps/targetapp_test_cv_allreg_amd64/targetapp_test_cv_allreg_amd64.dmp": {
			"targetapp!test_cv_allreg_amd64+0x39", "targetapp!test_cv_allreg+0x12", "targetapp!wmain+0x41d",
			"targetapp!__scrt_common_main_seh+0x10c", "kernel32+0x17bd4"},
		"google+syzygy/syzygy/minidump/test_data/notepad-small-64bit.dmp": {"ntdll+0xa8700"},
	} {
		d := openDump(t, filepath.Join(fixture.Shared(t), filepath.FromSlash(file)))
		var names []string
		var end error
		for f, err := range unwind.Walk(t.Context(), d.config(), d.crashed(t)) {
			if end = err; err != nil {
				break
			}
			names = append(names, d.name(t, &f))
			if f.Index > 0 && (f.Origin.Proof > unwind.ProofWeak || !errors.Is(f.Lacks, memsource.ErrNotPresent)) {
				t.Errorf("%s: frame %d: %v, %v, lacking %v", file, f.Index, f.Rule, f.Origin.Proof, f.Lacks)
			}
			t.Log(f.Rule, names[len(names)-1])
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %q, want %q", file, names, want)
		}
		wantError(t, end, unwind.ErrUnreadable, memsource.ErrNotPresent)
	}
}

// TestX86DumpsWithoutImages: the same on x86. The targetapp has a PDB, the others
// have nothing. The chains are those of kd, of Breakpad where kd was not run, and of
// the sources.
func TestX86DumpsWithoutImages(t *testing.T) {
	for file, want := range map[string][]string{
		"ivellioscolin+kdlibcpp/kdlib/tests/dumps/targetapp_test_cv_allreg_i386/targetapp_test_cv_allreg_i386.dmp": {
			"4ffa60 targetapp!test_cv_allreg_i386+0x12", "4ffa9c targetapp!wmain+0x3c7", "4ffaf8 targetapp!__scrt_common_main_seh+0xfa",
			"4ffb40 kernel32+0x16359", "4ffb50 ntdll+0x67b74", "4ffbac ntdll+0x67b44"},
		"google+syzygy/syzygy/minidump/test_data/notepad-larger-32bit.dmp": {
			"23f840 ntdll+0xa12fb", "23f874 ntdll+0x81607", "23f9f0 ntdll+0x458ad", "23fa40 ntdll+0x39269"},
		"google+breakpad/src/processor/testdata/minidump2.dmp": {
			"12fe84 test_app+0x429e", "12fe90 test_app+0x4200", "12ff78 test_app+0x53ec", "12ffc8 kernel32+0x16fd7"},
	} {
		d := openDump(t, filepath.Join(fixture.Shared(t), filepath.FromSlash(file)))
		var got []string
		for f, err := range unwind.Walk(t.Context(), d.config(), d.crashed(t)) {
			if err != nil {
				t.Errorf("%s: %v", file, err)
				break
			}
			got = append(got, fmt.Sprintf("%x %s", f.SP(), d.name(t, &f)))
			t.Log(f.Rule, f.Origin.Proof, got[len(got)-1])
			if f.Rule.Guess() && f.Origin.Proof > unwind.ProofWeak || (f.Rule == unwind.RuleContext) != (f.Index == 0) {
				t.Errorf("%s: frame %d: %v, %v", file, f.Index, f.Rule, f.Origin.Proof)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}
