// Package filekind tells what a file is by its content, for the command and for
// package target.
package filekind

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/symres/symres/internal/unpack"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/pdb"
)

// Kind is what a file is, in the words of the JSON contract.
type Kind string

// The kinds that commands treat apart. [pdb.Sniff] and [physmem.ForeignOf] know more.
const (
	Unknown   Kind = "unknown"
	PE        Kind = "pe"
	PDB       Kind = "pdb7"
	Portable  Kind = "portable-pdb"
	CrashDump Kind = "crashdump"
	Minidump  Kind = "minidump"
	UserDump  Kind = "userdump" // what was before minidumps
	ELF       Kind = "elf"
	Core      Kind = "elf-core"
	LiME      Kind = "lime"
	AVML      Kind = "avml"
	VMware    Kind = "vmware-state"
	Raw       Kind = "raw-memory" // no mark tells it: [Of] does not return it
	Path      Kind = "path"       // text that is a symbol path
)

// Title returns the kind in plain words.
func (k Kind) Title() string {
	titles := map[Kind]string{
		PE: "a PE image", PDB: "a PDB 7", CrashDump: "a kernel crash dump", Minidump: "a minidump", UserDump: "a full user dump of the format before minidumps (USERDUMP)",
		ELF: "an ELF file", Core: "an ELF core", LiME: "a LiME memory image", AVML: "an AVML memory image", Raw: "a raw memory image",
		VMware: "a saved state of VMware (.vmss, .vmsn)", Path: "a symbol path", "pdb2": "a PDB 2.00", "msfz": "a compressed PDB (MSFZ)",
		Portable: "a portable PDB", "dbg": "a .dbg file", "cab": "a cabinet", "lib": "a library of object files",
		"codeview": "bare CodeView symbols",
	}
	if title, ok := titles[k]; ok {
		return title
	}
	if k.Compressed() {
		return "a file compressed with " + string(k)
	}
	if f, ok := physmem.ForeignKind(string(k)); ok {
		return f.Title
	}
	return "a file of unknown kind"
}

// Readable reports whether this version reads the kind, rather than only
// recognising it.
func (k Kind) Readable() bool {
	switch k {
	case PE, PDB, CrashDump, Minidump, UserDump, Core, LiME, AVML, VMware, Raw, Path:
		return true
	}
	return k.Compressed()
}

// compressed are the kinds whose content is one file, and that are expanded to
// read it.
func compressed() []unpack.Format {
	return []unpack.Format{unpack.FormatGzip, unpack.FormatZstd, unpack.FormatXZ, unpack.FormatBzip2, unpack.FormatZlib}
}

// Compressed reports whether the kind is a compressed file, which may hold
// anything.
func (k Kind) Compressed() bool {
	return slices.ContainsFunc(compressed(), func(f unpack.Format) bool { return string(k) == f.String() })
}

// maxPathText bounds a file that is looked at as the text of a symbol path.
const maxPathText = 64 << 10

// Of tells the kind of the first size bytes of r.
func Of(r io.ReaderAt, size int64) (Kind, error) {
	head := make([]byte, min(size, pdb.SniffLen))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return Unknown, err
	}
	format := pdb.Sniff(head)
	switch {
	case format != pdb.FormatUnknown:
		return Kind(format.String()), nil
	case minidump.Sniff(head):
		return UserDump, nil // pdb.Sniff knows the others
	case crashdump.Sniff(head):
		return CrashDump, nil
	case physmem.Sniff(head) == physmem.FormatLiME:
		return LiME, nil
	case physmem.Sniff(head) == physmem.FormatAVML:
		return AVML, nil
	case physmem.Sniff(head) == physmem.FormatVMware:
		return VMware, nil
	case physmem.Sniff(head) == physmem.FormatELF:
		return Core, nil
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return ELF, nil
	}
	if _, ok := PathText(r, size); ok {
		return Path, nil
	}
	return foreign(r, size)
}

// foreign names what is not read, [Unknown] for what has no mark.
func foreign(r io.ReaderAt, size int64) (Kind, error) {
	first := make([]byte, min(size, physmem.ForeignLen))
	if _, err := r.ReadAt(first, 0); err != nil && !errors.Is(err, io.EOF) {
		return Unknown, err
	}
	if f := unpack.Sniff(first); f != 0 {
		return Kind(f.String()), nil
	}
	if f, ok := physmem.ForeignOf(first); ok {
		return Kind(f.Kind), nil
	}
	return Unknown, nil
}

// PathText returns the one line of text in a small file that has nothing else.
func PathText(r io.ReaderAt, size int64) (string, bool) {
	if size == 0 || size > maxPathText {
		return "", false
	}
	b := make([]byte, size)
	if n, _ := r.ReadAt(b, 0); int64(n) != size || !utf8.Valid(b) {
		return "", false
	}
	text := strings.TrimSpace(string(b))
	return text, text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 })
}
