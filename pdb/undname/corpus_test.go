package undname_test

import (
	"bufio"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb/undname"
)

// truthLines calls line for every line of the gzipped files of a folder of the
// shared corpus.
func truthLines(tb testing.TB, folder string, line func(file, text string)) {
	tb.Helper()
	dir := filepath.Join(append([]string{fixture.Shared(tb), "truth"}, filepath.SplitList(folder)...)...)
	files, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no listings in %s: %v", dir, err)
	}
	for _, file := range files {
		r, err := os.Open(file)
		if err != nil {
			tb.Fatal(err)
		}
		defer r.Close()
		z, err := gzip.NewReader(r)
		if err != nil {
			tb.Fatal(err)
		}
		s := bufio.NewScanner(z)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			line(filepath.Base(file), s.Text())
		}
		if s.Err() != nil {
			tb.Fatal(s.Err())
		}
	}
}

// A listing is the public symbols of one address: as they are in the PDB, and
// as dbghelp shows them. The two are not in the same order.
type listing struct{ raw, und []string }

// dbghelpListings returns the addresses for which both lists are complete.
func dbghelpListings(tb testing.TB) []listing {
	tb.Helper()
	all := map[string]*listing{}
	truthLines(tb, "dbghelp", func(file, text string) {
		// kind rva size= tag= fl= name
		f := strings.SplitN(text, " ", 6)
		if len(f) != 6 || f[3] != "tag=10" || f[0] != "RAW" && f[0] != "UND" {
			return
		}
		l := all[file+f[1]]
		if l == nil {
			l = &listing{}
			all[file+f[1]] = l
		}
		if f[0] == "RAW" {
			l.raw = append(l.raw, f[5])
		} else {
			l.und = append(l.und, f[5])
		}
	})
	var complete []listing
	for _, at := range slices.Sorted(maps.Keys(all)) {
		if l := all[at]; len(l.raw) == len(l.und) {
			complete = append(complete, *l)
		}
	}
	return complete
}

// corpusNames returns the distinct decorated names of the corpus: those
// llvm-pdbutil lists of the PDBs and those dbghelp lists.
func corpusNames(tb testing.TB) []string {
	tb.Helper()
	names := map[string]bool{}
	quoted := regexp.MustCompile("`(\\?[^`]*)`$")
	truthLines(tb, "", func(_, text string) {
		if m := quoted.FindStringSubmatch(text); m != nil && !strings.Contains(m[1], "::") {
			names[m[1]] = true
		}
	})
	truthLines(tb, "dbghelp", func(_, text string) {
		f := strings.SplitN(text, " ", 6)
		if len(f) == 6 && (f[0] == "RAW" || f[0] == "PUB") && strings.HasPrefix(f[5], "?") && f[3] == "tag=10" {
			names[f[5]] = true
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// TestCorpus_c compares with every C name dbghelp undecorated.
func TestCorpus_c(t *testing.T) {
	compared, changed := 0, 0
	for _, l := range dbghelpListings(t) {
		for _, raw := range l.raw {
			if strings.HasPrefix(raw, "?") {
				continue
			}
			got := undname.NameOnly(raw)
			compared++
			if got != raw {
				changed++
			}
			if raw[0] == 0x7f {
				got = "\x7f" + got // dbghelp keeps the byte
			}
			if !slices.Contains(l.und, got) {
				t.Errorf("%q gives %q, dbghelp shows %q", raw, got, l.und)
			}
		}
	}
	t.Logf("%d C names compared, %d of them change", compared, changed)
	if changed < 2000 {
		t.Errorf("only %d names were undecorated; the listings were not read", changed)
	}
}

// garbled are the arguments of templates that dbghelp 10.0.15063 does not know;
// it then shows the decorated name.
var garbled = regexp.MustCompile(`\$\$[TVZ]`)

// TestCorpus_cplusplus compares with every C++ name dbghelp undecorated.
func TestCorpus_cplusplus(t *testing.T) {
	compared, gaveUp := map[string]bool{}, map[string]bool{}
	for _, l := range dbghelpListings(t) {
		for _, raw := range l.raw {
			if !strings.HasPrefix(raw, "?") {
				continue
			}
			got := undname.NameOnly(raw)
			if slices.Contains(l.und, raw) {
				gaveUp[raw] = true
				if got == raw || !garbled.MatchString(raw) {
					t.Errorf("dbghelp gave up on %s, we show %s", raw, got)
				}
				continue
			}
			compared[raw] = true
			if !slices.Contains(l.und, got) {
				t.Errorf("%s\n gives %s\n dbghelp shows %q", raw, got, l.und)
			}
		}
	}
	t.Logf("%d names of C++ compared; dbghelp gave up on %d more", len(compared), len(gaveUp))
	if len(compared) < 1500 {
		t.Errorf("only %d names; the listings were not read", len(compared))
	}
}

// TestCorpus_llvm compares every name with llvm-undname.
func TestCorpus_llvm(t *testing.T) {
	needTools(t)
	names := corpusNames(t)
	llvm := llvmUndname(t, names)
	rejected := 0
	for _, raw := range names {
		got, err := undname.Undecorate(raw, undname.StyleLLVM, 0)
		want, known := llvm[raw]
		if !known && strings.Contains(raw, "$initializer$@") && err == nil {
			rejected++ // see DIFFERENCES.md
			continue
		}
		if got != want || err != nil {
			t.Errorf("%s\n gives %s, %v\n llvm-undname prints %s", raw, got, err, want)
		}
	}
	t.Logf("%d names compared with llvm-undname, which rejects %d of them", len(names), rejected)
	if len(names) < 4000 || rejected > len(names)/1000 {
		t.Errorf("%d names, %d rejected", len(names), rejected)
	}
}

// TestCorpus_full reads every name in Microsoft's spelling: nothing to compare
// with, but nothing may be left over either.
func TestCorpus_full(t *testing.T) {
	for _, raw := range corpusNames(t) {
		full, err := undname.Full(raw, 0)
		if err != nil || strings.ContainsAny(full, "@$") && !strings.Contains(raw, "$initializer$") && !strings.ContainsAny(undname.NameOnly(raw), "@$") {
			t.Errorf("%s gives %s, %v", raw, full, err)
		}
		if name := undname.NameOnly(raw); strings.HasPrefix(name, "?") {
			t.Errorf("%s gives %s", raw, name)
		}
	}
}

// TestCorpus_allocations counts heap allocations of every name by itself.
func TestCorpus_allocations(t *testing.T) {
	buf := make([]byte, 0, 1<<16)
	total, worst, names := 0.0, 0.0, corpusNames(t)
	for _, raw := range names {
		n := testing.AllocsPerRun(1, func() { undname.NameOnly(raw) })
		total, worst = total+n, max(worst, n)
		if a := testing.AllocsPerRun(1, func() { buf, _ = undname.Append(buf[:0], raw, undname.StyleLLVM, 0) }); a > 2 {
			t.Errorf("%s: %v allocations in a buffer that is large enough", raw, a)
		}
	}
	mean := total / float64(len(names))
	t.Logf("%.3f allocations a name, %v at worst", mean, worst)
	if mean > 1.1 || worst > 3 {
		t.Error("too many")
	}
}
