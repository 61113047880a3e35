package pdb_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// testStrings builds a string table and returns where its strings lie.
func testStrings(version uint32, list ...string) (table []byte, at []uint32) {
	blob := []byte{0}
	buckets := make([]uint32, len(list)*3/2+1)
	for _, s := range list {
		off := uint32(len(blob))
		at = append(at, off)
		blob = append(append(blob, s...), 0)
		i := testStringHash(s, version) % uint32(len(buckets))
		for buckets[i] != 0 {
			i = (i + 1) % uint32(len(buckets))
		}
		buckets[i] = off
	}
	table = append(le32(nil, 0xEFFEEFFE, version, uint32(len(blob))), blob...)
	table = le32(le32(table, uint32(len(buckets))), buckets...)
	return le32(table, uint32(len(list))), at
}

// testStringHash is the hash of string tables, written down a second time.
func testStringHash(s string, version uint32) uint32 {
	if version == 1 {
		return testHash(s)
	}
	var words []uint32
	for i := 0; i < len(s); {
		if len(s)-i >= 4 {
			words = append(words, uint32(s[i])+uint32(s[i+1])*0x100+uint32(s[i+2])*0x10000+uint32(s[i+3])*0x1000000)
			i += 4
		} else {
			words = append(words, uint32(s[i]))
			i++
		}
	}
	h := uint32(2976948671)
	for _, w := range words {
		h += w
		h = h*1025 ^ (h * 1025 >> 6)
	}
	return h*1664525 + 1013904223
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
				if off, ok, err := f.FindString(want); off != at[i] || !ok || err != nil {
					t.Errorf("find %q: %#x, %v, %v; want %#x", want, off, ok, err, at[i])
				}
			}
			if s, err := f.StringAt(0); s != "" || err != nil {
				t.Errorf("string at 0: %q, %v", s, err)
			}
			for _, s := range []string{"abcdef", "C:\\src\\main.cpp", strings.Repeat("x", 70_000)} {
				if _, ok, err := f.FindString(s); ok || err != nil {
					t.Errorf("find %.20q: %v, %v", s, ok, err)
				}
			}
		})
	}
}

// TestStrings_damaged: what is wrong with a table costs what it is about only.
func TestStrings_damaged(t *testing.T) {
	table, at := testStrings(1, "one", "two")
	strs := 12 // where they begin
	bucketCount := strs + len("\x00one\x00two\x00")
	fill := func(b []byte, bucket uint32) []byte {
		return append(b[:bucketCount+4], le32(nil, bucket, bucket, bucket, bucket, 2)...)
	}
	for name, c := range map[string]struct {
		edit func(b []byte) []byte
		text string // of the error when a string is asked for, empty for none
		find bool
	}{
		"short":           {func(b []byte) []byte { return b[:8] }, "12 bytes run over the end", false},
		"signature":       {func(b []byte) []byte { b[0]++; return b }, "string table begins with 0xeffeefff", false},
		"bytes_huge":      {func(b []byte) []byte { put32(b, 8, 0xFFFFFFFF); return b }, "4294967295 bytes of strings", false},
		"no_buckets":      {func(b []byte) []byte { return b[:bucketCount] }, "", false},
		"buckets_huge":    {func(b []byte) []byte { put32(b, bucketCount, 0x7FFFFFFF); return b }, "", false},
		"bucket_outside":  {func(b []byte) []byte { return fill(b, 0x1000) }, "", false},
		"buckets_all_two": {func(b []byte) []byte { return fill(b, at[1]) }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := openStrings(t, c.edit(slices.Clone(table)))
			got, err := f.StringAt(at[0])
			if c.text == "" && (got != "one" || err != nil) || c.text != "" && (!errors.Is(err, pdb.ErrFormat) || !strings.Contains(err.Error(), c.text)) {
				t.Errorf("StringAt = %q, %v; want %q", got, err, c.text)
			}
			if _, ok, _ := f.FindString("one"); ok != c.find {
				t.Errorf("found: %v, want %v", ok, c.find)
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

// TestCorpusStrings: every string of a real table is found where it lies.
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
				if at, ok, err := f.FindString(s); at != off && s != "" || !ok && s != "" || err != nil {
					t.Errorf("find %q: %#x, %v, %v; want %#x", s, at, ok, err, off)
				}
				off += uint32(len(s)) + 1
			}
		})
	}
	if total < 3000 {
		t.Errorf("only %d strings in the corpus", total)
	}
}

func FuzzStrings(f *testing.F) {
	for _, version := range []uint32{1, 2, 3} {
		table, _ := testStrings(version, "one", "two", `c:\three.c`, strings.Repeat("four", 60))
		f.Add(table, "two", uint32(5))
	}
	f.Fuzz(func(t *testing.T, table []byte, name string, off uint32) {
		if len(table) > 1<<16 {
			return
		}
		file := openStrings(t, table)
		at, ok, err := file.FindString(name)
		if err != nil && !errors.Is(err, pdb.ErrFormat) {
			t.Fatal(err)
		}
		if ok { // name -> offset -> name
			if got, err := file.StringAt(at); got != name || err != nil {
				t.Fatalf("%q is found at %#x, where %q lies: %v", name, at, got, err)
			}
		}
		if s, err := file.StringAt(off); err == nil && strings.ContainsRune(s, 0) {
			t.Fatalf("string at %#x has a NUL: %q", off, s)
		}
	})
}
