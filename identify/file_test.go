package identify_test

import (
	"bytes"
	"testing"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
)

func TestFileID(t *testing.T) {
	for _, name := range []string{"fs_rec/x64/good/fs_rec.pdb", "fs_rec/x86/private/fs_rec.pdb", "fs_rec/x64/good/fs_rec.sys"} {
		data := fixture.Bytes(t, name)
		id, err := identify.FileID(sympath.Query{}, bytes.NewReader(data), int64(len(data)))
		if err != nil || id.Key() == "" {
			t.Errorf("%s: %v, %v", name, id, err)
		}
		for _, cut := range []int{0, 1, 100, len(data) / 2, len(data) - 1} {
			if id, err := identify.FileID(sympath.Query{}, bytes.NewReader(data[:cut]), int64(cut)); err == nil {
				t.Errorf("%s: %d of %d bytes passed as %v", name, cut, len(data), id)
			}
		}
	}
}

func TestFileID_signature(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	id, err := identify.FileID(sympath.Query{ID: sympath.PDB20(1, 1)}, bytes.NewReader(data), int64(len(data)))
	if err != nil || id.Kind() != sympath.IDPDB20 {
		t.Errorf("%v, %v; a query by signature wants a signature", id, err)
	}
}
