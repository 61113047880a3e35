package cli

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/symres/symres/pdb"
)

// uneven is a listing whose parts have very different lengths, some more rows
// than are kept, and whose damage lies at both ends of parts and alone in them.
func uneven(i, n int) iter.Seq2[*pdb.Symbol, error] {
	return func(yield func(*pdb.Symbol, error) bool) {
		rows := []int{0, 1, 2*rowBytes/25 + i, 100, 0, 7}[i%6]
		for at := range rows {
			if !yield(&pdb.Symbol{Kind: pdb.KindLabel32, Segment: uint16(i), Offset: uint32(at)}, nil) {
				return
			}
		}
		if i%4 == 0 {
			yield(nil, errors.New("damage behind that"))
		}
	}
}

// dumpUneven lists it by a number of workers to one stream and returns the error.
func dumpUneven(t *testing.T, workers int, out io.Writer) error {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
	d := &dump{app: &app{console: newConsole(out, out, false)}, ctx: t.Context(), path: "x.pdb", size: 20 * partOfFile}
	defer d.console.flush()
	return dumpParts(d, uneven)
}

// TestDumpParts_uneven wants the rows and the damage in order whatever the
// parts are like.
func TestDumpParts_uneven(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 8} {
		var got, want bytes.Buffer
		if err := dumpUneven(t, workers, &got); err != nil {
			t.Fatal(err)
		}
		d := &dump{app: &app{console: newConsole(&want, &want, false)}, ctx: t.Context(), path: "x.pdb", size: 20 * partOfFile}
		for i := range max(20, workers*minParts) {
			if err := dumpAll(d, uneven(i, 0), (*rows).symbol); err != nil {
				t.Fatal(err)
			}
		}
		d.console.flush()
		if got.Len() < 3*rowBytes || !strings.Contains(got.String(), "x.pdb: damage behind that") {
			t.Fatalf("%d bytes by %d", got.Len(), workers)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d bytes by %d, not the %d of one after the other", got.Len(), workers, want.Len())
		}
	}
}

// narrow takes so many bytes and no more.
type narrow struct{ room int }

func (n *narrow) Write(b []byte) (int, error) {
	if n.room -= len(b); n.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// TestDumpParts_outputEnds: an error of printing ends all who make rows, at
// whatever place it comes.
func TestDumpParts_outputEnds(t *testing.T) {
	for _, room := range []int{0, 100_000, 3 << 20, 5 << 20} {
		for _, workers := range []int{1, 2, 8} {
			if err := dumpUneven(t, workers, &narrow{room}); !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("room for %d, %d workers: %v", room, workers, err)
			}
		}
	}
}

// TestDump_sharedText: rows that share one long text are cut off before they
// fill a disk.
func TestDump_sharedText(t *testing.T) {
	line := pdb.Line{File: strings.Repeat("x", 1<<16)}
	lines := func(yield func(pdb.Line, error) bool) {
		for yield(line, nil) {
		}
	}
	for _, json := range []bool{false, true} {
		var notes bytes.Buffer
		d := &dump{app: &app{console: newConsole(io.Discard, &notes, json)}, ctx: t.Context(), path: "x.pdb", size: 100}
		if err := dumpAll(d, lines, (*rows).line); !errors.Is(err, pdb.ErrLimit) {
			t.Errorf("json %v: %v", json, err)
		}
		if d.written > leastRoom+2*rowBytes+roomPerByte*d.size {
			t.Errorf("json %v: %d bytes", json, d.written)
		}
	}
}

// TestCheck_longNames: a problem tells of a name as long as the file in a line.
func TestCheck_longNames(t *testing.T) {
	var o checkObject
	for range 2 * maxProblems {
		o.problem(errors.New(strings.Repeat("é", 1<<20)))
	}
	for _, p := range o.Problems {
		if len(p) > maxProblem+32 || !utf8.ValidString(p) || !strings.HasSuffix(p, "…(+2093056 bytes)") {
			t.Fatalf("%d bytes: %s", len(p), p[len(p)-40:])
		}
	}
}
