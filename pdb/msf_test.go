package pdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// openImage opens what was written and expects it to be sound.
func openImage(t testing.TB, m *msfImage) *pdb.File {
	t.Helper()
	f, err := openBytes(m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// names returns the sorted names of symbols.
func names(syms []pdb.Symbol) []string {
	var list []string
	for _, s := range syms {
		list = append(list, s.Name())
	}
	slices.Sort(list)
	return list
}

func byName(t testing.TB, f *pdb.File, name string) []pdb.Symbol {
	t.Helper()
	syms, err := f.ByName(name)
	if err != nil {
		t.Fatalf("ByName(%q): %v", name, err)
	}
	return syms
}

func nearest(t testing.TB, f *pdb.File, rva uint32) []pdb.Symbol {
	t.Helper()
	syms, err := f.Nearest(rva)
	if err != nil {
		t.Fatalf("Nearest(%#x): %v", rva, err)
	}
	return syms
}

// all returns what Publics yields.
func all(t testing.TB, f *pdb.File) []pdb.Symbol {
	t.Helper()
	var list []pdb.Symbol
	for sym, err := range f.Publics() {
		if err != nil {
			t.Fatalf("Publics: %v", err)
		}
		list = append(list, sym)
	}
	return list
}

// checkSample asks the questions every layout of samplePDB must answer alike.
func checkSample(t *testing.T, f *pdb.File) {
	t.Helper()
	if g, age := f.ID(); g != testGUID || age != 1 {
		t.Errorf("ID = %s %d, want %s 1", g, age, testGUID)
	}
	want := []string{"?f@@YAXXZ", "?g@@YAXXZ", "_Main", "__guard_flags", "_data", "_data", "_main", "_tail", "zero"}
	if got := names(all(t, f)); !slices.Equal(got, want) {
		t.Errorf("publics %q, want %q", got, want)
	}
	if got := byName(t, f, "_main"); len(got) != 1 || got[0].RVA != 0x1010 || !got[0].HasRVA {
		t.Errorf("_main: %+v, want one at 0x1010", got)
	}
	if got := nearest(t, f, 0x1120); !slices.Equal(names(got), want[:2]) {
		t.Errorf("0x1120: %v, want %q", got, want[:2])
	}
	for _, err := range f.Check() {
		t.Errorf("problem: %v", err)
	}
}

func TestEveryBlockSize(t *testing.T) {
	for bs := uint32(512); bs <= 65536; bs *= 2 {
		for _, scatter := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d_scatter=%v", bs, scatter), func(t *testing.T) {
				p := samplePDB()
				p.blockSize, p.scatter = bs, scatter
				checkSample(t, openImage(t, p.write()))
			})
		}
	}
}

func TestBlockSizesRefused(t *testing.T) {
	for _, bs := range []uint32{0, 1, 256, 768, 4097, 131072, 0xFFFFFFFF} {
		m := samplePDB().write()
		put32(m.blocks[0], 32, bs)
		if _, err := pdb.New(m, m.Size()); !errors.Is(err, pdb.ErrFormat) || !strings.Contains(err.Error(), "block size") {
			t.Errorf("block size %d: %v, want ErrFormat", bs, err)
		}
	}
}

// TestRecordsAcrossBlocks has records that lie across blocks, none of which
// are neighbours.
func TestRecordsAcrossBlocks(t *testing.T) {
	p := samplePDB()
	p.blockSize, p.scatter = 512, true
	for i := range 300 {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("?%s%d@@", strings.Repeat("long", i%60), i), seg: 1, off: 0x200 + uint32(i)})
	}
	p.pubs = append(p.pubs, testPublic{name: strings.Repeat("x", 60000), seg: 2, off: 0x60})
	f := openImage(t, p.write())
	if got := len(all(t, f)); got != len(p.pubs)-1 {
		t.Errorf("%d publics, want %d", got, len(p.pubs)-1)
	}
	for _, pub := range p.pubs {
		if got := byName(t, f, pub.name); len(got) == 0 == !pub.dead {
			t.Errorf("%.20q: %v", pub.name, got)
		}
	}
	for _, err := range f.Check() {
		t.Error(err)
	}
}

