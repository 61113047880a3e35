package cli

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/sympath"
)

// pathOptions say where symbols and images are looked for.
type pathOptions struct {
	cmd       *cobra.Command
	sympath   string
	imagepath string
	cache     string
	offline   bool
}

func addPathFlags(cmd *cobra.Command) *pathOptions {
	o := &pathOptions{cmd: cmd}
	flags := cmd.Flags()
	flags.StringVar(&o.sympath, "sympath", "", "symbol `PATH` (default $_NT_ALT_SYMBOL_PATH, then $_NT_SYMBOL_PATH; '' is none)")
	flags.StringVar(&o.imagepath, "imagepath", "", "image `PATH` (default $_NT_EXECUTABLE_IMAGE_PATH)")
	flags.StringVar(&o.cache, "cache", "", "`DIR` that an empty place in srv** and a bare cache* stand for")
	flags.BoolVar(&o.offline, "offline", false, "leave servers and shares out")
	return o
}

// none reports whether the user asked for no symbol path at all.
func (o *pathOptions) none() bool { return o.cmd.Flags().Changed("sympath") && o.sympath == "" }

// symbols returns the symbol path in force, as text.
func (o *pathOptions) symbols(getenv func(string) string) string {
	if o.cmd.Flags().Changed("sympath") {
		return o.sympath
	}
	return sympath.DefaultPath(getenv)
}

// images returns the image path in force, as text.
func (o *pathOptions) images(getenv func(string) string) string {
	if o.cmd.Flags().Changed("imagepath") {
		return o.imagepath
	}
	return getenv("_NT_EXECUTABLE_IMAGE_PATH")
}

// parse parses a path; name is the option it was given by.
func parsePath(name, text string) (sympath.Path, error) {
	p, err := sympath.Parse(text)
	if err != nil {
		return p, usage(fmt.Errorf("%s: %w", name, err))
	}
	return p, nil
}

func (o *pathOptions) options(getenv func(string) string) sympath.Options {
	return sympath.Options{Cache: o.cache, Offline: o.offline, Getenv: getenv}
}

// targetOptions name the target, and how far copies of its images are trusted.
type targetOptions struct {
	*pathOptions
	dump    string
	image   string
	pdb     string
	modules []string
	demo    bool
	check   string
}

func addTargetFlags(cmd *cobra.Command) *targetOptions {
	o := &targetOptions{pathOptions: addPathFlags(cmd)}
	flags := cmd.Flags()
	flags.StringVar(&o.dump, "dump", "", "target: the kernel crash dump `FILE`")
	flags.StringVar(&o.image, "image", "", "target: the image `FILE`, at its preferred base")
	flags.StringVar(&o.pdb, "pdb", "", "target: the PDB `FILE`, alone or for --image")
	flags.StringArrayVar(&o.modules, "module", nil, "a loaded module, `NAME=BASE,SIZE[,STAMP]` in hex (repeatable)")
	flags.BoolVar(&o.demo, "demo", false, "target: the built-in one, whose image header is paged out")
	flags.StringVar(&o.check, "version-check", "known", "how far a copy must agree with the target: `known|strict|off`")
	cmd.MarkFlagsMutuallyExclusive("dump", "demo", "image")
	cmd.MarkFlagsMutuallyExclusive("dump", "demo", "pdb")
	for _, name := range []string{"dump", "image", "pdb"} {
		_ = cmd.MarkFlagFilename(name) // fails for a flag that does not exist
	}
	_ = cmd.RegisterFlagCompletionFunc("version-check", cobra.FixedCompletions(
		[]string{"known", "strict", "off"}, cobra.ShellCompDirectiveNoFileComp))
	return o
}

// any reports whether a target was named.
func (o *targetOptions) any() bool {
	return o.dump != "" || o.image != "" || o.pdb != "" || o.demo || len(o.modules) > 0
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
	return usage(fmt.Errorf("no target: give --dump FILE, --image FILE, --pdb FILE or --module NAME=BASE,SIZE; "+
		"to try it without: %s", demoLine(cmd)))
}

// demoLine is the command to try, in the spelling that shells need.
func demoLine(cmd *cobra.Command) string {
	example := map[string]string{
		"lookup": "lookup --demo 'fs_rec!*'", "nearest": "nearest --demo fe0c8310", "modules": "modules --demo",
		"reload": "reload --demo", "verify": "verify --demo",
	}[cmd.Name()]
	return "symres " + cmp.Or(example, "lookup --demo 'fs_rec!*'")
}
