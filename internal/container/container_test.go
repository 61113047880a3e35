package container_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
	"github.com/symres/symres/internal/container"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/unpack"
)

// member is a file to be packed.
type member struct {
	name string
	data []byte
}

func zipped(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.Create(m.name)
		if err == nil {
			_, err = w.Write(m.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(data)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func cabinet(t testing.TB, method cabbuild.Method, members ...member) []byte {
	t.Helper()
	folder := cabbuild.Folder{Method: method}
	for _, m := range members {
		folder.Files = append(folder.Files, cabbuild.File{Name: m.name, Data: m.data})
	}
	b, err := cabbuild.Cabinet{Folders: []cabbuild.Folder{folder}}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "packed")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read opens a file, reads it whole, and closes it.
func read(t testing.TB, path string, want container.Want) (*container.File, []byte, error) {
	t.Helper()
	f, err := container.Open(t.Context(), path, want)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a read after Close: %v", err)
	}
	return f, b, err
}

// TestOpen takes the only file, or the only one that fits.
func TestOpen(t *testing.T) {
	data := bytes.Repeat([]byte("a dump of some pages "), 3000)
	dump, page, info := member{"dir/MEMORY.DMP", data}, member{"Cabmanifest.xml", []byte("<x/>")}, member{"notes.txt", []byte("notes")}
	pdb, odd := member{"app.pdb", []byte("Microsoft C/C++ MSF 7.00")}, member{"a b", data}
	for name, c := range map[string]struct {
		packed []byte
		want   container.Want
		format string
		member string
		data   []byte
	}{
		"plain":              {data, container.Any, "", "", data},
		"empty":              {nil, container.Any, "", "", nil},
		"zip":                {zipped(t, odd), container.Dump, "zip", "a b", data},
		"zip, folder":        {zipped(t, member{name: "dir/"}, dump), container.Dump, "zip", "MEMORY.DMP", data},
		"stored":             {cabinet(t, cabbuild.Stored{}, odd), container.Any, "cabinet", "a b", data},
		"MSZIP":              {cabinet(t, cabbuild.MSZIP{}, odd), container.Any, "cabinet", "a b", data},
		"LZX":                {cabinet(t, cabbuild.LZX{Window: 16}, odd), container.Any, "cabinet", "a b", data},
		"report":             {cabinet(t, cabbuild.MSZIP{}, page, dump, info), container.Dump, "cabinet", "MEMORY.DMP", data},
		"report, zip":        {zipped(t, info, dump, page), container.Any, "zip", "MEMORY.DMP", data},
		"dump of two":        {zipped(t, pdb, dump), container.Dump, "zip", "MEMORY.DMP", data},
		"PDB of two":         {cabinet(t, cabbuild.MSZIP{}, dump, pdb), container.PDB, "cabinet", "app.pdb", pdb.data},
		"empty member":       {zipped(t, member{"x.dmp", nil}), container.Any, "zip", "x.dmp", nil},
		"gzip":               {gzipped(t, data), container.Any, "gzip", "packed", data},
		"gzip, dump":         {gzipped(t, data), container.Dump, "", "", gzipped(t, data)},
		"gzip, PDB":          {gzipped(t, pdb.data), container.PDB, "gzip", "packed", pdb.data},
		"path out of folder": {zipped(t, member{`..\..\evil.dmp`, data}), container.Any, "zip", "evil.dmp", data},
	} {
		f, b, err := read(t, write(t, c.packed), c.want)
		if err != nil || f.Container != c.format || f.Member != c.member || !bytes.Equal(b, c.data) {
			t.Errorf("%s: %+v, %d bytes, %v", name, f, len(b), err)
		}
	}
}

// TestOpen_several lists what there is.
func TestOpen_several(t *testing.T) {
	dump, pdb := member{"a.dmp", []byte("1")}, member{"a.pdb", []byte("2")}
	var many []member
	for i := range 50 {
		many = append(many, member{fmt.Sprintf("f%02d.txt", i), nil})
	}
	for name, c := range map[string]struct {
		packed []byte
		want   container.Want
		text   string
	}{
		"both fit":  {zipped(t, dump, pdb), container.Any, "a zip with 2 files, 2 of which may be meant: a.dmp (1 bytes), a.pdb (1 bytes); unpack"},
		"none fits": {cabinet(t, cabbuild.Stored{}, dump, pdb), container.Image, "a cabinet with 2 files, none of which is known to be meant: a.dmp (1 bytes), a.pdb (1 bytes); unpack"},
		"many":      {zipped(t, many...), container.Any, "f09.txt (0 bytes), and 40 more; unpack"},
		"none":      {zipped(t), container.Any, ""},
		"folders":   {zipped(t, member{name: "dir/"}), container.Any, "a zip without files"},
	} {
		f, err := container.Open(t.Context(), write(t, c.packed), c.want)
		if c.text == "" { // an empty zip has another mark, and is a file like any other
			if err != nil || f.Container != "" || f.Close() != nil {
				t.Errorf("%s: %+v, %v", name, f, err)
			}
			continue
		}
		many, ok := errors.AsType[*container.MembersError](err)
		if !ok || !errors.Is(err, cab.ErrMembers) || !strings.Contains(err.Error(), c.text) || len(many.Error()) > 500 {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// TestOpen_hostile: bombs, damage and what cannot be read are errors that say so,
// and leave nothing behind.
func TestOpen_hostile(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	zeros := make([]byte, 40<<20)
	whole := zipped(t, member{"a.dmp", bytes.Repeat([]byte("some pages "), 100)})
	damaged := append([]byte(nil), whole...)
	damaged[45] ^= 0x55
	encrypted := append([]byte(nil), whole...)
	encrypted[bytes.LastIndex(encrypted, []byte("PK\x01\x02"))+8] |= 1
	spanned, err := cabbuild.Cabinet{Next: "b.cab", Folders: []cabbuild.Folder{{Method: cabbuild.Stored{},
		Files: []cabbuild.File{{Name: "a.dmp", Data: []byte("1"), Spanned: 0xFFFE}}}}}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		packed []byte
		want   error
	}{
		"bomb":      {zipped(t, member{"a.dmp", zeros}), cab.ErrTooLarge},
		"damaged":   {damaged, cab.ErrCorrupt},
		"cut":       {whole[:len(whole)-30], cab.ErrCorrupt},
		"cut cab":   {cabinet(t, cabbuild.MSZIP{}, member{"a", []byte("x")})[:50], cab.ErrCorrupt},
		"encrypted": {encrypted, errors.ErrUnsupported},
		"spanned":   {spanned, cab.ErrSpanned},
		"cut gzip":  {gzipped(t, zeros)[:100], unpack.ErrFormat},
	} {
		if _, _, err := read(t, write(t, c.packed), container.Any); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := container.Open(ended, write(t, whole), container.Any); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestOpen_large goes by way of a temporary file, which is gone in the end.
func TestOpen_large(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	data := make([]byte, 33<<20)
	for i := range data {
		data[i] = byte(i>>3) ^ byte(i>>11)*7 ^ byte(i>>19)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "memory.raw", Method: zip.Store})
	if err == nil {
		_, err = w.Write(data)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	f, got, err := read(t, write(t, b.Bytes()), container.Dump)
	if err != nil || f.Size() != int64(len(data)) || !bytes.Equal(got, data) {
		t.Errorf("%+v, %d bytes, %v", f, len(got), err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// FuzzOpen gives anything to Open: an error is classed, what is no container comes
// back as it is, and two openings agree.
func FuzzOpen(f *testing.F) {
	f.Add(zipped(f, member{"a.dmp", []byte("some pages")}, member{"b.txt", nil}))
	f.Add(cabinet(f, cabbuild.MSZIP{}, member{"a.xml", []byte("x")}, member{"b.dmp", []byte("some pages")}))
	f.Add(gzipped(f, []byte("some pages")))
	f.Add([]byte("PAGEDU64"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := write(t, b)
		one, first, err := read(t, path, container.Any)
		two, second, again := read(t, path, container.Any)
		if !bytes.Equal(first, second) || (err == nil) != (again == nil) {
			t.Fatalf("%d bytes, %v; then %d bytes, %v", len(first), err, len(second), again)
		}
		if err != nil {
			for _, known := range []error{unpack.ErrFormat, fsx.ErrTooLarge, cab.ErrCorrupt, cab.ErrMembers, cab.ErrSpanned, cab.ErrTooLarge, errors.ErrUnsupported} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("an error of no class: %v", err)
		}
		if one.Member != two.Member || one.Container == "" && !bytes.Equal(first, b) {
			t.Fatalf("%+v, %+v", one, two)
		}
	})
}
