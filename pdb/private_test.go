package pdb_test

import (
	"bytes"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

func TestHasPrivate(t *testing.T) {
	for name, want := range map[string]bool{"x64/good": false, "x86/good": false, "x64/private": true, "x86/private": true} {
		b := fixture.Bytes(t, "fs_rec/"+name+"/fs_rec.pdb")
		f, err := pdb.New(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Status(); (got.Detail == pdb.DetailPrivate) != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
}

// rearranged reports whether the image was rearranged after linking.
func rearranged(f *pdb.File) (bool, error) {
	s, err := f.Status()
	return s.Rearranged, err
}
