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

// Options say where symbols are looked for and how a target is taken. The zero
// Options look along the paths of the environment, as the symres command does.
type Options struct {
	// SymbolPath is the symbol path, such as "srv*" or "/mnt/symbols". Empty: that
	// of _NT_ALT_SYMBOL_PATH and _NT_SYMBOL_PATH. An element of a path that cannot
	// be understood is left out, and Warn is told with an [*OptionError].
	SymbolPath string
	// ImagePath is the path along which copies of images are looked for, before
	// the symbol path. Empty: that of _NT_EXECUTABLE_IMAGE_PATH.
	ImagePath string
	// Symbols and Images are ready stores in the place of the paths; with Symbols
	// a SymbolPath is not read, with Images no ImagePath. They are not closed.
	// [sympath.Chain] of nothing is a store that has nothing.
	Symbols, Images sympath.Store
	// Cache is the directory that an empty place in a chain and a bare cache*
	// stand for. Empty: [sympath.DefaultCache].
	Cache string
	// Offline makes no connection to servers and shares.
	Offline bool
	// Refresh asks servers again for what a cache remembers they do not have.
	Refresh bool
	// Mounts are the shares that are mounted on this machine.
	Mounts sympath.Mounts
	// SMB21 takes shares of servers that speak SMB 2.1 and nothing newer.
	SMB21 bool
	// Getenv replaces os.Getenv.
	Getenv func(string) string
	// Progress is told of what becomes of files on their way. It is called by
	// several goroutines at once.
	Progress func(sympath.Query, sympath.Event)

	// Process makes a kernel target that of one process: its name (with or
	// without extension), its PID in hex, or in decimal after 0n, or its address.
	Process string
	// PageFiles are the paging files of a kernel target by their numbers, 0 to 15.
	PageFiles map[int]string
	// Modules are loaded too, besides those the target lists. A kernel that
	// cannot be found is an error only where there are none. See [Files] for
	// what they mean there.
	Modules []symres.Module
	// NoModules leaves the modules of the target out: for who wants its processes
	// or its memory alone.
	NoModules bool
	// Memory is the memory of a target for [New], and Machine its
	// IMAGE_FILE_MACHINE_*; 0 means 4 KB pages. Who opens a target finds both.
	Memory  memsource.Source
	Machine uint16

	// Files holds the PDBs and images, for all targets it is given to; nil means
	// one of the target's own. It is not closed. See [symres.Files].
	Files *symres.Files
	// Check is how much a copy of an image must agree with the target.
	Check symres.VersionCheck
	// Logger gets one record for each step of a load; nil is silent.
	Logger *slog.Logger
	// Warn is told what is wrong with a target and did not keep it from being
	// opened: holes in its lists, modules that cannot be, and as a
	// [*RoadWarning] where the modules of a process are from. It is called by the
	// goroutine that opens, before Open returns. nil: the Logger is told.
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
		Trace: &sympath.Trace{Event: o.Progress},
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
