package pdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// testStrings builds a string table, with one bucket for them all, and returns
// where its strings lie.
func testStrings(version uint32, list ...string) (table []byte, at []uint32) {
	blob := []byte{0}
	for _, s := range list {
		at = append(at, uint32(len(blob)))
		blob = append(append(blob, s...), 0)
	}
	table = append(le32(nil, 0xEFFEEFFE, version, uint32(len(blob))), blob...)
	return le32(table, 1, 1, uint32(len(list))), at
}

// openStrings opens a PDB with a stream /names.
func openStrings(t testing.TB, table []byte) *pdb.File {
	t.Helper()
	p := samplePDB()
	p.named["/names"] = table
	return openImage(t, p.write())
}

func TestStrings(t *testing.T) {
	list := []string{`c:\src\main.cpp`, "a", "ab", "abc", "abcd", "abcde", strings.Repeat("long", 1000), "$T0 .raSearch = $eip $T0 ^ ="}
	for _, version := range []uint32{1, 2} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			table, at := testStrings(version, list...)
			f := openStrings(t, table)
			for i, want := range list {
				if got, err := f.StringAt(at[i]); got != want || err != nil {
					t.Errorf("string at %#x: %q, %v; want %q", at[i], got, err, want)
				}
			}
			if s, err := f.StringAt(0); s != "" || err != nil {
				t.Errorf("string at 0: %q, %v", s, err)
			}
		})
	}
}

// TestStrings_damaged: what is wrong with a table costs what it is about only.
func TestStrings_damaged(t *testing.T) {
	table, at := testStrings(1, "one", "two")
	strs := 12 // where they begin
	end := strs + len("\x00one\x00two\x00")
	for name, c := range map[string]struct {
		edit func(b []byte) []byte
		text string // of the error when a string is asked for, empty for none
	}{
		"short":        {func(b []byte) []byte { return b[:8] }, "12 bytes run over the end"},
		"signature":    {func(b []byte) []byte { b[0]++; return b }, "string table begins with 0xeffeefff"},
		"bytes_huge":   {func(b []byte) []byte { put32(b, 8, 0xFFFFFFFF); return b }, "4294967295 bytes of strings"},
		"no_buckets":   {func(b []byte) []byte { return b[:end] }, ""},
		"buckets_huge": {func(b []byte) []byte { put32(b, end, 0x7FFFFFFF); return b }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := openStrings(t, c.edit(slices.Clone(table)))
			got, err := f.StringAt(at[0])
			if c.text == "" && (got != "one" || err != nil) || c.text != "" && (!errors.Is(err, pdb.ErrFormat) || !strings.Contains(err.Error(), c.text)) {
				t.Errorf("StringAt = %q, %v; want %q", got, err, c.text)
			}
		})
	}
	f := openStrings(t, table)
	for _, off := range []uint32{9, 0x10000, 0xFFFFFFFF} {
		if _, err := f.StringAt(off); !errors.Is(err, pdb.ErrFormat) {
			t.Errorf("string at %#x: %v", off, err)
		}
	}
	put32(table, 8, 8) // the last string has no end
	if _, err := openStrings(t, table).StringAt(at[1]); !errors.Is(err, pdb.ErrFormat) {
		t.Errorf("string without an end: %v", err)
	}
	if _, err := openImage(t, samplePDB().write()).StringAt(1); !errors.Is(err, pdb.ErrFormat) {
		t.Errorf("without /names: %v", err)
	}
}

// TestCorpusStrings: real tables are strings from their start to their end.
func TestCorpusStrings(t *testing.T) {
	total := 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			f := open(t, c[1])
			size, err := f.StringBytes()
			if err != nil {
				t.Fatal(err)
			}
			for off := uint32(1); off < size; total++ {
				s, err := f.StringAt(off)
				if err != nil {
					t.Fatal(err)
				}
				off += uint32(len(s)) + 1
			}
		})
	}
	if total < 3000 {
		t.Errorf("only %d strings in the corpus", total)
	}
}

// FuzzStrings: a string is what stands at its offset up to the first NUL, or an
// error.
func FuzzStrings(f *testing.F) {
	for _, version := range []uint32{1, 2} {
		table, _ := testStrings(version, "one", "two", `c:\three.c`, strings.Repeat("four", 60))
		f.Add(table, uint32(5))
	}
	f.Fuzz(func(t *testing.T, table []byte, off uint32) {
		if len(table) > 1<<16 {
			return
		}
		file := openStrings(t, table)
		got, err := file.StringAt(off)
		again, err2 := file.StringAt(off)
		if got != again || (err == nil) != (err2 == nil) {
			t.Fatalf("string at %#x: %q, %v and then %q, %v", off, got, err, again, err2)
		}
		if err != nil {
			if !errors.Is(err, pdb.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		size := binary.LittleEndian.Uint32(table[8:])
		if want, _, ok := bytes.Cut(table[12 : 12+size][off:], []byte{0}); !ok || got != string(want) {
			t.Fatalf("string at %#x: %q, want %q", off, got, want)
		}
	})
}
