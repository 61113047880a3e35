package cli_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	root "github.com/symres/symres"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// cmdMkminidump writes a minidump of the kind asked for, see [scriptMinidump].
func cmdMkminidump(ts *testscript.TestScript, neg bool, args []string) {
	kind := ""
	if len(args) > 0 && strings.HasPrefix(args[0], "--") {
		kind, args = args[0], args[1:]
	}
	need(ts, neg, args, 1, "mkminidump [--ios|--userdump] FILE")
	m := scriptMinidump(ts)
	if kind == "--userdump" {
		file, err := fixture.Read("fs_rec/x64/good/fs_rec.sys")
		ts.Check(err)
		m.Full, m.Parameters = []dumpbuild.MinidumpRange{{Addr: 0x140000000, Data: file[:0x400]}}, []uint64{1, 0x10}
		m.Exception.Context = nil
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), dumpbuild.BuildUserDump(m, true), 0o666))
		return
	}
	if kind == "--ios" {
		m.Platform, m.Modules[0].Name, m.Modules[1].Name = 0x8102, "/System/Library/UIKit", "/usr/lib/dyld"
		m.ExceptionIs = 1
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), dumpbuild.BuildMinidump(m), 0o666))
}

// scriptMinidump is a minidump whose first module is fs_rec with its
// CodeView record, and whose second is the same image as Wine would list it:
// no record, so that only time stamp and size tell what it is.
func scriptMinidump(ts *testscript.TestScript) dumpbuild.Minidump {
	file, err := fixture.Read("fs_rec/x64/good/fs_rec.sys")
	ts.Check(err)
	image, err := root.NewImage(bytes.NewReader(file), int64(len(file)))
	ts.Check(err)
	cv := append([]byte("RSDS"), image.CodeView.GUID[:]...)
	cv = append(binary.LittleEndian.AppendUint32(cv, image.CodeView.Age), image.CodeView.Path+"\x00"...)
	module := dumpbuild.MinidumpModule{
		Name: `C:\app\fs_rec.sys`, Base: 0x140000000, Size: image.SizeOfImage, CheckSum: image.CheckSum,
		Stamp: image.TimeDateStamp, CodeView: cv,
	}
	bare := module
	bare.Name, bare.Base, bare.CodeView = `C:\other\fs_rec.sys`, 0x150000000, nil
	return dumpbuild.Minidump{
		Architecture: 9,
		Modules:      []dumpbuild.MinidumpModule{module, bare},
		Unloaded:     []dumpbuild.MinidumpModule{{Name: "gone.dll", Base: 0x160000000, Size: 0x1000, Stamp: 0x39ff5d00}},
		Memory:       []dumpbuild.MinidumpRange{{Addr: 0x140001000, Data: make([]byte, 0x100)}},
		Exception:    &dumpbuild.MinidumpThread{ID: 7, Context: make([]byte, 1232)},
		ExceptionAt:  0x140001000, ExceptionIs: 0xc0000005,
		PID: 0x1908, Created: 0x45d35f73 - 155, Comment: "made by hand",
		Threads: []dumpbuild.MinidumpThread{{ID: 7, Name: "worker", Context: make([]byte, 1232)}},
	}
}
