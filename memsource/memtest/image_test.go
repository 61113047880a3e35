package memtest_test

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
)

// tiny describes a PE file of one section, .text at RVA 1000 with 0x20 bytes of
// code, and relocations in its second half.
type tiny struct {
	plus            bool
	machine         uint16
	characteristics uint16
	base            uint64
	align           uint32
	code            []byte
	relocs          []uint16 // entries of one block for page 1000
}

const tinyRelocs = 0x1100 // RVA of the relocation directory

// build lays the file out by the offsets of winnt.h.
func (p tiny) build() []byte {
	le, b := binary.LittleEndian, make([]byte, 0x600)
	copy(b, "MZ")
	le.PutUint32(b[0x3c:], 0x40)
	copy(b[0x40:], "PE\x00\x00")
	optSize, dirs, magic := 0xe0, 96, uint16(0x10b)
	if p.plus {
		optSize, dirs, magic = 0xf0, 112, 0x20b
	}
	fh, opt := b[0x44:], b[0x58:]
	le.PutUint16(fh, p.machine)
	le.PutUint16(fh[2:], 1)
	le.PutUint16(fh[16:], uint16(optSize))
	le.PutUint16(fh[18:], p.characteristics)
	le.PutUint16(opt, magic)
	if p.plus {
		le.PutUint64(opt[24:], p.base)
	} else {
		le.PutUint32(opt[28:], uint32(p.base))
	}
	le.PutUint32(opt[32:], p.align)
	le.PutUint32(opt[36:], 0x200)
	le.PutUint32(opt[56:], 0x2000) // SizeOfImage
	le.PutUint32(opt[60:], 0x200)  // SizeOfHeaders
	le.PutUint32(opt[dirs-4:], 16)
	block := 8 + 2*len(p.relocs)
	le.PutUint32(opt[dirs+40:], tinyRelocs)
	le.PutUint32(opt[dirs+44:], uint32(block))
	sh := opt[optSize:]
	copy(sh, ".text")
	le.PutUint32(sh[8:], 0x1000)
	le.PutUint32(sh[12:], 0x1000)
	le.PutUint32(sh[16:], 0x400)
	le.PutUint32(sh[20:], 0x200)
	copy(b[0x200:], p.code)
	reloc := b[0x300:] // file offset of RVA 1100
	le.PutUint32(reloc, 0x1000)
	le.PutUint32(reloc[4:], uint32(block))
	for i, e := range p.relocs {
		le.PutUint16(reloc[8+2*i:], e)
	}
	return b
}

func ExampleImage() {
	file := tiny{machine: 0x14c, base: 0x10000, align: 0x1000, code: []byte("code")}.build()
	img, err := memtest.Image(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	src := img.PageOut(0).Source() // the header page, nothing else
	var b [4]byte
	fmt.Println(memsource.ReadFull(src, b[:2], img.Base()))
	fmt.Println(memsource.ReadFull(src, b[:], img.Base()+0x1000), string(b[:]))
	// Output:
	// 00010000: paged out: pagefile 0 offset 0x1000
	// <nil> code
}

func TestImageRelocates(t *testing.T) {
	const delta = 0x12340000
	movw := []byte{0x41, 0xf6, 0xcd, 0x30, 0xc1, 0xf2, 0x00, 0x00} // movw r0,#0x1bcd; movt r0,#0x1000
	for _, c := range []struct {
		name        string
		pe          tiny
		first, want string // code before and after, in hex
	}{
		{"highlow", tiny{machine: 0x14c, relocs: []uint16{3<<12 | 4, 0}}, "0000000000100010", "0000000000103422"},
		{"high", tiny{machine: 0x14c, relocs: []uint16{1 << 12}}, "0010", "3422"},
		{"low", tiny{machine: 0x14c, relocs: []uint16{2 << 12}}, "0010", "0010"},
		{"dir64", tiny{plus: true, machine: 0x8664, relocs: []uint16{10 << 12}}, "00100010ffffffff", "00103422ffffffff"},
		{"dir64 on IA-64", tiny{plus: true, machine: 0x200, relocs: []uint16{10 << 12}}, "00100010ffffffff", "00103422ffffffff"},
		{"thumb", tiny{machine: 0x1c4, relocs: []uint16{7 << 12}}, fmt.Sprintf("%x", movw), "41f6cd30c2f23420"},
		{"movl", tiny{plus: true, machine: 0x200, relocs: []uint16{9<<12 | 1}}, "0400000001c0efffffff7fc0f1f7ff67", "0400000001000200000000c0f177fe6f"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			fmt.Sscanf(c.first, "%x", &c.pe.code)
			c.pe.base, c.pe.align = 0x10000000, 0x1000
			img, err := memtest.Image(c.pe.build())
			if err != nil {
				t.Fatal(err)
			}
			moved, err := img.At(c.pe.base + delta)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", moved.Bytes()[0x1000:][:len(c.pe.code)]); got != c.want {
				t.Errorf("moved code is %s, want %s", got, c.want)
			}
			if got := fmt.Sprintf("%x", img.Bytes()[0x1000:][:len(c.pe.code)]); got != c.first {
				t.Errorf("At changed the first image to %s", got)
			}
			f, err := memsource.U32(moved.Source(), moved.Base()+0x58+imageBaseField(c.pe))
			if want := uint32(c.pe.base + delta); err != nil || f != want {
				t.Errorf("ImageBase field is %#x, %v; want %#x", f, err, want)
			}
		})
	}
}

