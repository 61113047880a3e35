package cab_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
)

// everyMethod is one of each, with blocks that cross frames and some that do
// not.
func everyMethod() map[string]cabbuild.Method {
	return map[string]cabbuild.Method{
		"stored":          cabbuild.Stored{},
		"mszip":           cabbuild.MSZIP{},
		"lzx15":           cabbuild.LZX{Window: 15},
		"lzx18_long":      cabbuild.LZX{Window: 18, Blocks: []cabbuild.Block{{Kind: cabbuild.Aligned, Size: 100_001}}},
		"lzx21_raw_mixed": cabbuild.LZX{Window: 21, E8Size: 1 << 20, Blocks: []cabbuild.Block{{Kind: cabbuild.Uncompressed, Size: 40_001}, {Kind: cabbuild.Verbatim, Size: 1001}}},
	}
}

// readAll opens every member and returns their contents in a row.
func readAll(b []byte) ([]byte, error) {
	c, err := cab.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, m := range c.Members() {
		r, err := c.Open(m, cab.Limits{})
		if err != nil {
			return all, err
		}
		data, err := io.ReadAll(r)
		all = append(all, data...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// TestFoldersAndFiles reads several files of several folders, in cabinets with
// every optional part, and has cabextract read them too.
func TestFoldersAndFiles(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	var want []byte
	var folders []cabbuild.Folder
	for _, m := range everyMethod() {
		f := cabbuild.Folder{Method: m}
		for _, n := range []int{0, 1, 70_000, 32768, 333} {
			data := sample(rnd, n)
			want = append(want, data...)
			f.Files = append(f.Files, cabbuild.File{Name: `dir\f.bin`, Data: data})
		}
		folders = append(folders, f)
	}
	for name, c := range map[string]cabbuild.Cabinet{
		"plain":          {},
		"no_checksums":   {NoChecksums: true},
		"reserved_areas": {Reserve: cabbuild.Reserve{Header: 5000, Folder: 255, Data: 33}},
		"reserved_data":  {Reserve: cabbuild.Reserve{Data: 4}},
		"in_a_set":       {Prev: "one.cab", Next: "three.cab"},
	} {
		t.Run(name, func(t *testing.T) {
			c.Folders = folders
			b := build(t, c)
			got, err := readAll(b)
			if err != nil {
				t.Error(err)
			}
			diff(t, "contents", got, want)
			theirs, err := cabextract(t, b)
			if err != nil {
				t.Error(err)
			}
			diff(t, "cabextract", theirs, want)
		})
	}
}

// TestChecksumOverReservedArea: [MS-CAB] counts the reserved area in,
// cabextract refuses such a cabinet.
func TestChecksumOverReservedArea(t *testing.T) {
	data := sample(rand.New(rand.NewPCG(1, 1)), 1000)
	b := build(t, cabbuild.Cabinet{
		SumReserve: true, Reserve: cabbuild.Reserve{Data: 7},
		Folders: []cabbuild.Folder{{Method: cabbuild.MSZIP{}, Files: []cabbuild.File{{Name: "f", Data: data}}}},
	})
	got, err := expand(b, cab.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "contents", got, data)
}

// TestUncompressedExample expands the example of [MS-PATCH] 3, less its chunk
// size, which cabinets do not have.
func TestUncompressedExample(t *testing.T) {
	packed, err := hex.DecodeString("0030300001000000010000000100000061626300")
	if err != nil {
		t.Fatal(err)
	}
	m := cabbuild.Raw{Code: 17<<8 | 3, Frames: []cabbuild.Frame{{Packed: packed, Size: 3}}}
	if got, err := expand(single(t, m, []byte("abc")), cab.Limits{}); string(got) != "abc" || err != nil {
		t.Errorf("got %q, %v; want abc", got, err)
	}
}

func TestMembers(t *testing.T) {
	b := build(t, cabbuild.Cabinet{Folders: []cabbuild.Folder{{Method: cabbuild.Stored{}, Files: []cabbuild.File{
		{Name: `..\..\etc/passwd`, Data: []byte("1")},
		{Name: "caf\xe9.pdb"},
		{Name: "na\xc3\xafve\x1b[2J\xe2\x80\xae.pdb", UTF8: true},
		{Name: ""},
	}}}})
	c, err := cab.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range c.Members() {
		names = append(names, m.Name)
	}
	want := []string{"passwd", "caf\ufffd.pdb", "na\u00efve\ufffd[2J\ufffd.pdb", ""}
	if !slices.Equal(names, want) || c.Spanned() {
		t.Errorf("names %q, spanned %t; want %q, not spanned", names, c.Spanned(), want)
	}
}

func TestSpannedFiles(t *testing.T) {
	for _, index := range []uint16{0xFFFD, 0xFFFE, 0xFFFF} {
		b := build(t, cabbuild.Cabinet{Next: "b.cab", Folders: []cabbuild.Folder{{
			Method: cabbuild.Stored{},
			Files:  []cabbuild.File{{Name: "whole", Data: []byte("here")}, {Name: "part", Data: []byte("there"), Spanned: index}},
		}}})
		got, err := readAll(b)
		if string(got) != "here" || !errors.Is(err, cab.ErrSpanned) {
			t.Errorf("%#x: got %q, %v; want here, ErrSpanned", index, got, err)
		}
		if _, err := expand(b, cab.Limits{}); !errors.Is(err, cab.ErrSpanned) {
			t.Errorf("%#x: Expand: %v, want ErrSpanned", index, err)
		}
	}
}

// TestDataInNextCabinet has a last data block that says its rest is elsewhere.
func TestDataInNextCabinet(t *testing.T) {
	m := cabbuild.Raw{Frames: []cabbuild.Frame{{Packed: []byte("abc"), Size: 0}}}
	if _, err := expand(single(t, m, []byte("abcdef")), cab.Limits{}); !errors.Is(err, cab.ErrSpanned) {
		t.Errorf("%v, want ErrSpanned", err)
	}
}

func TestUnsupportedMethods(t *testing.T) {
	for code, want := range map[uint16]string{2: "Quantum", 0x1532: "Quantum", 4: "0x0004"} {
		_, err := expand(single(t, cabbuild.Raw{Code: code}, []byte("x")), cab.Limits{})
		var method *cab.MethodError
		if !errors.As(err, &method) || method.Method != want || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%#x: %v, want a MethodError of %s", code, err, want)
		}
	}
}

// TestLZXWindows: only 2^15 to 2^21 exist in cabinets.
func TestLZXWindows(t *testing.T) {
	for _, window := range []uint16{0, 14, 22, 31} {
		if _, err := expand(single(t, cabbuild.Raw{Code: window<<8 | 3}, []byte("x")), cab.Limits{}); !errors.Is(err, cab.ErrCorrupt) {
			t.Errorf("2^%d: %v, want ErrCorrupt", window, err)
		}
	}
}

// TestCorruptBlocks is a list of lies in data blocks, among them those that
// cost other readers an endless loop or an overrun.
func TestCorruptBlocks(t *testing.T) {
	ck := func(s string) []byte { return append([]byte("CK"), s...) }
	lzx := uint16(15<<8 | 3)
	for name, m := range map[string]cabbuild.Raw{
		"no_blocks":           {Code: 0},
		"stored_size_differs": {Code: 0, Frames: []cabbuild.Frame{{Packed: []byte("ab"), Size: 1}}},
		"stored_too_large":    {Code: 0, Frames: []cabbuild.Frame{{Packed: make([]byte, 40000), Size: 40000}}},
		"mszip_empty":         {Code: 1, Frames: []cabbuild.Frame{{Size: 1}}},
		"mszip_signature":     {Code: 1, Frames: []cabbuild.Frame{{Packed: []byte("KC\x01\x01\x00\xfe\xffx"), Size: 1}}},
		"mszip_short":         {Code: 1, Frames: []cabbuild.Frame{{Packed: ck("\x01\x01\x00\xfe\xffx"), Size: 2}}},
		"mszip_long":          {Code: 1, Frames: []cabbuild.Frame{{Packed: ck("\x01\x02\x00\xfd\xffxy"), Size: 1}}},
		"mszip_not_final":     {Code: 1, Frames: []cabbuild.Frame{{Packed: ck("\x00\x01\x00\xfe\xffx"), Size: 1}}},
		"mszip_reserved_type": {Code: 1, Frames: []cabbuild.Frame{{Packed: ck("\x07"), Size: 1}}},
		"lzx_empty":           {Code: lzx, Frames: []cabbuild.Frame{{Size: 1}}},
		"lzx_zeros":           {Code: lzx, Frames: []cabbuild.Frame{{Packed: make([]byte, 0xFFFF), Size: 1}}},
		"lzx_block_type_7":    {Code: lzx, Frames: []cabbuild.Frame{{Packed: bytes.Repeat([]byte{0xFF}, 64), Size: 1}}},
		"lzx_raw_of_no_bytes": {Code: lzx, Frames: []cabbuild.Frame{{Packed: append([]byte{0, 0x30, 0, 0}, make([]byte, 60)...), Size: 1}}},
		"lzx_raw_header_cut":  {Code: lzx, Frames: []cabbuild.Frame{{Packed: []byte{0, 0x30, 0x30, 0, 1, 0}, Size: 3}}},
		"lzx_raw_cut":         {Code: lzx, Frames: []cabbuild.Frame{{Packed: append([]byte{0, 0x30, 0x30, 0}, make([]byte, 13)...), Size: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := expand(single(t, m, []byte("x")), cab.Limits{}); !errors.Is(err, cab.ErrCorrupt) {
				t.Errorf("%d bytes, %v; want ErrCorrupt", len(got), err)
			}
		})
	}
}

// TestShortBlocks cuts the last data block of a folder, and nothing else, at
// every length.
func TestShortBlocks(t *testing.T) {
	data := sample(rand.New(rand.NewPCG(2, 2)), 33_500)
	for name, m := range map[string]cabbuild.Method{
		"stored": cabbuild.Stored{},
		"mszip":  cabbuild.MSZIP{},
		"lzx":    cabbuild.LZX{Window: 15},
		"lzx_on": cabbuild.LZX{Window: 17, Blocks: []cabbuild.Block{{Kind: cabbuild.Aligned, Size: 1 << 17}}},
	} {
		t.Run(name, func(t *testing.T) {
			frames, err := m.Pack(data)
			if err != nil {
				t.Fatal(err)
			}
			last := &frames[len(frames)-1]
			for n := range last.Packed {
				cut := append(slices.Clone(frames[:len(frames)-1]), cabbuild.Frame{Packed: last.Packed[:n], Size: last.Size})
				if _, err := expand(single(t, cabbuild.Raw{Code: m.Type(), Frames: cut}, data), cab.Limits{}); !errors.Is(err, cab.ErrCorrupt) {
					t.Errorf("%d of %d bytes: %v, want ErrCorrupt", n, len(last.Packed), err)
				}
			}
		})
	}
}

// TestCorruptHeaders changes header fields of a good cabinet.
func TestCorruptHeaders(t *testing.T) {
	good := single(t, cabbuild.Stored{}, []byte("hello"))
	put := func(off int, v uint16) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint16(b[off:], v); return b }
	}
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   error
	}{
		"signature":        {put(0, 0), cab.ErrFormat},
		"empty":            {func([]byte) []byte { return nil }, cab.ErrFormat},
		"cut_in_header":    {func(b []byte) []byte { return b[:20] }, io.ErrUnexpectedEOF},
		"cut_by_one":       {func(b []byte) []byte { return b[:len(b)-1] }, io.ErrUnexpectedEOF},
		"size_too_small":   {put(8, 60), cab.ErrCorrupt},
		"file_table":       {put(18, 0x7FFF), cab.ErrCorrupt},
		"version":          {put(24, 0x0203), cab.ErrCorrupt},
		"folders":          {put(26, 0xFFFF), cab.ErrCorrupt},
		"no_folders":       {put(26, 0), cab.ErrCorrupt},
		"no_files":         {put(28, 0), cab.ErrMembers},
		"files":            {put(28, 0xFFFF), cab.ErrCorrupt},
		"data_offset":      {put(38, 0x7FFF), cab.ErrCorrupt},
		"blocks_missing":   {put(40, 0), cab.ErrCorrupt},
		"blocks_extra":     {put(40, 2), cab.ErrCorrupt},
		"file_size_less":   {put(44, 4), cab.ErrCorrupt},
		"file_size_more":   {put(44, 6), cab.ErrCorrupt},
		"file_offset":      {put(48, 1), cab.ErrCorrupt},
		"middle_of_folder": {func(b []byte) []byte { return put(48, 1)(put(44, 4)(b)) }, cab.ErrCorrupt},
		"folder_index":     {put(52, 1), cab.ErrCorrupt},
		"checksum":         {put(66, 0x1234), cab.ErrCorrupt},
		"payload":          {put(len(good)-2, 0x1234), cab.ErrCorrupt},
		"bytes_behind":     {func(b []byte) []byte { return append(b, "signature"...) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.change(bytes.Clone(good))
			if got, err := expand(b, cab.Limits{}); !errors.Is(err, c.want) || c.want == nil && string(got) != "hello" {
				t.Errorf("got %q, %v; want %v", got, err, c.want)
			}
		})
	}
}

