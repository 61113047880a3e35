package identify

import (
	"iter"
	"strings"

	"github.com/symres/symres/pe"
)

// Module is what a target says about one loaded image. Zero fields are unknown,
// and names are the target's text: shown, never opened.
type Module struct {
	Name          string       // what patterns call it; empty: derived from Image
	Image         string       // file name, such as Fs_Rec.SYS
	Path          string       // full path as the loader keeps it
	Base          uint64       // virtual address of the image header
	Size          uint64       // bytes mapped, a multiple of the page size
	SizeOfImage   uint32       // bytes as the linker wrote them, not rounded
	TimeDateStamp uint32       // of the image header
	CheckSum      uint32       // of the image header
	CodeView      *pe.CodeView // the PDB's identity, where the target keeps it outside the image
	File          *pe.Image    // the image file the module was made of, where it is no module of a target in memory
	DebugInfo     uint64       // address of the NON_PAGED_DEBUG_INFO, where the loader keeps one
	Origin        string       // who says so, such as "loaded-driver list"
	OfProcess     bool         // listed by a process, in one of several ways: see Origin
	// System is the operating system of the image, if that is not Windows. Such
	// an image has no PDB, and no server is asked for one.
	System string
}

// ModuleName returns the module name that a debugger derives from an image's
// file name: the name without directory and extension, with `_` in place of
// characters that are not allowed in identifiers. The kernel is nt and the HAL
// is hal, whatever their file names.
//
// Source: Windows debugger documentation, .reload and module names.
func ModuleName(image string) string {
	name := baseName(image)
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	if alias := alias(name); alias != "" {
		return alias
	}
	return strings.Map(identifierRune, name)
}

// alias returns nt or hal for the stem of any of their file names, else "".
func alias(stem string) string {
	switch strings.ToLower(stem) {
	case "ntoskrnl", "ntkrnlmp", "ntkrnlpa", "ntkrpamp":
		return "nt"
	case "hal", "halacpi", "halaacpi", "halmacpi", "halapic", "halmps", "halsp":
		return "hal"
	}
	return ""
}

func identifierRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '$', r >= 0xa0:
		return r
	}
	return '_'
}

// baseName returns what follows the last separator of either kind.
func baseName(path string) string {
	return path[strings.LastIndexAny(path, `\/`)+1:]
}

// extension returns the text after the last dot, without it.
func extension(file string) string {
	name := baseName(file)
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i+1:]
	}
	return ""
}

// stem is the image's file name without its extension.
func (m *Module) stem() string {
	image := baseName(m.Image)
	return strings.TrimSuffix(image, "."+extension(image))
}

// ofWindows reports whether the image lies where Windows keeps its own: that
// others are there too makes no difference to a hint.
func (m *Module) ofWindows() bool {
	path := strings.ToLower(strings.ReplaceAll(m.Path, "/", `\`))
	return alias(m.stem()) != "" || strings.HasPrefix(path, `\systemroot\`) || strings.HasPrefix(path, `\windows\`) ||
		strings.Contains(path, `:\windows\`) || strings.Contains(path, `:\winnt\`)
}

// named reports whether a PDB's name is that of the image, under any of its
// names.
func (m *Module) named(pdb string) bool {
	for _, name := range append(ImageNames(m.Image), ImageNames(m.Path)...) {
		if stem := strings.TrimSuffix(name, "."+extension(name)); stem != "" && sameStem(pdb, stem) {
			return true
		}
	}
	return false
}

// sameStem reports whether a PDB's name is that of the image. The kernel's and
// the HAL's go by many.
func sameStem(file, stem string) bool {
	name := strings.TrimSuffix(file, "."+extension(file))
	return strings.EqualFold(name, stem) || alias(name) != "" && alias(name) == alias(stem)
}

// Called reports whether name denotes the module: it may be the module name,
// the image's file name, or the file name without extension, in any letter
// case.
func (m *Module) Called(name string) bool {
	return strings.EqualFold(name, m.Name) || strings.EqualFold(name, baseName(m.Image)) ||
		strings.EqualFold(name, m.stem()) || m.Name != "" && m.Name == alias(name)
}

// Contains reports whether addr lies in the module.
func (m *Module) Contains(addr uint64) bool { return addr >= m.Base && addr-m.Base < m.Size }

// ReadUnloaded reads a list of unloaded modules, which may be nil, to its end.
// Entries that cannot be read are skipped.
func ReadUnloaded(modules iter.Seq2[Module, error]) (list []Module) {
	if modules == nil {
		return nil
	}
	for m, err := range modules {
		if err == nil && m.Size > 0 {
			list = append(list, m)
		}
	}
	return list
}
