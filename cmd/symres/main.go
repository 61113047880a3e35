// Command symres finds the symbols of Windows images whose memory is only
// partly there. Run symres --help for its subcommands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/internal/gctune"
)

func main() {
	if os.Getenv("GOGC") == "" {
		gctune.Start()
	}
	// A write to a pipe nobody reads is then an error, which ends us quietly.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second interrupt kills
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
