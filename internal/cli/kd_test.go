package cli_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/kdtext"
)

// publicEnv names a folder with the public ntkrnlpa.pdb
// 30B5FB31AE7E4ACAABA750AA241FF3311, which is Microsoft's and nowhere here.
const publicEnv = "SYMRES_XP_PDB"

// kdDiffers are the facts of a dump at which symres says something else than
// Microsoft's kd 6.12, and why.
func kdDiffers(name string, kd kdtext.Facts) []kdtext.Reason {
	const kernel = "kd calls the kernel after the PDB its image names, symres by the loader entry"
	const kept = "kd keeps the modules of the last process when .process comes without /r"
	const endPage = "kd was told to load a module where its VAD ends, which leaves the one at the right place without symbols"
	const noCopy = "kd looked for the image first; symres found the PDB's name in a resident page and took no copy"
	switch name {
	case "x64.txt":
		return []kdtext.Reason{{Key: "module fffff80002a00000 image", Why: kernel}, {Key: "module fffff88001200000 stamp", Why: noCopy}}
	case "pages-x64.txt":
		return []kdtext.Reason{{Key: "user fffffa8005003040 6fb37a60000*", Why: kept}}
	case "x86.txt":
		return []kdtext.Reason{{Key: "module 804d7000 image", Why: kernel}}
	case "pages-x86.txt":
		return []kdtext.Reason{{Key: "user 81002520 75f80000*", Why: kept}}
	case "seed32", "pae":
		const unasked = "kd was asked for no symbols of it, and looked for no copy"
		return []kdtext.Reason{{Key: "module 804d7000 image", Why: kernel}, {Key: "module fa400000 stamp", Why: unasked}, {Key: "module fe0c8000 stamp", Why: unasked}}
	case "w7":
		return []kdtext.Reason{{Key: "module fffff80002a00000 image", Why: kernel}, {Key: "module fffff88001200000 stamp", Why: noCopy}}
	case "ia64":
		return []kdtext.Reason{{Key: "module e000000083000000 image", Why: kernel}, {Key: "user e000012601ba0af0 6fb37a60000 symbols", Why: endPage},
			{Key: "user e000012601ba0af0 6fb37a7c000*", Why: endPage}}
	case "ia64.txt":
		return nil
	case "pages-ia64.txt":
		return []kdtext.Reason{{Key: "user 0 6fb37a60000*", Why: "kd was told of the module by .reload"},
			{Key: "symbol explorerframe 6fb37a62040 DllEntry", Why: "kd was asked for names that begin with Frame"}}
	case "w10":
		return append(newerThanKd(kd, true), kdtext.Reason{Key: "module fffff80002a00000 image", Why: kernel})
	case "seed64", "user":
		return append(newerThanKd(kd, true), kdtext.Reason{Key: "module fffff80002c00000 image", Why: kernel})
	}
	if machine, build, isEra := strings.Cut(strings.TrimPrefix(name, "era-"), "-"); isEra && strings.HasPrefix(name, "era-") {
		list := []kdtext.Reason{{Key: "module 804d7000 image", Why: kernel}}
		if machine == "x64" {
			list[0].Key = "module fffff80002c00000 image"
		}
		if !slices.Contains([]string{"2600", "3790", "7601"}, build) {
			list = append(list, newerThanKd(kd, build != "9200")...)
		}
		return list
	}
	return []kdtext.Reason{{Key: "module 804d7000 image", Why: kernel}}
}

// newerThanKd are the facts kd has wrong about Windows 8 and later: of the VADs it
// comes to the root, which it does not read, and counts no more unless the count
// is where it was.
func newerThanKd(kd kdtext.Facts, count bool) (list []kdtext.Reason) {
	const newer = "kd 6.12 ends with Windows 7, and reads later VADs by tables of its own"
	const stamp = "kd 6.12 ends with Windows 7, whose loader entries have no stamp"
	for key, v := range kd {
		words := strings.Fields(key)
		switch {
		case words[0] == "vads":
			list = append(list, kdtext.Reason{Key: key, Why: newer}, kdtext.Reason{Key: "vad " + words[1], Why: newer}, kdtext.Reason{Key: "vad " + words[1] + " flags", Why: newer})
		case words[0] == "process" && words[2] == "vads" && v != "0 0" && count:
			list = append(list, kdtext.Reason{Key: key, Why: newer})
		case words[0] == "module" && len(words) == 3 && words[2] == "stamp" && v == "0":
			list = append(list, kdtext.Reason{Key: key, Why: stamp})
		}
	}
	return list
}

