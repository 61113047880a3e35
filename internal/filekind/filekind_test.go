package filekind_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/internal/fixture"
)

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want filekind.Kind
	}{
		"image":    {string(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys")), filekind.PE},
		"pdb":      {string(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb")), filekind.PDB},
		"dump":     {"PAGEDU64" + strings.Repeat("\x00", 0x2000), filekind.CrashDump},
		"minidump": {"MDMP\x93\xa7\x00\x00", filekind.Minidump},
		"lime":     {"EMiL\x01\x00\x00\x00" + strings.Repeat("\x00", 24), filekind.LiME},
		"elf":      {"\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 64), filekind.ELF},
		"hiberfil": {"HIBR" + strings.Repeat("\x00", 4096), "hiberfil"},
		"evidence": {"EVF\x09\x0d\x0a\xff\x00", "ewf"},
		"path":     {"srv*C:\\sym;D:\\x\n", filekind.Path},
		"lines":    {"a\nb\n", filekind.Unknown},
		"zeros":    {strings.Repeat("\x00", 4096), filekind.Unknown},
		"empty":    {"", filekind.Unknown},
	} {
		if got, err := filekind.Of(strings.NewReader(c.data), int64(len(c.data))); got != c.want || err != nil {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.want)
		}
	}
	if _, err := filekind.Of(failing{}, 100); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("unreadable: %v", err)
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }
