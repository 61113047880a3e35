package symres

import (
	"fmt"
	"strings"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/pe"
)

// The vocabulary of modules and of what is proven about them is that of package
// identify, which has the rules.
type (
	// Module is what a target says about one loaded image.
	Module = identify.Module
	// Report tells the whole story of a module.
	Report = identify.Report
	// VersionCheck says how much an on-disk copy must agree with what is known
	// of the target.
	VersionCheck = identify.VersionCheck
	// Identity says by which facts a file was matched to the target.
	Identity = identify.Identity
	// Proof labels how well a symbol's image was proven.
	Proof = identify.Proof
)

// The version checks.
const (
	CheckKnown  = identify.CheckKnown
	CheckStrict = identify.CheckStrict
	CheckOff    = identify.CheckOff
)

// The identities, strongest last.
const (
	IdentityUnknown      = identify.IdentityUnknown
	IdentityName         = identify.IdentityName
	IdentityChecksumSize = identify.IdentityChecksumSize
	IdentityImageKey     = identify.IdentityImageKey
	IdentityPDB          = identify.IdentityPDB
	IdentityMemory       = identify.IdentityMemory
)

// The labels, weakest first.
const (
	ProofUnknown  = identify.ProofUnknown
	ProofNameOnly = identify.ProofNameOnly
	ProofWeak     = identify.ProofWeak
	ProofImage    = identify.ProofImage
	ProofExact    = identify.ProofExact
)

// The states of a module's symbols, [Report].Status.
const (
	StatusDeferred  = identify.StatusDeferred
	StatusPublic    = identify.StatusPublic
	StatusPrivate   = identify.StatusPrivate
	StatusNoSymbols = identify.StatusNoSymbols
	StatusExport    = identify.StatusExport
	StatusCOFF      = identify.StatusCOFF
	StatusGo        = identify.StatusGo
	StatusDWARF     = identify.StatusDWARF
)

// ModuleName returns the module name that a debugger derives from an image's
// file name, see [identify.ModuleName].
func ModuleName(image string) string { return identify.ModuleName(image) }

// ParseVersionCheck reads known, strict or off.
func ParseVersionCheck(s string) (VersionCheck, error) { return identify.ParseVersionCheck(s) }

// validated refuses modules that cannot be, and fills in the name.
func validated(m Module) (Module, error) {
	if m.Name == "" {
		m.Name = ModuleName(m.Image)
	}
	if m.Name == "" {
		m.Name = "module_" + strings.ReplaceAll(hexaddr.Addr(m.Base), "`", "")
	}
	if m.Size == 0 || m.Size > pe.MaxImage || m.Size-1 > ^m.Base {
		return m, fmt.Errorf("module %s at %s: size %#x is out of range", wtext.Printable(m.Name), hexaddr.Addr(m.Base), m.Size)
	}
	return m, nil
}
