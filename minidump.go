package symres

import (
	"bytes"

	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource/minidump"
)

// FromMinidump returns the Module of a minidump's record. Its CodeView record,
// where there is one, is the PDB's identity as the crashed process had it, so
// that the image header, which small dumps do not save, is not needed. A record
// that cannot be read is left out: then the time stamp and the size find a copy
// of the image.
func FromMinidump(m minidump.Module) Module {
	out := Module{
		Image: baseName(m.Name), Path: m.Name, Base: m.Base, Size: roundUp(uint64(m.Size), minidumpPage),
		SizeOfImage: m.Size, TimeDateStamp: m.TimeDateStamp, CheckSum: m.CheckSum, Origin: "minidump module list",
	}
	// The writer takes the size from the image header, so it is not rounded.
	cv, err := peimage.ReadCodeView(bytes.NewReader(m.CodeView), 0, uint32(len(m.CodeView)))
	if known := cv.Kind != "RSDS" || !cv.GUID.IsZero(); err == nil && known {
		out.CodeView = (*CodeView)(&cv)
	}
	return out
}

// minidumpPage is the page size of every machine minidumps are made on but
// IA-64, where rounding up to it is not wrong either.
const minidumpPage = 0x1000
