//go:build ignore

// Command gen makes the files of the demo from testdata, packed for the command
// and as they are, in testdata/demo, for the Examples of the packages. It
// leaves a file alone whose contents are right, whatever compressor packed it.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	spec, err := dumpbuild.Demo(fixture.Read)
	if err != nil {
		return err
	}
	dump, _, err := dumpbuild.Build(spec)
	if err != nil {
		return err
	}
	if err := errors.Join(put("demo.dmp", dump), putPlain("MEMORY.DMP", dump)); err != nil {
		return err
	}
	crash, err := dumpbuild.DemoMinidump(fixture.Read)
	if err != nil {
		return err
	}
	minidump := dumpbuild.BuildMinidump(crash)
	if err := errors.Join(put("crash.dmp", minidump), putPlain("crash.dmp", minidump), putPlain("ram.lime", lime(dump))); err != nil {
		return err
	}
	for _, name := range []string{"fs_rec/x64/private/fs_rec.pdb", "fs_rec/x64/private/fs_rec.sys", "nt/x64/ntkrnlmp.pdb"} {
		b, err := fixture.Read(name)
		if err != nil {
			return err
		}
		if err := putPlain(filepath.Join("x64", filepath.Base(name)), b); err != nil {
			return err
		}
	}
	if err := itanium(); err != nil {
		return err
	}
	pdb, err := fixture.Read("nt/x86/ntkrnlmp.pdb")
	if err != nil {
		return err
	}
	if err := put(filepath.Join("kernel", "ntkrnlmp.pdb"), pdb); err != nil {
		return err
	}
	for _, name := range []string{
		"fs_rec/x86/good/fs_rec.sys", "fs_rec/x86/good/fs_rec.pdb", "user/x86/notepad.exe", "user/x86/notepad.pdb",
		"user/x86/ExplorerFrame.dll", "user/x86/ExplorerFrame.pdb", "wide/x86/wide.sys", "wide/x86/wide.pdb",
	} {
		b, err := fixture.Read(name)
		if err != nil {
			return err
		}
		short := filepath.Join("symbols", filepath.Base(name))
		if err := errors.Join(put(short, b), putPlain(short, b)); err != nil {
			return err
		}
		if err := putStored(filepath.Base(name), b); err != nil {
			return err
		}
	}
	return nil
}

// itanium writes the dump of an Itanium, packed, and its symbols to testdata alone:
// docs/itanium.md reads them.
func itanium() error {
	spec, err := dumpbuild.SeedIA64(fixture.Read, dumpbuild.Full)
	if err != nil {
		return err
	}
	dump, _, err := dumpbuild.Build(spec)
	if err != nil {
		return err
	}
	dir := filepath.Join("..", "..", "testdata", "demo", "itanium")
	if err := putPacked(filepath.Join(dir, "MEMORY.DMP.gz"), dump); err != nil {
		return err
	}
	for _, name := range []string{"nt/ia64/ntkrnlmp.pdb", "user/ia64/ExplorerFrame.dll", "user/ia64/ExplorerFrame.pdb"} {
		b, err := fixture.Read(name)
		if err != nil {
			return err
		}
		if err := putPlain(filepath.Join("itanium", "symbols", filepath.Base(name)), b); err != nil {
			return err
		}
	}
	return nil
}

// putStored writes a file of Fs_Rec.SYS where a symbol store has it.
func putStored(name string, data []byte) error {
	if !strings.HasPrefix(name, "fs_rec.") {
		return nil
	}
	id, err := identify.FileID(sympath.Query{}, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	return putPlain(filepath.Join("store", name, id.Key(), name), data)
}

// lime is a LiME file with a page of the dump at 1000 and one at 100000.
func lime(dump []byte) []byte {
	const page, first, second = 0x1000, 0x1000, 0x100000
	var b []byte
	for i, at := range []uint64{first, second} {
		b = append(b, "EMiL\x01\x00\x00\x00"...)
		b = binary.LittleEndian.AppendUint64(b, at)
		b = binary.LittleEndian.AppendUint64(b, at+page-1)
		b = append(b, make([]byte, 8)...)
		b = append(b, dump[(i+1)*page:(i+2)*page]...)
	}
	return b
}

// putPlain writes testdata/demo/NAME.
func putPlain(name string, data []byte) error {
	file := filepath.Join("..", "..", "testdata", "demo", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o666)
}

// put writes files/NAME.gz unless it holds data already.
func put(name string, data []byte) error {
	return putPacked(filepath.Join("files", name+".gz"), data)
}

// putPacked writes a packed file unless it holds data already.
func putPacked(file string, data []byte) error {
	if old, err := os.Open(file); err == nil {
		defer old.Close()
		if z, err := gzip.NewReader(old); err == nil {
			if have, err := io.ReadAll(z); err == nil && bytes.Equal(have, data) {
				return nil
			}
		}
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	return os.WriteFile(file, packed.Bytes(), 0o666)
}
