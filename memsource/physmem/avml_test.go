package physmem_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/physmem"
)

// avml is a file of AVML: a header, a stream of Snappy, and its length for each run.
func avml(t testing.TB, runs ...run) []byte {
	t.Helper()
	var b []byte
	for _, r := range runs {
		b = append(b, "AVML\x02\x00\x00\x00"...)
		b = le.AppendUint64(b, r.addr)
		b = le.AppendUint64(b, r.addr+uint64(len(r.data))-1)
		b = append(b, make([]byte, 8)...)
		var packed bytes.Buffer
		w := snappy.NewBufferedWriter(&packed)
		if _, err := w.Write(r.data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b = append(b, packed.Bytes()...)
		b = le.AppendUint64(b, uint64(packed.Len()))
	}
	return b
}

// noise does not become smaller.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(int64(n))).Read(b)
	return b
}

// TestAVML reads blocks of several chunks, compressed or not, at any place, and
// blocks in LiME's form between them.
func TestAVML(t *testing.T) {
	runs := []run{
		{0x1000, bytes.Repeat([]byte("abcdefgh"), 300000/8)}, {0x100000, noise(200000)},
		{0x13f000, fill('z', 0x1000)}, {0x140000, append(fill(0, 70000), noise(70000)...)},
	}
	b := avml(t, runs[:2]...)
	b = append(b, lime(runs[2])...)
	b = append(b, avml(t, runs[3])...)
	f := open(t, b)
	if f.Format() != physmem.FormatAVML || f.Format().String() != "AVML" || len(f.Problems()) != 0 || len(f.Ranges()) != len(runs) {
		t.Fatalf("%v, %v, problems %v", f.Format(), f.Ranges(), f.Problems())
	}
	for _, r := range runs {
		got := make([]byte, len(r.data))
		if err := memsource.ReadFull(f, got, r.addr); err != nil || !bytes.Equal(got, r.data) {
			t.Fatalf("%#x: %v", r.addr, err)
		}
	}
	if _, err := memsource.U8(f, 0x90000); !errors.Is(err, memsource.ErrNotInDump) {
		t.Errorf("a hole: %v", err)
	}
	for _, at := range []uint64{0x10fff, 0x11000, 0x49100, 0x12fff0, 0x151000} { // across chunks
		var got [40]byte
		n, _ := f.ReadMemory(got[:], at)
		for _, r := range runs {
			if at >= r.addr && at-r.addr+uint64(n) <= uint64(len(r.data)) && !bytes.Equal(got[:n], r.data[at-r.addr:][:n]) {
				t.Errorf("%#x: % x", at, got[:n])
			}
		}
	}
}

// TestAVML_broken: what is damaged is told of, and what is sound is read.
func TestAVML_broken(t *testing.T) {
	data := bytes.Repeat([]byte("memory "), 30000)
	whole := avml(t, run{0x1000, data}, run{0x100000, data})
	second := len(whole) / 2
	for name, c := range map[string]struct {
		change  func(b []byte) []byte
		problem string
		broken  bool // the first block cannot be read at its beginning
	}{
		"cut":       {func(b []byte) []byte { return b[:second+100] }, "block at 0x100000", false},
		"trailing":  {func(b []byte) []byte { return append(b, 1, 2, 3) }, "3 bytes after the last range", false},
		"magic":     {func(b []byte) []byte { b[second]++; return b }, "no range header", false},
		"backwards": {func(b []byte) []byte { le.PutUint64(b[second+16:], 0); return b }, "cannot be", false},
		"checksum":  {func(b []byte) []byte { b[32+10+4]++; return b }, "", true},
		"type":      {func(b []byte) []byte { b[32+10] = 7; return b }, "chunk of type 0x7", true},
	} {
		b := c.change(bytes.Clone(whole))
		f, err := physmem.New(bytes.NewReader(b), int64(len(b)))
		if name == "type" { // nothing of the first block, and so no second
			if !errors.Is(err, physmem.ErrFormat) || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text := ""
		if err := errors.Join(f.Problems()...); err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, c.problem) || (text == "") != (c.problem == "") {
			t.Errorf("%s: problems %q", name, text)
		}
		got := make([]byte, 100)
		err = memsource.ReadFull(f, got, 0x1000)
		if c.broken != (err != nil) || err == nil && !bytes.Equal(got, data[:100]) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestAVML_lazy: opening reads the headers of chunks, and a read one chunk.
func TestAVML_lazy(t *testing.T) {
	b := avml(t, run{0, noise(4 << 20)})
	c := &counter{r: bytes.NewReader(b)}
	f, err := physmem.New(c, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if c.bytes > physmem.ForeignLen+64*16+256 {
		t.Errorf("%d bytes read to open %d", c.bytes, len(b))
	}
	c.bytes = 0
	for at := range uint64(1000) {
		if _, err := memsource.U8(f, 3<<20+at); err != nil {
			t.Fatal(err)
		}
	}
	if c.bytes > 66<<10 {
		t.Errorf("%d bytes read for 1000 bytes of one chunk", c.bytes)
	}
}

// FuzzAVML holds what is read of a block against what the library's reader of the
// framing format expands the same stream to.
func FuzzAVML(f *testing.F) {
	one := avml(f, run{0x1000, bytes.Repeat([]byte("abc"), 100)})
	f.Add(one[32:], uint16(300))
	f.Add(avml(f, run{0, noise(500)})[32:], uint16(500))
	f.Add(append(bytes.Clone(one[32:42]), one[42:]...), uint16(10))
	f.Fuzz(func(t *testing.T, stream []byte, size uint16) {
		b := append([]byte(nil), one[:32]...)
		le.PutUint64(b[8:], 0x1000)
		le.PutUint64(b[16:], 0x1000+uint64(size))
		b = append(b, stream...)
		m, err := physmem.New(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, physmem.ErrFormat) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if n := m.Ranges()[0].Size; n > uint64(size)+1 {
			t.Fatalf("%d bytes of %d", n, int(size)+1)
		}
		got := make([]byte, m.Ranges()[0].Size)
		n, err := m.ReadMemory(got, 0x1000)
		fault, ok := errors.AsType[*memsource.Fault](err)
		if (err == nil) != (n == len(got)) || err != nil && (!ok || fault.Addr != 0x1000+uint64(n)) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		want, _ := io.ReadAll(io.LimitReader(snappy.NewReader(bytes.NewReader(stream)), int64(n)))
		if len(want) == n && !bytes.Equal(want, got[:n]) {
			t.Fatalf("%d bytes that the library expands to others", n)
		}
	})
}
