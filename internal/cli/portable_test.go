package cli_test

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// portablePDB is a portable PDB: a metadata root with the streams compilers write,
// and in #Pdb the id.
func portablePDB(guid byte) []byte {
	le := binary.LittleEndian
	b := []byte("BSJB\x01\x00\x01\x00\x00\x00\x00\x00\x0c\x00\x00\x00PDB v1.0\x00\x00\x00\x00")
	streams := []string{"#~", "#Pdb", "#Strings"}
	b = le.AppendUint16(le.AppendUint16(b, 0), uint16(len(streams)))
	heads := 0
	for _, name := range streams {
		heads += 8 + (len(name)+4)&^3
	}
	off := len(b) + heads
	var data []byte
	for _, name := range streams {
		content := make([]byte, 32)
		if name == "#Pdb" {
			for i := range 16 {
				content[i] = guid
			}
		}
		b = le.AppendUint32(le.AppendUint32(b, uint32(off+len(data))), uint32(len(content)))
		b = append(b, name...)
		b = append(b, make([]byte, (len(name)+4)&^3-len(name))...)
		data = append(data, content...)
	}
	return append(b, data...)
}

// portableImage is an image whose CodeView entry says that its PDB is a portable
// one.
func portableImage(guid byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0x600)
	copy(b, "MZ")
	le.PutUint32(b[0x3C:], 0x80)
	copy(b[0x80:], "PE\x00\x00")
	le.PutUint16(b[0x84:], 0x8664)
	le.PutUint16(b[0x86:], 1)
	le.PutUint32(b[0x88:], 0x5F000000)
	le.PutUint16(b[0x94:], 240)
	o := b[0x98:]
	le.PutUint16(o, 0x20B)
	le.PutUint32(o[32:], 0x1000)
	le.PutUint32(o[36:], 0x200)
	le.PutUint32(o[56:], 0x2000)
	le.PutUint32(o[60:], 0x200)
	le.PutUint32(o[108:], 16)
	le.PutUint32(o[112+48:], 0x1000)
	le.PutUint32(o[112+52:], 28)
	s := o[240:]
	copy(s, ".text")
	for at, v := range map[int]uint32{8: 0x400, 12: 0x1000, 16: 0x400, 20: 0x200} {
		le.PutUint32(s[at:], v)
	}
	record := append([]byte("RSDS"), strings.Repeat(string([]byte{guid}), 16)...)
	record = append(le.AppendUint32(record, 1), "managed.pdb\x00"...)
	e := b[0x200:]
	le.PutUint16(e[8:], 0x100)
	le.PutUint16(e[10:], 0x504D)
	for at, v := range map[int]uint32{12: 2, 16: uint32(len(record)), 20: 0x1040, 24: 0x240} {
		le.PutUint32(e[at:], v)
	}
	copy(b[0x240:], record)
	return b
}

// TestPortable: a portable PDB is filed under its GUID and FFFFFFFF, as its image
// says and as it says itself; fetch finds it, and refuses another one.
func TestPortable(t *testing.T) {
	dir := t.TempDir()
	key := strings.Repeat("41", 16) + "ffffffff"
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	image, own := put("managed.dll", portableImage('A')), put("managed.pdb", portablePDB('A'))
	for _, path := range []string{image, own} {
		out, errs, status := run(t, "", "identify", "--json", path)
		var got struct {
			GUID string
			Key  string `json:"pdb_key"`
			PDB  string
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || status != 0 {
			t.Fatalf("%v, %d: %s%s", err, status, out, errs)
		}
		if !strings.EqualFold(got.Key, key) || got.GUID != "41414141-4141-4141-4141-414141414141" || got.PDB != "managed.pdb" {
			t.Errorf("%s: %+v", path, got)
		}
		if out, _, status := run(t, "", "fetch", "--manifest=-", path); status != 0 || !strings.EqualFold(strings.TrimSpace(out), "managed.pdb,"+key+",1") {
			t.Errorf("%s: manifest %q", path, out)
		}
	}
	store := filepath.Join(dir, "store")
	put("store/pingme.txt", nil)
	put("store/managed.pdb/"+key+"/managed.pdb", portablePDB('B'))
	fetch := func() (string, string, int) {
		return run(t, "", "fetch", "--sympath", "srv*"+filepath.Join(dir, "cache")+"*"+store, image)
	}
	if out, errs, status := fetch(); status == 0 {
		t.Errorf("the PDB of another image was taken: %s%s", out, errs)
	}
	put("store/managed.pdb/"+key+"/managed.pdb", portablePDB('A'))
	if out, errs, status := fetch(); status != 0 || !strings.Contains(out, "PASSED") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if out, errs, status := run(t, "", "lookup", "--image", image, "--pdb", own, "*"); status == 0 || !strings.Contains(errs, "portable PDB") {
		t.Errorf("lookup: status %d, %s%s", status, out, errs)
	}
}
