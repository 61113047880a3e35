package cli_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/symres/symres/internal/fixture"
)

// BenchmarkDump runs stack and analyze as processes, from their start to their end,
// on the minidump of a crash in a program with a PDB, and checks their answers. What
// it reports as ms is the median.
func BenchmarkDump(b *testing.B) {
	symres := filepath.Join(b.TempDir(), "symres")
	if out, err := exec.Command("go", "build", "-o", symres, "../../cmd/symres").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	dump := filepath.Join(fixture.Shared(b), "llvm-mirror+lldb/test/Shell/Minidump/Windows/Sigsegv/Inputs/sigsegv.dmp")
	for _, c := range []struct{ command, want string }{
		{"version", "symres"}, {"stack", "sigsegv!foo+0x71"}, {"analyze", "FAILURE_ID_HASH:  fca6770e84224c67"},
	} {
		args := []string{c.command, "--dump", dump}
		if c.command == "version" {
			args = args[:1]
		}
		b.Run(c.command, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				start := time.Now()
				out, err := exec.Command(symres, args...).Output()
				times = append(times, time.Since(start))
				if err != nil || !bytes.Contains(out, []byte(c.want)) {
					b.Fatalf("%v: %s", err, out)
				}
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms")
		})
	}
}
