package dumpbuild_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/kdtext"
)

// kdEnv names the folder .ci/kd sets the judge up in; kdUpdateEnv asks for what
// it said to be stored.
const kdEnv, kdUpdateEnv = "SYMRES_KD", "SYMRES_KD_UPDATE"

// because are reasons of one kind: a why for each key.
func because(why string, keys ...string) (list []kdtext.Reason) {
	for _, k := range keys {
		list = append(list, kdtext.Reason{Key: k, Why: why})
	}
	return list
}

// kdWrong are the facts at which kd says something else than the builder
// wrote, and why kd is wrong or says nothing.
func (c *kdCase) kdWrong(name string) []kdtext.Reason {
	const levels = "this kd reads page tables of four levels"
	switch {
	case name == "la57":
		return because(levels, "bytes *", "frame *", "kernel", "module *", "process *", "peb *", "pte *", "register *", "thread *", "vad *", "vads *")
	case c.spec.Build > 7601 && c.spec.Type == dumpbuild.Full:
		return c.newerVADs()
	}
	return nil
}

// newerVADs are the facts about VADs that this kd does not find in structures newer than
// itself: it reads them with tables of its own, which lead to the pages and the
// file of the root and nowhere else.
func (c *kdCase) newerVADs() (list []kdtext.Reason) {
	const newer = "this kd ends with Windows 7, and !vad reads newer structures with tables of its own"
	for _, p := range c.facts.Processes {
		if len(p.VADs) == 0 {
			continue
		}
		if c.spec.Build != 9200 { // which still has the count where it was
			list = append(list, because(newer, "process "+hexOf(p.Address)+" vads")...)
		}
		list = append(list, because(newer, "vads "+hexOf(p.VADRoot))...)
		for _, v := range p.VADs {
			for _, what := range []string{"", " pages", " flags", " file", " reload"} {
				key := "vad " + hexOf(v.Address) + what
				_, written := c.want[key]
				if found := v.Address == p.VADRoot && (what == " pages" || what == " file"); written && !found {
					list = append(list, because(newer, key)...)
				}
			}
		}
	}
	return list
}

// TestKdBitmap compares bitmap dumps, which kd 6.12 does not know, with the full
// ones it has judged, page by page.
func TestKdBitmap(t *testing.T) {
	for _, name := range dumpbuild.Kds() {
		plain, isBitmap := strings.CutSuffix(name, "-bitmap")
		isEra := strings.HasPrefix(name, "era-")
		if !isBitmap && !isEra {
			continue
		}
		t.Run(name, func(t *testing.T) {
			full, err := dumpbuild.SeedKd(fixture.Read, plain)
			if err != nil {
				t.Fatal(err)
			}
			bitmap := full
			bitmap.Type = dumpbuild.Bitmap
			a, b := build(t, full), build(t, bitmap)
			n := len(a.facts.Frames) * 0x1000
			if !slices.Equal(a.facts.Frames, b.facts.Frames) || n == 0 || !bytes.Equal(a.b[len(a.b)-n:], b.b[len(b.b)-n:]) {
				t.Error("the bitmap dump has other pages than the full one")
			}
		})
	}
}

// TestKdStored compares the builder's description of its dumps with what kd
// said of them. A builder that writes something else needs the judge again:
// SYMRES_KD_UPDATE=1 bash .ci/kd.
func TestKdStored(t *testing.T) {
	for _, name := range kdNames() {
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
	for _, name := range kdNames() {
		t.Run(name, func(t *testing.T) {
			dump, c := kdBuild(t, name)
			symbols := []string{"user/x86"}
			if name != "minidump" {
				symbols = dumpbuild.KdSymbols(name)
			}
			said := kdtext.Parse(askKd(t, root, dump, symbols, c.commands))
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

// kdNames are the targets of kd, and the minidump of the demo.
func kdNames() []string { return append(dumpbuild.Kds(), "minidump") }

func kdBuild(t *testing.T, name string) ([]byte, *kdCase) {
	t.Helper()
	if name == "minidump" {
		m, err := dumpbuild.DemoMinidump(fixture.Read)
		if err != nil {
			t.Fatal(err)
		}
		dump, c := dumpbuild.BuildMinidump(m), newMinidumpCase(m)
		c.want.Set("dump", fmt.Sprintf("sha256:%x", sha256.Sum256(dump)))
		return dump, c
	}
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
	reasons := c.kdWrong(name)
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
	t.Logf("%d facts", len(c.want))
}

// askKd runs kd on a dump in the judge's root.
func askKd(t *testing.T, root string, dump []byte, symbols, commands []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range symbols {
		fixture.Unpack(t, name, dir)
	}
	out, err := kdtext.Ask(t.Context(), kdtext.Question{Root: root, Dump: dump, Folders: map[string]string{"s": dir}, Path: `Z:\s`, Commands: commands})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}
