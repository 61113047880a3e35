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
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
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
	cfg := symres.Config{Symbols: parsed.Store(sympath.Options{})}
	if kernel, err = target.KernelTypes(ctx, kernel, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "warning:", err) // for some builds it does without
	}
	p, err := find(kernel, process)
	if err != nil {
		return err
	}
	view, err := kernel.View(p)
	if err != nil {
		return err
	}
	cfg.Memory, cfg.Machine, cfg.Contexts = view.Memory(), kernel.Machine(), kernel
	session, err := symres.NewSession(cfg)
	if err != nil {
		return err
	}
	defer session.Close()
	user, err := target.AddProcess(session, view)
	if err != nil {
		return err
	}
	report(w, user)
	return errors.Join(print(ctx, w, session, pattern)...)
}

func find(k *nt.Kernel, name string) (nt.Process, error) {
	var failed []error
	for p, err := range k.Processes() {
		if err == nil && strings.EqualFold(p.Name, name) {
			return p, nil
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return nt.Process{}, errors.Join(append(failed, fmt.Errorf("no process %s", name))...)
}

// report prints what kd says of the PEB, and the command for every module.
func report(w io.Writer, u nt.UserModules) {
	if u.PEB != nil {
		fmt.Fprintln(w, u.PEB)
	}
	fmt.Fprintln(w, "modules taken from", u.Road)
	for _, m := range u.Modules {
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
