package analysis_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/symres/symres/analyze"
	"github.com/symres/symres/internal/cli/analysis"
	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// page analyzes a dump and prints it; ok is false for one that cannot be opened.
func page(t *testing.T, b []byte) (out string, ok bool) {
	t.Helper()
	tg, err := target.OpenReader(t.Context(), bytes.NewReader(b), int64(len(b)), target.Options{Symbols: sympath.Chain(), Images: sympath.Chain(), Warn: func(error) {}})
	if err != nil {
		return "", false
	}
	defer tg.Close()
	r, err := analyze.Run(t.Context(), tg, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(analysis.Append([]byte("before\n"), r, analysis.Options{Proof: true})), true
}

// hostile is a dump whose names hold what terminals act on.
func hostile() dumpbuild.Minidump {
	const evil = "a\x1b[2Jb\r\nc\u202e"
	m := dumpbuild.Minidump{
		Architecture: 9, Platform: 2, PID: 7, Comment: evil, ServicePack: evil,
		Modules:     []dumpbuild.MinidumpModule{{Name: `C:\` + evil + `.exe`, Base: 0x140000000, Size: 0x9000, Stamp: 7}},
		Threads:     []dumpbuild.MinidumpThread{{ID: 7, Name: evil, Context: make([]byte, 1232)}},
		Exception:   &dumpbuild.MinidumpThread{ID: 7, Context: make([]byte, 1232)},
		ExceptionAt: 0x140001000, ExceptionIs: 0xc0000005, Parameters: []uint64{8, 0x140001000},
	}
	return m
}

// TestHostileNames: names of the target cannot leave their line, nor act on a
// terminal.
func TestHostileNames(t *testing.T) {
	out, ok := page(t, dumpbuild.BuildMinidump(hostile()))
	if !ok || !strings.HasPrefix(out, "before\n****") || strings.ContainsAny(out, "\x1b\r\u202e") || !strings.Contains(out, "(pid 7)") {
		t.Error(out)
	}
	checkPage(t, out)
}

func checkPage(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if rest := strings.TrimSuffix(line, "\n"); text.EscapeLine(rest) != rest || strings.HasSuffix(rest, " ") {
			t.Errorf("%q", line)
		}
	}
}

// FuzzPage: every line of the page is safe to print, and it has a bucket.
func FuzzPage(f *testing.F) {
	f.Add(dumpbuild.BuildMinidump(hostile()))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, ok := page(t, b)
		if !ok {
			return
		}
		if checkPage(t, out); !strings.Contains(out, "\nFAILURE_ID_HASH:  ") {
			t.Error(out)
		}
	})
}
