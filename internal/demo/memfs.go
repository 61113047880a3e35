package demo

import (
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// memFS is a file system of one folder: contents by name. It is read only and
// safe for concurrent use; its open files are not.
type memFS map[string][]byte

// Open implements [fs.FS].
func (m memFS) Open(name string) (fs.File, error) {
	b, ok := m[name]
	switch {
	case !fs.ValidPath(name):
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	case name == ".":
		return &memDir{entries: m.entries()}, nil
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{Reader: bytes.NewReader(b), info: memInfo{name, int64(len(b))}}, nil
}

// entries lists the folder by name.
func (m memFS) entries() []fs.DirEntry {
	var list []fs.DirEntry
	for name, b := range m {
		list = append(list, fs.FileInfoToDirEntry(memInfo{name, int64(len(b))}))
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list
}

// memFile is an open file; the embedded reader gives it ReadAt and Seek.
type memFile struct {
	*bytes.Reader
	info memInfo
}

// Stat implements [fs.File].
func (f *memFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements [fs.File].
func (f *memFile) Close() error { return nil }

// memDir is the open folder.
type memDir struct{ entries []fs.DirEntry }

// Stat implements [fs.File].
func (d *memDir) Stat() (fs.FileInfo, error) { return memInfo{".", 0}, nil }

// Close implements [fs.File].
func (d *memDir) Close() error { return nil }

// Read implements [fs.File]; a folder has no bytes.
func (d *memDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: fs.ErrInvalid}
}

// ReadDir implements [fs.ReadDirFile].
func (d *memDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	list := d.entries[:n]
	d.entries = d.entries[n:]
	return list, nil
}

// memInfo describes a file, or the folder when its name is ".".
type memInfo struct {
	name string
	size int64
}

// Name implements [fs.FileInfo].
func (i memInfo) Name() string { return i.name }

// Size implements [fs.FileInfo]: bytes.
func (i memInfo) Size() int64 { return i.size }

// Mode implements [fs.FileInfo].
func (i memInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// ModTime implements [fs.FileInfo]; embedded files have none.
func (i memInfo) ModTime() time.Time { return time.Time{} }

// IsDir implements [fs.FileInfo].
func (i memInfo) IsDir() bool { return i.name == "." }

// Sys implements [fs.FileInfo].
func (i memInfo) Sys() any { return nil }
