package pdb_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// llvmPublics lists the publics of a PDB with llvm-pdbutil.
func llvmPublics(t *testing.T, path string) []public {
	t.Helper()
	const tool = "llvm-pdbutil-19"
	exe, err := exec.LookPath(tool)
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v; install LLVM 19", err)
	}
	out, err := exec.Command(exe, "dump", "-publics", "-section-headers", path).Output()
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	return readTruth(t, strings.SplitSeq(string(out), "\n")).publics
}

// TestWriterAgainstLLVM has another reader judge the PDBs these tests write,
// as writer and reader here have one author.
func TestWriterAgainstLLVM(t *testing.T) {
	for _, bs := range []uint32{512, 4096, 16384} {
		t.Run(fmt.Sprint(bs), func(t *testing.T) {
			p := samplePDB()
			p.blockSize, p.scatter = bs, bs == 512
			path := filepath.Join(t.TempDir(), "sample.pdb")
			if err := os.WriteFile(path, p.write().Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			comparePublics(t, enumerate(t, open(t, path)), llvmPublics(t, path))
		})
	}
}

// TestGeneratedAgainstLLVM compares all publics of a large PDB.
func TestGeneratedAgainstLLVM(t *testing.T) {
	r, _ := openGenerated(t)
	f := open(t, r.Name())
	comparePublics(t, enumerate(t, f), llvmPublics(t, r.Name()))
	for _, err := range f.Check() {
		t.Error(err)
	}
}
