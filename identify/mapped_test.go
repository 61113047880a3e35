package identify_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/sympath"
)

// TestMapped lays a copy out: what it says is what a loader maps, and of data that
// is written to it says nothing.
func TestMapped(t *testing.T) {
	file := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys")
	image, err := memtest.Image(file)
	if err != nil {
		t.Fatal(err)
	}
	share := sympath.Dir("share", fstest.MapFS{"fs_rec.sys": &fstest.MapFile{Data: file}})
	facts := identify.Gather(t.Context(), identify.Target{Module: identify.Module{
		Name: "fs_rec", Image: "fs_rec.sys", Base: image.Base(), Size: image.Size()}, Memory: image.Source()})
	copies := identify.Find(t.Context(), facts, &identify.Search{Images: share}, identify.Screen{})
	defer copies.Close()
	batch, _, err := copies.Next()
	if len(batch) != 1 {
		t.Fatalf("%d copies, %v", len(batch), err)
	}
	defer batch[0].Close()
	m, err := batch[0].Mapped()
	if err != nil {
		t.Fatal(err)
	}
	equal, out := 0, 0
	for rva := uint64(0); rva < image.Size(); rva += 16 {
		got := make([]byte, 16)
		switch err := m.ReadMapped(got, uint32(rva)); {
		case errors.Is(err, identify.ErrNotMapped):
			out++
		case err != nil:
			t.Fatal(err)
		case bytes.Equal(got, image.Bytes()[rva:rva+16]):
			equal++
		default:
			t.Errorf("rva %x: % x, not % x", rva, got, image.Bytes()[rva:rva+16])
		}
	}
	if equal < 0x1000/16 || out == 0 {
		t.Errorf("%d parts are equal, %d are not said", equal, out)
	}
	if err := m.ReadMapped(make([]byte, 1), 1<<31); !errors.Is(err, identify.ErrNotMapped) {
		t.Errorf("outside: %v", err)
	}
}

// FuzzMapped changes bytes of an image file: what its copy says in the memory layout
// is in the file, with zeros behind it.
func FuzzMapped(f *testing.F) {
	file := fixture.Bytes(f, "fs_rec/x64/good/fs_rec.sys")
	f.Add(0, []byte{}, uint32(0x1000))
	f.Add(int(file[0x3c])+0x50, []byte{0xff, 0xff, 0xff, 0xff}, uint32(0x5000)) // SizeOfImage
	f.Add(int(file[0x3c])+0x108+8, []byte{0xff, 0xff, 0, 0, 0, 0x10, 0, 0, 0xff, 0xff, 0xff, 0x7f}, uint32(0x1ff0))
	f.Fuzz(func(t *testing.T, at int, with []byte, rva uint32) {
		changed := bytes.Clone(file)
		if at >= 0 && at < len(changed) {
			copy(changed[at:], with)
		}
		share := sympath.Dir("share", fstest.MapFS{"fs_rec.sys": &fstest.MapFile{Data: changed}})
		facts := &identify.Facts{Module: identify.Module{Name: "fs_rec", Image: "fs_rec.sys", Base: 0x10000, Size: 0x9000}}
		copies := identify.Find(t.Context(), facts, &identify.Search{Images: share}, identify.Screen{})
		defer copies.Close()
		batch, _, _ := copies.Next()
		if len(with) == 0 && len(batch) != 1 {
			t.Fatalf("%d copies of the file itself", len(batch))
		}
		for _, c := range batch {
			defer c.Close()
			m, err := c.Mapped()
			if err != nil {
				continue
			}
			for _, from := range []uint32{rva, 0, 0x1000, 0x2ff8, 0x5000, 0xffff_fff8} {
				b := make([]byte, 16)
				if from &^= 15; m.ReadMapped(b, from) == nil && !bytes.Contains(changed, bytes.TrimRight(b, "\x00")) {
					t.Errorf("rva %x: % x is not in the file", from, b)
				}
			}
		}
	})
}
