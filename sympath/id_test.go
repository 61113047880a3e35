package sympath_test

import (
	"strings"
	"testing"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/sympath"
)

const ntdllGUID = "0F7FCF88442F4B0E9FB51DC4A754D9DE"

func mustGUID(t testing.TB, s string) guid.GUID {
	t.Helper()
	g, err := guid.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestKeys(t *testing.T) {
	g := mustGUID(t, "{0F7FCF88-442F-4B0E-9FB5-1DC4A754D9DE}")
	for _, c := range []struct {
		id   sympath.ID
		want string
	}{
		{sympath.PDB70(g, 2), ntdllGUID + "2"},
		{sympath.PDB70(g, 0xffffffff), ntdllGUID + "ffffffff"},
		{sympath.PDB70(g, 0x30cafe), ntdllGUID + "30cafe"},
		{sympath.PDB70(g, 0), ntdllGUID + " " + ntdllGUID + "0"},
		{sympath.PDB20(0x3B7D82D3, 1), "3B7D82D31"},
		{sympath.PDB20(0x37a8f40e, 2), "37A8F40E2"},
		{sympath.PDB20(0x0a8f40e, 0), "00A8F40E 00A8F40E0 A8F40E A8F40E0"},
		{sympath.Image(0x08294233, 0x88000), "0829423388000"},
		{sympath.Image(0x542D574E, 0xC2000), "542D574Ec2000"},
		{sympath.Image(0x5FDA21D2, 0x30000), "5FDA21D230000"},
		{sympath.DBG(0x37cdb039, 0x62040), "37CDB03962040"},
		{sympath.Image(0, 0x30000), ""},
		{sympath.Image(0x5FDA21D2, 0), ""},
		{sympath.ID{}, ""},
	} {
		if got := strings.Join(c.id.Keys(), " "); got != c.want {
			t.Errorf("%v: keys %q, want %q", c.id, got, c.want)
		}
		first, _, _ := strings.Cut(c.want, " ")
		if got := c.id.Key(); got != first {
			t.Errorf("%v: key %q, want %q", c.id, got, first)
		}
	}
}

func TestID_accessors(t *testing.T) {
	g := mustGUID(t, ntdllGUID)
	pdb70, pdb20 := sympath.PDB70(g, 7), sympath.PDB20(5, 6)
	image, dbg := sympath.Image(1, 2), sympath.DBG(3, 4)
	if pdb70.GUID() != g || pdb70.Age() != 7 || pdb70.SizeOfImage() != 0 || pdb70.IsZero() {
		t.Errorf("PDB70: %v", pdb70)
	}
	if pdb20.Signature() != 5 || pdb20.Age() != 6 || pdb20.TimeDateStamp() != 0 || pdb20.GUID() != (guid.GUID{}) {
		t.Errorf("PDB20: %v", pdb20)
	}
	if image.TimeDateStamp() != 1 || image.SizeOfImage() != 2 || image.Age() != 0 || image.Signature() != 0 {
		t.Errorf("Image: %v", image)
	}
	if dbg.TimeDateStamp() != 3 || dbg.SizeOfImage() != 4 || dbg == sympath.Image(3, 4) {
		t.Errorf("DBG: %v", dbg)
	}
	if id := (sympath.ID{}); !id.IsZero() || id.String() != "no identity" || id.Kind() != sympath.IDNone {
		t.Errorf("zero ID: %v", id)
	}
}