func imageBaseField(p tiny) uint64 {
	if p.plus {
		return 24
	}
	return 28
}

func TestImageLowAlignment(t *testing.T) {
	file := tiny{machine: 0x14c, base: 0x10000, align: 0x80, code: []byte("code")}.build()
	img, err := memtest.Image(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bytes(); !bytes.Equal(got[:len(file)], file) || len(got) != 0x2000 {
		t.Errorf("image of %#x bytes does not equal the file", len(got))
	}
}

func TestImagePassesSuite(t *testing.T) {
	img, err := memtest.Image(tiny{machine: 0x8664, plus: true, base: 0x140000000, align: 0x1000}.build())
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []uint64{img.Base(), 0xfffff80003b00000, -img.Size()} {
		at, err := img.PageOut(0).At(base)
		if err != nil {
			t.Fatal(err)
		}
		err = memtest.TestSource(at.Source(),
			memtest.Hole(base-0x1000, 0x1000, memsource.ReasonNotMapped),
			memtest.Hole(base, 0x1000, memsource.ReasonPagedOut),
			memtest.Data(base+0x1000, at.Bytes()[0x1000:]))
		if err != nil {
			t.Errorf("at %#x: %v", base, err)
		}
	}
}

func TestImageRefuses(t *testing.T) {
	good := tiny{machine: 0x14c, base: 0x10000, align: 0x1000, relocs: []uint16{3 << 12}}
	patch := func(off int, v ...byte) []byte {
		b := good.build()
		copy(b[off:], v)
		return b
	}
	for _, c := range []struct {
		name, report string
		file         []byte
	}{
		{"empty", "no DOS header", nil},
		{"no MZ", "no DOS header", patch(0, 'Z', 'M')},
		{"e_lfanew outside", "no PE signature", patch(0x3c, 0xff, 0xff, 0xff, 0xff)},
		{"optional header outside", "outside of the file", patch(0x54, 0xff, 0xff)},
		{"optional header short", "too short", patch(0x54, 8, 0)},
		{"ROM image", "neither PE32 nor PE32+", patch(0x58, 7, 1)},
		{"huge image", "more than this package maps", patch(0x58+56, 0xff, 0xff, 0xff, 0xff)},
		{"section headers outside", "section 31", patch(0x46, 0xff, 0xff)},
		{"section data outside", "outside of the file or the image", patch(0x58+0xe0+20, 0xff, 0xff, 0xff)},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			_, err := memtest.Image(c.file)
			expect(t, err, c.report)
		})
	}
}

