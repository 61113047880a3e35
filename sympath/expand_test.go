package sympath_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/internal/cabbuild"
	"github.com/symres/symres/sympath"
)

func cabinet(t testing.TB, data []byte) []byte {
	t.Helper()
	packed, err := cabbuild.Cabinet{Folders: []cabbuild.Folder{{
		Method: cabbuild.LZX{Window: 18}, Files: []cabbuild.File{{Name: `..\..\evil.pdb`, Data: data}},
	}}}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func gz(data []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(data)
	w.Close()
	return out.Bytes()
}

func TestSymsrv_compressed(t *testing.T) {
	want := strings.Repeat("symbols ", 10000)
	for name, packed := range map[string][]byte{"cabinet": cabinet(t, []byte(want)), "gzip": gz([]byte(want))} {
		fsys := fstest.MapFS{"ntdll.pdb/" + key2 + "/NTDLL.pd_": {Data: packed}}
		found := false
		for c, err := range sympath.Symsrv("S", fsys).Find(context.Background(), ntdll(t)) {
			if err != nil {
				t.Fatalf("%s: %+v", name, err)
			}
			if found = content(t, c) == want; !found {
				t.Errorf("%s: other content", name)
			}
			break
		}
		if !found {
			t.Errorf("%s: not found", name)
		}
	}
	old := fstest.MapFS{"ntdll.pdb/" + key2 + "/ntdll.pd_": {Data: []byte("SZDD\x88\xf0\x27\x33A\x00")}}
	if _, miss := searchAll(t, sympath.Symsrv("S", old), ntdll(t)); miss.Attempts[1].Status != sympath.StatusUnsupported {
		t.Errorf("SZDD: %v", miss.Attempts[1])
	}
}

func TestSymsrv_bomb(t *testing.T) {
	dir := t.TempDir()
	place(t, dir, "ntdll.pdb/"+key2+"/ntdll.pd_", gz(make([]byte, 1<<20)))
	store := mustParse(t, "srv*"+dir).Store(sympath.Options{Limits: sympath.Limits{Expanded: 1<<20 - 1}})
	for c, err := range store.Find(context.Background(), ntdll(t)) {
		if err != nil {
			continue
		}
		if _, err := c.Open(context.Background()); !errors.Is(err, sympath.ErrTooLarge) {
			t.Errorf("opened: %v, want ErrTooLarge", err)
		}
	}
}