// TestLongName: names have at most 255 bytes, so that one without an end
// cannot take the rest of the file for itself.
func TestLongName(t *testing.T) {
	for n, want := range map[int]error{255: nil, 256: cab.ErrCorrupt} {
		name := string(bytes.Repeat([]byte("n"), n))
		b := build(t, cabbuild.Cabinet{Folders: []cabbuild.Folder{{
			Method: cabbuild.Stored{}, Files: []cabbuild.File{{Name: name, Data: []byte("x")}},
		}}})
		if _, err := expand(b, cab.Limits{}); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", n, err, want)
		}
	}
}

// TestReaderError: an error of the file below is not a corrupt cabinet.
func TestReaderError(t *testing.T) {
	good := single(t, cabbuild.MSZIP{}, sample(rand.New(rand.NewPCG(3, 3)), 200_000))
	gone := errors.New("share is gone")
	for _, after := range []int64{0, 4, 30, 70, 200, int64(len(good)) / 2, int64(len(good)) - 1} {
		_, err := expandFrom(failingAt{bytes.NewReader(good), after, gone}, int64(len(good)))
		if !errors.Is(err, gone) || errors.Is(err, cab.ErrCorrupt) {
			t.Errorf("failing at %d: %v, want the reader's error", after, err)
		}
	}
}

type failingAt struct {
	r     io.ReaderAt
	after int64
	err   error
}

func (f failingAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= f.after {
		return f.r.ReadAt(p, off)
	}
	n, _ := f.r.ReadAt(p[:max(0, f.after-off)], off)
	return n, f.err
}

func expandFrom(r io.ReaderAt, size int64) ([]byte, error) {
	f, err := cab.Expand(r, size, cab.Limits{})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// TestReadContract reads byte by byte, in odd pieces and after the end.
func TestReadContract(t *testing.T) {
	data := sample(rand.New(rand.NewPCG(5, 5)), 150_000)
	for name, m := range everyMethod() {
		t.Run(name, func(t *testing.T) {
			b := single(t, m, data)
			f, err := cab.Expand(bytes.NewReader(b), int64(len(b)), cab.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if f.Name != "f.bin" || f.Size != int64(len(data)) || f.Format != cab.MSCF {
				t.Errorf("%q, %d bytes, %v", f.Name, f.Size, f.Format)
			}
			if err := iotest.TestReader(f, data); err != nil {
				t.Error(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