func TestImageAtRefuses(t *testing.T) {
	base := tiny{machine: 0x14c, base: 0x10000, align: 0x1000}
	with := func(f func(*tiny)) tiny { p := base; f(&p); return p }
	for _, c := range []struct {
		name, report string
		pe           tiny
		at           uint64
	}{
		{"above 4 GB", "below 4 GB", base, 1 << 32},
		{"stripped", "stripped", with(func(p *tiny) { p.characteristics = 1 }), 0x20000},
		{"unknown kind", "unknown kind 9", with(func(p *tiny) { p.relocs = []uint16{9 << 12} }), 0x20000},
		{"thumb on x86", "unknown kind 7", with(func(p *tiny) { p.relocs = []uint16{7 << 12} }), 0x20000},
		{"outside", "outside of the image", with(func(p *tiny) { p.relocs = []uint16{3<<12 | 0xffe} }), 0x20000},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			img, err := memtest.Image(c.pe.build())
			if err != nil {
				t.Fatal(err)
			}
			_, err = img.At(c.at)
			expect(t, err, c.report)
		})
	}
}

// TestImageAgainstDebugPE maps real files and compares every section with what
// the standard library reads from the file.
func TestImageAgainstDebugPE(t *testing.T) {
	var sections int
	for _, name := range realImages(t) {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := pe.NewFile(bytes.NewReader(file))
		if err != nil {
			continue // a machine or a table debug/pe does not know
		}
		img, err := memtest.Image(file)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		for _, s := range p.Sections {
			sections += compareSection(t, filepath.Base(name), img, s)
		}
	}
	if sections == 0 {
		t.Error("no section was compared")
	}
}

// compareSection returns 1 if there was anything to compare.
func compareSection(t *testing.T, name string, img *memtest.ImageBuilder, s *pe.Section) int {
	t.Helper()
	want, err := s.Data()
	if err != nil || len(want) == 0 {
		return 0
	}
	want = want[:min(len(want), int(s.VirtualSize))]
	got := make([]byte, len(want))
	if err := memsource.ReadFull(img.Source(), got, img.Base()+uint64(s.VirtualAddress)); err != nil {
		t.Errorf("%s %s: %v", name, s.Name, err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: section %s differs", name, s.Name)
	}
	return 1
}

// realImages lists the PE files of the shared corpus.
func realImages(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(fixture.Shared(t), func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && slices.Contains([]string{".exe", ".dll", ".sys"}, strings.ToLower(filepath.Ext(path))) {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// FuzzImage: mapping at any base changes neither the file nor an image mapped before,
// keeps the size, and the image reads back whole.
func FuzzImage(f *testing.F) {
	f.Add(tiny{machine: 0x14c, base: 0x10000, align: 0x1000, relocs: []uint16{3 << 12, 2<<12 | 8}}.build())
	f.Add(tiny{machine: 0x8664, plus: true, base: 0x140000000, align: 0x80, relocs: []uint16{10 << 12}}.build())
	f.Add(tiny{machine: 0x1c4, base: 0x10000, align: 0x1000, relocs: []uint16{7 << 12}}.build())
	f.Add(tiny{machine: 0x14c, base: 0x10000, align: 0x1000}.build())
	f.Fuzz(func(t *testing.T, file []byte) {
		small(file)
		asGiven := bytes.Clone(file)
		img, err := memtest.Image(file)
		if err != nil {
			return
		}
		first := bytes.Clone(img.Bytes())
		moved, err := img.At(img.Base() ^ 0x10000)
		if err == nil && len(moved.Bytes()) != len(first) {
			t.Errorf("size %#x, moved %#x", len(first), len(moved.Bytes()))
		}
		if !bytes.Equal(file, asGiven) || !bytes.Equal(img.Bytes(), first) {
			t.Error("mapping changed the file or the first image")
		}
		back := make([]byte, img.Size())
		if err := memsource.ReadFull(img.Source(), back, img.Base()); img.Base() <= -img.Size() && err != nil {
			t.Errorf("image does not read back: %v", err)
		}
	})
}

// small keeps fuzzed images small; the bound itself is tested elsewhere.
func small(file []byte) {
	if len(file) < 0x40 {
		return
	}
	if nt := uint64(binary.LittleEndian.Uint32(file[0x3c:])); nt+0x18+60 <= uint64(len(file)) {
		binary.LittleEndian.PutUint16(file[nt+0x18+58:], 1)
	}
}
