package pdb

import (
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/wire"
)

// DBIHeader is the head of the DBI stream (microsoft-pdb dbi.h).
type DBIHeader struct {
	Version uint32 // 19990903 (V70) in every current PDB, 0 in the headers of VC4
	Age     uint32 // the age the RSDS record of the image has
	Build   uint16 // linker version: bit 15 new form, 8-14 major, 0-7 minor
	Flags   uint16 // DBIIncremental, DBIStripped, DBIConflicting
	Machine uint16 // IMAGE_FILE_MACHINE value, 0 in the headers of VC4
}

// Flags of [DBIHeader].
const (
	DBIIncremental = 1 // linked incrementally
	DBIStripped    = 2 // private symbols were removed
	DBIConflicting = 4 // has conflicting types
)

// dbi is what is kept of the DBI stream. It is immutable.
type dbi struct {
	DBIHeader
	s             *msf.Stream // nil: the PDB has no debug information, so nothing is in the parts
	gsi, psi, gss uint32      // stream numbers, noStream if absent
	subs          [numSubs]substream
	opt           [numOpt]uint32 // as gsi
}

// substream is a part of the DBI stream. end may lie past the stream when a
// size field is wrong; readers check.
type substream struct{ off, end uint64 }

// The substreams in the order they lie in.
const (
	subModules = iota
	subContribs
	subSectionMap
	subFiles
	subTypeServer
	subEC
	subOptional
	numSubs
)

// Entries of the optional debug header. Files of older linkers have fewer.
const (
	optOmapTo       = 3
	optOmapFrom     = 4
	optSections     = 5
	optOrigSections = 10
	numOpt          = 11
)

// sub opens a substream as a range of the DBI stream.
func (d *dbi) sub(i int, name string) (off, n uint32, err error) {
	p := d.subs[i]
	if d.s != nil && p.end > uint64(d.s.Size) {
		return 0, 0, damage(d.s.Name, int64(p.off), "%s runs over the end at %#x", name, d.s.Size)
	}
	return uint32(p.off), uint32(p.end - p.off), nil
}

const (
	dbiHead    = 64
	dbiOldHead = 24
	dbiNewSign = 0xFFFFFFFF
)

// loadDBI reads the header of the DBI stream and the optional debug header. age is
// that of a PDB that has no DBI or an empty one.
func loadDBI(m *msf.Container, age uint32) (*dbi, error) {
	d := &dbi{gsi: noStream, psi: noStream, gss: noStream}
	for i := range d.opt {
		d.opt[i] = noStream
	}
	if m.Length(streamDBI) == 0 {
		d.Age = age
		return d, nil
	}
	s, err := m.Stream(streamDBI, "DBI")
	if err != nil {
		return nil, err
	}
	b, err := s.Bytes(0, min(s.Size, dbiHead))
	if err != nil {
		return nil, err
	}
	d.s = s
	c := wire.New(s.Name, b)
	if len(b) >= 4 && u32(b, 0) != dbiNewSign {
		d.parseOld(c)
	} else {
		d.parseHead(c)
	}
	if c.Err() != nil {
		return nil, cursorErr(c.Err())
	}
	return d, d.loadOptional()
}

func (d *dbi) parseHead(c *wire.Cursor) {
	c.U32() // the sign of the new header
	d.Version, d.Age = c.U32(), c.U32()
	d.gsi, d.Build = uint32(c.U16()), c.U16()
	d.psi, _ = uint32(c.U16()), c.U16() // version of the PDB library
	d.gss, _ = uint32(c.U16()), c.U16() // its build number
	mods, contribs, secMap, files, typeServer := c.U32(), c.U32(), c.U32(), c.U32(), c.U32()
	c.U32() // MFC type server
	opt, ec := c.U32(), c.U32()
	d.Flags, d.Machine = c.U16(), c.U16()
	c.U32()
	// The sizes of the last two stand in the other order than the parts.
	d.layOut(dbiHead, mods, contribs, secMap, files, typeServer, ec, opt)
}

// parseOld reads the header of VC4, which has no sign, version or age.
func (d *dbi) parseOld(c *wire.Cursor) {
	d.gsi, d.psi, d.gss = uint32(c.U16()), uint32(c.U16()), uint32(c.U16())
	c.U16()
	d.layOut(dbiOldHead, c.U32(), c.U32(), c.U32(), c.U32())
}

func (d *dbi) layOut(off uint64, sizes ...uint32) {
	for i := range d.subs {
		d.subs[i].off = off
		if i < len(sizes) {
			off += uint64(sizes[i])
		}
		d.subs[i].end = off
	}
}

// loadOptional reads the optional debug header: u16 stream numbers, as many
// as there are.
func (d *dbi) loadOptional() error {
	off, n, err := d.sub(subOptional, "optional debug header")
	if err != nil {
		return nil // File.Check reports it; publics by name need none of it
	}
	b, err := d.s.Bytes(off, min(n, numOpt*2))
	if err != nil {
		return err
	}
	for i := 0; i+2 <= len(b); i += 2 {
		d.opt[i/2] = uint32(u16(b, i))
	}
	return nil
}

// expectTables asks for what most questions begin with. The bitmap of a name table is
// found by the sizes of the streams: the address map behind that of the publics has half
// a hash record for each.
func (f *File) expectTables() {
	const buckets, modules = (bucketsNormal + bucketsNormal/32 + 1) * 4, 1 << 20
	d, ahead := f.dbi, f.msf.Batch()
	if ahead == nil {
		return
	}
	ahead.Ends(d.opt[optSections], readPage, 0)
	ahead.Ends(d.gsi, readPage, buckets)
	ahead.Ends(d.psi, readPage, 0)
	if psi, err := f.msf.Stream(d.psi, ""); err == nil && psi.Size > buckets {
		ahead.Add(psi, (psi.Size-buckets)/3*2, 2*buckets)
	}
	for i, n := range map[int]uint32{subModules: modules, subContribs: 4} {
		if off, size, err := d.sub(i, ""); err == nil {
			ahead.Add(d.s, off, min(n, size))
		}
	}
	if s, err := f.namedStream("/names"); err == nil {
		ahead.Add(s, 0, readPage)
	}
	if ids, err := f.loadIDs(); err == nil && ids.s != nil {
		if s, err := ids.hashStream(); err == nil {
			ahead.Add(s, ids.pairs.off, ids.pairs.size)
		}
	}
	ahead.Read()
}

// expectNames asks for the names of the files of a module and of what was inlined there.
func (f *File) expectNames(c *moduleLines) {
	ahead := f.msf.Batch()
	if ahead == nil {
		return
	}
	if t, err := f.strings(); err == nil {
		for _, file := range c.files[:min(len(c.files), maxExpected)] {
			ahead.Add(t.a.Stream, t.a.Off+file.name, firstString)
		}
	}
	if t, err := f.loadIDs(); err == nil {
		var ids []uint32
		for _, in := range c.inlinees[:min(len(c.inlinees), maxExpected)] {
			ids = append(ids, in.id)
		}
		t.expect(ahead, ids)
	}
	ahead.Read()
}

const maxExpected = 256 // names of each kind
