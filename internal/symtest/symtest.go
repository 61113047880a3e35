// Package symtest checks that a [symbols.Table] keeps what its interface
// promises, whatever the image it reads is like. It is for tests.
package symtest

import (
	"bytes"
	"testing"

	"github.com/symres/symres/symbols"
)

const maxChecked = 200 // symbols of a table that are asked for again

// Image returns the image of a file in memory, or nil where that is none.
func Image(b []byte) *symbols.Image {
	im, err := symbols.NewImage(nil, bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil
	}
	return im
}

// Check fails t unless t gives the same answers whichever way it is asked: a
// symbol that is listed is found by its name and by its address, and nothing
// nearest lies above the address that was asked for.
func Check(t *testing.T, table symbols.Table) {
	t.Helper()
	n := 0
	for s, err := range table.All() {
		if err != nil {
			continue
		}
		if n++; n > maxChecked {
			return
		}
		named(t, table, s)
		nearest(t, table, s)
	}
}

// named wants a symbol among those of its name. Tables that are not sorted are
// searched as their readers do, so one that is not found is no fault; a wrong
// one is.
func named(t *testing.T, table symbols.Table, want symbols.Symbol) {
	t.Helper()
	found, _ := table.Named(want.Raw)
	for _, s := range found {
		if s.Raw != want.Raw || s.Source != table.Source() {
			t.Fatalf("%q leads to %+v", want.Raw, s)
		}
	}
}

// inPlace reports whether a symbol is from a table that is searched as it stands:
// where it is not sorted, others are found.
func inPlace(s symbols.Symbol) bool {
	return s.Source == symbols.SourceBounds || s.Source == symbols.SourceGo
}

// nearest wants a symbol at its address, and none above it a byte before.
func nearest(t *testing.T, table symbols.Table, want symbols.Symbol) {
	t.Helper()
	if want.Forwarder != "" {
		return
	}
	for rva := want.RVA; rva+1 >= want.RVA; rva-- {
		found, err := table.Nearest(rva)
		if err == nil && rva == want.RVA && !inPlace(want) && (len(found) == 0 || found[0].RVA != rva) {
			t.Fatalf("at %x of %+v: %+v", rva, want, found)
		}
		for _, s := range found {
			if s.RVA != found[0].RVA || s.RVA > rva && s.Source != symbols.SourceBounds {
				t.Fatalf("at %x: %+v", rva, found)
			}
		}
		if rva == 0 {
			return
		}
	}
}
