package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/text"
)

// completer offers what may follow on a command line.
type completer = func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective)

// enumerate has the values of a flag offered.
func enumerate(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // fails for a flag that does not exist
}

// completeModules has the modules of the target offered as arguments, each with what
// the command wants behind its name: `!` where symbols follow, nothing where the module
// is all. most is how many arguments there may be, 0 for any number.
func (a *app) completeModules(o *targetOptions, behind string, most int) completer {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if behind != "" {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		var names []cobra.Completion
		for _, r := range a.modulesFor(cmd, o) {
			if name := r.Module.Name; hasFold(name, toComplete) {
				names = append(names, cobra.CompletionWithDesc(text.EscapeLine(name)+behind, text.EscapeLine(imageName(r))))
			}
		}
		slices.Sort(names)
		return slices.Compact(names), directive
	}
}

// modulesFor are the modules of the target the flags name so far. Pressing a key stops
// no machine: a stub is not asked, nor is any server.
func (a *app) modulesFor(cmd *cobra.Command, o *targetOptions) []*symres.Report {
	if o.gdb != "" {
		return nil
	}
	a.console.quiet, o.offline = true, true
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return nil // whoever runs the command is told why
	}
	defer t.close()
	return t.session.Modules()
}

// hasFold is strings.HasPrefix in any letter case.
func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// foldersOnly has folders offered for the one argument.
func foldersOnly(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}
