package undname_test

import (
	"testing"

	"github.com/symres/symres/pdb/undname"
)

// benchmarkNames are names of several kinds for where the corpus is missing.
func benchmarkNames(b *testing.B) []string {
	b.Helper()
	var names []string
	for _, g := range targets {
		for _, n := range readGolden(b, g.file()) {
			names = append(names, n.raw)
		}
	}
	return names
}

// each runs f over the names in order and reports names a second.
func each(b *testing.B, names []string, f func(raw string) int) {
	b.Helper()
	b.ReportAllocs()
	i, size := 0, 0
	for b.Loop() {
		size += f(names[i])
		if i++; i == len(names) {
			i = 0
		}
	}
	if size == 0 {
		b.Error("nothing was printed")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "names/s")
}

func benchmarkAll(b *testing.B, names []string) {
	buf := make([]byte, 0, 1<<16)
	b.Run("NameOnly", func(b *testing.B) {
		each(b, names, func(raw string) int { return len(undname.NameOnly(raw)) })
	})
	b.Run("Full", func(b *testing.B) {
		each(b, names, func(raw string) int { s, _ := undname.Full(raw, 0); return len(s) })
	})
	b.Run("LLVM", func(b *testing.B) {
		each(b, names, func(raw string) int { s, _ := undname.Undecorate(raw, undname.StyleLLVM, 0); return len(s) })
	})
	b.Run("Append", func(b *testing.B) {
		each(b, names, func(raw string) int {
			buf, _ = undname.Append(buf[:0], raw, undname.StyleMicrosoft, undname.NameOnlyFlag|undname.NoClassKeywords)
			return len(buf)
		})
	})
}

func BenchmarkCorpus(b *testing.B) { benchmarkAll(b, corpusNames(b)) }

func BenchmarkGolden(b *testing.B) { benchmarkAll(b, benchmarkNames(b)) }
