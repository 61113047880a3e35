// Package container opens files that lie in a cabinet or a zip archive, or are
// compressed, as if they lay beside it: a dump or a PDB as it is sent by mail or
// collected by Windows Error Reporting.
//
// The container is the work of whoever sent it: names in it are shown and never
// opened, what comes out is bounded in size and ratio (see [cab.Limits]), and more
// than 32 MB go to a temporary file that nobody else can open.
package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/internal/unpack"
)

// Want says what is taken when a container holds several files.
type Want uint8

// What is wanted.
const (
	Any  Want = iota // a dump, a PDB or an image
	Dump             // a dump, or an image of memory; one that is compressed stays so
	PDB
	Image
)

// extensions are those of the files wanted, in lower case.
func (w Want) extensions() []string {
	dumps := []string{".dmp", ".mdmp", ".hdmp", ".kdmp", ".mem", ".vmem", ".lime", ".raw", ".core"}
	images := []string{".exe", ".dll", ".sys", ".ocx", ".drv", ".cpl", ".acm", ".efi", ".scr", ".node"}
	switch w {
	case Dump:
		return dumps
	case PDB:
		return []string{".pdb"}
	case Image:
		return images
	}
	return append(append(dumps, images...), ".pdb")
}

// File is an open file: that of a path, or the one taken from the container it is.
type File struct {
	*fsx.File
	Container string // such as "zip" or "gzip", "" for a file that is none
	Member    string // its name in the container, for display only
}

// MembersError says that a container does not hold the one file that is wanted. It is
// a [cab.ErrMembers].
type MembersError struct {
	Format  cab.Format
	Members []cab.Member // all of them
	Fit     int          // how many of them may be meant; 0: none
}

// maxListed is how many members the error shows.
const maxListed = 10

// Error lists the members.
func (e *MembersError) Error() string {
	if len(e.Members) == 0 {
		return fmt.Sprintf("a %v without files", e.Format)
	}
	var names []string
	for i, m := range e.Members {
		if i == maxListed {
			names = append(names, fmt.Sprintf("and %d more", len(e.Members)-i))
			break
		}
		names = append(names, fmt.Sprintf("%s (%d bytes)", m.Name, m.Size))
	}
	which := "none of which is known to be meant"
	if e.Fit > 0 {
		which = fmt.Sprintf("%d of which may be meant", e.Fit)
	}
	return fmt.Sprintf("a %v with %d files, %s: %s; unpack the one you mean", e.Format, len(e.Members), which, strings.Join(names, ", "))
}

// Is makes the error match [cab.ErrMembers].
func (e *MembersError) Is(target error) bool { return target == cab.ErrMembers }

// Open opens the file at path and, if it is a container, the file that is wanted in
// it: its only one, or the only one with an extension that fits. Errors are a
// [*MembersError], those of packages cab and unpack, and those of the
// file system.
func Open(ctx context.Context, path string, want Want) (*File, error) {
	f, err := fsx.Open(path)
	if err != nil {
		return nil, err
	}
	out, err := Expand(ctx, f, want)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return out, nil
}

// Expand is [Open] for a file that is open already. It is closed when something else
// is returned in its place; with an error it stays open.
func Expand(ctx context.Context, f *fsx.File, want Want) (*File, error) {
	a, err := cab.List(f, f.Size())
	if errors.Is(err, cab.ErrFormat) {
		return expandCompressed(ctx, f, want)
	}
	if err != nil {
		return nil, err
	}
	i, err := pick(a, want)
	if err != nil {
		return nil, err
	}
	m := a.Members()[i]
	r, err := a.Open(i, cab.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%s in a %v: %w", m.Name, a.Format, err)
	}
	defer r.Close()
	out, err := spool(ctx, r, f)
	if err != nil {
		return nil, fmt.Errorf("%s in a %v: %w", m.Name, a.Format, err)
	}
	return &File{File: out, Container: a.Format.String(), Member: m.Name}, f.Close()
}

// expandCompressed is Expand for what holds one file and has no list.
func expandCompressed(ctx context.Context, f *fsx.File, want Want) (*File, error) {
	first := make([]byte, min(f.Size(), unpack.SniffLen))
	if _, err := f.ReadAt(first, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	format := unpack.Sniff(first)
	if format == 0 || want == Dump {
		return &File{File: f}, nil
	}
	s, err := unpack.Open(ctx, f, f.Size(), unpack.Limits{})
	if err != nil {
		return nil, err
	}
	name := filepath.Base(f.Name())
	name = strings.TrimSuffix(name, filepath.Ext(name))
	return &File{File: fsx.NewFile(s, s.Size(), f.Name(), s), Container: format.String(), Member: name}, f.Close()
}

// pick returns the index of the member that is wanted.
func pick(a *cab.Archive, want Want) (int, error) {
	members := a.Members()
	if len(members) == 1 {
		return 0, nil
	}
	fit, last := 0, 0
	for i, m := range members {
		name := strings.ToLower(m.Name)
		for _, ext := range want.extensions() {
			if strings.HasSuffix(name, ext) {
				fit, last = fit+1, i
			}
		}
	}
	if fit != 1 {
		return 0, &MembersError{Format: a.Format, Members: members, Fit: fit}
	}
	return last, nil
}

const maxInMemory = 32 << 20

// spool reads everything: into memory, or what is larger into a file.
func spool(ctx context.Context, r io.Reader, packed *fsx.File) (*fsx.File, error) {
	var head bytes.Buffer
	_, err := io.CopyN(&head, canceled{ctx, r}, maxInMemory)
	switch {
	case errors.Is(err, io.EOF):
		return fsx.NewFile(bytes.NewReader(head.Bytes()), int64(head.Len()), packed.Name(), nil), nil
	case err != nil:
		return nil, err
	}
	s, err := unpack.Save(ctx, io.MultiReader(&head, r), packed.Size(), unpack.Limits{})
	if err != nil {
		return nil, err
	}
	return fsx.NewFile(s, s.Size(), packed.Name(), s), nil
}

// canceled is a reader that ends with the context.
type canceled struct {
	ctx context.Context
	r   io.Reader
}

func (c canceled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
