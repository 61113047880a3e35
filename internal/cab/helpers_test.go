package cab_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
)

// build makes a cabinet or fails the test.
func build(tb testing.TB, c cabbuild.Cabinet) []byte {
	tb.Helper()
	b, err := c.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// single is a cabinet of one file.
func single(tb testing.TB, m cabbuild.Method, data []byte) []byte {
	tb.Helper()
	return build(tb, cabbuild.Cabinet{Folders: []cabbuild.Folder{{
		Method: m, Files: []cabbuild.File{{Name: "f.bin", Data: data}},
	}}})
}

// expand expands a container held in memory.
func expand(b []byte, l cab.Limits) ([]byte, error) {
	f, err := cab.Expand(bytes.NewReader(b), int64(len(b)), l)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// cabextract returns what cabextract makes of a cabinet's files, in a row.
func cabextract(tb testing.TB, b []byte) ([]byte, error) {
	tb.Helper()
	tool, err := exec.LookPath("cabextract")
	if err != nil {
		tb.Skip("SKIPPED, NOT PASSED: no cabextract to compare with; apt-get install cabextract")
	}
	name := filepath.Join(tb.TempDir(), "t.cab")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(tool, "-q", "-p", name)
	var out bytes.Buffer
	cmd.Stdout = &out
	err = cmd.Run()
	return out.Bytes(), err
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// sample returns n bytes like those of programs: text, runs, noise, repeats
// from near and far, and calls whose targets repeat.
func sample(rnd *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+600)
	for len(b) < n {
		switch k := 1 + rnd.IntN(500); rnd.IntN(6) {
		case 0:
			b = append(b, bytes.Repeat([]byte{byte(rnd.IntN(4))}, k)...)
		case 1:
			for range k / 4 {
				b = append(b, byte(rnd.Uint32()))
			}
		case 2, 3:
			if len(b) > 0 {
				from := rnd.IntN(len(b))
				b = append(b, b[from:min(len(b), from+k)]...)
			}
		case 4:
			target := rnd.IntN(n)
			for range 1 + k/50 {
				rel := uint32(target - len(b))
				b = append(b, 0xE8, byte(rel), byte(rel>>8), byte(rel>>16), byte(rel>>24), 0x90)
			}
		case 5:
			for range k {
				b = append(b, "etaoin shrdlu\n"[rnd.IntN(14)])
			}
		}
	}
	return b[:n]
}

// diff says where two slices part; "" when they are equal.
func diff(tb testing.TB, what string, got, want []byte) {
	tb.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	tb.Errorf("%s: got %d bytes, want %d; they part at %#x", what, len(got), len(want), at)
}
