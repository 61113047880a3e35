package cli

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

// rootOf builds the commands for the given arguments.
func rootOf(args ...string) *cobra.Command {
	p := Program{Args: args}
	p.fillIn()
	return newApp(p).root()
}

// TestCommands: what is asked for by name is built alone, and is what it is
// among all. Help, completion and mistakes see all of them.
func TestCommands(t *testing.T) {
	for _, c := range commands() {
		alone := rootOf(c.name, "--help").Commands()
		if len(alone) != 1 || alone[0].Name() != c.name {
			t.Fatalf("%s: %d commands, the first %s", c.name, len(alone), alone[0].Name())
		}
		whole := rootOf("--json", c.name)
		i := slices.IndexFunc(whole.Commands(), func(w *cobra.Command) bool { return w.Name() == c.name })
		if i < 0 || whole.Commands()[i].UsageString() != alone[0].UsageString() {
			t.Errorf("%s: alone its usage is\n%s", c.name, alone[0].UsageString())
		}
	}
	for _, args := range [][]string{{}, {"help", "dump"}, {"--help", "dump"}, {"dumps"}, {"__complete", "dump", ""}, {"--", "dump"}} {
		if got := len(rootOf(args...).Commands()); got != len(commands()) {
			t.Errorf("%q: %d commands", args, got)
		}
	}
}
