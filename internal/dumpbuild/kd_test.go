package dumpbuild_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/kdtext"
)

// kdEnv names the folder .ci/kd sets the judge up in; kdUpdateEnv asks for what
// it said to be stored.
const kdEnv, kdUpdateEnv = "SYMRES_KD", "SYMRES_KD_UPDATE"

// kdWrong are the facts at which kd says something else than the builder
// wrote, and why kd is wrong or says nothing.
func kdWrong(name string) []*kdtext.Reason {
	var list []*kdtext.Reason
	if name == "w10" {
		list = append(list,
			&kdtext.Reason{Key: "vad*", Why: "kd 6.12 ends with Windows 7, and reads the VADs of later ones with tables of its own"},
			&kdtext.Reason{Key: "process * vads", Why: "as above"},
		)
	}
	return list
}

// TestKdStored compares the builder's description of its dumps with what kd
// said of them. A builder that writes something else needs the judge again:
// SYMRES_KD_UPDATE=1 bash .ci/kd.
func TestKdStored(t *testing.T) {
	for _, name := range dumpbuild.Kds() {
		t.Run(name, func(t *testing.T) {
			_, c := kdBuild(t, name)
			b, err := fixture.Read("kd/" + name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			c.judge(t, name, kdtext.Unmarshal(b))
		})
	}
}

// TestKdJudge shows every dump to kd, and compares what it says with the
// description of the dump and with what it said before.
func TestKdJudge(t *testing.T) {
	root := os.Getenv(kdEnv)
	if root == "" {
		t.Skip("NOT JUDGED by Microsoft's kd, only by what it said before: run bash .ci/kd")
	}
	for _, name := range dumpbuild.Kds() {
		t.Run(name, func(t *testing.T) {
			dump, c := kdBuild(t, name)
			said := kdtext.Parse(askKd(t, root, dump, dumpbuild.KdSymbols(name), c.commands))
			said["dump"] = c.want["dump"]
			c.judge(t, name, said)
			dir, err := fixture.Dir()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "kd", name+".txt")
			if os.Getenv(kdUpdateEnv) != "" {
				if err := os.WriteFile(file, said.Marshal(), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if stored, err := os.ReadFile(file); err != nil || !bytes.Equal(stored, said.Marshal()) {
				t.Errorf("kd says something else than %s has (%v): %s=1 bash .ci/kd stores it", file, err, kdUpdateEnv)
			}
		})
	}
}

func kdBuild(t *testing.T, name string) ([]byte, *kdCase) {
	t.Helper()
	s, err := dumpbuild.SeedKd(fixture.Read, name)
	if err != nil {
		t.Fatal(err)
	}
	dump, facts, err := dumpbuild.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	c := newKdCase(s, facts)
	c.want.Set("dump", fmt.Sprintf("sha256:%x", sha256.Sum256(dump))) // what kd said, it said of these bytes
	return dump, c
}

// judge reports the differences. Of frames in user mode, which kd guesses, and
// of symbols, which kd loads when it likes, the builder says nothing.
func (c *kdCase) judge(t *testing.T, name string, said kdtext.Facts) {
	t.Helper()
	reasons := kdWrong(name)
	for key := range said {
		kind := strings.Fields(key)[0]
		_, known := c.want[key]
		if !known && (strings.HasSuffix(key, " symbols") || kind == "frame" || kind == "symbol" || kind == "register") {
			delete(said, key)
		}
	}
	for _, d := range kdtext.Diff(said, c.want, reasons) {
		t.Errorf("kd, builder: %s", d)
	}
	for _, r := range reasons {
		if !r.Used {
			t.Errorf("nothing differs at %s any more", r.Key)
		}
	}
	t.Logf("%d facts", len(c.want))
}

// askKd runs kd on a dump in the judge's root.
func askKd(t *testing.T, root string, dump []byte, symbols, commands []string) string {
	t.Helper()
	work, err := os.MkdirTemp(filepath.Join(root, "kd"), "run.")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	folder := `Z:\kd\` + filepath.Base(work)
	if err := os.WriteFile(filepath.Join(work, "target.dmp"), dump, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range symbols {
		fixture.Unpack(t, dir, work)
	}
	env := "WINEPREFIX=/kd/wp WINEDEBUG=-all WINEDLLOVERRIDES='dbghelp=n;dbgeng=n;symsrv=n;mscoree=;mshtml='"
	script := fmt.Sprintf(`cd /kd && %s exec timeout 120 wine kd.exe dbgeng.dll '%s\target.dmp' '%s' '%s'`, env, folder, folder, folder)
	cmd := exec.CommandContext(t.Context(), "chroot", root, "bash", "-c", script)
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kd: %v\n%s", err, out)
	}
	return string(out)
}
