// Customstore answers `x PATTERN` for a kernel dump from symbols in a zip
// archive, such as a build server keeps: a [sympath.Store] of one's own, which
// takes part in a search like those of the symbol path.
//
//	customstore memory.dmp build-4711.zip 'fs_rec!*'
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: customstore DUMP ZIP PATTERN")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Stdout, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintf(os.Stderr, "%+v\n", err)
		os.Exit(1)
	}
}

// archive is a store of the files in a zip archive, whatever folders they are
// in. It is safe for concurrent use, as a Store must be.
type archive struct {
	name  string
	files *zip.Reader
}

// Find yields every file of the name that is looked for. That it is the right
// one is not for a store to say: the session compares its identity.
func (a archive) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	return func(yield func(sympath.Candidate, error) bool) {
		name, err := sympath.CleanName(q.File) // it may come from a hostile dump
		if err != nil {
			yield(sympath.Candidate{}, err)
			return
		}
		miss := &sympath.NotFoundError{Query: q}
		for _, f := range a.files.File {
			if !strings.EqualFold(path.Base(f.Name), name) {
				continue
			}
			if ctx.Err() != nil {
				yield(sympath.Candidate{}, ctx.Err())
				return
			}
			where := a.name + "!" + f.Name
			c := sympath.NewCandidate(where, sympath.OriginCustom, func(context.Context) (sympath.File, error) { return unpack(f) })
			c.Store = a.name
			miss.Attempts = append(miss.Attempts, sympath.Attempt{Store: a.name, Location: where, Status: sympath.StatusFound})
			if !yield(c, nil) {
				return
			}
		}
		if len(miss.Attempts) == 0 {
			miss.Attempts = []sympath.Attempt{{Store: a.name, Location: a.name + "!" + name, Status: sympath.StatusNotFound}}
		}
		yield(sympath.Candidate{}, miss)
	}
}

// member is a file of the archive, unpacked.
type member struct{ *bytes.Reader }

// Close implements [io.Closer].
func (member) Close() error { return nil }

// maxMember bounds what an archive can make us hold.
const maxMember = 512 << 20

var errTooLarge = errors.New("the member is too large")

func unpack(f *zip.File) (sympath.File, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxMember+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxMember {
		return nil, fmt.Errorf("%s: %w", f.Name, errTooLarge)
	}
	return member{bytes.NewReader(data)}, nil
}

func run(ctx context.Context, w io.Writer, dump, zipFile, pattern string) error {
	files, err := zip.OpenReader(zipFile)
	if err != nil {
		return err
	}
	defer files.Close()
	f, err := crashdump.Open(dump)
	if err != nil {
		return err
	}
	defer f.Close()
	kernel, err := nt.FromDump(f)
	if err != nil {
		return err
	}
	rest, err := sympath.Parse(sympath.DefaultPath(os.Getenv))
	if err != nil {
		return err
	}
	session, err := symres.NewSession(symres.Config{
		Memory: kernel.Memory(), Machine: kernel.Machine(),
		Symbols: sympath.Chain(archive{zipFile, &files.Reader}, rest.Store(sympath.Options{})),
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
			fmt.Fprintln(os.Stderr, "warning:", err)
		}
	}
	for sym, err := range session.Lookup(ctx, pattern) {
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%08x  %s!%s\n", sym.Address, sym.Module, sym.Name)
	}
	return nil
}
