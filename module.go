package symres

import (
	"fmt"
	"strings"

	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/vadmath"
)

// Module is what a target says of one loaded image. Zero fields are unknown,
// and names are the target's text: shown, never opened.
type Module struct {
	Name          string    // what patterns call it; empty: derived from Image
	Image         string    // file name, such as Fs_Rec.SYS
	Path          string    // full path as the loader keeps it
	Base          uint64    // virtual address of the image header
	Size          uint64    // bytes mapped, a multiple of the page size
	SizeOfImage   uint32    // bytes as the linker wrote them, not rounded
	TimeDateStamp uint32    // of the image header
	CheckSum      uint32    // of the image header
	CodeView      *CodeView // the PDB's identity, where the target keeps it outside the image
	DebugInfo     uint64    // address of the NON_PAGED_DEBUG_INFO, where the loader keeps one
	Origin        string    // who says so, such as "loaded-driver list"
}

// ModuleName returns what a debugger calls the image of that file name: the
// name without directory and extension, with `_` for what cannot stand in an
// identifier. The kernel is nt and the HAL is hal under all their file names.
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

// calls reports whether name, as a user types it, means the module: its name,
// its image's file name, or the file name without extension.
func (m *Module) calls(name string) bool {
	image := baseName(m.Image)
	stem := strings.TrimSuffix(image, "."+extension(image))
	return strings.EqualFold(name, m.Name) || strings.EqualFold(name, image) ||
		strings.EqualFold(name, stem) || m.Name != "" && m.Name == alias(name)
}

// contains reports whether addr lies in the module.
func (m *Module) contains(addr uint64) bool { return addr >= m.Base && addr-m.Base < m.Size }

// validate refuses modules that cannot be, and fills in the name.
func (m *Module) validate() error {
	if m.Name == "" {
		m.Name = ModuleName(m.Image)
	}
	if m.Name == "" {
		m.Name = "module_" + strings.ReplaceAll(formatAddr(m.Base), "`", "")
	}
	if m.Size == 0 || m.Size > pe.MaxImage || m.Size-1 > ^m.Base {
		return fmt.Errorf("module %s at %s: size %#x is out of range", wtext.Printable(m.Name), formatAddr(m.Base), m.Size)
	}
	return nil
}

// formatAddr writes an address as WinDbg does, 8 digits or 8`8.
func formatAddr(a uint64) string {
	if a>>32 == 0 {
		return vadmath.FormatAddr(a, 32)
	}
	return vadmath.FormatAddr(a, 64)
}
