package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/pdb"
)

// face is one way to look at a PDB.
type face struct {
	name, what string
	print      func(d *dump) error
}

func faces() []face {
	return []face{
		{"publics", "the public symbols", (*dump).publics},
		{"procs", "the functions of all modules", (*dump).procs},
		{"globals", "variables, constants, names of types and references to functions", (*dump).globals},
		{"lines", "the lines of all modules, without inlined code", (*dump).lines},
		{"types", "the types, by their indices", (*dump).types},
		{"modules", "the object files, by their numbers", (*dump).modules},
	}
}

func (a *app) dumpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dump FILE --publics|--procs|--globals|--lines|--types|--modules",
		Short: "print the records of one PDB as they stand",
		Long: "dump prints the records of a PDB in the order of the file: nothing is merged or undecorated.\n" +
			"Offsets, RVAs and sizes are hex. A symbol whose segment is no section of the image has no RVA.\n\n" +
			"  --publics  segment:offset, RVA, flags, name\n" +
			"  --procs    segment:offset, RVA, size, kind of record, name; --globals likewise\n" +
			"  --lines    segment:offset, RVA, size, file(line) or file(line,column)\n" +
			"  --types    type index, kind of record, size, type\n" +
			"  --modules  number, stream, name, the library it was taken from",
		Example: "  symres dump null.pdb --publics --json",
		Args:    cobra.ExactArgs(1),
	}
	var chosen []*bool
	var names []string
	for _, f := range faces() {
		chosen = append(chosen, cmd.Flags().Bool(f.name, false, f.what))
		names = append(names, f.name)
	}
	cmd.MarkFlagsMutuallyExclusive(names...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for i, f := range faces() {
			if *chosen[i] {
				return a.dump(cmd.Context(), args[0], f)
			}
		}
		return usage(errors.New("dump: say what to print: --publics, --procs, --globals, --lines, --types or --modules"))
	}
	return cmd
}

// dump is one run of the subcommand.
type dump struct {
	*app
	ctx  context.Context
	path string
	pdb  *pdb.File
	size int64 // of the file

	printed, bad int
	written      int64 // bytes of rows
}

// What is printed of a file is bounded: records may share a text as long as the
// file, and each would print it. The rows of real files, JSON too, come to less
// than half of this.
const (
	leastRoom   = 16 << 20 // bytes for files of any size
	roomPerByte = 32       // and for each byte of the file
)

func (d *dump) room() int64 { return leastRoom + roomPerByte*d.size }

func (a *app) dump(ctx context.Context, path string, face face) error {
	f, err := openPacked(ctx, path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.want(filekind.PDB); err != nil {
		return err
	}
	p, err := pdb.New(f, f.Size())
	if err != nil {
		return unusable(fmt.Errorf("%s: %w", path, err))
	}
	defer p.Close()
	d := &dump{app: a, ctx: ctx, path: path, pdb: p, size: f.Size()}
	if err := face.print(d); err != nil {
		return err
	}
	switch {
	case d.bad > 0:
		return reported(exitUnusable)
	case d.printed == 0:
		return notFound(fmt.Errorf("%s: it has no %s", path, face.name))
	}
	return nil
}

// take prints rows, and tells of the damage between them.
func (d *dump) take(r *rows) error {
	at := 0
	for _, f := range r.faults {
		d.console.write(r.b[at:f.at])
		d.report(fmt.Errorf("%s: %w", d.path, f.err))
		at = f.at
	}
	d.console.write(r.b[at:])
	d.printed += r.n
	d.bad += len(r.faults)
	if d.written += int64(len(r.b)); d.written > d.room() {
		return unusable(fmt.Errorf("%s: cut off after %d MB of rows: %w", d.path, d.written>>20, pdb.ErrLimit))
	}
	return cmp.Or(d.console.failed, d.ctx.Err())
}
