package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/symres/symres/pdb"
)

func (a *app) dumpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dump FILE --publics",
		Short: "print the records of one PDB as they stand",
		Long: "dump prints the records of a PDB in the order of the file: nothing is merged or undecorated.\n" +
			"Offsets and RVAs are hex. A symbol whose segment is no section of the image has no RVA.",
		Example: "  symres dump null.pdb --publics --json",
		Args:    cobra.ExactArgs(1),
	}
	publics := cmd.Flags().Bool("publics", false, "the public symbols")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !*publics {
			return usage(errors.New("dump: say what to print: --publics"))
		}
		return a.dumpPublics(cmd.Context(), args[0])
	}
	return cmd
}

// publicObject is a line of dump --publics.
type publicObject struct {
	Kind     string `json:"kind"`
	Raw      string `json:"raw"`
	RawBytes string `json:"name_raw,omitempty"`
	Segment  uint16 `json:"segment"`
	Offset   string `json:"offset"`
	RVA      string `json:"rva,omitempty"`
	Size     uint32 `json:"size,omitempty"`
	Flags    uint32 `json:"flags"`
}

func (a *app) dumpPublics(ctx context.Context, path string) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.want(kindPDB); err != nil {
		return err
	}
	p, err := pdb.New(f, f.Size())
	if err != nil {
		return unusable(fmt.Errorf("%s: %w", path, err))
	}
	defer p.Close()
	return a.printPublics(ctx, path, p)
}

// printPublics prints what can be read; a damaged record does not end it.
func (a *app) printPublics(ctx context.Context, path string, p *pdb.File) error {
	printed, bad := 0, 0
	for sym, err := range p.Publics() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			bad++
			a.report(fmt.Errorf("%s: %w", path, err))
			continue
		}
		if err := a.printPublic(p, sym); err != nil {
			return unusable(fmt.Errorf("%s: %w", path, err))
		}
		if printed++; a.console.failed != nil {
			return a.console.failed
		}
	}
	switch {
	case bad > 0:
		return reported(exitUnusable)
	case printed == 0:
		return notFound(fmt.Errorf("%s: no public symbols", path))
	}
	return nil
}

func (a *app) printPublic(p *pdb.File, s pdb.Symbol) error {
	size, err := p.SizeOf(s)
	if err != nil {
		return err
	}
	if a.console.json {
		o := publicObject{
			Kind: s.Kind.String(), Raw: s.Name(), RawBytes: rawBytes(s.Name()), Segment: s.Segment,
			Offset: hexString(uint64(s.Offset)), Size: size, Flags: s.Flags,
		}
		if s.HasRVA {
			o.RVA = hexString(uint64(s.RVA))
		}
		a.console.object(o)
		return nil
	}
	rva := "        "
	if s.HasRVA {
		rva = fmt.Sprintf("%08x", s.RVA)
	}
	a.console.line("%04x:%08x  %s  %x  %s", s.Segment, s.Offset, rva, s.Flags, s.Name())
	return nil
}
