package fold_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fold"
)

// lowerASCII folds the letters names are compared by.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// FuzzFold compares with a search through folded copies.
func FuzzFold(f *testing.F) {
	for _, c := range [][2]string{
		{"?Init@@YAXXZ init", "INIT"}, {"aAaAaA", "aa"}, {"zzzz", "q"}, {"x_1_x", "_1"}, {"", "a"}, {"A", "a"}, {"[{@`", "{"}, {"KkKk", "K"},
	} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, text, piece string) {
		if piece == "" || strings.ContainsFunc(text+piece, func(r rune) bool { return r >= 0x80 }) {
			return
		}
		var want []int
		folded, wanted := lowerASCII(text), lowerASCII(piece)
		for i := range folded {
			if strings.HasPrefix(folded[i:], wanted) {
				want = append(want, i)
			}
		}
		if got := find([]byte(text), piece); !slices.Equal(got, want) {
			t.Fatalf("%q in %q: %v, want %v", piece, text, got, want)
		}
	})
}

// find returns all places of text in b.
func find(b []byte, text string) (list []int) {
	f := fold.NewFinder(text)
	f.Reset(b)
	for at := f.Next(0); at >= 0; at = f.Next(at + 1) {
		list = append(list, at)
	}
	return list
}
