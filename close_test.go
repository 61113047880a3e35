package symres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres"
)

func TestLoadError_escapes_the_name(t *testing.T) {
	s := session(t, symres.Config{}, symres.Module{Name: "m", Image: "a\x1b[31m.sys", Base: 0x1000, Size: 0x1000})
	_, err := s.Load(context.Background(), "m")
	if err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%q holds an escape character", err)
	}
}

func TestClose(t *testing.T) {
	cfg := symres.Config{Memory: mapped(t, fsRec(t, "x64/good"), base64), Symbols: store(t, "x64/good")}
	s := session(t, cfg, loaderEntry(t, "x64/good", base64))
	before := names(t, s, "fs_rec!DriverEntry")
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Resolve(context.Background(), base64+0x1000); !errors.Is(err, symres.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	if before[0] != "DriverEntry" {
		t.Errorf("a name changed to %q", before[0])
	}
}
