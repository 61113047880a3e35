package target_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres"
	"github.com/symres/symres/guid"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/target"
)

func TestFromMinidump(t *testing.T) {
	guid := guid.GUID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	record := func(signature string, rest ...byte) []byte { return append([]byte(signature), rest...) }
	rsds := append(record("RSDS", guid[:]...), "\x03\x00\x00\x00c:\\x\\app.pdb\x00"...)
	for name, c := range map[string]struct {
		record []byte
		want   *pe.CodeView
	}{
		"rsds":      {rsds, &pe.CodeView{Kind: pe.CodeViewRSDS, GUID: guid, Age: 3, Path: `c:\x\app.pdb`}},
		"nb10":      {[]byte("NB10\x00\x00\x00\x00\x07\x00\x00\x00\x02\x00\x00\x00a.pdb\x00"), &pe.CodeView{Kind: pe.CodeViewNB10, Signature: 7, Age: 2, Path: "a.pdb"}},
		"none":      {nil, nil},
		"short":     {rsds[:20], nil},
		"no_guid":   {append(record("RSDS", make([]byte, 20)...), "app.pdb\x00"...), nil},
		"other":     {[]byte("ELF\x00abcdefgh"), nil},
		"signature": {[]byte("RSDS"), nil},
	} {
		got := target.FromMinidump(minidump.Module{
			Name: `C:\x\app.exe`, Base: 0x140000000, Size: 0x2080, CheckSum: 1, TimeDateStamp: 2, CodeView: c.record,
		})
		want := symres.Module{
			Image: "app.exe", Path: `C:\x\app.exe`, Base: 0x140000000, Size: 0x3000, SizeOfImage: 0x2080, CheckSum: 1,
			TimeDateStamp: 2, CodeView: c.want, Origin: "minidump module list",
		}
		if !cmp.Equal(got, want) {
			t.Errorf("%s: (-want +got):\n%s", name, cmp.Diff(want, got))
		}
	}
}