// TestOver4GiB has every block of the file beyond 4 GiB, so that 32-bit
// arithmetic on offsets anywhere would read the hole before them.
func TestOver4GiB(t *testing.T) {
	for bs := uint32(512); bs <= 65536; bs *= 2 {
		p := samplePDB()
		p.blockSize, p.first = bs, uint32(5<<30/uint64(bs))
		m := p.write()
		if m.Size() <= 5<<30 {
			t.Fatalf("file of %d bytes is too small for the test", m.Size())
		}
		// Check's set of used blocks is for files that are really that long.
		f := openImage(t, m)
		if got := byName(t, f, "_tail"); len(got) != 1 || got[0].RVA != 0x1900 {
			t.Errorf("block size %d: %v", bs, got)
		}
		if got := names(nearest(t, f, 0x3030)); !slices.Equal(got, []string{"_data"}) {
			t.Errorf("block size %d: %q", bs, got)
		}
	}
}

// TestDirectoryMapIsAnArray has a directory of 70,000 bytes: with blocks of
// 512 bytes its map takes 137 block numbers, more than the 128 one block holds.
func TestDirectoryMapIsAnArray(t *testing.T) {
	p := samplePDB()
	p.blockSize = 512
	for range 17_000 {
		p.extra = append(p.extra, []byte{})
	}
	m := p.write()
	if n := len(m.dirBlocks); n <= 128 {
		t.Fatalf("directory of %d blocks needs one map block only", n)
	}
	f := openImage(t, m)
	checkSample(t, f)
	r, err := f.Stream("srcsrv") // its block list is at the end of the directory
	if err != nil || r == nil {
		t.Fatalf("Stream: %v, %v", r, err)
	}
	if b, err := io.ReadAll(r); string(b) != "SRCSRV: ini" || err != nil {
		t.Errorf("srcsrv = %q, %v", b, err)
	}
}

func TestDirectoryDamage(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*msfImage)
		want   string
	}{
		"directory_longer_than_file": {func(m *msfImage) { put32(m.blocks[0], 44, 0x7FFFFFFF) }, "directory of"},
		"directory_of_no_bytes":      {func(m *msfImage) { put32(m.blocks[0], 44, 0) }, "directory of 0 bytes"},
		"map_block_zero":             {func(m *msfImage) { put32(m.blocks[0], 52, 0) }, "block number 0x0"},
		"map_block_past_the_end":     {func(m *msfImage) { put32(m.blocks[0], 52, m.count) }, "is not in 1.."},
		"directory_block_zero":       {func(m *msfImage) { clear(m.blocks[m.count-1]) }, "stream directory+0x0: block number 0x0"},
		"more_streams_than_bytes":    {func(m *msfImage) { put32(m.blocks[m.dirBlocks[0]], 0, 0x40000000) }, "1073741824 streams"},
		"info_stream_missing":        {func(m *msfImage) { put32(m.blocks[m.dirBlocks[0]], 8, 0xFFFFFFFF) }, "stream 1 (PDB info)+0x0: no such stream"},
		"info_stream_too_long":       {func(m *msfImage) { put32(m.blocks[m.dirBlocks[0]], 8, 0xFFFFFFF0) }, "bytes in a file of"},
		"dbi_list_past_directory":    {func(m *msfImage) { put32(m.blocks[m.dirBlocks[0]], 16, 40000) }, "lies beyond the end of the directory"},
	} {
		t.Run(name, func(t *testing.T) {
			m := samplePDB().write()
			c.damage(m)
			_, err := pdb.New(m, m.Size())
			if !errors.Is(err, pdb.ErrFormat) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want ErrFormat with %q", err, c.want)
			}
		})
	}
}

