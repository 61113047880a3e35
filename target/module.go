package target

import (
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pe"
)

// FromLoader returns the module of a loader entry. A 32-bit target that does
// not keep TimeDateStamp leaves it unknown.
func FromLoader(m nt.Module) symres.Module {
	return symres.Module{
		Image: m.Name, Path: m.Path, Base: m.Base, Size: m.Size, SizeOfImage: m.SizeNotRounded,
		TimeDateStamp: m.TimeDateStamp, CheckSum: m.CheckSum, DebugInfo: m.DebugInfo, Origin: m.Origin, OfProcess: m.Road != 0,
	}
}

// FromMinidump returns the module of a minidump's record. Its CodeView record,
// where there is one, is the PDB's identity as the crashed process had it, so
// that the image header, which small dumps do not save, is not needed. A record
// that cannot be read is left out: then the time stamp and the size find a copy
// of the image. A module of another system than Windows has its System instead.
func FromMinidump(m minidump.Module) symres.Module {
	out := symres.Module{
		Image: fileName(m.Name), Path: m.Name, Base: m.Base, Size: (uint64(m.Size) + minidumpPage - 1) &^ (minidumpPage - 1),
		SizeOfImage: m.Size, TimeDateStamp: m.TimeDateStamp, CheckSum: m.CheckSum, Origin: "minidump module list",
	}
	// The writer takes the size from the image header, so it is not rounded.
	if !m.Platform.Windows() {
		out.System = m.Platform.String()
		return out
	}
	cv, err := pe.ParseCodeView(m.CodeView)
	if err == nil && (cv.Kind != pe.CodeViewRSDS || !cv.GUID.IsZero()) {
		out.CodeView = cv
	}
	return out
}

// minidumpPage is the page size of every machine minidumps are made on but
// IA-64, where rounding up to it is not wrong either.
const minidumpPage = 0x1000

// fileName returns what follows the last separator of either kind.
func fileName(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }
