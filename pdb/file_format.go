package pdb

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/source"
	"github.com/symres/symres/internal/wire"
)

// Format is the kind of a file as its first bytes tell it.
type Format uint8

// The kinds [Sniff] tells apart.
const (
	FormatUnknown   Format = iota
	FormatPDB7             // PDB 7 in an MSF 7.00 container: what this package reads
	FormatPDB2             // PDB 2.00 (VC 4 to VC 6), small MSF container
	FormatMSFZ             // PDB in a compressed MSFZ container
	FormatPortable         // portable PDB: .NET metadata, no native symbols
	FormatDBG              // .dbg file, IMAGE_SEPARATE_DEBUG_HEADER
	FormatCAB              // cabinet, such as a compressed foo.pd_ of a symbol store
	FormatPE               // PE image or other MZ executable
	FormatLibrary          // archive of object files
	FormatCodeView         // bare CodeView NB09 or NB11 symbols
	FormatMinidump         // user minidump
	FormatCrashDump        // kernel crash dump
)

// SniffLen is how many first bytes [Sniff] looks at.
const SniffLen = 44

const (
	magicMSF7 = "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"
	magicMSF2 = "Microsoft C/C++ program database 2.00\r\n\x1aJG\x00\x00"
	magicMSFZ = "Microsoft MSFZ Container\r\n\x1aALD\x00\x00"
)

// Sniff tells the kind of a file from its first bytes; [SniffLen] are enough,
// fewer make it less sure. It never fails: what it does not know is
// [FormatUnknown].
func Sniff(first []byte) Format {
	for _, k := range formats() {
		for _, magic := range k.magic {
			if bytes.HasPrefix(first, []byte(magic)) {
				return k.format
			}
		}
	}
	return FormatUnknown
}

// knownFormat is what a kind begins with and how it is called.
type knownFormat struct {
	format      Format
	short, long string
	magic       []string
}

func formats() []knownFormat {
	return []knownFormat{
		{FormatPDB7, "pdb7", "a PDB 7", []string{magicMSF7}},
		{FormatPDB2, "pdb2", "a PDB 2.00 of VC 6 or earlier", []string{magicMSF2}},
		{FormatMSFZ, "msfz", "a compressed PDB (MSFZ container)", []string{magicMSFZ}},
		{FormatPortable, "portable-pdb", "a portable PDB (.NET metadata without native symbols)", []string{"BSJB"}},
		{FormatCAB, "cab", "a cabinet (expand it first)", []string{"MSCF"}},
		{FormatLibrary, "lib", "a library of object files", []string{"!<arch>\n"}},
		{FormatCodeView, "codeview", "bare CodeView symbols (NB09, NB11)", []string{"NB09", "NB11"}},
		{FormatMinidump, "minidump", "a minidump", []string{"MDMP\x93\xa7"}},
		{FormatCrashDump, "crashdump", "a crash dump", []string{"PAGEDU64", "PAGEDUMP"}},
		{FormatPE, "pe", "a PE image", []string{"PE\x00\x00", "MZ"}},
		{FormatDBG, "dbg", "a .dbg file", []string{"DI"}},
	}
}

// String returns the short name of the kind, such as "pdb7".
func (f Format) String() string { return f.known().short }

func (f Format) known() knownFormat {
	for _, k := range formats() {
		if k.format == f {
			return k
		}
	}
	return knownFormat{short: "unknown", long: "a file of unknown kind"}
}

// KindError says that a file is a known kind of file, but not a PDB this
// package reads. It satisfies errors.Is with [ErrUnsupported] when the kind
// can hold debug information, with [ErrFormat] otherwise.
type KindError struct{ Format Format }

// Error implements the error interface.
func (e *KindError) Error() string {
	if e.Format == FormatUnknown {
		return "pdb: not a PDB (unknown first bytes)"
	}
	if e.Is(ErrUnsupported) {
		return fmt.Sprintf("pdb: %s: %v", e.Format.known().long, ErrUnsupported)
	}
	return fmt.Sprintf("pdb: not a PDB but %s", e.Format.known().long)
}

// Is reports whether target is the sentinel that fits the kind.
func (e *KindError) Is(target error) bool {
	switch e.Format {
	case FormatPDB2, FormatMSFZ, FormatDBG, FormatCAB, FormatPortable, FormatCodeView:
		return target == ErrUnsupported
	}
	return target == ErrFormat
}

// PortableID returns the GUID of a portable PDB of size bytes: symbol stores
// use this GUID with FFFFFFFF in place of an age. It reads only the headers of
// the file. Errors satisfy errors.Is(err, [ErrFormat]) or come from reading; a
// file of another kind gives a [*KindError].
//
// Source: ECMA-335 II.24.2.1 (metadata root) and the #Pdb stream of the portable
// PDB format of dotnet/runtime, which begins with the id: GUID and 4 bytes more.
func PortableID(r io.ReaderAt, size int64) (guid.GUID, error) {
	head := make([]byte, max(0, min(size, portableHead)))
	if err := source.ReadFull(r, head, 0); err != nil {
		return guid.GUID{}, err
	}
	if kind := Sniff(head); kind != FormatPortable {
		return guid.GUID{}, &KindError{Format: kind}
	}
	off, n, err := portableStream(head)
	if err != nil {
		return guid.GUID{}, err
	}
	var id guid.GUID
	if n < uint32(len(id)) || int64(off)+int64(len(id)) > size {
		return guid.GUID{}, damage(secPortable, int64(off), "#Pdb stream of %d bytes in a file of %d", n, size)
	}
	return id, source.ReadFull(r, id[:], int64(off))
}

const (
	secPortable  = "metadata root"
	portableHead = 4 << 10 // real ones have a version of 12 bytes and six streams
	maxVersion   = 255     // bytes of the version (ECMA-335)
)

// portableStream returns where the stream #Pdb lies: u32 offset, u32 bytes and a
// name padded to 4, for each stream behind a version of as many bytes as say.
func portableStream(head []byte) (off, n uint32, err error) {
	c := wire.New(secPortable, head)
	c.Skip(12) // signature, version of the format, reserved
	version := c.U32()
	if version > maxVersion+1 {
		return 0, 0, damage(secPortable, 12, "version of %d bytes", version)
	}
	c.Skip(int(version+3) &^ 3)
	c.U16() // flags
	for range c.U16() {
		off, n = c.U32(), c.U32()
		var name []byte
		for len(name) < 32 {
			part := c.Bytes(4)
			name = append(name, part...)
			if c.Err() != nil || slices.Contains(part, 0) {
				break
			}
		}
		if c.Err() != nil {
			break
		}
		if string(codeview.UntilNUL(name)) == "#Pdb" {
			return off, n, nil
		}
	}
	if c.Err() != nil {
		return 0, 0, cursorErr(c.Err())
	}
	return 0, 0, damage(secPortable, 0, "no stream #Pdb")
}
