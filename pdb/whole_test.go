package pdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/symres/symres/pdb"
)

// Tools that work on a PDB after the linker leave its count of blocks as it
// was, pad the file and leave odd ends. It is whole for all that, and its
// symbols are found; without one byte that a stream holds it is not.
func TestWhole(t *testing.T) {
	p := samplePDB()
	p.blockSize = 512
	const extra = 12345
	for name, c := range map[string]struct {
		change func(*msfImage)
		tail   int // bytes added, or cut off
		whole  bool
	}{
		"as it was written":    {func(*msfImage) {}, 0, true},
		"count too large":      {func(m *msfImage) { put32(m.blocks[0], 40, m.count+1000) }, 0, true},
		"count too small":      {func(m *msfImage) { put32(m.blocks[0], 40, 3) }, 0, true},
		"padded":               {func(*msfImage) {}, 4096, true},
		"odd tail":             {func(*msfImage) {}, extra, true},
		"last block cut":       {func(*msfImage) {}, -1, false},
		"a block past the end": {func(m *msfImage) { m.putBlock(numGSS, 0, m.count) }, 0, false},
		"a block past the end, and a count for it": {func(m *msfImage) {
			m.putBlock(numGSS, 0, m.count)
			put32(m.blocks[0], 40, m.count+1)
		}, 0, false},
		"block 0": {func(m *msfImage) { m.putBlock(numGSS, 0, 0) }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := p.write()
			c.change(m)
			b := m.Bytes()
			b = append(b, make([]byte, max(0, c.tail))...)[:len(b)+c.tail]
			f, err := pdb.New(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Whole(); (err == nil) != c.whole || err != nil && !errors.Is(err, pdb.ErrFormat) {
				t.Errorf("Whole() = %v, want whole: %v", err, c.whole)
			}
			if got := byNameOr(f, "_main"); c.whole && len(got) != 1 {
				t.Errorf("_main: %v", got)
			}
		})
	}
}

func byNameOr(f *pdb.File, name string) []pdb.Symbol {
	syms, _ := f.ByName(name)
	return syms
}

// A file without any one of its blocks that a stream uses is not whole, and
// without one that none uses it is.
func TestWhole_cutEverywhere(t *testing.T) {
	p := samplePDB()
	p.blockSize, p.scatter = 512, true
	m := p.write()
	b := m.Bytes()
	last := binary.LittleEndian.Uint32(b[52:]) // the block that says where the directory is
	wholes := 0
	for size := len(b); size > 0; size -= 512 {
		f, err := pdb.New(bytes.NewReader(b[:size]), int64(size))
		if err != nil {
			continue // the directory is gone
		}
		want := uint32(size/512) > last
		if err := f.Whole(); (err == nil) != want {
			t.Errorf("%d of %d bytes: %v, want whole: %v", size, len(b), err, want)
		}
		if want {
			wholes++
		}
		f.Close()
	}
	if wholes != 2 {
		t.Errorf("%d sizes are whole, want that of the file and that without its last, unused block", wholes)
	}
}
