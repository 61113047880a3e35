package identify_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
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

// A PDB with every block that is used is whole, whatever its count of blocks
// says and whatever follows; with one byte of them missing it is not.
func TestFileID_wholePDB(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	want, err := identify.FileID(sympath.Query{}, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	count := binary.LittleEndian.Uint32(data[40:])
	for name, change := range map[string]func([]byte) []byte{
		"a count too large":     func(b []byte) []byte { binary.LittleEndian.PutUint32(b[40:], count+7); return b },
		"a count too small":     func(b []byte) []byte { binary.LittleEndian.PutUint32(b[40:], count/2); return b },
		"padding":               func(b []byte) []byte { return append(b, make([]byte, 3*4096)...) },
		"an odd tail":           func(b []byte) []byte { return append(b, "signed by somebody"...) },
		"an odd tail and count": func(b []byte) []byte { binary.LittleEndian.PutUint32(b[40:], 1); return append(b, 1, 2, 3) },
	} {
		b := change(bytes.Clone(data))
		if id, err := identify.FileID(sympath.Query{}, bytes.NewReader(b), int64(len(b))); err != nil || id != want {
			t.Errorf("%s: %v, %v; want %v", name, id, err, want)
		}
		cut := b[:len(data)-1]
		if id, err := identify.FileID(sympath.Query{}, bytes.NewReader(cut), int64(len(cut))); err == nil {
			t.Errorf("%s, and then cut: passed as %v", name, id)
		}
	}
}

// Every PDB that people have is whole.
func TestFileID_corpus(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(fixture.Shared(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.EqualFold(filepath.Ext(path), ".pdb") || d.IsDir() {
			return err
		}
		f, err := pdb.Open(path)
		if errors.Is(err, pdb.ErrUnsupported) {
			return nil
		}
		if err == nil {
			err = errors.Join(f.Whole(), f.Close())
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		seen++
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d PDBs, %v", seen, err)
	}
}

func TestFileID_signature(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	id, err := identify.FileID(sympath.Query{ID: sympath.PDB20(1, 1)}, bytes.NewReader(data), int64(len(data)))
	if err != nil || id.Kind() != sympath.IDPDB20 {
		t.Errorf("%v, %v; a query by signature wants a signature", id, err)
	}
}
