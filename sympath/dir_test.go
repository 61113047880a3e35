package sympath_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/sympath"
)

// files makes a file system whose files hold their own names.
func files(names ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, name := range names {
		fsys[name] = &fstest.MapFile{Data: []byte(name)}
	}
	return fsys
}

// searchAll runs a search to its end and checks the contract of Find on the way.
func searchAll(t testing.TB, store sympath.Store, q sympath.Query) (locations []string, miss *sympath.NotFoundError) {
	t.Helper()
	for c, err := range store.Find(context.Background(), q) {
		switch {
		case miss != nil:
			t.Fatalf("%v, %v came after the NotFoundError", c, err)
		case errors.As(err, &miss):
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v is no fs.ErrNotExist", err)
			}
		case err != nil:
			t.Fatalf("unexpected error %v", err)
		default:
			locations = append(locations, c.Location)
		}
	}
	if miss == nil {
		t.Fatalf("the search for %v did not end with a NotFoundError", q)
	}
	return locations, miss
}

func attempts(miss *sympath.NotFoundError) string {
	var out []string
	for _, a := range miss.Attempts {
		out = append(out, a.Location+" "+a.Status.String())
	}
	return strings.Join(out, "\n")
}

func content(t testing.TB, c sympath.Candidate) string {
	t.Helper()
	f, err := c.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dirs makes an Options.Dir of named trees.
func dirs(trees map[string]fs.FS) func(string) (fs.FS, error) {
	return func(name string) (fs.FS, error) {
		if fsys, ok := trees[name]; ok {
			return fsys, nil
		}
		return nil, fmt.Errorf("tree %s: %w", name, fs.ErrNotExist)
	}
}

// The rows of the native dbghelp tests that concern the order of places: s is
// a search directory, m another, the image is a dll and the caller accepts
// files marked ok only.
func TestDir_dbghelpOrder(t *testing.T) {
	for _, c := range []struct{ name, path, present, want string }{
		{"root", "s", "s/bar.pdb", "s/bar.pdb"},
		{"ext", "s", "s/dll/bar.pdb", "s/dll/bar.pdb"},
		{"symbols", "s", "s/symbols/dll/bar.pdb", "s/symbols/dll/bar.pdb"},
		{"all", "s", "s/symbols/dll/bar.pdb s/bar.pdb s/dll/bar.pdb s/dummy/bar.pdb",
			"s/bar.pdb s/dll/bar.pdb s/symbols/dll/bar.pdb"},
		{"not recursive", "s", "s/dummy/bar.pdb s/symbols/bar.pdb s/dll/dll/bar.pdb", ""},
		{"two, m first", "m;s", "s/bar.pdb m/bar.pdb", "m/bar.pdb s/bar.pdb"},
		{"two, s first", "s;m", "s/dll/bar.pdb m/bar.pdb", "s/dll/bar.pdb m/bar.pdb"},
		{"case", "s", "s/DLL/BAR.PDB s/Bar.pdb", "s/Bar.pdb s/DLL/BAR.PDB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trees := map[string]fs.FS{"s": fstest.MapFS{}, "m": fstest.MapFS{}}
			for name := range strings.FieldsSeq(c.present) {
				dir, rest, _ := strings.Cut(name, "/")
				trees[dir].(fstest.MapFS)[rest] = &fstest.MapFile{}
			}
			p, err := sympath.Parse(c.path)
			if err != nil {
				t.Fatal(err)
			}
			store := p.Store(sympath.Options{Dir: dirs(trees)})
			got, _ := searchAll(t, store, sympath.Query{File: `X:\obj\bar.pdb`, ImageExt: "dll"})
			if strings.Join(got, " ") != c.want {
				t.Errorf("found %v, want %s", got, c.want)
			}
		})
	}
}

func TestDir_attempts(t *testing.T) {
	store := sympath.Dir(`\\myserver\share`, files("sys/other"))
	_, miss := searchAll(t, store, sympath.Query{File: "Fs_Rec.SYS"})
	const want = `\\myserver\share\Fs_Rec.SYS not found
\\myserver\share\SYS\Fs_Rec.SYS not found
\\myserver\share\symbols\SYS\Fs_Rec.SYS not found`
	if got := attempts(miss); got != want {
		t.Errorf("attempts\n%s\nwant\n%s", got, want)
	}
}

func TestDir_extension(t *testing.T) {
	all := files("a.pdb", "sys/a.pdb", "a.sys", "sys/a.sys", "pdb/a.pdb", "x/a.pdb")
	for _, c := range []struct{ file, ext, want string }{
		{"a.pdb", "", "D/a.pdb"}, // no image known: not D/pdb
		{"a.pdb", "sys", "D/a.pdb D/sys/a.pdb"},
		{"a.pdb", ".sys", "D/a.pdb D/sys/a.pdb"},
		{"a.pdb", "..", "D/a.pdb"}, // from a hostile image name
		{"a.pdb", `x\..\sys`, "D/a.pdb"},
		{"a.pdb", "../x", "D/a.pdb"},
		{"a.sys", "", "D/a.sys D/sys/a.sys"},
	} {
		got, _ := searchAll(t, sympath.Dir("D", all), sympath.Query{File: c.file, ImageExt: c.ext})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s of a .%s: found %v, want %s", c.file, c.ext, got, c.want)
		}
	}
}

func TestDir_badName(t *testing.T) {
	n := 0
	for c, err := range sympath.Dir("D", files("nul.pdb")).Find(context.Background(), sympath.Query{File: `..\nul.pdb`}) {
		if n++; !errors.Is(err, sympath.ErrBadName) {
			t.Errorf("got %v, %v; want ErrBadName", c, err)
		}
	}
	if n != 1 {
		t.Errorf("%d values, want the one error", n)
	}
}

