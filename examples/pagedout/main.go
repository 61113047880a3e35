// Pagedout answers `x PATTERN` for a kernel dump in which the module's image
// header is not in memory, as on Microsoft's page "Mapping Symbols When the
// Image Header is Paged Out": it lists the modules, finds a verified copy of
// the image along the symbol path, and prints the symbols of its PDB.
//
//	pagedout memory.dmp 'srv*C:\symbols;\\server\share' 'fs_rec!*'
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/symres/symres"
	"github.com/symres/symres/target"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: pagedout DUMP SYMPATH PATTERN")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(w io.Writer, dump, path, pattern string) error {
	ctx := context.Background()
	t, err := target.Open(ctx, dump, target.Options{
		SymbolPath: path,
		Warn:       func(err error) { fmt.Fprintln(os.Stderr, "warning:", err) }, // a hole in the list costs one entry
	})
	if err != nil {
		return err
	}
	defer t.Close()
	return errors.Join(print(ctx, w, t.Session(), pattern)...)
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
