package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/physmem"
	"github.com/symres/symres/pdb"
)

// kind is what a file is, in the words of the JSON contract.
type kind string

// The kinds that commands treat apart. [pdb.Sniff] knows more.
const (
	kindUnknown   kind = "unknown"
	kindPE        kind = "pe"
	kindPDB       kind = "pdb7"
	kindCrashDump kind = "crashdump"
	kindMinidump  kind = "minidump"
	kindELF       kind = "elf"
	kindCore      kind = "elf-core"
	kindLiME      kind = "lime"
	kindPath      kind = "path" // text that is a symbol path
)

// title returns the kind in plain words.
func (k kind) title() string {
	titles := map[kind]string{
		kindPE: "a PE image", kindPDB: "a PDB 7", kindCrashDump: "a kernel crash dump", kindMinidump: "a minidump",
		kindELF: "an ELF file", kindCore: "an ELF core", kindLiME: "a LiME memory image", kindPath: "a symbol path", "pdb2": "a PDB 2.00", "msfz": "a compressed PDB (MSFZ)",
		"portable-pdb": "a portable PDB", "dbg": "a .dbg file", "cab": "a cabinet", "lib": "a library of object files",
		"codeview": "bare CodeView symbols",
	}
	if title, ok := titles[k]; ok {
		return title
	}
	return "a file of unknown kind"
}

// readable reports whether this version reads the kind, rather than only
// recognising it.
func (k kind) readable() bool {
	switch k {
	case kindPE, kindPDB, kindCrashDump, kindMinidump, kindCore, kindLiME, kindPath:
		return true
	}
	return false
}

// maxPathText bounds a file that is looked at as the text of a symbol path.
const maxPathText = 64 << 10

// sniff tells the kind of the first size bytes of r.
func sniff(r io.ReaderAt, size int64) (kind, error) {
	head := make([]byte, min(size, pdb.SniffLen))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return kindUnknown, err
	}
	format := pdb.Sniff(head)
	switch {
	case format != pdb.FormatUnknown:
		return kind(format.String()), nil
	case crashdump.Sniff(head):
		return kindCrashDump, nil
	case physmem.Sniff(head) == physmem.LiME:
		return kindLiME, nil
	case physmem.Sniff(head) == physmem.ELF:
		return kindCore, nil
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return kindELF, nil
	}
	if _, ok := pathText(r, size); ok {
		return kindPath, nil
	}
	return kindUnknown, nil
}

// pathText returns the one line of text in a small file that has nothing else.
func pathText(r io.ReaderAt, size int64) (string, bool) {
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

// file is an open file of a known kind.
type file struct {
	*fsx.File
	path string
	kind kind
}

// openFile opens a file and tells its kind. The error has the status for a
// file that cannot be used.
func openFile(path string) (*file, error) { return openWith(fsx.Open, path) }

// openMapped is openFile for bulk work on a file the user named: it is mapped.
func openMapped(path string) (*file, error) { return openWith(fsx.Map, path) }

func openWith(open func(string) (*fsx.File, error), path string) (*file, error) {
	f, err := open(path)
	if err != nil {
		return nil, unusable(err)
	}
	k, err := sniff(f, f.Size())
	if err != nil {
		f.Close()
		return nil, unusable(fmt.Errorf("%s: %w", path, err))
	}
	return &file{f, path, k}, nil
}

// want returns an error unless the file is of kind k.
func (f *file) want(k kind) error {
	if f.kind == k {
		return nil
	}
	return unusable(fmt.Errorf("%s: %s, not %s", f.path, f.kind.title(), k.title()))
}

// machineName names an IMAGE_FILE_MACHINE_* value (winnt.h).
func machineName(machine uint16) string {
	names := map[uint16]string{
		0x014c: "x86", 0x8664: "x64", 0x01c0: "arm", 0x01c2: "thumb", 0x01c4: "arm", 0xaa64: "arm64",
		0x0200: "ia64", 0x0184: "alpha", 0x0284: "alpha64", 0x0166: "mips", 0x01f0: "ppc", 0xa641: "arm64ec",
	}
	if name, ok := names[machine]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", machine)
}

// parseMachine is the other way round, with the names people also use.
func parseMachine(name string) (uint16, error) {
	machines := map[string]uint16{
		"x86": 0x014c, "i386": 0x014c, "x64": 0x8664, "amd64": 0x8664, "arm": 0x01c4, "armnt": 0x01c4,
		"arm64": 0xaa64, "aarch64": 0xaa64, "ia64": 0x0200, "alpha": 0x0184, "alpha64": 0x0284,
	}
	if m, ok := machines[strings.ToLower(name)]; ok {
		return m, nil
	}
	return 0, usage(fmt.Errorf("machine %q: want x86, x64, arm, arm64, ia64 or alpha", name))
}

// machineBits returns the width of a machine's addresses.
func machineBits(machine uint16) int {
	switch machine {
	case 0x8664, 0xaa64, 0xa641, 0x0200, 0x0284:
		return 64
	}
	return 32
}
