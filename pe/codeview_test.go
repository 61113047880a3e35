package pe_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

func TestParseCodeView(t *testing.T) {
	for text, want := range map[string]pe.CodeView{
		"NB10\x00\x00\x00\x00\x07\x00\x00\x00\x02\x00\x00\x00a.pdb\x00": {Kind: pe.CodeViewNB10, Signature: 7, Age: 2, Path: "a.pdb"},
		"RSDS0123456789abcdef\x03\x00\x00\x00b.pdb\x00":                 {Kind: pe.CodeViewRSDS, GUID: [16]byte([]byte("0123456789abcdef")), Age: 3, Path: "b.pdb"},
	} {
		if cv, err := pe.ParseCodeView([]byte(text)); err != nil || *cv != want {
			t.Errorf("%q: %+v, %v", text, cv, err)
		}
	}
	for text, want := range map[string]error{"": pe.ErrFormat, "RSDS": pe.ErrFormat, "ELF\x7fabcd": pe.ErrFormat, "NB11\x00\x00\x00\x00": errors.ErrUnsupported} {
		if cv, err := pe.ParseCodeView([]byte(text)); cv != nil || !errors.Is(err, want) {
			t.Errorf("%q: %+v, %v, want %v", text, cv, err, want)
		}
	}
}

func TestCodeViewKind(t *testing.T) {
	var none pe.CodeView
	if id := none.ID(); id != (sympath.ID{}) {
		t.Errorf("identity %v out of nothing", id)
	}
	text, err := json.Marshal([]pe.CodeViewKind{0, pe.CodeViewRSDS, pe.CodeViewNB10})
	if err != nil || string(text) != `["unknown","RSDS","NB10"]` {
		t.Errorf("%s, %v", text, err)
	}
}

// FuzzParseCodeView checks that a record that is accepted names a PDB and has a
// path that ends where the record does.
func FuzzParseCodeView(f *testing.F) {
	f.Add([]byte("RSDS0123456789abcdef\x03\x00\x00\x00b.pdb\x00"))
	f.Add([]byte("NB10\x00\x00\x00\x00\x07\x00\x00\x00\x02\x00\x00\x00a.pdb\x00"))
	f.Fuzz(func(t *testing.T, record []byte) {
		cv, err := pe.ParseCodeView(record)
		if err != nil {
			return
		}
		if cv.Kind == pe.CodeViewUnknown || cv.ID().Key() == "" || strings.Contains(cv.Path, "\x00") || len(cv.Path) > len(record) {
			t.Errorf("%q: %+v", record, cv)
		}
	})
}
