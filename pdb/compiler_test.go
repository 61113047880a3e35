package pdb_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

var (
	versionLine = regexp.MustCompile(`machine = .*, [Vv]er = (.*), language = (.*)$`)
	endsLine    = regexp.MustCompile(`frontend = ([\d.]+), backend = ([\d.]+)`)
)

// TestCorpusCompilers compares with what llvm-pdbutil says about the tools.
func TestCorpusCompilers(t *testing.T) {
	t.Parallel()
	total := 0
	for _, c := range corpusPDBs(t) {
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			var want []string
			var name, lang string
			for line := range toolLines(t, nil, "llvm-pdbutil-19", "dump", "-symbols", c[1]) {
				if m := versionLine.FindStringSubmatch(line); m != nil {
					name, lang = m[1], m[2]
				} else if m := endsLine.FindStringSubmatch(line); m != nil {
					want = append(want, strings.ToLower(fmt.Sprint(name, "|", lang, "|", padded(m[1]), "|", padded(m[2]))))
				}
			}
			got := compilersOf(t, open(t, c[1]))
			if !slices.Equal(got, want) {
				for i := range got {
					if i >= len(want) || got[i] != want[i] {
						t.Fatalf("%d of %d and %d: %q, want %q", i, len(got), len(want), got[i], slices.Concat(want, []string{""})[min(i, len(want))])
					}
				}
				t.Fatalf("%d, want %d", len(got), len(want))
			}
			total += len(got)
		})
	}
	if total < 1000 {
		t.Errorf("%d compilers", total)
	}
}

func compilersOf(t *testing.T, f *pdb.File) (list []string) {
	t.Helper()
	version := func(v [4]uint16) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", "."), "[]") }
	n := 0
	for _, err := range f.Modules() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		for c, err := range f.Module(n).Compilers() {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, strings.ToLower(fmt.Sprint(c.Name, "|", c.Language, "|", version(c.Frontend), "|", version(c.Backend))))
		}
	}
	return list
}

// padded gives the versions of old records, which have three parts, a fourth.
func padded(version string) string {
	return version + strings.Repeat(".0", 3-strings.Count(version, "."))
}
