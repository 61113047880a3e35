package cli_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
)

// cmdMkimage writes the physical memory of the dump of processes: as raw
// image, as LiME file or as ELF core with the note of a processor. In its low
// memory is what the kernel starts processors by, unless nostub is said.
func cmdMkimage(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "mkimage raw|lime|core|nostub FILE")
	spec, err := dumpbuild.SeedUser(fixture.Read, dumpbuild.Full)
	ts.Check(err)
	spec.Modules[0].Pages = nil
	facts, pages, err := physicalPages(spec, args[0] != "nostub")
	ts.Check(err)
	ts.Check(writeImage(ts.MkAbs(args[1]), args[0], facts, pages))
}

// physicalPages builds a dump and returns its pages by frame, with what an x64
// kernel starts processors by in low memory if stub is true.
func physicalPages(spec dumpbuild.Spec, stub bool) (*dumpbuild.Facts, map[uint64][]byte, error) {
	dump, facts, err := dumpbuild.Build(spec)
	if err != nil {
		return nil, nil, err
	}
	d, err := crashdump.New(bytes.NewReader(dump), int64(len(dump)))
	if err != nil {
		return nil, nil, err
	}
	phys, err := d.Physical()
	if err != nil {
		return nil, nil, err
	}
	pages := map[uint64][]byte{}
	for _, frame := range facts.Frames {
		pages[frame] = make([]byte, 0x1000)
		if err := memsource.ReadFull(phys, pages[frame], frame<<12); err != nil {
			return nil, nil, err
		}
	}
	if stub {
		b, le := make([]byte, 0x1000), binary.LittleEndian
		le.PutUint64(b, 0x00000001000600e9|0x4d00)
		le.PutUint64(b[0x70:], facts.Modules[0].Base+0x1040)
		le.PutUint64(b[0xa0:], facts.Root)
		pages[0x13] = b
		facts.Frames = append([]uint64{0x13}, facts.Frames...)
	}
	return facts, pages, nil
}

// writeImage writes the pages; what is between them is a hole in the file, or
// of the memory.
func writeImage(name, format string, facts *dumpbuild.Facts, pages map[uint64][]byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	le, off := binary.LittleEndian, int64(0)
	write := func(b []byte) {
		if err == nil {
			_, err = f.WriteAt(b, off)
			off += int64(len(b))
		}
	}
	if format == "core" {
		write(coreHeaders(facts))
	}
	for _, frame := range facts.Frames {
		switch format {
		case "lime":
			h := append([]byte("EMiL\x01\x00\x00\x00"), make([]byte, 24)...)
			le.PutUint64(h[8:], frame<<12)
			le.PutUint64(h[16:], frame<<12|0xfff)
			write(h)
		case "raw", "nostub":
			off = int64(frame << 12)
		}
		write(pages[frame])
	}
	return errors.Join(err, f.Close())
}

// coreHeaders are those of an ELF core: a note, and a segment for each frame.
func coreHeaders(facts *dumpbuild.Facts) []byte {
	le, n := binary.LittleEndian, len(facts.Frames)
	note := append(le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 5), 0x1b8), 0), "QEMU\x00\x00\x00\x00"...)
	state := make([]byte, 0x1b8)
	for at, v := range map[int]uint64{0: 0x1b8<<32 | 1, 0x188: 0x80050033, 0x1a0: facts.Root, 0x1a8: 0x20} {
		le.PutUint64(state[at:], v)
	}
	note = append(note, state...)
	h := make([]byte, 64, 64+56*(n+1)+len(note))
	copy(h, "\x7fELF\x02\x01\x01")
	le.PutUint16(h[16:], 4)
	le.PutUint16(h[18:], 62)
	le.PutUint64(h[32:], 64)
	le.PutUint16(h[54:], 56)
	le.PutUint16(h[56:], uint16(n+1))
	at := uint64(cap(h))
	segment := func(kind uint32, off, pa, size uint64) {
		p := make([]byte, 56)
		le.PutUint32(p, kind)
		le.PutUint64(p[8:], off)
		le.PutUint64(p[24:], pa)
		le.PutUint64(p[32:], size)
		le.PutUint64(p[40:], size)
		h = append(h, p...)
	}
	segment(4, at-uint64(len(note)), 0, uint64(len(note)))
	for i, frame := range facts.Frames {
		segment(1, at+uint64(i)<<12, frame<<12, 0x1000)
	}
	return append(h, note...)
}

// cmdMkpagefiles writes the paging files that belong to a dump of mkdump.
func cmdMkpagefiles(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "mkpagefiles MACHINE PREFIX")
	spec, err := seedOf(args[0])(fixture.Read, dumpbuild.Full)
	ts.Check(err)
	_, facts, err := dumpbuild.Build(spec)
	ts.Check(err)
	for n, swap := range facts.PageFiles {
		ts.Check(swap.WriteFile(ts.MkAbs(fmt.Sprint(args[1], n))))
	}
}

// seedOf is the dump that mkdump writes for a machine.
func seedOf(machine string) func(dumpbuild.Reader, uint32) (dumpbuild.Spec, error) {
	return map[string]func(dumpbuild.Reader, uint32) (dumpbuild.Spec, error){"x86": dumpbuild.Seed32, "x64": dumpbuild.Seed64,
		"pae": dumpbuild.SeedPAE, "la57": dumpbuild.SeedLA57,
		"user": dumpbuild.SeedUser, "ia64": dumpbuild.SeedIA64}[machine]
}
