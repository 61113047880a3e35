package fsx

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir returns the tree below a directory of this machine. Its Open takes
// regular files and directories only and never blocks. Symbolic links are
// followed wherever they lead: the tree is one the user named. The directory
// need not exist yet. The result is safe for concurrent use.
func Dir(dir string) fs.FS { return dirFS(dir) }

type dirFS string

func (d dirFS) Open(name string) (fs.File, error) {
	full, err := d.join("open", name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(full, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return nil, Named(err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() && !fi.IsDir() {
		err = notRegular(full, fi.Mode())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Stat implements [fs.StatFS] without opening the file.
func (d dirFS) Stat(name string) (fs.FileInfo, error) {
	full, err := d.join("stat", name)
	if err != nil {
		return nil, err
	}
	return os.Stat(full)
}

// join is filepath.Join for names that stay below d on this system.
func (d dirFS) join(op, name string) (string, error) {
	local, err := filepath.Localize(name)
	if err != nil || d == "" {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return filepath.Join(string(d), local), nil
}

// maxWhole bounds the file that is read whole because its fs.FS cannot read at
// an offset (a compressed archive, say).
const maxWhole = 512 << 20

// OpenFS opens the regular file name in fsys. A file that is no [io.ReaderAt]
// is read whole, up to 512 MB; beyond that the error wraps [ErrTooLarge]. A file
// of this machine is opened as by [OpenSteady].
func OpenFS(fsys fs.FS, name string) (*File, error) {
	f, fi, err := openRegularFS(fsys, name)
	if err != nil {
		return nil, err
	}
	if r, ok := newSteady(f, fi); ok {
		return &File{r: r, closer: f, name: name, size: fi.Size()}, nil
	}
	defer f.Close()
	return readWhole(f, name, maxWhole)
}

// Check tells whether [OpenFS] can open the file, without reading it.
func Check(fsys fs.FS, name string) error {
	f, _, err := openRegularFS(fsys, name)
	if err != nil {
		return err
	}
	return f.Close()
}

func openRegularFS(fsys fs.FS, name string) (fs.File, fs.FileInfo, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, nil, Named(err)
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = notRegular(name, fi.Mode())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

// readWhole trusts no size the file system claims.
func readWhole(r io.Reader, name string, limit int64) (*File, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	if int64(len(data)) > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%w: over %d bytes", ErrTooLarge, limit)}
	}
	return &File{r: bytes.NewReader(data), name: name, size: int64(len(data))}, nil
}
