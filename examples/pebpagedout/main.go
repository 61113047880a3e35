// Pebpagedout lists the modules of a process whose PEB is paged out, as on
// Microsoft's page "Debugging a User-Mode Process When the PEB is Paged Out",
// and answers `x PATTERN` for them: it walks the VAD tree of the process, takes
// base, size and file name of every image, and finds their symbols along the
// symbol path.
//
//	pebpagedout memory.dmp 'srv*C:\symbols;\\server\share' explorer.exe 'ExplorerFrame!*'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/symres/symres"
	"github.com/symres/symres/target"
	"github.com/symres/symres/vadmath"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: pebpagedout DUMP SYMPATH PROCESS PATTERN")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Stdout, os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, dump, path, process, pattern string) error {
	t, err := target.Open(ctx, dump, target.Options{
		SymbolPath: path, Process: process,
		Warn: func(err error) { report(w, err) },
	})
	if err != nil {
		return err
	}
	defer t.Close()
	return errors.Join(print(ctx, w, t.Session(), pattern)...)
}

// report prints what kd says of the PEB, and the command for every module.
func report(w io.Writer, warning error) {
	road, ok := errors.AsType[*target.RoadWarning](warning)
	if !ok {
		fmt.Fprintln(os.Stderr, "warning:", warning)
		return
	}
	if peb := road.Modules.PEB; peb != nil {
		fmt.Fprintln(w, peb)
	}
	fmt.Fprintln(w, "modules taken from", road.Modules.Road)
	for _, m := range road.Modules.Modules {
		fmt.Fprintln(w, vadmath.Reload{Image: m.Name, Base: m.Base, Size: m.Size, Force: true})
	}
}

func print(ctx context.Context, w io.Writer, s *symres.Session, pattern string) (failed []error) {
	for sym, err := range s.Lookup(ctx, pattern) {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintf(w, "%x  %s!%s (proof: %v)\n", sym.Address, sym.Module, sym.Name, sym.Proof)
	}
	return failed
}
