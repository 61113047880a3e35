package sympath

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/symres/symres/internal/fsx"
)

// ErrMount is wrapped by the errors of [ParseMount].
var ErrMount = errors.New(`want \\server\share=DIR`)

// Mount says in which directory of this machine a share is mounted.
type Mount struct {
	Share []string // server, share, and any directories below; letter case does not matter
	Dir   string
}

// ParseMount reads \\server\share=DIR or \\server\share\dir=DIR, with either
// kind of slash.
func ParseMount(s string) (Mount, error) {
	share, dir, ok := strings.Cut(s, "=")
	m := Mount{Share: uncParts(share), Dir: dir}
	if !ok || dir == "" || len(m.Share) < 2 || !strings.HasPrefix(strings.ReplaceAll(share, "/", `\`), `\\`) || dotted(m.Share) {
		return Mount{}, fmt.Errorf("%q: %w", s, ErrMount)
	}
	return m, nil
}

// Mounts are shares that are mounted, in the order they are tried.
type Mounts []Mount

// UNC returns a hook for [Options].UNC that finds the shares of the list where
// they are mounted, whatever the letter case of the path, and leaves others to
// next. Without a next they are an attempt with [StatusUnsupported].
func (ms Mounts) UNC(next func(Element) (Store, error)) func(Element) (Store, error) {
	ms = slices.Clone(ms)
	return func(e Element) (Store, error) {
		for _, m := range ms {
			if below, ok := m.below(e.Text); ok {
				fsys := folded{fsx.Dir(m.Dir), below}
				return Share(e.Text, e.Keyed, func(context.Context) (fs.FS, error) { return fsys, nil }), nil
			}
		}
		if next == nil {
			return nil, fmt.Errorf("the share is mounted nowhere: %w", errors.ErrUnsupported)
		}
		return next(e)
	}
}

func uncParts(unc string) []string {
	return strings.FieldsFunc(unc, func(r rune) bool { return r == '\\' || r == '/' })
}

func dotted(parts []string) bool { return slices.Contains(parts, ".") || slices.Contains(parts, "..") }

// below returns what of a UNC path is below the mount.
func (m Mount) below(unc string) ([]string, bool) {
	parts := uncParts(unc)
	if len(parts) < len(m.Share) || len(m.Share) < 2 || dotted(parts) {
		return nil, false
	}
	n := len(m.Share)
	return parts[n:], slices.EqualFunc(m.Share, parts[:n], strings.EqualFold)
}

// folded is a directory of a file system that is found whatever the letter
// case of its path, each time anew.
type folded struct {
	fsys fs.FS
	path []string
}

// Open implements [fs.FS].
func (f folded) Open(name string) (fs.File, error) {
	full, err := f.full("open", name)
	if err != nil {
		return nil, err
	}
	return f.fsys.Open(full)
}

// Stat implements [fs.StatFS].
func (f folded) Stat(name string) (fs.FileInfo, error) {
	full, err := f.full("stat", name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(f.fsys, full)
}

func (f folded) full(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	dir := "."
	if len(f.path) > 0 {
		var err error
		if dir, err = fsx.Lookup(f.fsys, f.path...); err != nil {
			return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
	}
	return path.Join(dir, name), nil
}
