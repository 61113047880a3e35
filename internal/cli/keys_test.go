package cli_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/target"
)

// arm64Dump is a triage dump with 228 modules, of which 224 have a stamp.
func arm64Dump(t *testing.T) (path string, tg *target.Target) {
	t.Helper()
	path = filepath.Join(fixture.Shared(t), "ivellioscolin+kdlibcpp/kdlib/tests/dumps/win10_arm64_mem/win10_arm64_mem.dmp")
	tg, err := target.Open(t.Context(), path, target.Options{Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.Close() })
	return path, tg
}

// TestFetch_listed_size: the size that a loader lists makes a key for every
// module that has a stamp.
func TestFetch_listed_size(t *testing.T) {
	path, tg := arm64Dump(t)
	status, manifest, warnings := typed(t, "fetch", "--manifest", "--with-image", path)
	if status != 0 {
		t.Fatalf("%d: %s", status, warnings)
	}
	keyed, without := 0, 0
	for _, m := range tg.Modules() {
		name := regexp.MustCompile(`(?i)^(dump_|hiber_)`).ReplaceAllString(m.Image, "")
		line := fmt.Sprintf("%s,%08X%x,1\n", name, m.TimeDateStamp, m.Size)
		switch {
		case m.TimeDateStamp == 0:
			if without++; !strings.Contains(warnings, m.Image+": its time stamp or size is not in the dump") {
				t.Errorf("no word of %s", m.Image)
			}
		case strings.Contains(strings.ToLower(manifest), strings.ToLower(line)):
			keyed++
		default:
			t.Errorf("no line %s", line)
		}
	}
	if keyed != 224 || without != 4 || strings.Count(warnings, "\n") != 4 {
		t.Errorf("%d keyed, %d without, warnings %s", keyed, without, warnings)
	}
}

// TestReload_listed_size: images under such keys on a server are found, held
// against the target, and lead to their PDBs.
func TestReload_listed_size(t *testing.T) {
	path, tg := arm64Dump(t)
	dir, names := t.TempDir(), []string{}
	for _, m := range tg.Modules() {
		if len(names) == 3 || m.TimeDateStamp == 0 || m.Size < 0x6000 || strings.HasPrefix(m.Image, "dump_") {
			continue
		}
		image := fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys")
		nt := binary.LittleEndian.Uint32(image[0x3c:])
		binary.LittleEndian.PutUint32(image[nt+8:], m.TimeDateStamp)
		binary.LittleEndian.PutUint32(image[nt+24+56:], uint32(m.Size))
		binary.LittleEndian.PutUint32(image[nt+24+64:], 0) // unknown, as linkers leave it
		file(t, dir, m.Image, fmt.Sprintf("%08X%x", m.TimeDateStamp, m.Size), image)
		names = append(names, m.Image)
	}
	file(t, dir, "fs_rec.pdb", "415B9DBEC20C84214C4C44205044422E1", fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb"))
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	status, stdout, stderr := typed(t, append([]string{"reload", "--dump", path, "--sympath", "srv*" + t.TempDir() + "*" + server.URL}, names...)...)
	if n := strings.Count(stdout, "Symbols loaded for "); status != 0 || n != 3 || strings.Contains(stdout, "name-only") {
		t.Errorf("%d, %d loaded: %s%s", status, n, stdout, stderr)
	}
}

func file(t *testing.T, dir, name, key string, content []byte) {
	t.Helper()
	in := filepath.Join(dir, name, key)
	if err := os.MkdirAll(in, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(in, name), content, 0o666); err != nil {
		t.Fatal(err)
	}
}
