package pdb_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// damaged describes a PDB with something wrong in it that must not cost an
// answer: every public is still found by name and by address.
type damaged struct {
	edit    func(*testStreams)
	problem string   // what Check says
	lost    []string // names that are gone because nothing refers to them any more
}

var stillAnswered = map[string]damaged{
	"start_not_multiple_of_12":    {edit: func(s *testStreams) { put32(s.list[numPSI], s.starts, 5) }, problem: "starts at 0x5"},
	"starts_descending":           {edit: func(s *testStreams) { put32(s.list[numPSI], s.starts+4, 12*8) }, problem: "starts at"},
	"starts_equal":                {edit: func(s *testStreams) { put32(s.list[numPSI], s.starts+4, 0) }, problem: "starts at 0x0, the next at 0x0"},
	"start_past_the_records":      {edit: func(s *testStreams) { put32(s.list[numPSI], s.starts+4*(s.nStarts-1), 12*1000) }, problem: "starts at"},
	"start_huge":                  {edit: func(s *testStreams) { put32(s.list[numPSI], s.starts+4*(s.nStarts-1), 0xFFFFFFF0) }, problem: "starts at"},
	"bitmap_bit_missing":          {edit: func(s *testStreams) { s.list[numPSI][firstUsed(s)/8+s.bitmap] = 0 }, problem: "do not fit their bitmap"},
	"bitmap_bits_past_the_end":    {edit: func(s *testStreams) { put32(s.list[numPSI], s.bitmap+512, 0xFFFFFFFE) }, problem: "do not fit their bitmap"},
	"no_bucket_area":              {edit: func(s *testStreams) { put32(s.list[numPSI], 28+12, 0) }, problem: "0 bytes of buckets do not fit"},
	"bucket_area_past_the_table":  {edit: func(s *testStreams) { put32(s.list[numPSI], 28+12, 0x7FFFFFFF) }, problem: "bytes of hash records and"},
	"records_not_multiple_of_8":   {edit: func(s *testStreams) { put32(s.list[numPSI], 28+8, uint32(s.nRecords)*8+4) }, problem: "bytes of hash records and"},
	"signature_gone":              {edit: func(s *testStreams) { put32(s.list[numPSI], 28, 1) }, problem: "no known form"},
	"map_size_huge":               {edit: func(s *testStreams) { put32(s.list[numPSI], 4, 0xFFFFFFFC) }, problem: "address map of 4294967292 bytes"},
	"map_size_odd":                {edit: func(s *testStreams) { put32(s.list[numPSI], 4, uint32(s.nRecords)*4-1) }, problem: "address map of"},
	"map_with_fewer_entries":      {edit: func(s *testStreams) { put32(s.list[numPSI], 4, uint32(s.nRecords)*4-4) }, problem: "entries for"},
	"map_reversed":                {edit: reverseMap, problem: "out of order"},
	"map_entry_outside":           {edit: func(s *testStreams) { put32(s.list[numPSI], s.addrMap+4*4, 0xFFFF0000) }, problem: "leads to no public"},
	"map_entry_inside_a_record":   {edit: func(s *testStreams) { put32(s.list[numPSI], s.addrMap+4*4, 6) }, problem: "leads to no public"},
	"hash_record_outside":         {edit: func(s *testStreams) { put32(s.list[numPSI], s.records+8, 0xFFFF0000) }, problem: "run over the end", lost: []string{"second"}},
	"hash_record_zero":            {edit: func(s *testStreams) { put32(s.list[numPSI], s.records+8, 0) }, problem: "run over the end", lost: []string{"second"}},
	"hash_record_inside_a_record": {edit: func(s *testStreams) { put32(s.list[numPSI], s.records+8, 7) }, problem: "", lost: []string{"second"}},
	"record_length_zero":          {edit: func(s *testStreams) { shortRecord(s, 0) }, problem: "symbol record of 2 bytes", lost: []string{"_main"}},
	"record_length_one":           {edit: func(s *testStreams) { shortRecord(s, 1) }, problem: "symbol record of 3 bytes", lost: []string{"_main"}},
	"record_too_short":            {edit: func(s *testStreams) { shortRecord(s, 6) }, problem: "indexed as a public", lost: []string{"_main"}},
	"record_past_the_end":         {edit: func(s *testStreams) { shortRecord(s, 0xFFFF) }, problem: "run over the end", lost: []string{"_main"}},
	"record_of_another_kind":      {edit: func(s *testStreams) { binary.LittleEndian.PutUint16(s.list[numGSS][2:], 0x1107) }, problem: "is a S_CONSTANT of", lost: []string{"_main"}},
}

