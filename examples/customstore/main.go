// Customstore answers `x PATTERN` for a kernel dump from symbols in a zip
// archive, such as a build server keeps: a [sympath.Store] of one's own, which
// takes part in a search like those of the symbol path.
//
//	customstore memory.dmp build-4711.zip 'fs_rec!*'
package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/stores"
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
// in: it yields every file of the name that is looked for. That it is the right
// one is not for a store to say: the session compares its identity.
func archive(name string, files *zip.Reader) sympath.Store {
	return sympath.NewStore(name, func(_ context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
		return func(yield func(sympath.Candidate, error) bool) {
			for _, f := range files.File {
				open := func(context.Context) (sympath.File, error) { return unpack(f) }
				if strings.EqualFold(path.Base(f.Name), q.File) && !yield(sympath.NewCandidate(name+"!"+f.Name, sympath.OriginCustom, open), nil) {
					return
				}
			}
		}
	})
}

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
	return sympath.BytesFile(data), nil
}

func run(ctx context.Context, w io.Writer, dump, zipFile, pattern string) error {
	files, err := zip.OpenReader(zipFile)
	if err != nil {
		return err
	}
	defer files.Close()
	all := stores.New(stores.Config{})
	defer all.Close()
	rest, err := all.Open(sympath.DefaultPath(os.Getenv))
	if err != nil {
		return err
	}
	t, err := target.Open(ctx, dump, target.Options{
		Symbols: sympath.Chain(archive(zipFile, &files.Reader), rest),
		Warn:    func(err error) { fmt.Fprintln(os.Stderr, "warning:", err) },
	})
	if err != nil {
		return err
	}
	defer t.Close()
	for sym, err := range t.Session().Lookup(ctx, pattern) {
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%08x  %s!%s\n", sym.Address, sym.Module, sym.Name)
	}
	return nil
}
