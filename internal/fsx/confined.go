package fsx

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// ErrLink is wrapped by the errors for symbolic links where none may be.
var ErrLink = errors.New("symbolic link")

// Confined returns the tree below a directory that others may write to, such
// as a shared cache. It is [Dir] except that nothing below dir may be a
// symbolic link, so that no name leads out of the tree or to another place
// inside it. dir itself may be one. Safe for concurrent use; every call opens
// dir anew.
func Confined(dir string) fs.FS { return confined(dir) }

type confined string

func (c confined) Open(name string) (fs.File, error) {
	root, local, want, err := c.look("open", name)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if !want.Mode().IsRegular() && !want.IsDir() {
		return nil, notRegular(name, want.Mode())
	}
	f, err := root.OpenFile(local, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return nil, Named(err)
	}
	// What was looked at and what was opened must be one file, or somebody is
	// swapping them.
	got, err := f.Stat()
	if err == nil && !os.SameFile(want, got) {
		err = &fs.PathError{Op: "open", Path: name, Err: errChanged}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

var errChanged = errors.New("replaced while it was opened")

// Stat implements [fs.StatFS] without opening the file.
func (c confined) Stat(name string) (fs.FileInfo, error) {
	root, _, fi, err := c.look("stat", name)
	if err != nil {
		return nil, err
	}
	return fi, root.Close()
}

// look opens the root and walks to name, refusing links. The caller closes the
// root when there is no error.
func (c confined) look(op, name string) (*os.Root, string, fs.FileInfo, error) {
	local, err := filepath.Localize(name)
	if err != nil || c == "" {
		return nil, "", nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	root, err := os.OpenRoot(string(c))
	if err != nil {
		return nil, "", nil, Named(err)
	}
	fi, err := noLinks(root, op, name)
	if err != nil {
		root.Close()
		return nil, "", nil, err
	}
	return root, local, fi, nil
}

// noLinks returns what Lstat says of name when neither it nor a directory on
// the way is a symbolic link.
func noLinks(root *os.Root, op, name string) (fs.FileInfo, error) {
	if dir := path.Dir(name); dir != "." {
		if _, err := noLinks(root, op, dir); err != nil {
			return nil, err
		}
	}
	fi, err := root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return nil, Named(err)
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		return nil, &fs.PathError{Op: op, Path: name, Err: ErrLink}
	}
	return fi, nil
}
