package sympath

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/symres/symres/internal/fsx"
)

// Cache is a symbol store directory that is filled with files found elsewhere.
// Its layout is WinDbg's: file\key\file, or fi\file\key\file if the root
// contains index2.txt. Data that WinDbg does not know (locks, hashes,
// remembered misses, unfinished and refused files) is in the subdirectory
// .symres.
//
// An entry is either absent or complete: a file is written elsewhere, verified,
// synced to disk and then linked into place, and is never changed afterwards.
// Symbolic links below the directory are refused, so that nothing leads out of
// it. Several processes may use one directory. Safe for concurrent use.
type Cache struct {
	dir   string
	opts  *Options
	swept sync.Once
}

// NewCache returns the cache in a local directory. The directory is created on
// the first write, with permissions for the owner only.
func NewCache(dir string, o Options) *Cache { return newCache(dir, o.orDefault()) }

func newCache(dir string, o *Options) *Cache { return &Cache{dir: dir, opts: o} }

// The directories below the root that are not entries.
const (
	sideDir       = ".symres"
	tempDir       = sideDir + "/tmp"
	lockDir       = sideDir + "/lock"
	metaDir       = sideDir + "/meta"
	missDir       = sideDir + "/miss"
	quarantineDir = sideDir + "/quarantine"
	partDir       = sideDir + "/part"
)

// Dir returns the directory of the cache.
func (c *Cache) Dir() string { return c.dir }

func (c *Cache) fs() fs.FS { return fsx.Confined(c.dir) }

func (c *Cache) place() place { return place{name: c.dir, fsys: c.fs(), origin: OriginCache, cache: c} }

// open opens the root for writing, and creates it.
func (c *Cache) open() (*os.Root, error) {
	if c.opts.ReadOnly {
		return nil, errReadOnly
	}
	root, err := os.OpenRoot(c.dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenRoot(c.dir)
}

var errReadOnly = errors.New("the cache is not to be written")

// entry is a file in a cache.
type entry struct {
	cache    *Cache
	name     string // slash-separated, below the root
	location string
	size     int64
}

func (e entry) open(context.Context) (File, error) { return e.cache.openEntry(e.name, e.location, nil) }

func (c *Cache) entry(name string, size int64) entry {
	return entry{cache: c, name: name, location: c.place().locate(name), size: size}
}

// dirOf returns the parts of the directory for a file and key.
func (c *Cache) dirOf(file, key string) []string {
	if holds(c.fs(), "index2.txt") {
		return []string{firstTwo(file), file, key}
	}
	return []string{file, key}
}

// spell returns the path of parts in the spelling they have in the cache, or
// else as given, so that one directory does not get a twin in other case.
func (c *Cache) spell(parts ...string) (name string, exists bool, err error) {
	exists = true
	var have []string
	for _, part := range parts {
		if exists {
			found, err := fsx.Lookup(c.fs(), append(have[:len(have):len(have)], part)...)
			switch {
			case err == nil:
				part = path.Base(found)
			case errors.Is(err, fs.ErrNotExist):
				exists = false
			default:
				return "", false, err
			}
		}
		have = append(have, part)
	}
	return path.Join(have...), exists, nil
}

// find returns the entry for a query, under any spelling of its key, if there
// is a good one.
func (c *Cache) find(q Query) (entry, bool) {
	for _, key := range q.ID.Keys() {
		name, exists, err := c.spell(append(c.dirOf(q.File, key), q.File)...)
		if err != nil || !exists {
			continue
		}
		if size, err := c.check(q, name); err == nil {
			return c.entry(name, size), true
		}
	}
	return entry{}, false
}

// check opens an entry and holds it against the query and against the size it
// was filed with.
func (c *Cache) check(q Query, name string) (size int64, err error) {
	f, err := fsx.OpenFS(c.fs(), name)
	if err != nil {
		return 0, cause(err)
	}
	defer f.Close()
	if f.Size() == 0 {
		return 0, fmt.Errorf("%w: it is empty", ErrMismatch)
	}
	if m, ok := c.meta(name); ok && m.Size != f.Size() {
		return 0, fmt.Errorf("%w: it has %d bytes and was filed with %d", ErrMismatch, f.Size(), m.Size)
	}
	_, err = c.opts.verify(q, f, f.Size())
	return f.Size(), err
}

// expellable tells a bad entry from one that cannot be read just now.
func expellable(err error) bool {
	return errors.Is(err, ErrMismatch) || errors.Is(err, fsx.ErrNotRegular)
}

// expel moves an entry that is not what it should be out of the tree.
func (c *Cache) expel(q Query, name string, reason error) (string, error) {
	root, err := c.open()
	if err != nil {
		return "", err
	}
	defer root.Close()
	return c.moveOut(root, name, record{File: q.File, Key: q.ID.Key(), Source: c.dir, Reason: reason.Error()})
}

// moveOut renames a file into quarantine, where it replaces an earlier one of
// the same name and key.
func (c *Cache) moveOut(root *os.Root, name string, r record) (string, error) {
	dir := path.Join(quarantineDir, strings.ToLower(r.File), strings.ToUpper(orWord(r.Key, "none")))
	if err := root.MkdirAll(local(dir), 0o700); err != nil {
		return "", err
	}
	to := path.Join(dir, r.File)
	if err := root.Rename(local(name), local(to)); err != nil {
		return "", err
	}
	_ = writeRecord(root, to+".json", r) // the file alone says enough
	return c.place().locate(to), nil
}

func orWord(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func local(name string) string { return filepath.FromSlash(name) }

// syncDir makes the names in a directory durable, where the system can.
func syncDir(root *os.Root, dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(local(dir))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
