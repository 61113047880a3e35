package cli

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/manual"
)

// pathOptions say where symbols and images are looked for.
type pathOptions struct {
	cmd       *cobra.Command
	sympath   string
	imagepath string
	cache     string
	unc       []string
	offline   bool
	refresh   bool
	remote    string // how PDBs of servers and shares are read; empty: whole
	smb21     bool
}

func addPathFlags(cmd *cobra.Command) *pathOptions {
	o := &pathOptions{cmd: cmd}
	flags := cmd.Flags()
	flags.StringVar(&o.sympath, "sympath", "", "symbol `PATH` (default $_NT_ALT_SYMBOL_PATH, then $_NT_SYMBOL_PATH; '' is none)")
	flags.StringVar(&o.imagepath, "imagepath", "", "image `PATH` (default $_NT_EXECUTABLE_IMAGE_PATH)")
	flags.StringVar(&o.cache, "cache", "", "`DIR` that an empty place in srv** and a bare cache* stand for")
	flags.StringArrayVar(&o.unc, "unc", nil, "where a share is mounted: `\\\\server\\share=DIR` (repeatable)")
	flags.BoolVar(&o.offline, "offline", false, "make no connection: leave servers and shares out")
	flags.BoolVar(&o.smb21, "smb21", false, "read shares of servers that speak SMB 2.1 and nothing newer")
	flags.BoolVar(&o.refresh, "refresh", false, "ask servers again for what they did not have")
	manual.Mark(flags, manual.GroupPath)
	return o
}

// none reports whether the user asked for no symbol path at all.
func (o *pathOptions) none() bool { return o.cmd.Flags().Changed("sympath") && o.sympath == "" }

// targetOptions name the target, and how far copies of its images are trusted.
type targetOptions struct {
	*pathOptions
	dump    string
	gdb     string
	pid     int
	image   string
	pdb     string
	modules []string
	demo    bool
	check   string
	sources []string
	process string

	pageFiles []string // N=FILE
	bare      bool     // the modules of the target are not wanted, but its processes
}

func addTargetFlags(cmd *cobra.Command) *targetOptions {
	o := &targetOptions{pathOptions: addPathFlags(cmd)}
	flags := cmd.Flags()
	flags.StringVar(&o.dump, "dump", "", "the kernel crash dump, minidump or memory image `FILE`")
	flags.StringVar(&o.gdb, "gdb", "", "the GDB stub at `HOST:PORT`; the kernel is found behind QEMU's, else give --module (it stops, and stays stopped)")
	flags.IntVar(&o.pid, "pid", 0, "the process `N` of this machine, of Windows or Wine")
	flags.StringVar(&o.image, "image", "", "the image `FILE`, at its preferred base")
	flags.StringVar(&o.pdb, "pdb", "", "the PDB `FILE`, alone or for --image")
	flags.StringArrayVar(&o.modules, "module", nil, "a loaded module, `NAME=BASE,SIZE[,STAMP]` in hex (repeatable)")
	flags.BoolVar(&o.demo, "demo", false, "the built-in one, whose image header is paged out")
	flags.StringArrayVar(&o.pageFiles, "pagefile", nil, "paging file `N=FILE` of the kernel target, to read what is paged out (repeatable)")
	flags.StringVar(&o.remote, "remote", "auto", "how PDBs on servers and shares are read: `whole|lazy|auto`; lazy reads parts as needed, auto does for those above 16 MB")
	flags.StringVar(&o.process, "process", "", "in the context of `P` of the kernel target: name, PID (hex, or 0n and decimal) or address")
	flags.StringVar(&o.check, "version-check", "known", "how far a copy must agree with the target: `known|strict|off`")
	flags.StringSliceVar(&o.sources, "sources", nil, "take symbols from these alone: `pdb,dwarf,go,coff,export`; the last four are in the image")
	manual.Mark(flags, manual.GroupTarget)
	cmd.MarkFlagsMutuallyExclusive("dump", "gdb", "pid", "demo", "image")
	cmd.MarkFlagsMutuallyExclusive("dump", "gdb", "pid", "demo", "pdb")
	for _, name := range []string{"dump", "image", "pdb"} {
		_ = cmd.MarkFlagFilename(name) // fails for a flag that does not exist
	}
	enumerate(cmd, "version-check", "known", "strict", "off")
	enumerate(cmd, "remote", "whole", "lazy", "auto")
	return o
}

// any reports whether a target was named.
func (o *targetOptions) any() bool {
	return o.dump != "" || o.gdb != "" || o.pid != 0 || o.image != "" || o.pdb != "" || o.demo || len(o.modules) > 0
}

// files reports whether the target is an image or a PDB on disk.
func (o *targetOptions) files() bool {
	return o.dump == "" && o.gdb == "" && o.pid == 0 && !o.demo && (o.image != "" || o.pdb != "")
}

func (o *targetOptions) versionCheck() (symres.VersionCheck, error) {
	check, err := symres.ParseVersionCheck(o.check)
	if err != nil {
		return 0, usage(err)
	}
	return check, nil
}

// errNoTarget is what every command that needs a target says without one.
func errNoTarget(cmd *cobra.Command) error {
	return usage(fmt.Errorf("no target: give --dump FILE, --gdb HOST:PORT, --pid N, --image FILE, --pdb FILE or --module NAME=BASE,SIZE; "+
		"to try it without: %s", demoLine(cmd)))
}

// demoLine is the command to try, in the spelling that shells need.
func demoLine(cmd *cobra.Command) string {
	example := map[string]string{
		"lookup": "lookup --demo 'fs_rec!*'", "nearest": "nearest --demo fe0c8310", "modules": "modules --demo",
		"reload": "reload --demo", "processes": "processes --demo", "vad": "vad --demo --process notepad.exe",
		"verify": "verify --demo", "stack": "stack --demo", "analyze": "analyze --demo",
	}[cmd.Name()]
	return "symres " + cmp.Or(example, "lookup --demo 'fs_rec!*'")
}
