package cli_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// edit rewrites a file of a script.
func edit(ts *testscript.TestScript, name string, change func(b []byte)) {
	path := ts.MkAbs(name)
	b, err := os.ReadFile(path)
	ts.Check(err)
	change(b)
	ts.Check(os.WriteFile(path, b, 0o666))
}

// cmdBytes writes a file from a Go string without its quotes.
func cmdBytes(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "bytes FILE STRING")
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
}

// cmdFlip changes the last byte of a file.
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1, "flip FILE")
	edit(ts, args[0], func(b []byte) { b[len(b)-1] ^= 1 })
}

// cmdPad does to a PDB what tools do that add to it: an odd tail, and a count of
// blocks that fits neither what was there nor what is.
func cmdPad(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1, "pad FILE")
	path := ts.MkAbs(args[0])
	b := append([]byte(ts.ReadFile(args[0])), "an odd tail"...)
	b[40] += 9
	ts.Check(os.WriteFile(path, b, 0o666))
}

// cmdSetDebug points the debug directory of an image elsewhere.
func cmdSetDebug(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "setdebug FILE RVA")
	rva, err := strconv.ParseUint(args[1], 0, 32)
	ts.Check(err)
	edit(ts, args[0], func(b []byte) {
		optional := int(binary.LittleEndian.Uint32(b[0x3c:])) + 24
		directories := optional + 96
		if binary.LittleEndian.Uint16(b[optional:]) == 0x20b {
			directories = optional + 112
		}
		binary.LittleEndian.PutUint32(b[directories+6*8:], uint32(rva))
	})
}

// cmdSetPDB rewrites the path an image names its PDB by; \e stands for ESC.
func cmdSetPDB(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "setpdb FILE PATH")
	path := strings.ReplaceAll(args[1], `\e`, "\x1b")
	edit(ts, args[0], func(b []byte) {
		record := bytes.Index(b, []byte("RSDS"))
		pointer := binary.LittleEndian.AppendUint32(nil, uint32(record))
		entry := bytes.Index(b, pointer) - 24 // PointerToRawData of IMAGE_DEBUG_DIRECTORY
		if record < 0 || entry < 0 {
			ts.Fatalf("%s has no RSDS record", args[0])
		}
		copy(b[record+24:], path+"\x00")
		binary.LittleEndian.PutUint32(b[entry+16:], uint32(24+len(path)+1))
	})
}

// cmdAddRecord gives an x64 image a further RSDS record, which is the last one then.
func cmdAddRecord(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "addrecord FILE PDB")
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	b = fixture.WithRecords(b, nil, []fixture.Record{{GUID: [16]byte{1, 2, 3}, Age: 1, Path: args[1]}})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
}

// cmdMkloop writes an x64 dump in whose module list the fourth entry leads
// back to the second.
func cmdMkloop(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1, "mkloop FILE")
	spec, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Full)
	ts.Check(err)
	dump, facts, err := dumpbuild.Build(spec)
	ts.Check(err)
	m := facts.Modules
	links := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, m[4].Entry), m[2].Entry)
	at := bytes.Index(dump, links)
	if at < 0 {
		ts.Fatalf("the fourth loader entry was not found")
	}
	binary.LittleEndian.PutUint64(dump[at:], m[1].Entry)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), dump, 0o666))
}