// TestTruncatedFile cuts a file at every block: whatever is gone, nothing
// but an error may come of it, and what Check reports names the end.
func TestTruncatedFile(t *testing.T) {
	p := samplePDB()
	p.blockSize = 512
	b := p.write().Bytes()
	opened := 0
	for size := int64(0); size < int64(len(b)); size += 100 {
		f, err := pdb.New(bytes.NewReader(b[:size]), size)
		if err != nil {
			if !errors.Is(err, pdb.ErrFormat) {
				t.Errorf("cut at %d: %v, want ErrFormat", size, err)
			}
			continue
		}
		opened++
		problems := errors.Join(f.Check()...)
		if problems == nil || !strings.Contains(problems.Error(), "blocks of 512 bytes in a file of") {
			t.Errorf("cut at %d: Check says %v", size, problems)
		}
	}
	t.Logf("%d cut files could be opened", opened)
}

// TestCutBehindDirectory: a truncated file whose directory survived still
// answers what it can, and names the block it lacks.
func TestCutBehindDirectory(t *testing.T) {
	p := samplePDB()
	p.blockSize = 512
	m := p.write()
	// Point the records at a block past the end of the file.
	m.putBlock(numGSS, 0, m.count+5)
	put32(m.blocks[0], 40, m.count+10)
	f := openImage(t, m)
	if s, err := f.Sections(); err != nil || len(s) != 2 {
		t.Errorf("Sections = %v, %v", s, err)
	}
	if _, err := f.ByName("_main"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("block %#x lies beyond the end", m.count+5)) {
		t.Errorf("ByName: %v, want the block that is missing", err)
	}
}

func TestTrailingJunkIsFine(t *testing.T) {
	b := append(samplePDB().write().Bytes(), "appended by somebody"...)
	f, err := pdb.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	checkSample(t, f)
}

func TestSniff(t *testing.T) {
	pad := make([]byte, 100)
	for _, c := range []struct {
		first  string
		want   pdb.Format
		name   string
		is     error
		saying string
	}{
		{"Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00", pdb.FormatPDB7, "pdb7", pdb.ErrFormat, "block size"},
		{"Microsoft C/C++ program database 2.00\r\n\x1aJG\x00\x00", pdb.FormatPDB2, "pdb2", pdb.ErrUnsupported, "PDB 2.00"},
		{"Microsoft MSFZ Container\r\n\x1aALD\x00\x00", pdb.FormatMSFZ, "msfz", pdb.ErrUnsupported, "MSFZ"},
		{"BSJB\x01\x00\x01\x00", pdb.FormatPortable, "portable-pdb", pdb.ErrUnsupported, "without native symbols"},
		{"MSCF\x00\x00\x00\x00", pdb.FormatCAB, "cab", pdb.ErrUnsupported, "cabinet"},
		{"DI\x00\x00", pdb.FormatDBG, "dbg", pdb.ErrUnsupported, ".dbg"},
		{"NB11", pdb.FormatCodeView, "codeview", pdb.ErrUnsupported, "CodeView"},
		{"MZ\x90\x00", pdb.FormatPE, "pe", pdb.ErrFormat, "PE image"},
		{"!<arch>\n", pdb.FormatLibrary, "lib", pdb.ErrFormat, "library"},
		{"MDMP\x93\xa7", pdb.FormatMinidump, "minidump", pdb.ErrFormat, "minidump"},
		{"PAGEDU64", pdb.FormatCrashDump, "crashdump", pdb.ErrFormat, "crash dump"},
		{"hello", pdb.FormatUnknown, "unknown", pdb.ErrFormat, "not a PDB"},
		{"", pdb.FormatUnknown, "unknown", pdb.ErrFormat, "not a PDB"},
	} {
		if got := pdb.Sniff([]byte(c.first)); got != c.want || got.String() != c.name {
			t.Errorf("Sniff(%q) = %v, want %v (%s)", c.first, got, c.want, c.name)
		}
		b := append([]byte(c.first), pad...)
		_, err := pdb.New(bytes.NewReader(b), int64(len(b)))
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.saying) {
			t.Errorf("%q: err = %v, want %v with %q", c.first, err, c.is, c.saying)
		}
	}
}