// firstUsed returns the number of the first bucket in use.
func firstUsed(s *testStreams) int {
	for i := range 4096 {
		if s.list[numPSI][s.bitmap+i/8]>>(i%8)&1 != 0 {
			return i
		}
	}
	panic("no bucket in use")
}

func reverseMap(s *testStreams) {
	var words []uint32
	for i := range s.nRecords {
		words = append(words, binary.LittleEndian.Uint32(s.list[numPSI][s.addrMap+i*4:]))
	}
	slices.Reverse(words)
	copy(s.list[numPSI][s.addrMap:], le32(nil, words...))
}

// shortRecord changes the length field of the first record, _main.
func shortRecord(s *testStreams, n uint16) { binary.LittleEndian.PutUint16(s.list[numGSS], n) }

func TestDamageThatCostsNoAnswer(t *testing.T) {
	for name, c := range stillAnswered {
		t.Run(name, func(t *testing.T) {
			p := samplePDB()
			gone := slices.Clone(c.lost)
			p.edit = func(s *testStreams) {
				if i := slices.Index(gone, "second"); i >= 0 {
					gone[i] = secondRecord(p, s)
				}
				c.edit(s)
			}
			f := openImage(t, p.write())
			for _, pub := range p.pubs {
				if pub.dead || slices.Contains(gone, pub.name) {
					continue
				}
				checkFound(t, f, pub)
			}
			problems := errors.Join(f.Check()...)
			if problems == nil || !strings.Contains(problems.Error(), c.problem) {
				t.Errorf("Check says %v, want %q", problems, c.problem)
			}
		})
	}
}

// secondRecord returns the name the second hash record refers to.
func secondRecord(p *testPDB, s *testStreams) string {
	rec := binary.LittleEndian.Uint32(s.list[numPSI][s.records+8:]) - 1
	return p.pubs[slices.Index(s.offsets, rec)].name
}

// checkFound finds a public by name and, where it has an RVA, by address.
func checkFound(t *testing.T, f *pdb.File, pub testPublic) {
	t.Helper()
	at := func(s pdb.Symbol) bool { return s.Name() == pub.name && s.Segment == pub.seg && s.Offset == pub.off }
	got := byName(t, f, pub.name)
	i := slices.IndexFunc(got, at)
	if i < 0 {
		t.Errorf("ByName(%q) = %v, want %04x:%08x", pub.name, got, pub.seg, pub.off)
		return
	}
	if got[i].HasRVA {
		if near := nearest(t, f, got[i].RVA); !slices.ContainsFunc(near, at) {
			t.Errorf("Nearest(%#x) = %v, want %q", got[i].RVA, near, pub.name)
		}
	}
}

