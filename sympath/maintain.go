package sympath

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/internal/cab"
)

// TrimOptions say what [Cache.Trim] leaves. A zero field is no limit.
type TrimOptions struct {
	MaxBytes int64         // for all files together
	MaxAge   time.Duration // since a file was last used, to within a day
}

// TrimReport says what [Cache.Trim] did.
type TrimReport struct {
	Kept, Removed           int   // files
	KeptBytes, RemovedBytes int64 // their sizes
}

// item is a file that the cache answers for.
type item struct {
	name    string
	size    int64
	used    time.Time
	refused bool // in quarantine
	partial bool // name is the directory of its parts
}

// rank orders items by how soon they are removed.
func (it item) rank() int {
	switch {
	case it.refused:
		return 0
	case it.partial:
		return 1
	}
	return 2
}

// Trim removes the files that were not used for the longest time: first refused
// files, then those of which only parts are here, then entries. It also removes expired records of misses. Files that
// are not entries stay. Other processes may use the cache at the same time. The
// error comes from ctx, or joins the errors about files that could not be
// removed.
func (c *Cache) Trim(ctx context.Context, o TrimOptions) (TrimReport, error) {
	var report TrimReport
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return report, fmt.Errorf("trim cache: %w", err)
	}
	defer root.Close()
	sweep(root)
	items, err := c.items(ctx)
	if err != nil {
		return report, err
	}
	var total int64
	for _, it := range items {
		total += it.size
	}
	var errs []error
	for _, it := range items {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		old := o.MaxAge > 0 && time.Since(it.used) > o.MaxAge
		if !old && (o.MaxBytes <= 0 || total <= o.MaxBytes) {
			report.Kept++
			report.KeptBytes += it.size
			continue
		}
		if err := c.remove(root, it); err != nil {
			errs = append(errs, err)
			continue
		}
		total -= it.size
		report.Removed++
		report.RemovedBytes += it.size
	}
	c.forget(root)
	return report, errors.Join(errs...)
}

// remove deletes a file, its record and the directories that it leaves empty.
func (c *Cache) remove(root *os.Root, it item) error {
	if it.partial {
		return removePart(root, it.name)
	}
	if err := root.Remove(local(it.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if it.refused {
		root.Remove(local(it.name + ".json"))
	} else {
		root.Remove(local(metaName(it.name)))
	}
	for dir := path.Dir(it.name); dir != "." && dir != sideDir; dir = path.Dir(dir) {
		if root.Remove(local(dir)) != nil {
			break // not empty
		}
	}
	return nil
}

// forget removes the misses that are out of date.
func (c *Cache) forget(root *os.Root) {
	names, _ := fs.ReadDir(c.fs(), missDir)
	for _, e := range names {
		name := path.Join(missDir, e.Name())
		if r, _, ok := c.readRecord(name); !ok || time.Now().After(r.Until) {
			root.Remove(local(name))
		}
	}
}

// items lists refused files, then parts of files, then entries, each by when they were used.
func (c *Cache) items(ctx context.Context) ([]item, error) {
	var items []item
	err := c.walk(ctx, quarantineDir, func(name string, fi fs.FileInfo) {
		if !strings.HasSuffix(name, ".json") {
			items = append(items, item{name: name, size: fi.Size(), used: fi.ModTime(), refused: true})
		}
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	err = c.walk(ctx, ".", func(name string, fi fs.FileInfo) {
		if _, _, ok := entryParts(name); !ok {
			return
		}
		it := item{name: name, size: fi.Size(), used: fi.ModTime()}
		if meta, err := fs.Stat(c.fs(), metaName(name)); err == nil {
			it.used = meta.ModTime()
		}
		items = append(items, it)
	})
	for dir, p := range c.parts() {
		items = append(items, item{name: dir, size: p.Held, used: p.Used, partial: true})
	}
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.used.Compare(b.used))
	})
	return items, err
}

// walk calls f for every regular file below dir that no link leads to.
func (c *Cache) walk(ctx context.Context, dir string, f func(name string, fi fs.FileInfo)) error {
	return fs.WalkDir(c.fs(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == dir:
			return err
		case err != nil:
			return nil // what cannot be read now is left alone
		case d.IsDir() && dir == "." && (name == sideDir || strings.Count(name, "/") > 2):
			return fs.SkipDir
		case d.Type().IsRegular():
			if fi, err := d.Info(); err == nil {
				f(name, fi)
			}
		}
		return nil
	})
}

