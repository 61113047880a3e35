package sympath

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"time"

	"github.com/symres/symres/internal/ranged"
)

// PartialFile is a file of a server or share of which only parts are in a cache, as it
// was read where it lies.
type PartialFile struct {
	File, Key   string
	Store       string // the server or share
	Location    string // of the file there
	Held, Total int64  // bytes; a little less may be here than Held
	Used        time.Time
}

// Partials returns the files of which only parts are in the cache.
func (c *Cache) Partials() []PartialFile {
	var all []PartialFile
	for _, p := range c.parts() {
		if p.Total > 0 {
			all = append(all, p)
		}
	}
	return all
}

// parts yields the directories of files of which parts are here, and what they say. Those
// that say nothing, but for when they were made, are damaged.
func (c *Cache) parts() iter.Seq2[string, PartialFile] {
	return func(yield func(string, PartialFile) bool) {
		names, _ := fs.ReadDir(c.fs(), partDir)
		for _, name := range names {
			dirs, _ := fs.ReadDir(c.fs(), path.Join(partDir, name.Name()))
			for _, d := range dirs {
				dir := path.Join(partDir, name.Name(), d.Name())
				if !yield(dir, c.partialFile(dir, d)) {
					return
				}
			}
		}
	}
}

func (c *Cache) partialFile(dir string, d fs.DirEntry) PartialFile {
	s, err := ranged.Stat(c.fs(), dir)
	if err == nil {
		return PartialFile{s.File, s.Key, s.Origin, s.Location, s.Held, s.Size, s.Used}
	}
	p := PartialFile{Used: time.Now()} // it may be begun just now
	if fi, err := d.Info(); err == nil {
		p.Used = fi.ModTime()
	}
	return p
}

func removePart(root *os.Root, dir string) error {
	err := ranged.Remove(root, dir)
	root.Remove(local(path.Dir(dir))) // fails while others are in it
	return err
}

var errStopped = errors.New("the caller has seen enough")

// auditParts checks the parts of files.
func (c *Cache) auditParts(ctx context.Context, yield func(Finding, error) bool) error {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for dir, p := range c.parts() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.Total == 0 && time.Since(p.Used) < staleAge {
			continue // begun just now, or so torn that the next reader begins anew
		}
		if !yield(c.auditPart(root, dir, p), nil) {
			return errStopped
		}
	}
	return nil
}

func (c *Cache) auditPart(root *os.Root, dir string, p PartialFile) Finding {
	f := Finding{Location: c.place().locate(dir), Total: p.Total}
	good, bad, err := ranged.Check(root, dir, !c.opts.ReadOnly)
	f.Size = good
	switch {
	case bad > 0:
		f.Err = errors.Join(fmt.Errorf("%w: %d of its blocks are damaged, to be fetched again", ErrMismatch, bad), err)
	case err != nil:
		f.Err = fmt.Errorf("%w: %w", ErrMismatch, err)
		if !c.opts.ReadOnly {
			f.Err = errors.Join(f.Err, removePart(root, dir))
		}
	}
	return f
}