// TestDamagedParts has damage that makes one part unreadable and leaves the
// others alone.
func TestDamagedParts(t *testing.T) {
	dbi16 := func(off int, v uint16) func(*testStreams) {
		return func(s *testStreams) { binary.LittleEndian.PutUint16(s.list[numDBI][off:], v) }
	}
	for name, c := range map[string]struct {
		edit    func(*testStreams)
		problem string
		publics bool // still to be had
	}{
		"psi_stream_missing":       {dbi16(16, 500), "public symbol index is stream 500, which does not exist", false},
		"gss_stream_nil":           {dbi16(20, 0), "symbol records is stream 0, which does not exist", false},
		"psi_shorter_than_header":  {func(s *testStreams) { s.list[numPSI] = s.list[numPSI][:20] }, "run over the end", false},
		"table_and_map_misplaced":  {func(s *testStreams) { put32(s.list[numPSI], 0, 20) }, "address map of", false},
		"table_past_the_end":       {func(s *testStreams) { put32(s.list[numPSI], 0, 0xFFFFFFF0) }, "name table of 4294967280 bytes", false},
		"section_stream_missing":   {func(s *testStreams) { s.list[numDBI][s.optional+10] = 200 }, "stream 200, which does not exist", true},
		"optional_header_too_long": {func(s *testStreams) { put32(s.list[numDBI], 48, 0x7FFFFFFF) }, "its parts end at", true},
		"contributions_too_long":   {func(s *testStreams) { put32(s.list[numDBI], 28, 0x7FFFFFFF) }, "section contributions runs over the end", true},
		"contributions_descend":    {func(s *testStreams) { put32(s.list[numDBI], s.contribs+4+28+4, 0) }, "", true},
		"contributions_disorder":   {func(s *testStreams) { s.list[numDBI][s.contribs+4] = 9 }, "section contribution 1 is out of order", true},
		"module_name_without_end": {func(s *testStreams) {
			end := s.contribs
			for i := s.moduleList; i < end; i++ {
				s.list[numDBI][i] = 'x'
			}
		}, "string without NUL", true},
		"named_map_too_many":     {func(s *testStreams) { put32(s.list[numInfo], 28, 0xFFFFFFFF) }, "4294967295 items of 1 bytes", true},
		"named_stream_missing":   {func(s *testStreams) { putNamed(s, 4, 300) }, "is stream 300, which does not exist", true},
		"named_offset_outside":   {func(s *testStreams) { putNamed(s, 0, 300) }, "name offset 0x12c lies outside", true},
		"sections_past_4_GiB":    {func(s *testStreams) { put32(s.list[numSections], 12, 0xFFFFFFF0) }, "section 1 ends at 0x100001ff0", true},
		"section_headers_odd":    {func(s *testStreams) { s.list[numSections] = s.list[numSections][:79] }, "", true},
		"info_stream_too_short":  {nil, "", false},
		"dbi_header_of_20_bytes": {nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			if c.edit == nil {
				checkRefused(t, name)
				return
			}
			p := samplePDB()
			p.edit = c.edit
			f := openImage(t, p.write())
			problems := errors.Join(f.Check()...)
			if c.problem != "" && (problems == nil || !strings.Contains(problems.Error(), c.problem)) {
				t.Errorf("Check says %v, want %q", problems, c.problem)
			}
			got, err := f.ByName("_main")
			if c.publics && (len(got) != 1 || err != nil) || !c.publics && !errors.Is(err, pdb.ErrFormat) {
				t.Errorf("ByName = %v, %v", got, err)
			}
			if _, err := f.Nearest(0x1020); c.publics && err != nil {
				t.Errorf("Nearest: %v", err)
			}
		})
	}
}

// putNamed overwrites a word of the first pair of the named stream map.
func putNamed(s *testStreams, off int, v uint32) {
	b := s.list[numInfo]
	names := int(binary.LittleEndian.Uint32(b[28:]))
	put32(b, 28+4+names+8+4+4+4+off, v)
}

// checkRefused expects a PDB whose fixed streams are cut off to be refused.
func checkRefused(t *testing.T, name string) {
	t.Helper()
	p := samplePDB()
	p.edit = func(s *testStreams) {
		if strings.HasPrefix(name, "info") {
			s.list[numInfo] = s.list[numInfo][:27]
		} else {
			s.list[numDBI] = s.list[numDBI][:20]
		}
	}
	m := p.write()
	if _, err := pdb.New(m, m.Size()); !errors.Is(err, pdb.ErrFormat) {
		t.Errorf("New: %v, want ErrFormat", err)
	}
}

// TestNameWithoutNUL: the name of a record ends with the record.
func TestNameWithoutNUL(t *testing.T) {
	p := samplePDB()
	p.pubs = append(p.pubs, testPublic{name: "abcdef", seg: 1, off: 0x700}, testPublic{name: "next", seg: 1, off: 0x710})
	p.edit = func(s *testStreams) {
		// The record has 14 bytes, the name and one NUL: 6 + 1 and no padding
		// left after making the name one byte longer is 14 + 6.
		at := s.offsets[len(s.offsets)-2]
		binary.LittleEndian.PutUint16(s.list[numGSS][at:], 12+6)
	}
	f := openImage(t, p.write())
	checkFound(t, f, testPublic{name: "abcdef", seg: 1, off: 0x700})
	if got := byName(t, f, "abcdef\x00"); got != nil {
		t.Errorf("a name with NUL was found: %v", got)
	}
}

