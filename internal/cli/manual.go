package cli

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres/internal/cli/manual"
)

// The groups of commands in help, by their identifiers.
const (
	shelfSymbols = "symbols"
	shelfTargets = "targets"
	shelfFiles   = "files"
	shelfStores  = "stores"
)

// place is where a command stands in help, and the names WinDbg has for it, which
// work as names of the command.
type place struct {
	shelf string
	names []string
}

// placeOf returns the place of a command. One that has none stands at the end.
func placeOf(name string) place {
	return map[string]place{
		"lookup": {shelfSymbols, []string{"x"}}, "nearest": {shelfSymbols, []string{"ln"}},
		"type": {shelfSymbols, []string{"dt"}}, "line": {shelfSymbols, nil}, "undname": {shelfSymbols, nil},
		"modules": {shelfTargets, []string{"lm"}}, "reload": {shelfTargets, []string{".reload"}},
		"processes": {shelfTargets, []string{"!process"}}, "vad": {shelfTargets, []string{"!vad"}}, "vpn": {shelfTargets, nil},
		"verify": {shelfTargets, []string{"!chkimg"}}, "stack": {shelfTargets, nil}, "analyze": {shelfTargets, nil},
		"eval": {shelfTargets, nil}, "kd": {shelfTargets, nil},
		"identify": {shelfFiles, []string{"!lmi"}}, "check": {shelfFiles, nil}, "dump": {shelfFiles, nil}, "sym": {shelfFiles, nil}, "isf": {shelfFiles, nil},
		"path": {shelfStores, []string{"sympath", ".sympath"}}, "fetch": {shelfStores, []string{"symchk"}}, "cache": {shelfStores, nil},
		"serve": {shelfStores, nil}, "push": {shelfStores, nil},
	}[name]
}

// shelve puts the commands below root into their groups.
func shelve(root *cobra.Command) {
	root.AddGroup(&cobra.Group{ID: shelfSymbols, Title: "Symbols:"}, &cobra.Group{ID: shelfTargets, Title: "Targets:"},
		&cobra.Group{ID: shelfFiles, Title: "Files:"}, &cobra.Group{ID: shelfStores, Title: "Symbol path and stores:"})
	for _, c := range root.Commands() {
		p := placeOf(c.Name())
		c.GroupID = p.shelf
		if len(p.names) > 0 {
			c.Aliases = p.names
		}
	}
	root.SetUsageFunc(func(cmd *cobra.Command) error { return manual.Usage(cmd.OutOrStderr(), cmd) })
}

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "man DIR",
		Short:             "write the man pages to a folder",
		Long:              "man writes a page for each command to DIR, in section 1: man -l DIR/symres-lookup.1 shows one.",
		Example:           "  symres man /usr/local/share/man/man1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: foldersOnly,
		RunE: func(cmd *cobra.Command, args []string) error {
			v := buildVersion()
			day, _, _ := strings.Cut(v.Time, "T")
			files, err := manual.WriteDir(args[0], allCommands(), manual.Footer{Version: v.Version, Date: day})
			if err != nil {
				return unusable(err)
			}
			for _, f := range files {
				a.console.line("%s", f)
			}
			return nil
		},
	}
}

// allCommands builds the whole tree of commands, whatever is asked for.
func allCommands() *cobra.Command {
	p := Program{}
	p.fillIn()
	root := newApp(p).root()
	root.InitDefaultCompletionCmd()
	return root
}

// versionObject is what version prints.
type versionObject struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"` // of the commit
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildVersion says what the program was built as.
func buildVersion() versionObject {
	v := versionObject{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = cmp.Or(info.Main.Version, v.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	if v.Commit == "" {
		v.Commit = pseudoCommit(v.Version)
	}
	return v
}

// pseudoCommit is the commit in a version that Go made for one without a tag, as
// in v0.1.1-0.20261201011600-7757c1a0b2c3.
func pseudoCommit(version string) string {
	const digits = 12
	version, _, _ = strings.Cut(version, "+")
	head, commit, _ := cutLast(version, "-")
	if len(commit) != digits || strings.Trim(commit, "0123456789abcdef") != "" || !strings.Contains(head, "-") {
		return ""
	}
	return commit
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print version, commit, Go and platform",
		Long: "version prints what the program was built as: the version of its module, the commit where that\n" +
			"is known, the version of Go, and the platform.",
		Example: "  symres version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			if a.console.json {
				a.console.object(v)
				return nil
			}
			changed := ""
			if v.Modified {
				changed = ", with changes that are not committed"
			}
			a.console.line("symres %s", v.Version)
			a.console.line("commit %s%s", cmp.Or(v.Commit, "unknown"), changed)
			if v.Time != "" {
				a.console.line("of %s", v.Time)
			}
			a.console.line("%s %s", v.Go, v.Platform)
			return nil
		},
	}
}