// TestKdTranscripts compares symres with what Microsoft's kd said of the dumps
// of the corpus, fact by fact.
func TestKdTranscripts(t *testing.T) {
	for _, c := range []struct{ machine, symbols, images string }{
		{"x64", "sym-x64", "sym-x64-fs"}, {"x86", "", "sym-x86-fs"}, {"ia64", "sym-ia64", "symef-ia64"},
	} {
		t.Run(c.machine, func(t *testing.T) {
			dir := filepath.Join(fixture.Shared(t), "kd")
			symbols := filepath.Join(dir, c.symbols)
			if c.symbols == "" {
				if symbols = os.Getenv(publicEnv); symbols == "" {
					t.Log("NOT COMPARED BY TYPES: name the folder of the public ntkrnlpa.pdb in " + publicEnv)
				}
			}
			path := strings.Trim(symbols+";"+filepath.Join(dir, c.images), ";")
			for _, name := range []string{c.machine + ".txt", "pages-" + c.machine + ".txt"} {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				kd := kdtext.Parse(string(text))
				if len(kd) < 50 {
					t.Fatalf("%d facts in %s", len(kd), name)
				}
				compareKd(t, name, kd, symresFacts(t, unzip(t, filepath.Join(dir, c.machine+".dmp.gz")), path, kd), symbols != "")
			}
		})
	}
}

// TestKdBuilt compares symres with what kd said of the dumps our builder writes.
func TestKdBuilt(t *testing.T) {
	for _, name := range dumpbuild.Kds() {
		if name == "la57" || name == "triage" || strings.HasSuffix(name, "-bitmap") {
			continue // of whose memory kd reads nothing; for the triage dump see below
		}
		t.Run(name, func(t *testing.T) {
			dump, kd := kdBuilt(t, name)
			compareKd(t, name, kd, symresFacts(t, dump, kdPath(t, name), kd), true)
		})
	}
}

// kdBuilt is a dump our builder writes, and what kd said of it.
func kdBuilt(t *testing.T, name string) (dump string, kd kdtext.Facts) {
	t.Helper()
	spec, err := dumpbuild.SeedKd(fixture.Read, name)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	dump = filepath.Join(t.TempDir(), "target.dmp")
	if err := os.WriteFile(dump, b, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := fixture.Read("kd/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return dump, kdtext.Unmarshal(said)
}

// TestKdTriage compares the drivers and the bug check of a triage dump.
func TestKdTriage(t *testing.T) {
	dump, kd := kdBuilt(t, "triage")
	s := &kdTarget{T: t, dump: dump, path: kdPath(t, "triage"), facts: kdtext.Facts{}}
	s.bugCheck()
	s.modules()
	kd = kd.Of("bugcheck", "module", "unloaded")
	for key := range s.facts {
		if _, asked := kd[key]; !asked && strings.HasSuffix(key, " symbols") { // kd loaded the kernel's alone
			delete(s.facts, key)
		}
	}
	reasons := []kdtext.Reason{{Key: "module fffff80002c00000 image", Why: "kd calls the kernel after the PDB its image names, symres by the driver list"}}
	for _, d := range kdtext.Diff(kd, s.facts, reasons) {
		t.Errorf("kd, symres: %s", d)
	}
	if len(kd) < 30 {
		t.Errorf("%d facts compared", len(kd))
	}
}

// kdPath is a symbol path of the files of a dump, unpacked.
func kdPath(t *testing.T, name string) string {
	t.Helper()
	to := t.TempDir()
	for _, dir := range dumpbuild.KdSymbols(name) {
		fixture.Unpack(t, dir, to)
	}
	return to
}

// compareKd reports where the two differ. What kd did not ask for, such as
// the VADs of another process, is left out; its lists must be complete.
// Without the kernel's symbols theirs are left out.
func compareKd(t *testing.T, name string, kd, ours kdtext.Facts, symbols bool) {
	t.Helper()
	compared := kd.Of("build", "bugcheck", "kernel", "module", "unloaded", "process", "vad", "vads", "user", "pte", "physical", "bytes", "symbol", "near", "peb")
	trimmed := kdtext.Facts{}
	for key, v := range ours {
		words := strings.Fields(key)
		listed := slices.Contains([]string{"module", "unloaded"}, words[0]) && len(words) == 2 || words[0] == "symbol"
		if _, asked := compared[key]; asked || listed {
			trimmed[key] = v
		}
	}
	for key := range compared {
		words := strings.Fields(key)
		skip := words[0] == "peb" && words[2] != "module" && words[2] != "out" // symres does not print them
		if !symbols && words[0] == "module" && words[len(words)-1] == "symbols" {
			skip = true
		}
		if skip {
			delete(compared, key)
			delete(trimmed, key)
		}
	}
	reasons := kdDiffers(name, kd)
	for _, d := range kdtext.Diff(compared, trimmed, reasons) {
		t.Errorf("kd, symres: %s", d)
	}
	t.Logf("%d facts compared", len(compared))
}

// unzip is a gzipped file unpacked.
func unzip(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(name), ".gz"))
	w, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, z); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}
