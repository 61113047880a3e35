package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/dumpinfo"
	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

func (a *app) identifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "identify FILE...",
		Short: "tell what files are and the keys they are stored under",
		Long: "identify prints the kind of each file and what identifies it: time stamp, size and PDB of an image,\n" +
			"GUID and age of a PDB, and the keys under which symbol stores file them. Of a dump it says why it was\n" +
			"made: the bug check or the exception with its parameters by name, and of which process and system.",
		Example: "  symres identify null.sys null.pdb\n  symres identify MEMORY.DMP",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return a.each(cmd.Context(), files, func(path string) error {
				o, err := identityOf(cmd.Context(), path)
				if err == nil {
					a.printIdentity(o)
				}
				return err
			})
		},
	}
}

// each does one thing to every file; a file that fails does not keep the
// others from their turn. The status is that of the worst.
func (a *app) each(ctx context.Context, files []string, do func(path string) error) error {
	worst := exitOK
	for _, path := range files {
		err := do(path)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			continue
		}
		exit, ok := err.(*exitError)
		if !ok {
			exit = &exitError{exitUnusable, fmt.Errorf("%s: %w", path, err)}
		}
		worst = max(worst, exit.code)
		if exit.err != nil {
			a.report(exit.err)
		}
	}
	if worst == exitOK {
		return nil
	}
	return reported(worst)
}

// identityObject is a line of identify.
type identityObject struct {
	File        string `json:"file"`
	Format      string `json:"format"`
	Container   string `json:"container,omitempty"` // the file is in, and
	Member      string `json:"member,omitempty"`    // its name there
	Machine     string `json:"machine,omitempty"`
	Timestamp   string `json:"timestamp,omitempty"`
	SizeOfImage string `json:"size_of_image,omitempty"`
	Checksum    string `json:"checksum,omitempty"`
	ImageKey    string `json:"image_key,omitempty"`
	PDB         string `json:"pdb,omitempty"`
	GUID        string `json:"guid,omitempty"`
	Age         uint32 `json:"age,omitempty"`
	PDBKey      string `json:"pdb_key,omitempty"`
	Type        string `json:"type,omitempty"` // of a dump
	Build       uint32 `json:"build,omitempty"`
	*dumpinfo.Dump

	kind     filekind.Kind
	notes    []string
	unopened error
}

