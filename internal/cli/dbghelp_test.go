package cli_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
)

// otherAge returns the PDB with the same GUID and another age in the header of
// its DBI stream, which is what an image asks for.
func otherAge(t *testing.T, pdb []byte) []byte {
	t.Helper()
	header := []byte("\xff\xff\xff\xff\x77\x09\x31\x01") // VersionSignature, VersionHeader V70
	at := bytes.Index(pdb, header)
	if at < 0 || bytes.Count(pdb, header) != 1 {
		t.Fatal("the DBI stream is not where it should be")
	}
	out := bytes.Clone(pdb)
	age := out[at+8:]
	binary.LittleEndian.PutUint32(age, binary.LittleEndian.Uint32(age)+1)
	return out
}

// TestDbghelp_loadModulesPath is the table that tests of native dbghelp
// recorded (wine, dlls/dbghelp/tests/path.c, test_load_modules_path): which
// of several PDBs is loaded. t is the directory of the image, s and m are on
// the search path; the option that loads anything is --version-check off.
func TestDbghelp_loadModulesPath(t *testing.T) {
	image, good := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"), fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")
	wrong := otherAge(t, good)
	for _, c := range []struct{ search, good, wrong, check, want string }{
		{"", "t", "", "known", "t"}, // the directory of the image comes last by itself
		{"s", "t", "", "known", "t"},
		{"s", "t s", "", "known", "s"},
		{"s", "s/sys", "", "known", "s/sys"},
		{"s", "s/symbols/sys", "", "known", "s/symbols/sys"},
		{"s", "s s/sys s/symbols/sys s/dummy", "", "known", "s"},
		{"s", "s/sys s/symbols/sys s/dummy", "", "known", "s/sys"},
		{"s", "s/symbols/sys s/dummy", "", "known", "s/symbols/sys"},
		{"s", "s/dummy", "", "known", ""},
		{"s", "", "s/sys", "known", ""},
		{"s", "", "s/sys", "strict", ""},
		{"s", "", "s/sys", "off", "s/sys"},
		{"s", "", "s s/sys", "off", "s"},
		{"m;s", "s", "m", "known", "s"},
		{"m;s", "s", "m", "off", "s"},
		{"s;m", "s", "m", "known", "s"},
		{"s;m", "s", "m", "off", "s"},
		{"m;s", "", "m s/sys", "known", ""},
		{"m;s", "", "m s/sys", "off", "m"},
		{"s;m", "", "m s/sys", "off", "s/sys"},
	} {
		name := strings.Join([]string{c.search, c.good, c.wrong, c.check}, ",")
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			put := func(path string, data []byte) {
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, data, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			put("t/fs_rec.sys", image)
			for _, dir := range strings.Fields(c.good) {
				put(dir+"/fs_rec.pdb", good)
			}
			for _, dir := range strings.Fields(c.wrong) {
				put(dir+"/fs_rec.pdb", wrong)
			}
			args := []string{"reload", "--json", "--image", "t/fs_rec.sys", "--version-check", c.check}
			if c.search != "" {
				args = append(args, "--sympath", c.search)
			}
			out, errs, status := run(t, "", args...)
			var got struct {
				Key, Proof string
				Report     struct{ PDB string }
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v: %s%s", err, out, errs)
			}
			want, proof := "", ""
			if c.want != "" {
				want, proof = c.want+"/fs_rec.pdb", "exact"
				if c.good == "" {
					proof = "name-only"
				}
			}
			if got.Report.PDB != want || got.Proof != proof || (status == 0) != (want != "") || got.Key == "" {
				t.Errorf("loaded %q, proof %q, status %d; want %q, %q\n%s", got.Report.PDB, got.Proof, status, want, proof, out)
			}
		})
	}
}
