package pdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// llvmDump yields the lines of "llvm-pdbutil dump".
func llvmDump(t *testing.T, path string, args ...string) iter.Seq[string] {
	t.Helper()
	const tool = "llvm-pdbutil-19"
	exe, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v; install LLVM 19", err)
	}
	out, err := exec.Command(exe, append(append([]string{"dump"}, args...), path)...).Output()
	if err != nil {
		t.Fatalf("%s %v %s: %v", tool, args, path, err)
	}
	return strings.SplitSeq(string(out), "\n")
}

// typedPDBs are PDBs of the corpus with types, of several compilers.
var typedPDBs = []string{
	"npm-node-pty-1.1.0/prebuilds/win32-x64/conpty_console_list.pdb",
	"rizinorg+rizin-testbins/pe/microsoft_seh_tests/x86/xcpt4.pdb",
	"winsiderss+systeminformer/KSystemInformer/bin-signed/amd64/systeminformer.pdb",
	"getsentry+symbolic/symbolic-testutils/fixtures/windows/crash.pdb",
	"google+breakpad/src/tools/windows/dump_syms/testdata/dump_syms_regtest64.pdb",
	"google+syzygy/syzygy/pe/test_data/test_dll_vs2010.dll.pdb",
	"mstange+samply/fixtures/win64-ci/WriteArgument.pdb",
}

var (
	llvmRecord = regexp.MustCompile(`^ +0x([0-9A-F]+) \| (LF_\w+) \[size = \d+\](.*)$`)
	llvmFunc   = regexp.MustCompile(`^ +name = (.*), type = 0x[0-9A-F]+(?: \(.*\))?, (?:parent scope|class type) = (.*)$`)
)

// llvmIDs returns the names of all function ids, scopes included, as another
// reader has them.
func llvmIDs(t *testing.T, path string) map[uint32]string {
	t.Helper()
	tags, text, names := map[string]string{}, map[string]string{}, map[uint32]string{}
	for line := range llvmDump(t, path, "-types") {
		if m := llvmRecord.FindStringSubmatch(line); m != nil {
			if _, name, ok := strings.Cut(m[3], "`"); ok {
				tags["0x"+m[1]] = strings.TrimSuffix(name, "`")
			}
		}
	}
	var id uint32
	var kind string
	for line := range llvmDump(t, path, "-ids") {
		if m := llvmRecord.FindStringSubmatch(line); m != nil {
			fmt.Sscanf(m[1], "%x", &id)
			if kind = m[2]; kind == "LF_STRING_ID" {
				_, text["0x"+m[1]], _ = strings.Cut(m[3], "String: ")
			}
			continue
		}
		m := llvmFunc.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		scope, _, _ := strings.Cut(m[2], " ")
		switch {
		case kind == "LF_MFUNC_ID" && tags[scope] != "":
			names[id] = tags[scope] + "::" + m[1]
		case kind == "LF_FUNC_ID" && text[scope] != "":
			names[id] = text[scope] + "::" + m[1]
		default:
			names[id] = m[1]
		}
	}
	return names
}

func TestIDNames(t *testing.T) {
	t.Parallel()
	shared := fixture.Shared(t)
	for _, name := range typedPDBs {
		t.Run(filepath.Base(name), func(t *testing.T) {
			path := filepath.Join(shared, filepath.FromSlash(name))
			f := open(t, path)
			want := llvmIDs(t, path)
			for id, name := range want {
				if got, err := f.IDName(id); got != name || err != nil {
					t.Fatalf("id %#x is %q, %v; want %q", id, got, err, name)
				}
			}
			t.Logf("%d function ids", len(want))
		})
	}
}

// TestIDNames_generated: scopes are strings, and the index of the file has
// more than one entry.
func TestIDNames_generated(t *testing.T) {
	t.Parallel()
	r, _ := openGenerated(t)
	f := open(t, r.Name())
	for id, name := range llvmIDs(t, r.Name()) {
		if got, err := f.IDName(id); got != name || err != nil {
			t.Fatalf("id %#x is %q, %v; want %q", id, got, err, name)
		}
	}
}

func TestIDNames_none(t *testing.T) {
	t.Parallel()
	b := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	f, err := pdb.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if name, err := f.IDName(0x1000); !errors.Is(err, pdb.ErrFormat) {
		t.Errorf("id 0x1000 is %q, %v in a PDB without ids", name, err)
	}
}
