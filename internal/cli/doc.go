// Package cli is the symres command: every subcommand is one file that parses
// flags, makes library calls and renders.
//
// A [Program] is run like an os/exec.Cmd, so tests and scripts use the command
// without a process of its own. Results go to standard output and nothing else
// does; text that comes from a target is escaped on its way out, whichever
// stream it goes to. The look of the text is that of WinDbg; programs read
// the output of --json.
package cli
