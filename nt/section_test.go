package nt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
)

// section is where the tests put the three structures and the prototype PTEs.
const (
	subsection32, controlArea32, fileObject32, protos32 = 0x81001000, 0x81002000, 0x81003008, 0xe1000400
	subsection64, controlArea64, fileObject64           = 0xfffffa8000001000, 0xfffffa8000002000, 0xfffffa8000003010
	protos64                                            = 0xfffff8a000000400
)

// TestSubsectionFile writes the structures with the offsets of the public
// headers of each era, as numbers, and follows them.
func TestSubsectionFile(t *testing.T) {
	for name, c := range map[string]struct {
		machine                   uint16
		build                     uint32
		base, sector, ptes        uint64
		filePointer, fileName, rc uint64 // rc: reference bits that are set
	}{
		"xp":         {i386, 2600, 0x10, 0x08, 0x18, 0x24, 0x30, 0},
		"seven_x86":  {i386, 7601, 0x04, 0x18, 0x0c, 0x24, 0x30, 5},
		"ten_x86":    {i386, 19041, 0x04, 0x14, 0x1c, 0x20, 0x30, 7},
		"xp_x64":     {amd64, 3790, 0x18, 0x0c, 0x24, 0x30, 0x58, 0},
		"seven_x64":  {amd64, 7601, 0x08, 0x2c, 0x18, 0x40, 0x58, 0xf},
		"ten_x64":    {amd64, 19041, 0x08, 0x24, 0x2c, 0x40, 0x58, 7},
		"eleven_x64": {amd64, 22631, 0x08, 0x24, 0x2c, 0x40, 0x58, 9},
	} {
		t.Run(name, func(t *testing.T) {
			m, pte := newMemory(64), uint64(8)
			sub, area, file, protos := uint64(subsection64), uint64(controlArea64), uint64(fileObject64), uint64(protos64)
			if c.machine == i386 {
				m, pte = newMemory(32), 4
				sub, area, file, protos = subsection32, controlArea32, fileObject32, protos32
			}
			m.ptr(sub, area)
			m.ptr(sub+c.base, protos)
			m.u32(sub+c.sector, 8)
			m.u32(sub+c.ptes, 3)
			m.ptr(area+c.filePointer, file|c.rc)
			m.name(file+c.fileName, file+0x800, `\Windows\System32\drivers\null.sys`)
			resolve := nt.SubsectionFile(nt.SectionLayoutFor(c.machine, c.build))
			for i := range uint64(3) {
				got, off, err := resolve(m.source(), sub, protos+i*pte)
				if want := i*4096 + 8*512; err != nil || got != `\Windows\System32\drivers\null.sys` || off != want {
					t.Errorf("page %d: %q, %#x, %v; want offset %#x", i, got, off, err, want)
				}
			}
			for _, proto := range []uint64{protos - pte, protos + 3*pte, protos + 1, 0} {
				got, off, err := resolve(m.source(), sub, proto)
				if !errors.Is(err, nt.ErrMalformed) || off != 0 || got == "" {
					t.Errorf("prototype PTE %#x: %q, %#x, %v; want the name and an error", proto, got, off, err)
				}
			}
		})
	}
}

func TestSubsectionFileBroken(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *memory)
		want   error
		says   string
		offset uint64
	}{
		"subsection_out":   {func(m *memory) { m.pageOut(subsection64) }, memsource.ErrPagedOut, "subsection", 0},
		"control_area_out": {func(m *memory) { m.pageOut(controlArea64) }, memsource.ErrPagedOut, "control area", 0x1000},
		"file_object_out":  {func(m *memory) { m.pageOut(fileObject64) }, memsource.ErrPagedOut, "file object", 0x1000},
		"name_out":         {func(m *memory) { m.pageOut(fileObject64 + 0x1000) }, memsource.ErrPagedOut, "name", 0x1000},
		"no_file":          {func(m *memory) { m.ptr(controlArea64+0x40, 7) }, nt.ErrMalformed, "without a file", 0x1000},
		"name_odd":         {func(m *memory) { m.u16(fileObject64+0x58, 3) }, nt.ErrMalformed, "name of 3 bytes", 0x1000},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(64)
			m.ptr(subsection64, controlArea64)
			m.ptr(subsection64+8, protos64)
			m.u32(subsection64+0x2c, 9)
			m.ptr(controlArea64+0x40, fileObject64|3)
			m.name(fileObject64+0x58, fileObject64+0x1000, `\a.sys`)
			c.change(m)
			got, off, err := nt.SubsectionFile(nt.SectionLayoutFor(amd64, 19041))(m.source(), subsection64, protos64+8)
			if got != "" || off != c.offset || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q, %#x, %v; want %#x and %q", got, off, err, c.offset, c.says)
			}
		})
	}
	if _, _, err := nt.SubsectionFile(nt.SectionLayout{})(newMemory(64).source(), subsection64, 0); !errors.Is(err, nt.ErrMalformed) {
		t.Errorf("no layout: %v", err)
	}
	high := ^uint64(0x10)
	if _, _, err := nt.SubsectionFile(nt.SectionLayoutFor(amd64, 1))(newMemory(64).source(), high, 0); !errors.Is(err, nt.ErrMalformed) {
		t.Errorf("beyond the top: %v", err)
	}
}