// entryParts takes file\key\file apart, and fi\file\key\file. ok is false for
// what only lies in the same directory.
func entryParts(name string) (file, key string, ok bool) {
	parts := strings.Split(name, "/")
	if len(parts) == 4 && strings.EqualFold(parts[0], firstTwo(parts[1])) {
		parts = parts[1:]
	}
	if len(parts) != 3 || !isKey(parts[1]) {
		return "", "", false
	}
	base := parts[2]
	ok = strings.EqualFold(base, parts[0]) || strings.EqualFold(base, compressedName(parts[0]))
	return parts[0], parts[1], ok
}

func isKey(s string) bool {
	return len(s) <= 40 && s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// ParseKey is the inverse of [ID.Key]: it parses the name of a file's index
// directory in a symbol store. ok is false if the name is not a valid key.
func ParseKey(file, key string) (id ID, ok bool) {
	if !isKey(key) {
		return ID{}, false
	}
	id = idOfKey(file, key)
	return id, slices.ContainsFunc(id.Keys(), func(k string) bool { return strings.EqualFold(k, key) })
}

// idOfKey reads a key back. What a short one means shows in the file's name.
func idOfKey(file, key string) ID {
	m := regexp.MustCompile(`^([0-9A-Fa-f]{32})([0-9A-Fa-f]{0,8})$`).FindStringSubmatch(key)
	ext := strings.ToLower(path.Ext(file))
	if m != nil {
		g, _ := guid.Parse(m[1])
		return PDB70(g, hex32(m[2]))
	}
	first, second := key[:min(8, len(key))], key[min(8, len(key)):]
	switch ext {
	case ".pdb":
		return PDB20(hex32(first), hex32(second))
	case ".dbg":
		return DBG(hex32(first), hex32(second))
	}
	return Image(hex32(first), hex32(second))
}

func hex32(s string) uint32 {
	n, _ := strconv.ParseUint(s, 16, 32)
	return uint32(n)
}

// Finding is what [Cache.Verify] found out about one entry, or about the parts of a file.
type Finding struct {
	Location string
	Size     int64  // of parts, what is here of them and good
	Err      error  // nil when the entry is good
	Moved    string // where a bad entry was put
	Total    int64  // of a file of which only parts are here, its length; 0 for entries
}

// Verify reads every entry and compares it with its key, through
// Options.Verify, and with the recorded length and SHA-256. Bad entries are
// moved into quarantine unless the cache is read-only. Of files of which only
// parts are here each block is compared with its checksum; unless the cache is
// read-only, bad blocks are forgotten, to be fetched again. An error ends the
// sequence: the cache cannot be read, or ctx has ended.
func (c *Cache) Verify(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		var names []string
		err := c.walk(ctx, ".", func(name string, _ fs.FileInfo) {
			if _, _, ok := entryParts(name); ok {
				names = append(names, name)
			}
		})
		for _, name := range names {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				break
			}
			if !yield(c.audit(ctx, name), nil) {
				return
			}
		}
		if err == nil {
			err = c.auditParts(ctx, yield)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Finding{}, fmt.Errorf("verify cache: %w", err))
		}
	}
}

// audit checks one entry.
func (c *Cache) audit(ctx context.Context, name string) Finding {
	file, key, _ := entryParts(name)
	q := Query{File: file, ID: idOfKey(file, key)}
	f := Finding{Location: c.place().locate(name)}
	f.Size, f.Err = c.reread(ctx, q, name)
	if f.Err != nil && expellable(f.Err) && !c.opts.ReadOnly {
		if moved, err := c.expel(q, name, f.Err); err == nil {
			f.Moved = moved
		}
	}
	return f
}

func (c *Cache) reread(ctx context.Context, q Query, name string) (int64, error) {
	if !strings.EqualFold(path.Base(name), q.File) {
		return c.rereadCompressed(ctx, q, name)
	}
	size, err := c.check(q, name)
	if err != nil {
		return size, err
	}
	return size, c.unchanged(ctx, name)
}

func (c *Cache) rereadCompressed(ctx context.Context, q Query, name string) (int64, error) {
	p := c.place()
	p.limits = c.opts.Limits
	f, err := p.openExpanded(ctx, name, p.locate(name))
	if errors.Is(err, cab.ErrCorrupt) || errors.Is(err, cab.ErrFormat) {
		err = fmt.Errorf("%w: %w", ErrMismatch, err)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	_, err = c.opts.verify(q, f, f.Size())
	return f.Size(), err
}
