package pe_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/pe"
)

const stamp = 973036800 // of every fs_rec fixture but ts1

func fsRec(t testing.TB, variant string) []byte {
	return fixture.Bytes(t, "fs_rec/"+variant+"/fs_rec.sys")
}

// mapped returns the image of a fixture as a loader maps it, pages out.
func mapped(t testing.TB, file []byte, base uint64, out ...int) memsource.Source {
	t.Helper()
	return imageAt(t, file, base).PageOut(out...).Source()
}

// imageAt is a file as the loader has it at base.
func imageAt(t testing.TB, file []byte, base uint64) *memtest.ImageBuilder {
	t.Helper()
	b, err := memtest.Image(file)
	if err == nil {
		b, err = b.At(base)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadImage(t *testing.T) {
	const base = 0xfffff80003a00000
	ctx := context.Background()
	disk, err := pe.NewImage(bytes.NewReader(fsRec(t, "x64/good")), int64(len(fsRec(t, "x64/good"))))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := pe.ReadImage(ctx, mapped(t, fsRec(t, "x64/good"), base), base)
	if err != nil || mem.ID() != disk.ID() || mem.CheckSum != disk.CheckSum || mem.Machine != 0x8664 || !mem.Is64 {
		t.Errorf("memory %+v, %v; disk %+v", mem, err, disk)
	}
	if mem.CodeView == nil || *mem.CodeView != *disk.CodeView || mem.ImageBase != base {
		t.Errorf("CodeView %+v at %#x; disk %+v", mem.CodeView, mem.ImageBase, disk.CodeView)
	}
}

func TestReadImage_header_paged_out(t *testing.T) {
	const base = 0xfffff80003a00000
	img, err := pe.ReadImage(context.Background(), mapped(t, fsRec(t, "x64/good"), base, 0), base)
	var fault *memsource.Fault
	if !errors.As(err, &fault) || fault.Addr != base || !errors.Is(err, memsource.ErrPagedOut) {
		t.Errorf("%v, want a fault at the base that says paged out", err)
	}
	for _, p := range []pe.Part{pe.PartDOSHeader, pe.PartNTHeaders, pe.PartSections, pe.PartDebugDirectory, pe.PartCodeView} {
		if !errors.Is(img.Missing(p), memsource.ErrPagedOut) {
			t.Errorf("%v: %v, want paged out", p, img.Missing(p))
		}
	}
	if !img.ID().IsZero() {
		t.Errorf("identity %v out of nothing", img.ID())
	}
}

func TestReadImage_debug_directory_paged_out(t *testing.T) {
	const base = 0xfffff80003a00000
	file := fsRec(t, "x64/good")
	nt := binary.LittleEndian.Uint32(file[0x3c:])
	debug := binary.LittleEndian.Uint32(file[nt+24+112+6*8:])
	img, err := pe.ReadImage(context.Background(), mapped(t, file, base, int(debug>>12)), base)
	if err != nil || img.TimeDateStamp != stamp || img.CodeView != nil {
		t.Errorf("%+v, %v; want the stamp and no CodeView", img, err)
	}
	if !errors.Is(img.Missing(pe.PartCodeView), memsource.ErrPagedOut) || img.Missing(pe.PartSections) != nil {
		t.Errorf("CodeView missing: %v; sections missing: %v", img.Missing(pe.PartCodeView), img.Missing(pe.PartSections))
	}
}

func TestReadImage_nothing_there(t *testing.T) {
	var empty memsource.Sparse
	for _, base := range []uint64{0, 0x1000, 0xfffffffffffff000} {
		if _, err := pe.ReadImage(context.Background(), &empty, base); err == nil {
			t.Errorf("an image at %#x of an empty memory", base)
		}
	}
	var zero memsource.Sparse
	if err := zero.Add(0x10000, make([]byte, 0x1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := pe.ReadImage(context.Background(), &zero, 0x10000); !errors.Is(err, pe.ErrFormat) {
		t.Errorf("%v, want ErrImageFormat for a page of zeros", err)
	}
}

func TestReadImage_canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := pe.ReadImage(ctx, mapped(t, fsRec(t, "x64/good"), 0x10000), 0x10000); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

func TestOpenImage(t *testing.T) {
	img, err := pe.OpenImage(fixture.Path(t, "fs_rec/x86/good/fs_rec.sys"))
	if err != nil || img.ID().Key() != "39FF5D001900" || img.CodeView == nil || img.SectionAlignment != 0x80 {
		t.Errorf("%+v, %v", img, err)
	}
	img, err = pe.OpenImage(fixture.Path(t, "fs_rec/x64/nodebug/fs_rec.sys"))
	if err != nil || !errors.Is(img.Missing(pe.PartCodeView), pe.ErrNoPart) {
		t.Errorf("%v, %v; want an image without CodeView", err, img.Missing(pe.PartCodeView))
	}
	if _, err := pe.OpenImage(t.TempDir()); err == nil {
		t.Error("a directory was taken for an image")
	}
}

func TestNewImage_debug_directory_outside(t *testing.T) {
	b := bytes.Clone(fsRec(t, "x64/good"))
	nt := binary.LittleEndian.Uint32(b[0x3c:])
	binary.LittleEndian.PutUint32(b[nt+24+112+6*8:], 0x7ffff000)
	img, err := pe.NewImage(bytes.NewReader(b), int64(len(b)))
	if err != nil || img.TimeDateStamp != stamp || !errors.Is(img.Missing(pe.PartDebugDirectory), pe.ErrFormat) {
		t.Errorf("%+v, %v, %v", img, err, img.Missing(pe.PartDebugDirectory))
	}
}