func TestSymsrv(t *testing.T) {
	g := mustGUID(t, ntdllGUID)
	for _, c := range []struct {
		name  string
		store fstest.MapFS
		id    sympath.ID
		want  string
	}{
		{"one tier", files("ntdll.pdb/" + ntdllGUID + "2/ntdll.pdb"), sympath.PDB70(g, 2),
			"S/ntdll.pdb/" + ntdllGUID + "2/ntdll.pdb"},
		{"two tiers", files("index2.txt", "nt/ntdll.pdb/"+ntdllGUID+"2/ntdll.pdb"), sympath.PDB70(g, 2),
			"S/nt/ntdll.pdb/" + ntdllGUID + "2/ntdll.pdb"},
		{"two tiers only", files("index2.txt", "ntdll.pdb/"+ntdllGUID+"2/ntdll.pdb"), sympath.PDB70(g, 2), ""},
		{"other case", files("NtDll.PDB/" + strings.ToLower(ntdllGUID) + "1a/NTDLL.pdb"), sympath.PDB70(g, 0x1a),
			"S/NtDll.PDB/" + strings.ToLower(ntdllGUID) + "1a/NTDLL.pdb"},
		{"portable", files("ntdll.pdb/" + ntdllGUID + "FFFFFFFF/ntdll.pdb"), sympath.PDB70(g, 0xffffffff),
			"S/ntdll.pdb/" + ntdllGUID + "FFFFFFFF/ntdll.pdb"},
		{"age 0 written out", files("ntdll.pdb/" + ntdllGUID + "0/ntdll.pdb"), sympath.PDB70(g, 0),
			"S/ntdll.pdb/" + ntdllGUID + "0/ntdll.pdb"},
		{"age 0 left out", files("ntdll.pdb/" + ntdllGUID + "/ntdll.pdb"), sympath.PDB70(g, 0),
			"S/ntdll.pdb/" + ntdllGUID + "/ntdll.pdb"},
		{"other age", files("ntdll.pdb/" + ntdllGUID + "3/ntdll.pdb"), sympath.PDB70(g, 2), ""},
		{"plain file is no store file", files("ntdll.pdb"), sympath.PDB70(g, 2), ""},
		{"both spellings of the name", files("ntdll.pdb/x/x", "NTDLL.PDB/"+ntdllGUID+"2/ntdll.pdb"), sympath.PDB70(g, 2),
			"S/NTDLL.PDB/" + ntdllGUID + "2/ntdll.pdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := searchAll(t, sympath.Symsrv("S", c.store), sympath.Query{File: "ntdll.pdb", ID: c.id})
			if strings.Join(got, " ") != c.want {
				t.Errorf("found %v, want %s", got, c.want)
			}
		})
	}
}

func TestSymsrv_attempts(t *testing.T) {
	id := sympath.Image(0x5FDA21D2, 0x30000)
	for _, c := range []struct {
		name  string
		store fstest.MapFS
		id    sympath.ID
		want  string
	}{
		{"empty store", files("pingme.txt"), id, `S/a.sys/5FDA21D230000/a.sys path not found`},
		{"no identity", files("a.sys/5FDA21D230000/a.sys"), sympath.ID{}, `S/a.sys/5FDA21D230000/a.sys found`},
		{"no identity, no such file", files("b.sys/5FDA21D230000/b.sys"), sympath.ID{}, `S/a.sys/*/a.sys not found`},
		{"unknown size", files("a.sys/5FDA21D230000/a.sys"), sympath.Image(0x5FDA21D2, 0), `S/a.sys/5FDA21D230000/a.sys found`},
		{"called compressed and is not", files("a.sys/5FDA21D230000/a.sy_"), id, `S/a.sys/5FDA21D230000/a.sys not found
S/a.sys/5FDA21D230000/a.sy_ error
S/a.sys/5FDA21D230000/file.ptr not found`},
		{"pointer", files("a.sys/5fda21d230000/FILE.PTR"), id, `S/a.sys/5FDA21D230000/a.sys not found
S/a.sys/5FDA21D230000/a.sy_ not found
S/a.sys/5fda21d230000/FILE.PTR error`},
		{"directory in the way", files("a.sys/5FDA21D230000/a.sys/x", "a.sys/5FDA21D230000/A.SYS"), id,
			`S/a.sys/5FDA21D230000/a.sys error
S/a.sys/5FDA21D230000/A.SYS found
S/a.sys/5FDA21D230000/a.sy_ not found
S/a.sys/5FDA21D230000/file.ptr not found`},
		{"file in the way", files("a.sys"), id, `S/a.sys/5FDA21D230000/a.sys error`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, miss := searchAll(t, sympath.Symsrv("S", c.store), sympath.Query{File: "a.sys", ID: c.id})
			if got := attempts(miss); got != c.want {
				t.Errorf("attempts\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestCompressedName(t *testing.T) {
	for file, want := range map[string]string{
		"ntdll.pdb": "ntdll.pd_", "fs_rec.sys": "fs_rec.sy_", "a.dbg": "a.db_", "noext": "noex_", "größ": "grö_", "a": "_",
	} {
		if got := sympath.CompressedName(file); got != want {
			t.Errorf("compressed %s = %s, want %s", file, got, want)
		}
	}
	for file, want := range map[string]string{"ntdll.pdb": "nt", "a": "a", "éa.pdb": "éa"} {
		if got := sympath.FirstTwo(file); got != want {
			t.Errorf("upper directory of %s = %s, want %s", file, got, want)
		}
	}
}
