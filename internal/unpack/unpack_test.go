package unpack_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/unpack"
)

// image is like memory: pages, and many more of zeros.
func image() []byte {
	b := make([]byte, 300*4096+123)
	copy(b, "EMiL")
	for _, n := range []int{7, 8, 90, 299, 300} {
		for i := range 100 {
			b[n*4096+i] = byte(n*i) | 1
		}
	}
	return b
}

// packed is b in a format, by the library that is not read with where there are two.
func packed(t testing.TB, f unpack.Format, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch f {
	case unpack.FormatGzip:
		w = gzip.NewWriter(&out)
	case unpack.FormatZstd:
		w, err = zstd.NewWriter(&out)
	case unpack.FormatXZ:
		w, err = xz.NewWriter(&out)
	case unpack.FormatZlib:
		w = zlib.NewWriter(&out)
	default:
		t.Fatalf("no writer of %v", f)
	}
	if err == nil {
		_, err = w.Write(b)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(t testing.TB, b []byte, l unpack.Limits) (*unpack.Spool, error) {
	t.Helper()
	return unpack.Open(t.Context(), bytes.NewReader(b), int64(len(b)), l)
}

// is checks that a file expands to want.
func is(t testing.TB, b, want []byte) {
	t.Helper()
	s, err := open(t, b, unpack.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := make([]byte, s.Size())
	if _, err := s.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
	}
}

func TestOpen(t *testing.T) {
	want := image()
	for _, f := range []unpack.Format{unpack.FormatGzip, unpack.FormatZstd, unpack.FormatXZ, unpack.FormatZlib} {
		t.Run(f.String(), func(t *testing.T) {
			b := packed(t, f, want)
			if got := unpack.Sniff(b); got != f {
				t.Fatalf("told for %v", got)
			}
			is(t, b, want)
			if f != unpack.FormatZlib { // several in one file, as pigz and pxz write them
				is(t, append(bytes.Clone(b), b...), append(bytes.Clone(want), want...))
			}
			if _, err := open(t, b[:len(b)-9], unpack.Limits{}); !errors.Is(err, unpack.ErrFormat) {
				t.Errorf("cut: %v", err)
			}
			for at := 10; at < len(b); at += len(b)/50 + 1 {
				broken := bytes.Clone(b)
				broken[at] ^= 0x55
				if s, err := open(t, broken, unpack.Limits{}); err == nil { // a field nobody needs
					s.Close()
				} else if !errors.Is(err, unpack.ErrFormat) && !errors.Is(err, fsx.ErrTooLarge) {
					t.Errorf("byte %d: %v", at, err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := unpack.Open(ctx, bytes.NewReader(b), int64(len(b)), unpack.Limits{}); !errors.Is(err, context.Canceled) {
				t.Errorf("canceled: %v", err)
			}
		})
	}
	is(t, append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00pzst"), packed(t, unpack.FormatZstd, want)...), want) // as pzstd begins
	if _, err := open(t, want, unpack.Limits{}); !errors.Is(err, unpack.ErrFormat) {
		t.Errorf("not compressed: %v", err)
	}
}

// TestOpen_tools expands what the usual programs write.
func TestOpen_tools(t *testing.T) {
	want := image()
	for _, tool := range []string{"gzip -9", "xz -0", "xz -T2 --block-size=65536", "xz --check=sha256", "xz --check=none", "zstd -19", "zstd --long=27", "bzip2"} {
		words := strings.Fields(tool)
		if _, err := exec.LookPath(words[0]); err != nil {
			t.Logf("%s IS NOT INSTALLED, so what it writes was not tried", words[0])
			continue
		}
		cmd := exec.Command(words[0], append(words[1:], "-c")...)
		cmd.Stdin = bytes.NewReader(want)
		b, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
		t.Run(tool, func(t *testing.T) { is(t, b, want) })
	}
}

// TestBombs: what expands without end is stopped by what comes out, or by what is
// to be stored of it.
func TestBombs(t *testing.T) {
	zeros, ones := make([]byte, 8<<20), bytes.Repeat([]byte{1}, 8<<20)
	for _, f := range []unpack.Format{unpack.FormatGzip, unpack.FormatZstd, unpack.FormatXZ} {
		for name, c := range map[string]struct {
			data   []byte
			limits unpack.Limits
			says   string
		}{
			"expanded": {zeros, unpack.Limits{Expanded: 4 << 20}, "expands to more than 4 MB"},
			"stored":   {ones, unpack.Limits{Stored: 1 << 20}, "more than 1 MB"},
			"zeros":    {zeros, unpack.Limits{Stored: 1}, ""}, // are not stored
		} {
			s, err := open(t, packed(t, f, c.data), c.limits)
			if c.says == "" {
				if err != nil {
					t.Errorf("%v, %s: %v", f, name, err)
					continue
				}
				s.Close()
			} else if !errors.Is(err, fsx.ErrTooLarge) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %s: %v", f, name, err)
			}
		}
	}
	// A block of xz that asks for a dictionary of 4 GB.
	b := packed(t, unpack.FormatXZ, ones[:100])
	header := b[12 : 12+4*(int(b[12])+1)]
	at := bytes.IndexByte(header, 0x21) + 2
	header[at] = 40
	sum := crc32.ChecksumIEEE(header[:len(header)-4])
	for i := range 4 {
		header[len(header)-4+i] = byte(sum >> (8 * i))
	}
	if _, err := open(t, b, unpack.Limits{}); !errors.Is(err, unpack.ErrFormat) || !strings.Contains(err.Error(), "dictionary") {
		t.Errorf("a large dictionary: %v", err)
	}
}

// TestSpool: the temporary file is gone with its Close, and holes are holes.
func TestSpool(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	b := make([]byte, 64<<20)
	b[len(b)-1] = 1
	s, err := open(t, packed(t, unpack.FormatZstd, b), unpack.Limits{Stored: 4096})
	if err != nil {
		t.Fatal(err)
	}
	if next := s.NextData(0); next > int64(len(b)-1) || next < 0 {
		t.Errorf("data at %#x", next)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.ReadAt(b[:1], 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := open(t, packed(t, unpack.FormatGzip, b)[:100], unpack.Limits{}); err == nil {
		t.Error("cut, and expanded")
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left behind after a failure: %v, %v", left, err)
	}
}

// FuzzXZ holds the reader of the container against the library's: what it expands,
// the library expands to the same.
func FuzzXZ(f *testing.F) {
	small := []byte("memory of a machine\x00\x00\x00\x00, and more memory of a machine")
	b := packed(f, unpack.FormatXZ, small)
	f.Add(b)
	f.Add(append(append(bytes.Clone(b), 0, 0, 0, 0), b...))
	f.Add(b[:len(b)-12])
	f.Fuzz(func(t *testing.T, b []byte) {
		if unpack.Sniff(b) != unpack.FormatXZ || len(b) > 1<<16 {
			return
		}
		s, err := open(t, b, unpack.Limits{Expanded: 1 << 20})
		if err != nil {
			if !errors.Is(err, unpack.ErrFormat) && !errors.Is(err, fsx.ErrTooLarge) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		defer s.Close()
		got := make([]byte, s.Size())
		if _, err := s.ReadAt(got, 0); err != nil {
			t.Fatal(err)
		}
		r, err := xz.NewReader(bytes.NewReader(b))
		if err != nil {
			return // it believes more of the headers
		}
		want, err := io.ReadAll(io.LimitReader(r, int64(len(got))+1))
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, the library has %d", len(got), len(want))
		}
	})
}

func ExampleOpen() {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	fmt.Fprint(w, "memory")
	w.Close()
	s, err := unpack.Open(context.Background(), bytes.NewReader(b.Bytes()), int64(b.Len()), unpack.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	text := make([]byte, s.Size())
	s.ReadAt(text, 0)
	fmt.Printf("%s\n", text)
	// Output: memory
}
