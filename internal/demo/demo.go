// Package demo holds the target of "symres lookup --demo": the crash dump of
// a Windows XP machine in which Fs_Rec.SYS is loaded at fe0c8000 while the
// page with its image header is in the pagefile, and in which explorer.exe and
// notepad.exe have their PEBs there; and the share on which copies of the images
// and their PDBs lie. Another driver, wide.sys, has pages in every state there is,
// and one function of it is hooked.
//
// The files are embedded, about 100 kilobytes in all, and are made from testdata
// by go generate; nothing in them comes from Windows. They are given out as
// bytes and as an [fs.FS], for the same openers that read a dump or a symbol
// path named on the command line.
package demo

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:generate go run gen.go

// UNC is the name of the demo's share, its default symbol path.
const UNC = `\\demo\symbols`

// Names of the files [WriteTo] writes, relative to its folder.
const (
	DumpName   = "demo.dmp"
	CrashName  = "crash.dmp" // minidump of notepad.exe, which wrote to an address that it may not
	ShareName  = "symbols"
	KernelName = "kernel" // folder of the kernel's PDB, which is not on the share
)

const kernelPDB = "ntkrnlmp.pdb"

// maxFile bounds what one embedded file may unpack to.
const maxFile = 4 << 20

//go:embed files
var files embed.FS

// Dump returns the bytes of the crash dump: 32-bit, full. Safe for concurrent
// use.
func Dump() ([]byte, error) { return unpack("files/" + DumpName + ".gz") }

// Share returns the share: images and PDBs of Fs_Rec.SYS, wide.sys, notepad.exe
// and ExplorerFrame.dll. Its files implement
// [io.ReaderAt] and [io.Seeker]. Safe for concurrent use.
func Share() (fs.FS, error) {
	share := memFS{}
	packed, err := fs.ReadDir(files, path.Join("files", ShareName))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	for _, f := range packed {
		b, err := unpack(path.Join("files", ShareName, f.Name()))
		if err != nil {
			return nil, err
		}
		share[strings.TrimSuffix(f.Name(), ".gz")] = b
	}
	return share, nil
}

// unpack returns the contents of an embedded file.
func unpack(name string) ([]byte, error) {
	packed, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("demo: %s: %w", name, err)
	}
	b, err := io.ReadAll(io.LimitReader(z, maxFile))
	if err != nil {
		return nil, fmt.Errorf("demo: %s: %w", name, err)
	}
	return b, nil
}

// WriteTo writes the demo's files below the folder dir, which must exist:
// demo.dmp, the minidump crash.dmp, the files of the share in symbols, and the PDB
// of the kernel, which debuggers ask for, in kernel. It overwrites nothing:
// when one of them is there already the error wraps [fs.ErrExist]. After an
// error none of the files it made is left.
func WriteTo(dir string) error {
	contents, err := all()
	if err != nil {
		return err
	}
	for _, folder := range []string{ShareName, KernelName} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("demo: %w", err)
		}
	}
	var made []string
	for _, f := range contents {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err = writeNew(name, f.data); err != nil {
			break
		}
		made = append(made, name)
	}
	if err == nil {
		return nil
	}
	for _, name := range made {
		err = errors.Join(err, os.Remove(name))
	}
	return fmt.Errorf("demo: %w", err)
}

// A named is a file of the demo.
type named struct {
	name string // slash-separated
	data []byte
}

// all returns the demo's files.
func all() ([]named, error) {
	dump, err := Dump()
	if err != nil {
		return nil, err
	}
	kernel, err := unpack(path.Join("files", KernelName, kernelPDB+".gz"))
	if err != nil {
		return nil, err
	}
	crash, err := unpack("files/" + CrashName + ".gz")
	if err != nil {
		return nil, err
	}
	list := []named{{DumpName, dump}, {CrashName, crash}, {path.Join(KernelName, kernelPDB), kernel}}
	share, err := Share()
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(share, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(share, p)
		list = append(list, named{path.Join(ShareName, p), b})
		return err
	})
	return list, err
}

// writeNew makes a file that was not there, whole or not at all.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
