package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A Group is a heading that flags stand under in help and man pages.
type Group string

// The groups, in the order they are shown. Flags that are in none are the command's own
// and come first.
const (
	GroupOwn    Group = "Flags"
	GroupTarget Group = "Target"
	GroupPath   Group = "Symbol and image path"
	GroupOutput Group = "Output"
)

// annotation is the key of a flag's group.
const annotation = "symres group"

// Mark puts the flags that are in no group yet into one. Not safe for concurrent use.
func Mark(flags *pflag.FlagSet, g Group) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Annotations[annotation] == nil {
			_ = flags.SetAnnotation(f.Name, annotation, []string{string(g)}) // fails for a flag that does not exist
		}
	})
}

// section is a group and its flags, sorted by name.
type section struct {
	title Group
	flags *pflag.FlagSet
}

// sections returns the groups of flags that a command has.
func sections(cmd *cobra.Command) []section {
	list := []section{{title: GroupOwn}, {title: GroupTarget}, {title: GroupPath}, {title: GroupOutput}}
	for i := range list {
		list[i].flags = pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	add := func(f *pflag.Flag) {
		group := GroupOwn
		if in := f.Annotations[annotation]; len(in) > 0 {
			group = Group(in[0])
		}
		if f.Name == "help" {
			group = GroupOutput
		}
		i := max(0, slices.IndexFunc(list, func(s section) bool { return s.title == group }))
		list[i].flags.AddFlag(f)
	}
	cmd.InitDefaultHelpFlag()
	cmd.LocalFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return slices.DeleteFunc(list, func(s section) bool { return !s.flags.HasAvailableFlags() })
}

// Usage writes what follows the description of a command in its help.
func Usage(w io.Writer, cmd *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintln(&b, "Usage:")
	if cmd.Runnable() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlso: %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	commandList(&b, cmd)
	for _, s := range sections(cmd) {
		fmt.Fprintf(&b, "\n%s:\n%s", s.title, s.flags.FlagUsages())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nMore about a command: %s COMMAND --help\n", cmd.CommandPath())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// commandList writes the commands below cmd by their groups, each with the names a
// debugger knows it by.
func commandList(b *strings.Builder, cmd *cobra.Command) {
	all := available(cmd)
	write := func(title string, list []*cobra.Command) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(b, "\n%s\n", title)
		for _, c := range list {
			fmt.Fprintf(b, "  %-*s %s\n", nameWidth(all), names(c), c.Short)
		}
	}
	for _, g := range cmd.Groups() {
		write(g.Title, slices.DeleteFunc(slices.Clone(all), func(c *cobra.Command) bool { return c.GroupID != g.ID }))
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(c *cobra.Command) bool { return c.GroupID != "" })
	title := "Commands:"
	if len(rest) < len(all) {
		title = "More:"
	}
	write(title, rest)
}

// available are the commands below cmd that are shown.
func available(cmd *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool {
		return !c.IsAvailableCommand() && c.Name() != "help"
	})
}

// names are the name of a command and its other ones.
func names(c *cobra.Command) string {
	return strings.Join(append([]string{c.Name()}, c.Aliases...), ", ")
}

func nameWidth(list []*cobra.Command) int {
	width := 0
	for _, c := range list {
		width = max(width, len(names(c)))
	}
	return width
}