func TestBlockListDamage(t *testing.T) {
	for name, c := range map[string]struct {
		block   func(m *msfImage) uint32
		problem string
	}{
		"zero":             {func(*msfImage) uint32 { return 0 }, "block number 0x0 is not in"},
		"past_the_end":     {func(m *msfImage) uint32 { return m.count }, "is not in 1.."},
		"used_twice":       {func(m *msfImage) uint32 { return m.lists[numPSI][0] }, "is used twice"},
		"free_block_map":   {func(m *msfImage) uint32 { return 1 }, "belongs to a free block map"},
		"directory_itself": {func(m *msfImage) uint32 { return m.dirBlocks[0] }, "is used twice"},
	} {
		t.Run(name, func(t *testing.T) {
			m := samplePDB().write()
			m.putBlock(numSections, 0, c.block(m))
			f := openImage(t, m)
			problems := errors.Join(f.Check()...)
			if problems == nil || !strings.Contains(problems.Error(), c.problem) {
				t.Errorf("Check says %v, want %q", problems, c.problem)
			}
			// The section headers are lost or nonsense; the names are not.
			if got := byName(t, f, "_main"); len(got) != 1 || got[0].Offset != 0x10 {
				t.Errorf("_main: %v", got)
			}
		})
	}
}

// TestDirectorySizeMismatch: a directory longer than its streams need.
func TestDirectorySizeMismatch(t *testing.T) {
	m := samplePDB().write()
	put32(m.blocks[0], 44, binary.LittleEndian.Uint32(m.blocks[0][44:])+8)
	f := openImage(t, m)
	if problems := errors.Join(f.Check()...); problems == nil || !strings.Contains(problems.Error(), "for streams that need") {
		t.Errorf("Check says %v", problems)
	}
	if got := byName(t, f, "_main"); len(got) != 1 {
		t.Errorf("_main: %v", got)
	}
}

// TestClaimsCostNoMemory: what a small file claims to hold must not be
// allocated. Each claim is made in a file of about 10 KB.
func TestClaimsCostNoMemory(t *testing.T) {
	for name, edit := range map[string]func(m *msfImage){
		"blocks":  func(m *msfImage) { put32(m.blocks[0], 40, 0xFFFFFFFF) },
		"streams": func(m *msfImage) { put32(m.blocks[m.dirBlocks[0]], 0, 0x3FFFFFFF) },
		"sizes": func(m *msfImage) {
			for i := range len(m.lists) {
				put32(m.blocks[m.dirBlocks[0]], 4+i*4, 0xFFFFFFFE)
			}
		},
		"hash_records": func(m *msfImage) { put32(m.blocks[m.lists[numPSI][0]], 28+8, 0xFFFFFFF8) },
		"dbi_parts": func(m *msfImage) {
			for off := 24; off < 56; off += 4 {
				put32(m.blocks[m.lists[numDBI][0]], off, 0xFFFFFFF0)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := samplePDB()
			p.blockSize = 512
			m := p.write()
			edit(m)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if f, err := pdb.New(m, m.Size()); err == nil {
				f.ByName("_main")
				f.Nearest(0x1010)
				for range f.Publics() {
				}
				f.Check()
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
				t.Errorf("%d bytes allocated for a file of %d", n, m.Size())
			}
		})
	}
}

// TestProblemsAreBounded: a file that is all wrong gives a list with an end.
func TestProblemsAreBounded(t *testing.T) {
	p := samplePDB()
	for i := range 500 {
		p.pubs = append(p.pubs, testPublic{name: strings.Repeat("n", i+1), seg: 1, off: uint32(i)})
	}
	p.edit = func(s *testStreams) {
		for _, off := range s.offsets {
			s.list[numGSS][off+14]++ // every name leads to another bucket now
		}
	}
	problems := openImage(t, p.write()).Check()
	if n := len(problems); n > 101 || !errors.Is(problems[n-1], pdb.ErrMoreProblems) {
		t.Errorf("%d problems, the last %v", n, problems[n-1])
	}
}

// TestManyNamesAtOneAddress: more names than the address map is read for one
// by one are all found, and an entry repeated in the map counts once.
func TestManyNamesAtOneAddress(t *testing.T) {
	p := samplePDB()
	for i := range 5000 {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("folded%d", i), seg: 1, off: 0x400})
	}
	f := openImage(t, p.write())
	if got := len(nearest(t, f, 0x1404)); got != 5000 {
		t.Errorf("%d names, want 5000", got)
	}
	p.edit = func(s *testStreams) {
		for i := range s.nRecords {
			put32(s.list[numPSI], s.addrMap+i*4, s.offsets[0])
		}
	}
	f = openImage(t, p.write())
	if got := names(nearest(t, f, 0x1010)); !slices.Equal(got, []string{"_main"}) {
		t.Errorf("%d names, want _main alone", len(got))
	}
}
