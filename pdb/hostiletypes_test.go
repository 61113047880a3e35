package pdb_test

import (
	"fmt"

	"github.com/symres/symres/pdb"
)

// typed is a PDB with the given types, whose buckets are those of keys.
func typed(recs [][]byte, keys ...string) []byte {
	p := sharing()
	t := (&typeWriter{recs: recs, keys: keys, step: 64}).pdb()
	p.extra, p.edit = t.extra, t.edit
	return p.write().Bytes()
}

// oneArgumentList has functions that all have the same long list of arguments,
// which are functions with it too.
func oneArgumentList() []byte {
	args := fieldBytes(le32(nil, 16_000))
	for range 16_000 {
		args = le32(args, 0x1001)
	}
	recs := [][]byte{rec(0x1201, args), structure(0, 8, long(1000))}
	for len(recs) < hostileSize/24 {
		recs = append(recs, rec(0x1008, uint32(0x1001), uint8(0), uint8(0), 16_000, uint32(0x1000)))
	}
	return typed(recs)
}

// longTypeNames has pointers to one structure with a long name.
func longTypeNames() []byte {
	recs := [][]byte{structure(0, 8, long(60_000))}
	for len(recs) < hostileSize/20 {
		recs = append(recs, rec(0x1002, uint32(0x1000), uint32(0x1000C)))
	}
	return typed(recs)
}

// methodsOfOneList has a structure whose methods all have the same overloads.
func methodsOfOneList() []byte {
	var list []byte
	for range 8000 {
		list = le32(le16(list, 3, 0), 0x74)
	}
	recs := [][]byte{rec(0x1206, list)}
	for next := uint32(0); len(recs) < 100; next = 0x1000 + uint32(len(recs)) - 1 {
		var fields []byte
		for range 5000 {
			fields = append(fields, entry(0x150F, 8000, uint32(0x1000), "m")...)
		}
		if next != 0 {
			fields = append(fields, entry(0x1404, 0, next)...)
		}
		recs = append(recs, rec(0x1203, fields))
	}
	recs = append(recs, structure(0x1000+uint32(len(recs))-1, 8, "S"))
	keys := make([]string, len(recs))
	keys[len(recs)-1] = "S"
	return typed(recs, keys...)
}

// declarationsOfOneName has declarations that all are looked up among the
// definitions of one bucket.
func declarationsOfOneName() []byte {
	var recs [][]byte
	var keys []string
	for i := range 1000 {
		recs, keys = append(recs, structure(0, 8, fmt.Sprint("d", i))), append(keys, "S")
	}
	for len(recs) < hostileSize/36 {
		recs, keys = append(recs, rec(0x1505, 1, 0x80, uint32(0), uint32(0), uint32(0), 0, "S")), append(keys, "S")
	}
	return typed(recs, keys...)
}

// membersOfLongTypes has a structure with very many members of a function type
// whose text is long.
func membersOfLongTypes() []byte {
	args := le32(nil, 60)
	for range 60 {
		args = le32(args, 0x1001)
	}
	recs := [][]byte{rec(0x1201, args), structure(0, 8, long(1000)), rec(0x1008, uint32(0x1001), uint8(0), uint8(0), 60, uint32(0x1000))}
	for next := uint32(0); len(recs) < 120; next = 0x1000 + uint32(len(recs)) - 1 {
		var fields []byte
		for range 5000 {
			fields = append(fields, entry(0x150D, 3, uint32(0x1002), 0, "m")...)
		}
		if next != 0 {
			fields = append(fields, entry(0x1404, 0, next)...)
		}
		recs = append(recs, rec(0x1203, fields))
	}
	recs = append(recs, structure(0x1000+uint32(len(recs))-1, 8, "S"))
	keys := make([]string, len(recs))
	keys[len(recs)-1] = "S"
	return typed(recs, keys...)
}

func namedStreamsOfOneName() []byte {
	p := sharing()
	p.edit = func(st *testStreams) {
		info := le32(nil, 20000404, 0x5F5E100, 1)
		info = append(info, testGUID[:]...)
		names := long(hostileSize/2) + "\x00"
		info = append(le32(info, uint32(len(names))), names...)
		const n = hostileSize / 16
		info = le32(info, n, n, 0, 0)
		for i := range uint32(n) {
			info = le32(info, i, numGSS)
		}
		st.list[numInfo] = le32(info, 0, pdb.FeatureVC140)
	}
	return p.write().Bytes()
}

// fileNamesThatOverlap has a list of source files in which each name is the end
// of the one before it.
func fileNamesThatOverlap() []byte {
	p := sharing()
	for i := range 10 {
		p.modules = append(p.modules, fmt.Sprint("m", i))
	}
	p.edit = func(st *testStreams) {
		n := len(p.modules)
		const each = 60_000
		files := le16(nil, uint16(n), 0)
		for range n {
			files = le16(files, 0)
		}
		for range n {
			files = le16(files, each)
		}
		for i := range uint32(n * each) {
			files = le32(files, i*8)
		}
		files = append(files, long(hostileSize-len(files)-100)...)
		dbi := st.list[numDBI]
		old := uint32(4 + 4*n)
		at := st.optional - 28 - int(old) // the string table lies between
		put32(dbi, 24+12, uint32(len(files)))
		st.list[numDBI] = append(append(append([]byte{}, dbi[:at]...), files...), dbi[at+int(old):]...)
	}
	return p.write().Bytes()
}

func manySections() []byte {
	p := sharing()
	p.sections = nil
	for i := range uint32(60_000) {
		p.sections = append(p.sections, pdb.Section{Name: ".s", VirtualAddress: 0x1000 + i*0x1000, VirtualSize: 0x800})
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("p%d", i), seg: uint16(i + 1), off: 16})
	}
	return p.write().Bytes()
}

// manySmallSymbols shares nothing: it is what a file of this size can hold.
func manySmallSymbols() []byte {
	p := sharing()
	for i := range hostileSize / 36 {
		p.pubs = append(p.pubs, testPublic{name: fmt.Sprintf("%04x", i), seg: 1, off: uint32(i) * 16})
	}
	return p.write().Bytes()
}

// decoratedNames has long names that are decorated and refer back to their own
// parts.
func decoratedNames() []byte {
	p := sharing()
	name := "?f@@YAX"
	for i := range 9 {
		name += fmt.Sprintf("V?$t%d@", i)
		for range 30 {
			name += "U1@"
		}
		name += "@@"
	}
	for range 800 {
		name += "12345678"
	}
	name += "@Z"
	for i := range hostileSize / (len(name) + 40) {
		p.pubs = append(p.pubs, testPublic{name: name, seg: 1, off: uint32(i) * 16})
	}
	return p.write().Bytes()
}
