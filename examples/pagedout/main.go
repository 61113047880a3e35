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
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
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
	f, err := crashdump.Open(dump)
	if err != nil {
		return err
	}
	defer f.Close()
	kernel, err := nt.FromDump(f)
	if err != nil {
		return err
	}
	parsed, err := sympath.Parse(path)
	if err != nil {
		return err
	}
	session, err := symres.NewSession(symres.Config{
		Memory: kernel.Memory(), Machine: kernel.Machine(), Symbols: parsed.Store(sympath.Options{}),
	})
	if err != nil {
		return err
	}
	defer session.Close()
	for m, err := range kernel.Modules() {
		if err == nil {
			err = session.Add(target.FromLoader(m))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "warning:", err) // a hole in the list costs one entry
		}
	}
	return errors.Join(print(context.Background(), w, session, pattern)...)
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
