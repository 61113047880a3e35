package pdb_test

import (
	"bytes"
	"fmt"
	"iter"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// TestExactCounters holds single questions, each in a file just opened, to what
// they read of it: they depend on nothing but the file. A figure that shrinks is
// an improvement to be written down here; one that grows is a lazy way lost.
func TestExactCounters(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/private/fs_rec.pdb")
	want := map[string]string{
		"open":        "0: 5 pages, 11 reads, 294 bytes",
		"exact name":  "1: 8 pages, 23 reads, 1156 bytes",
		"no name":     "0: 6 pages, 15 reads, 858 bytes",
		"none by lld": "0: 18 pages, 18 reads, 66402 bytes", // all records: it may be in another bucket
		"nearest":     "FsRecScale: 18 pages, 46 reads, 66912 bytes",
		"frames":      "FsRecScale: 18 pages, 26 reads, 66241 bytes",
		"type":        "USTR: 7 pages, 19 reads, 1654 bytes",
		"all publics": "28: 18 pages, 18 reads, 66402 bytes",
		"all procs":   "14: 18 pages, 16 reads, 65846 bytes",
		"index":       "31: 18 pages, 21 reads, 66062 bytes",
	}
	jobs := map[string]func(f *pdb.File) (answer any, err error){
		"open":        func(f *pdb.File) (any, error) { return 0, nil },
		"exact name":  func(f *pdb.File) (any, error) { s, err := f.ByName("DriverEntry"); return len(s), err },
		"no name":     func(f *pdb.File) (any, error) { s, err := f.ByName("nowhere"); return len(s), err },
		"none by lld": func(f *pdb.File) (any, error) { s, err := f.ByName("no such name"); return len(s), err },
		"nearest":     func(f *pdb.File) (any, error) { s, err := f.Nearest(0x1084); return s[0].Name(), err },
		"frames":      func(f *pdb.File) (any, error) { s, err := f.Frames(0x1084); return s[0].Function, err },
		"type":        func(f *pdb.File) (any, error) { s, err := f.TypeByName("USTR"); return s.Name(), err },
		"all publics": func(f *pdb.File) (any, error) { return seqLen(f.Publics()) },
		"all procs":   func(f *pdb.File) (any, error) { return seqLen(f.Procs()) },
		"index":       func(f *pdb.File) (any, error) { x, err := f.Index(); return x.Len(), err },
	}
	for name, job := range jobs {
		count := &countingReader{r: bytes.NewReader(data), pages: map[int64]bool{}}
		f, err := pdb.New(count, int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := job(f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := fmt.Sprintf("%v: %d pages, %d reads, %d bytes", answer, len(count.pages), count.calls, count.bytes)
		if got != want[name] {
			t.Errorf("%s: got %s, want %s", name, got, want[name])
		}
	}
}

// seqLen counts the symbols of a sequence.
func seqLen(all iter.Seq2[pdb.Symbol, error]) (n int, err error) {
	for _, err := range all {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
