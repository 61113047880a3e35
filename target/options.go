package target

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/stores"
)

// Options say where to look for symbols and how to open a target. The zero
// Options use the paths in the environment, as the symres command does.
type Options struct {
	// SymbolPath is the symbol path, such as "srv*" or "/mnt/symbols". Empty:
	// the value of _NT_ALT_SYMBOL_PATH and _NT_SYMBOL_PATH. An element that
	// cannot be understood is left out and reported to Warn as an
	// [*OptionError].
	SymbolPath string
	// ImagePath is searched for copies of images, before the symbol path.
	// Empty: the value of _NT_EXECUTABLE_IMAGE_PATH.
	ImagePath string
	// Symbols and Images are stores that replace SymbolPath and ImagePath. They
	// are not closed. [sympath.Chain] without arguments returns an empty store.
	Symbols, Images sympath.Store
	// Cache is the directory for an empty place in a chain and for a bare
	// cache*. Empty: [sympath.DefaultCache].
	Cache string
	// Offline makes no connection to servers and shares.
	Offline bool
	// Refresh asks servers again for files that a cache remembers as missing.
	Refresh bool
	// Remote says whether PDBs on servers and shares are read where they lie, as
	// far as they are needed. A question fails if the server does.
	Remote sympath.RemoteMode
	// Mounts are the shares that are mounted on this machine.
	Mounts sympath.Mounts
	// SMB21 accepts shares on servers that speak no version newer than SMB 2.1.
	SMB21 bool
	// Getenv replaces os.Getenv.
	Getenv func(string) string
	// Progress receives the events of files that are being fetched. Several
	// goroutines may call it at the same time.
	Progress func(sympath.Query, sympath.Event)

	// Process selects one process of a kernel target, by its name (with or
	// without extension), its PID (hex, or decimal after 0n) or its address.
	Process string
	// PageFiles are the paging files of a kernel target by their numbers, 0 to 15.
	PageFiles map[int]string
	// Modules are added to those the target lists, unless it lists one of that
	// name, base and size and no more is given. If the kernel cannot be found, that
	// is an error only if Modules is empty. For their meaning with files see
	// [Files].
	Modules []symres.Module
	// NoModules leaves out the target's modules, for callers that need only its
	// processes or its memory.
	NoModules bool
	// Memory is the memory of a target for [New], and Machine its
	// IMAGE_FILE_MACHINE_*; 0 means 4 KB pages. When a target is opened from a
	// file, both come from the file.
	Memory  memsource.Source
	Machine uint16

	// Files holds the PDBs and images and may be shared between targets. If it
	// is nil, the target has its own. It is not closed. See [symres.Files].
	Files *symres.Files
	// Check says how closely a copy of an image must agree with the target.
	Check symres.VersionCheck
	// Sources narrows where symbols are taken from, see [symres.Config].
	Sources []string
	// Logger gets one record for each step of a load; nil is silent.
	Logger *slog.Logger
	// Warn receives problems that do not prevent opening: gaps in lists,
	// invalid modules, and, as a [*RoadWarning], the source of a process's
	// modules. The goroutine that opens calls it, before Open returns. If it is
	// nil, the Logger gets the warnings.
	Warn func(error)
}

func (o *Options) warn(err error) {
	switch {
	case o.Warn != nil:
		o.Warn(err)
	case o.Logger != nil:
		o.Logger.Warn("target", "problem", err)
	}
}

// stores fills in the stores of a session; all of what it makes is closed by
// what it returns.
func (o *Options) stores(cfg *symres.Config) (*stores.Stores, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	all := stores.New(stores.Config{
		Getenv: o.Getenv, Cache: o.Cache, Offline: o.Offline, Refresh: o.Refresh, Mounts: o.Mounts, SMB21: o.SMB21,
		Remote: o.Remote,
		Trace:  &sympath.Trace{Event: o.Progress},
	})
	cfg.Symbols, cfg.Images = o.Symbols, o.Images
	var err error
	if cfg.Symbols == nil {
		name, path := first("SymbolPath", o.SymbolPath, "_NT_SYMBOL_PATH", sympath.DefaultPath(o.Getenv))
		cfg.Symbols, err = all.Open(path)
		o.leftOut(name, err)
	}
	name, images := first("ImagePath", o.ImagePath, imageVariable, o.Getenv(imageVariable))
	if cfg.Images == nil && images != "" {
		cfg.Images, err = all.OpenImages(images)
		o.leftOut(name, err)
	}
	return all, nil
}

const imageVariable = "_NT_EXECUTABLE_IMAGE_PATH"

// leftOut tells of elements of a path that were left out.
func (o *Options) leftOut(name string, err error) {
	if err != nil {
		o.warn(&OptionError{name, err})
	}
}

// first returns the first text that is not empty, and where it is from.
func first(name, text, name2, text2 string) (from, path string) {
	if text != "" {
		return name, text
	}
	return name2, text2
}

// checkPageFiles refuses numbers that Windows does not have.
func (o *Options) checkPageFiles() error {
	for n := range o.PageFiles {
		if n < 0 || n > 15 {
			return &OptionError{"PageFiles", fmt.Errorf("number %d: Windows has those from 0 to 15", n)}
		}
	}
	return nil
}
