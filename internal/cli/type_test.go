package cli_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
)

// TestType_json holds every type of a real PDB against what package pdb says
// of it, one line of JSON for each.
func TestType_json(t *testing.T) {
	path := filepath.Join(fixture.Shared(t), "winsiderss+systeminformer", "KSystemInformer", "bin-signed", "amd64", "systeminformer.pdb")
	f, err := pdb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var want []pdb.Type
	args := []string{"type", "--json", "--pdb", path}
	for typ, err := range f.Types() {
		if err != nil {
			t.Fatal(err)
		}
		name := typ.Name()
		if byName, err := f.TypeByName(name); typ.IsTag() && !typ.IsForward() && err == nil && byName.Index() == typ.Index() && !strings.Contains(name, "!") {
			want, args = append(want, typ), append(args, name)
		}
	}
	out, stderr, status := run(t, "", args...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || len(lines) != len(want) || len(want) < 300 {
		t.Fatalf("%d types, %d lines, status %d: %.200s", len(want), len(lines), status, stderr)
	}
	for i, line := range lines {
		checkTypeLine(t, want[i], line)
	}
}

func checkTypeLine(t *testing.T, typ pdb.Type, line string) {
	t.Helper()
	var got struct {
		Name, Kind string
		Size       *uint64
		Fields     []struct {
			Name, Offset, Type string
			Bit, Bits          *uint8
		}
		Values []struct {
			Name  string
			Value json.Number
		}
	}
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatalf("%v: %v", typ, err)
	}
	size, err := typ.Size()
	if got.Name != typ.Name() || got.Kind != typ.Kind().String() || err != nil || got.Size == nil || *got.Size != size {
		t.Errorf("%v: %.100s", typ, line)
	}
	var have, want []string
	for _, f := range got.Fields {
		row := f.Offset + " " + f.Name
		if f.Bits != nil && f.Bit != nil {
			row += fmt.Sprintf(":%d,%d", *f.Bit, *f.Bits)
		}
		have = append(have, row)
	}
	for _, v := range got.Values {
		have = append(have, v.Name+"="+v.Value.String())
	}
	for m, err := range typ.Fields() {
		switch {
		case err != nil:
			t.Fatal(err)
		case m.Bits != 0:
			want = append(want, fmt.Sprintf("%#x %s:%d,%d", m.Offset, m.Name(), m.Bit, m.Bits))
		case m.Kind == pdb.MemberData:
			want = append(want, fmt.Sprintf("%#x %s", m.Offset, m.Name()))
		}
	}
	for m, err := range typ.Members() {
		if err == nil && m.Kind == pdb.MemberEnumerator {
			want = append(want, m.Name()+"="+m.Value.String())
		}
	}
	if strings.Join(have, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v: %q, want %q", typ, have, want)
	}
}
