package cli_test

import (
	"bytes"
	"encoding/binary"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	root "github.com/symres/symres"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
)

// cmdMkminidump writes a minidump whose first module is fs_rec with its
// CodeView record, and whose second is the same image as Wine would list it:
// no record, so that only time stamp and size tell what it is.
func cmdMkminidump(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1, "mkminidump FILE")
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
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), dumpbuild.BuildMinidump(dumpbuild.Minidump{
		Architecture: 9,
		Modules:      []dumpbuild.MinidumpModule{module, bare},
		Unloaded:     []dumpbuild.MinidumpModule{{Name: "gone.dll", Base: 0x160000000, Size: 0x1000, Stamp: 0x39ff5d00}},
		Memory:       []dumpbuild.MinidumpRange{{Addr: 0x140001000, Data: make([]byte, 0x100)}},
		Exception:    &dumpbuild.MinidumpThread{ID: 7, Context: make([]byte, 1232)},
		ExceptionAt:  0x140001000, ExceptionIs: 0xc0000005,
	}), 0o666))
}
