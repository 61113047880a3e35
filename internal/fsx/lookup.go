package fsx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
)

const (
	// maxEntries bounds how much of one directory a search reads.
	maxEntries = 1 << 20
	// maxSpellings bounds how many spellings of one name a search follows.
	maxSpellings = 16
)

// MissingError says which part of a name that was looked up does not exist.
type MissingError struct {
	Path string // as far as it was found, and the first part that was not
	Last bool   // the directory is there and only the file itself is missing
	Root bool   // not even the root of the file system is there
}

// Error implements the error interface.
func (e *MissingError) Error() string { return "lookup " + e.Path + ": " + fs.ErrNotExist.Error() }

// Is makes the error match [fs.ErrNotExist].
func (e *MissingError) Is(target error) bool { return target == fs.ErrNotExist }

// Lookup returns the first of [Matches], or else its first error.
func Lookup(fsys fs.FS, parts ...string) (string, error) {
	var first error
	for name, err := range Matches(fsys, parts...) {
		if err == nil {
			return name, nil
		}
		if first == nil {
			first = err
		}
	}
	return "", first
}

// CaseFolder is an fs.FS that may know that it does not tell letter cases
// apart. Its directories then need not be read to find a name.
type CaseFolder interface {
	fs.FS
	IgnoresCase() bool
}

// Matches yields the name of every file or directory in fsys whose path is
// parts, letter case aside, the exact spelling first. Each part is one path
// component. A directory is read only when the caller wants more than the exact
// spelling, and no more than 2^20 entries of it. An error, such as a directory
// that cannot be read, does not end the sequence; when nothing at all was
// yielded, the last value is a [*MissingError].
func Matches(fsys fs.FS, parts ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s := search{fsys: fsys, yield: yield, missing: MissingError{Path: path.Join(parts...)}}
		for _, part := range parts {
			if part == "." || part == ".." || strings.Contains(part, "/") || !fs.ValidPath(part) {
				yield("", &fs.PathError{Op: "lookup", Path: part, Err: fs.ErrInvalid})
				return
			}
		}
		if s.walk(".", parts) && !s.any {
			yield("", &s.missing)
		}
	}
}

type search struct {
	fsys    fs.FS
	yield   func(string, error) bool
	any     bool // something was yielded
	left    int  // how many parts missing stands for, 0 before the first miss
	missing MissingError
}

// walk follows parts below dir through every spelling. It is false when the
// caller wants no more. It recurses once for each part.
func (s *search) walk(dir string, parts []string) bool {
	if len(parts) == 0 {
		return s.emit(dir, nil)
	}
	exact := path.Join(dir, parts[0])
	_, err := fs.Stat(s.fsys, exact)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.emit("", err)
	}
	if err == nil && !s.walk(exact, parts[1:]) {
		return false
	}
	names, listErr := s.spellings(dir, parts[0], err == nil)
	if len(names) == 0 && err != nil {
		s.miss(exact, len(parts), listErr == nil)
	}
	for _, name := range names {
		if !s.walk(path.Join(dir, name), parts[1:]) {
			return false
		}
	}
	if listErr != nil && !errors.Is(listErr, fs.ErrNotExist) {
		return s.emit("", listErr)
	}
	return true
}

func (s *search) emit(name string, err error) bool {
	s.any = true
	return s.yield(name, err)
}

// miss keeps the miss that came furthest. left is how many parts were not
// found; the directory they are wanted in may be missing too.
func (s *search) miss(name string, left int, dirExists bool) {
	if s.left > 0 && left >= s.left {
		return
	}
	s.left = left
	s.missing = MissingError{Path: name, Last: left == 1 && dirExists, Root: path.Dir(name) == "." && !dirExists}
}

// spellings lists the names in dir that equal want in all but letter case. When
// want itself was found, but is not listed, then the file system ignores case
// and what is listed is the same file again.
func (s *search) spellings(dir, want string, found bool) ([]string, error) {
	if f, ok := s.fsys.(CaseFolder); ok && f.IgnoresCase() {
		if found {
			return nil, nil
		}
		_, err := fs.Stat(s.fsys, dir)
		return nil, err
	}
	var names []string
	listed := false
	err := readDir(s.fsys, dir, func(name string) {
		if name == want {
			listed = true
		} else if strings.EqualFold(name, want) {
			names = append(names, name)
		}
	})
	if found && !listed {
		return nil, err
	}
	slices.Sort(names)
	return names[:min(len(names), maxSpellings)], err
}

// readDir calls f for the name of every entry of dir, reading a bounded number
// in bounded steps.
func readDir(fsys fs.FS, dir string, f func(name string)) error {
	file, err := fsys.Open(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	d, ok := file.(fs.ReadDirFile)
	if !ok {
		return &fs.PathError{Op: "readdir", Path: dir, Err: errors.New("not a directory")}
	}
	for n := 0; n < maxEntries; {
		entries, err := d.ReadDir(1024)
		for _, e := range entries {
			f(e.Name())
		}
		n += len(entries)
		if err == io.EOF {
			return nil
		}
		if err != nil || len(entries) == 0 {
			return err
		}
	}
	return &fs.PathError{Op: "readdir", Path: dir, Err: fmt.Errorf("%w: over %d entries", ErrTooLarge, maxEntries)}
}
