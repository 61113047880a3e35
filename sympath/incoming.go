package sympath

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/symres/symres/internal/flock"
)

// incoming is a file on its way into a cache: a temporary file, locked for as
// long as its writer lives, so that what a killed process leaves behind can be
// told and removed. It is a stage.
type incoming struct {
	cache *Cache
	root  *os.Root
	name  string
	file  *os.File
	n     int64
}

// begin opens a new temporary file in the cache.
func (c *Cache) begin() (*incoming, error) {
	root, err := c.open()
	if err != nil {
		return nil, err
	}
	in := &incoming{cache: c, root: root}
	if err := in.create(); err != nil {
		root.Close()
		return nil, err
	}
	c.tidy()
	return in, nil
}

func (in *incoming) create() error {
	if err := in.root.MkdirAll(local(tempDir), 0o700); err != nil {
		return err
	}
	for range 4 {
		name := tempName()
		f, err := in.root.OpenFile(local(name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if ok, err := flock.TryLock(f); (ok || err != nil) && in.named(name, f) {
			in.name, in.file = name, f
			return nil
		}
		f.Close() // a sweep took it for an old one, and removes it or has done so
	}
	return errors.New("temporary files are taken away")
}

// named reports whether name still is that of f: a sweep may have locked, removed
// and closed the file before its creator locked it.
func (in *incoming) named(name string, f *os.File) bool {
	fi, err := in.root.Lstat(local(name))
	if err != nil {
		return false
	}
	mine, err := f.Stat()
	return err == nil && os.SameFile(fi, mine)
}

// staleAge is when a temporary file is old where locks cannot tell.
const staleAge = 24 * time.Hour

// tidy sweeps once.
func (c *Cache) tidy() {
	if c.opts.ReadOnly {
		return
	}
	c.swept.Do(func() {
		if root, err := os.OpenRoot(c.dir); err == nil {
			sweep(root)
			root.Close()
		}
	})
}

// sweep removes the temporary files of processes that are gone.
func sweep(root *os.Root) {
	d, err := root.Open(local(tempDir))
	if err != nil {
		return
	}
	defer d.Close()
	names, _ := d.Readdirnames(10000)
	for _, base := range names {
		name := local(path.Join(tempDir, base))
		fi, err := root.Lstat(name)
		if err != nil || !fi.Mode().IsRegular() {
			continue
		}
		f, err := root.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		ok, err := flock.TryLock(f)
		if ok || err != nil && time.Since(fi.ModTime()) > staleAge {
			root.Remove(name)
		}
		f.Close()
	}
}

func (in *incoming) Write(p []byte) (int, error) {
	n, err := in.file.WriteAt(p, in.n)
	in.n += int64(n)
	return n, err
}

func (in *incoming) ReadAt(p []byte, off int64) (int, error) { return in.file.ReadAt(p, off) }

func (in *incoming) truncate() error {
	in.n = 0
	return in.file.Truncate(0)
}

func (in *incoming) discard() {
	if in.file == nil {
		return
	}
	in.root.Remove(local(in.name))
	in.file.Close()
	in.root.Close()
	in.file = nil
}

// publish makes the verified file the entry for its name and identity. An
// entry that is there already is kept if it is good. On success the stage is
// used up.
func (in *incoming) publish(q Query, id ID, l *landing, source string) (entry, error) {
	if err := in.file.Sync(); err != nil {
		return entry{}, err
	}
	if id.Key() == "" {
		return entry{}, errors.New("a file without a key cannot be filed")
	}
	q.ID = id
	name, err := in.link(q)
	if errors.Is(err, fs.ErrExist) {
		size, bad := in.cache.check(q, name)
		if bad == nil {
			in.discard()
			return in.cache.entry(name, size), nil
		}
		if err = bad; expellable(bad) {
			if _, err = in.cache.expel(q, name, bad); err == nil {
				name, err = in.link(q)
			}
		}
	}
	if err != nil {
		return entry{}, err
	}
	r := record{File: q.File, Key: id.Key(), Size: l.n, SHA256: hex.EncodeToString(l.sum.sum()), Source: source}
	_ = writeRecord(in.root, metaName(name), r)
	in.discard()
	return in.cache.entry(name, l.n), nil
}

// link gives the file its name in the tree and makes that durable.
func (in *incoming) link(q Query) (string, error) {
	for try := 0; ; try++ {
		name, exists, err := in.cache.spell(append(in.cache.dirOf(q.File, q.ID.Key()), q.File)...)
		if err != nil {
			return "", err
		}
		if exists {
			return name, fs.ErrExist
		}
		dir := path.Dir(name)
		if err := in.root.MkdirAll(local(dir), 0o700); err != nil {
			return "", err
		}
		err = in.place(name)
		if errors.Is(err, fs.ErrNotExist) && try < 3 {
			continue // somebody removed the empty directory
		}
		if err != nil {
			return name, err
		}
		for ; ; dir = path.Dir(dir) {
			if err := syncDir(in.root, dir); err != nil {
				return name, in.withdraw(name, err)
			}
			if dir == "." {
				return name, nil
			}
		}
	}
}

// withdraw takes back an entry that may not outlive a crash.
func (in *incoming) withdraw(name string, err error) error {
	in.root.Remove(local(name))
	return fmt.Errorf("sync directory: %w", err)
}

// place links the file to name, which must not exist. Where there are no links
// it is renamed, which is as atomic and can at worst replace a good file by
// its equal.
func (in *incoming) place(name string) error {
	err := in.root.Link(local(in.name), local(name))
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if linkErr := err; in.root.Rename(local(in.name), local(name)) != nil {
		return linkErr
	}
	return nil
}

func (in *incoming) quarantine(q Query, source string, reason error) (string, error) {
	return in.cache.moveOut(in.root, in.name, record{
		File: q.File, Key: q.ID.Key(), Size: in.n, Source: source, Reason: reason.Error(),
	})
}

// copy files an entry of another cache in this one.
func (c *Cache) copy(q Query, id ID, from entry, source string) (entry, error) {
	f, err := from.open(context.Background())
	if err != nil {
		return entry{}, err
	}
	defer f.Close()
	return c.add(q, id, f, f.Size(), source)
}

// add files content that was verified to be id.
func (c *Cache) add(q Query, id ID, r io.ReaderAt, size int64, source string) (entry, error) {
	var failed error
	l := newLanding([]*Cache{c}, size, func(_ string, err error) { failed = err })
	l.stages = l.stages[:1] // this cache or nothing
	defer l.discard()
	if _, err := io.Copy(l, io.NewSectionReader(r, 0, size)); err != nil {
		return entry{}, err
	}
	if l.n != size {
		return entry{}, io.ErrUnexpectedEOF
	}
	in, ok := l.cur.(*incoming)
	if !ok {
		return entry{}, errors.Join(failed, errNoStage)
	}
	return in.publish(q, id, l, source)
}
