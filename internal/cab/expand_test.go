package cab_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/symres/symres/internal/cab"
)

func gzipped(tb testing.TB, name string, data []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Name = name
	if _, err := z.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func zipped(tb testing.TB, files map[string][]byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestZipAndGzip(t *testing.T) {
	data := sample(rand.New(rand.NewPCG(21, 21)), 100_000)
	for _, c := range []struct {
		name string
		b    []byte
		want cab.File
	}{
		{"gzip", gzipped(t, `..\x/a.pdb`, data), cab.File{Format: cab.Gzip, Name: "a.pdb", Size: -1}},
		{"zip", zipped(t, map[string][]byte{"../d/a.pdb": data}), cab.File{Format: cab.Zip, Name: "a.pdb", Size: 100_000}},
		{"zip_with_folder", zipped(t, map[string][]byte{"d/": nil, "d/a.pdb": data}), cab.File{Format: cab.Zip, Name: "a.pdb", Size: 100_000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := cab.Expand(bytes.NewReader(c.b), int64(len(c.b)), cab.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if f.Format != c.want.Format || f.Name != c.want.Name || f.Size != c.want.Size {
				t.Errorf("%v %q %d, want %v %q %d", f.Format, f.Name, f.Size, c.want.Format, c.want.Name, c.want.Size)
			}
			got, err := expand(c.b, cab.Limits{})
			if err != nil {
				t.Error(err)
			}
			diff(t, "contents", got, data)
			for _, n := range []int{9, len(c.b) / 2, len(c.b) - 5} {
				if _, err := expand(c.b[:n], cab.Limits{}); !errors.Is(err, cab.ErrCorrupt) {
					t.Errorf("cut to %d: %v, want ErrCorrupt", n, err)
				}
			}
			bad := bytes.Clone(c.b)
			bad[len(bad)/2] ^= 0x10
			if _, err := expand(bad, cab.Limits{}); !errors.Is(err, cab.ErrCorrupt) {
				t.Errorf("damaged: %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestNotOneMember(t *testing.T) {
	for name, b := range map[string][]byte{
		"zip_of_none": append([]byte("PK\x03\x04"), zipped(t, nil)...),
		"zip_of_two":  zipped(t, map[string][]byte{"a": nil, "b": nil}),
	} {
		if _, err := expand(b, cab.Limits{}); !errors.Is(err, cab.ErrMembers) {
			t.Errorf("%s: %v, want ErrMembers", name, err)
		}
	}
}

// TestZipDirectoryIsBounded: a directory of many entries is given up, not
// held.
func TestZipDirectoryIsBounded(t *testing.T) {
	many := map[string][]byte{}
	for i := range 20_000 {
		many[fmt.Sprintf("%040d", i)] = nil
	}
	if _, err := try(t, zipped(t, many)); !errors.Is(err, cab.ErrMembers) {
		t.Errorf("%v, want ErrMembers", err)
	}
}

func TestZipMethods(t *testing.T) {
	b := zipped(t, map[string][]byte{"a": []byte("data")})
	directory := bytes.LastIndex(b, []byte("PK\x01\x02"))
	for name, change := range map[string]struct {
		off   int
		value uint16
		want  string
	}{
		"zip 14":         {10, 14, "LZMA"},
		"zip encryption": {8, 1, "encrypted"},
	} {
		bad := bytes.Clone(b)
		binary.LittleEndian.PutUint16(bad[directory+change.off:], change.value)
		var method *cab.MethodError
		if _, err := expand(bad, cab.Limits{}); !errors.As(err, &method) || method.Method != name {
			t.Errorf("%s: %v, want a MethodError of %s", change.want, err, name)
		}
	}
}

func TestSniff(t *testing.T) {
	for first, want := range map[string]cab.Format{
		"":                                  cab.Unknown,
		"MSCF":                              cab.Unknown,
		"MSCF\x00\x00\x00\x00":              cab.MSCF,
		"PK\x03\x04":                        cab.Zip,
		"PK\x05\x06\x00\x00\x00\x00":        cab.Unknown,
		"\x1f\x8b\x08\x00\x00\x00":          cab.Gzip,
		"SZDD\x88\xf0\x27\x33A":             cab.SZDD,
		"KWAJ\x88\xf0\x27\xd1":              cab.KWAJ,
		"Microsoft C/C++ MSF 7.00\r\n\x1aD": cab.Unknown,
		"MZ\x90\x00\x03\x00\x00\x00":        cab.Unknown,
	} {
		if got := cab.Sniff([]byte(first)); got != want {
			t.Errorf("%q: %v, want %v", first, got, want)
		}
	}
}

func TestUnsupportedContainers(t *testing.T) {
	for _, magic := range []string{"SZDD\x88\xf0\x27\x33", "KWAJ\x88\xf0\x27\xd1"} {
		_, err := expand([]byte(magic+"rest"), cab.Limits{})
		var method *cab.MethodError
		if !errors.As(err, &method) || method.Method != magic[:4] || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v, want a MethodError of %s", err, magic[:4])
		}
	}
	for _, plain := range []string{"", "x", "Microsoft C/C++ MSF 7.00", "<!DOCTYPE html>"} {
		if _, err := expand([]byte(plain), cab.Limits{}); !errors.Is(err, cab.ErrFormat) {
			t.Errorf("%q: %v, want ErrFormat", plain, err)
		}
	}
	formats := []string{cab.Unknown.String(), cab.MSCF.String(), cab.Zip.String(), cab.Gzip.String(), cab.SZDD.String(), cab.KWAJ.String()}
	if want := []string{"unknown", "cabinet", "zip", "gzip", "SZDD", "KWAJ"}; !slices.Equal(formats, want) {
		t.Errorf("formats %q, want %q", formats, want)
	}
}