func identityOf(ctx context.Context, path string) (*identityObject, error) {
	f, err := openPacked(ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o := &identityObject{File: path, Format: string(f.kind), Container: f.container, Member: f.member, kind: f.kind, unopened: f.unopened}
	if f.unopened != nil {
		o.notes = append(o.notes, f.unopened.Error())
	}
	switch f.kind {
	case filekind.PE:
		err = o.image(f)
	case filekind.PDB:
		err = o.pdb(f)
	case filekind.Portable:
		err = o.portable(f)
	case filekind.CrashDump:
		err = o.crashDump(ctx, f)
	case filekind.Minidump, filekind.UserDump:
		err = o.minidump(ctx, f)
	case filekind.Core, filekind.LiME, filekind.AVML, filekind.VMware:
		err = o.physical(f)
	case filekind.Unknown, filekind.Path:
		if o.raw(ctx, f) {
			return o, nil
		}
		return nil, notFound(fmt.Errorf("%s: %s", path, filekind.Unknown.Title()))
	}
	return o, err
}

func (o *identityObject) image(f *file) error {
	image, err := symres.NewImage(f, f.Size())
	if err != nil {
		return err
	}
	o.Machine, o.Timestamp = machineName(image.Machine), hexKnown(uint64(image.TimeDateStamp))
	o.SizeOfImage, o.Checksum = hexKnown(uint64(image.SizeOfImage)), hexKnown(uint64(image.CheckSum))
	o.ImageKey = image.ID().Key()
	if image.Repro {
		o.notes = append(o.notes, "the time stamp is the hash of a reproducible build")
	}
	cv := image.CodeView
	if cv == nil {
		o.notes = append(o.notes, fmt.Sprint(image.Missing(pe.PartCodeView)))
		return nil
	}
	o.PDB, o.Age, o.PDBKey = lastPart(cv.Path), cv.Age, cv.ID().Key()
	if cv.ID().Kind() == sympath.IDPDB70 {
		o.GUID = cv.GUID.String()
	}
	if cv.Portable {
		o.notes = append(o.notes, "the PDB is a portable one (.NET)")
	}
	for _, other := range image.OtherCodeViews {
		o.notes = append(o.notes, fmt.Sprintf("another %s record names %s, key %s", other.Kind, lastPart(other.Path), other.ID().Key()))
	}
	return nil
}

func (o *identityObject) pdb(f *file) error {
	p, err := pdb.New(f, f.Size())
	if err != nil {
		return err
	}
	defer p.Close()
	guid, age := p.ID()
	o.GUID, o.Age, o.PDBKey = guid.String(), age, sympath.PDB70(guid, age).Key()
	o.PDB = f.name()
	if m := p.Info().DBI.Machine; m != 0 {
		o.Machine = machineName(m)
	}
	if info := p.Info(); info.Age != age {
		o.notes = append(o.notes, fmt.Sprintf("the info stream has age %d; images ask for that of the DBI stream", info.Age))
	}
	return nil
}

// portable says what a portable PDB is filed under. Its symbols are of .NET and no
// business of ours.
func (o *identityObject) portable(f *file) error {
	guid, err := pdb.PortableID(f, f.Size())
	if errors.Is(err, pdb.ErrFormat) { // what it is is known all the same
		o.notes = append(o.notes, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	cv := symres.CodeView{Kind: pe.CodeViewRSDS, GUID: guid, Portable: true}
	o.GUID, o.PDBKey, o.PDB = guid.String(), cv.ID().Key(), f.name()
	return nil
}

func (o *identityObject) crashDump(ctx context.Context, f *file) (err error) {
	d, err := crashdump.New(f, f.Size())
	if err != nil {
		return err
	}
	h := d.Header()
	o.Machine, o.Type, o.Build = machineName(h.Machine), h.Type.String(), h.Build
	o.Dump, err = dumpinfo.Of(ctx, f, f.Size())
	return err
}

func (o *identityObject) minidump(ctx context.Context, f *file) (err error) {
	d, err := minidump.New(f, f.Size())
	if err != nil {
		return err
	}
	o.Build = d.System().Build
	if m := d.System().Machine; m != 0 {
		o.Machine = machineName(m)
	}
	o.Dump, err = dumpinfo.Of(ctx, f, f.Size())
	return err
}

// printIdentity prints the object, or the block of !lmi.
func (a *app) printIdentity(o *identityObject) {
	if a.console.json {
		a.console.object(o)
		return
	}
	a.console.line("%s: %s", o.File, o.kind.Title())
	field := func(name, value string) {
		if name != "" {
			name += ":"
		}
		if value != "" {
			a.console.line("    %-14s %s", name, value)
		}
	}
	if o.Member != "" {
		field("Packed", fmt.Sprintf("%s, in %s", o.Member, o.Container))
	}
	field("Machine Type", o.Machine)
	field("Dump Type", o.Type)
	if o.Build != 0 {
		field("Build", fmt.Sprint(o.Build))
	}
	field("Time Stamp", o.Timestamp)
	field("Size", o.SizeOfImage)
	field("CheckSum", o.Checksum)
	field("Image Key", o.ImageKey)
	field("PDB", o.PDB)
	field("GUID", o.GUID)
	if o.PDBKey != "" && o.kind != filekind.Portable {
		field("Age", fmt.Sprint(o.Age))
	}
	field("PDB Key", o.PDBKey)
	if o.Dump != nil {
		for _, f := range o.Dump.Fields() {
			field(f.Name, f.Value)
		}
	}
	for _, n := range o.notes {
		field("Note", n)
	}
	if !o.kind.Readable() && o.unopened == nil {
		field("Note", "recognised, not read yet")
	}
}
