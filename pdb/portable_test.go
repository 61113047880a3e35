package pdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/symres/symres/pdb"
)

// metadataRoot is a portable PDB with streams of these names, 32 bytes each; those
// of #Pdb begin with the id.
func metadataRoot(version string, streams ...string) []byte {
	le := binary.LittleEndian
	b := []byte("BSJB\x01\x00\x01\x00\x00\x00\x00\x00")
	padded := version + string(make([]byte, 4-len(version)%4))
	b = append(le.AppendUint32(b, uint32(len(padded))), padded...)
	b = le16(b, 0, uint16(len(streams)))
	heads := 0
	for _, name := range streams {
		heads += 8 + (len(name)+4)&^3
	}
	off, data := len(b)+heads, []byte(nil)
	for _, name := range streams {
		b = append(le32(b, uint32(off+len(data)), 32), name...)
		b = append(b, make([]byte, (len(name)+4)&^3-len(name))...)
		data = append(data, bytes.Repeat([]byte{byte(len(name))}, 32)...)
	}
	return append(b, data...)
}

func TestPortableID(t *testing.T) {
	for _, streams := range [][]string{{"#Pdb"}, {"#~", "#Strings", "#GUID", "#Pdb"}, {"#Pdb", "#~"}, {"a_name_of_as_many_bytes_as_it_may", "#Pdb"}} {
		for _, version := range []string{"PDB v1.0", "v4.0.30319", ""} {
			b := metadataRoot(version, streams...)
			id, err := pdb.PortableID(bytes.NewReader(b), int64(len(b)))
			if long := len(streams[0]) > 31; long != (err != nil) || err == nil && id != [16]byte(bytes.Repeat([]byte{4}, 16)) {
				t.Errorf("%q, %q: %v, %v", version, streams, id, err)
			}
		}
	}
	good := metadataRoot("PDB v1.0", "#~", "#Pdb")
	for name, b := range map[string][]byte{
		"no #Pdb": metadataRoot("PDB v1.0", "#~"), "cut in the head": good[:30], "cut in the stream": good[:len(good)-20], "nothing": good[:4],
		"version of 4 GB": bytes.Replace(good, []byte("\x0c\x00\x00\x00PDB"), []byte("\xff\xff\xff\xffPDB"), 1),
	} {
		if id, err := pdb.PortableID(bytes.NewReader(b), int64(len(b))); !errors.Is(err, pdb.ErrFormat) {
			t.Errorf("%s: %v, %v", name, id, err)
		}
	}
	other := samplePDB().write().Bytes()
	var kind *pdb.KindError
	if _, err := pdb.PortableID(bytes.NewReader(other), int64(len(other))); !errors.As(err, &kind) || kind.Format != pdb.FormatPDB7 {
		t.Errorf("a PDB 7: %v", err)
	}
}

// FuzzPortableID: the id is 16 bytes of the file, and what is no portable PDB has
// none.
func FuzzPortableID(f *testing.F) {
	f.Add(metadataRoot("PDB v1.0", "#~", "#Pdb"))
	f.Add(metadataRoot("", "#Pdb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := pdb.PortableID(bytes.NewReader(b), int64(len(b)))
		switch {
		case err != nil && id != [16]byte{}:
			t.Errorf("%v with %v", id, err)
		case err == nil && (!bytes.HasPrefix(b, []byte("BSJB")) || !bytes.Contains(b, id[:])):
			t.Errorf("%v is not in the file", id)
		}
	})
}

// TestShown: beside what lies in memory, static members and virtual bases, those
// of base classes too, each at the pointer that leads to it.
func TestShown(t *testing.T) {
	w := typeWriter{keys: []string{"", "", "B", "", "M", "", "D"}, recs: [][]byte{
		rec(0x1002, uint32(0x74), uint32(0x0C|8<<13)),                                                                // 1000: int*
		rec(0x1203, entry(0x150D, 3, uint32(0x74), 0, "b")),                                                          // 1001
		rec(0x1505, 1, 0, uint32(0x1001), uint32(0), uint32(0), 4, "B"),                                              // 1002
		rec(0x1203, entry(0x1401, 3, uint32(0x1002), uint32(0x1000), 0, 1), entry(0x150E, 3, uint32(0x74), "count")), // 1003
		rec(0x1505, 2, 0, uint32(0x1003), uint32(0), uint32(0), 16, "M"),                                             // 1004
		rec(0x1203, entry(0x1400, 3, uint32(0x1004), 8), entry(0x1402, 3, uint32(0x1002), uint32(0x1000), 8, 1), entry(0x150D, 3, uint32(0x74), 24, "d"), entry(0x1510, 0, uint32(0x1002), "T")), // 1005
		rec(0x1505, 4, 0, uint32(0x1005), uint32(0), uint32(0), 32, "D"), // 1006
	}}
	d := typeNamed(t, openTypes(t, w), "D")
	type row struct {
		kind   pdb.MemberKind
		name   string
		offset uint64
		value  string
	}
	collect := func(all func(func(pdb.Member, error) bool)) (rows []row) {
		for m, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row{m.Kind, m.Name(), m.Offset, m.Value.String()})
			if table, err := m.TableType(); m.Kind == pdb.MemberVirtualBase && (err != nil || table.String() != "int*") {
				t.Errorf("the pointer is %v, %v", table, err)
			}
		}
		return rows
	}
	want := []row{{pdb.MemberVirtualBase, "", 8, "1"}, {pdb.MemberStatic, "count", 8, "0"}, {pdb.MemberIndirectBase, "", 8, "1"}, {pdb.MemberData, "d", 24, "0"}}
	if got := collect(d.Shown()); len(got) != len(want) || got[0] != want[0] || got[1].name != "count" || got[2] != want[2] || got[3] != want[3] {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := collect(d.Fields()); len(got) != 1 || got[0] != want[3] {
		t.Errorf("fields: %+v", got)
	}
}
