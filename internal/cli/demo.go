package cli

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/sympath"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo DIR",
		Short: "write the files of the built-in target to a folder",
		Long: "demo writes the crash dump and the share behind --demo to DIR, which is made when it is not there,\n" +
			"and a minidump, crash.dmp: all that the commands in README and docs read. It prints the options\n" +
			"that use them. Nothing is overwritten. WinDbg and kd read the same files,\n" +
			"with DIR\\symbols;DIR\\kernel as their symbol path: kernel has the kernel's PDB, without which they\n" +
			"cannot show processes.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: foldersOnly,
		RunE:              func(_ *cobra.Command, args []string) error { return a.writeDemo(args[0]) },
	}
}

func (a *app) writeDemo(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return unusable(err)
	}
	if err := demo.WriteTo(dir); err != nil {
		return unusable(err)
	}
	dump, share := filepath.Join(dir, demo.DumpName), filepath.Join(dir, demo.ShareName)
	if a.console.json {
		a.console.object(struct {
			Dump    string `json:"dump"`
			Sympath string `json:"sympath"`
		}{dump, share})
		return nil
	}
	a.console.line("--dump %s --sympath %s", dump, share)
	return nil
}

// storeHook makes the store of an element of a path.
type storeHook func(sympath.Element) (sympath.Store, error)

// demoShare makes the hook that serves the demo's one share, and leaves others
// to the hook that there is.
func demoShare(other storeHook) (storeHook, error) {
	share, err := demo.Share()
	if err != nil {
		return nil, unusable(err)
	}
	return func(e sympath.Element) (sympath.Store, error) {
		if !strings.EqualFold(strings.TrimRight(e.Text, `\/`), demo.UNC) {
			return other(e)
		}
		return sympath.Share(e.Text, e.Keyed, func(context.Context) (fs.FS, error) { return share, nil }), nil
	}, nil
}
