package sympath

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/symres/symres/internal/fsx"
)

// Store returns the stores of the path, asked from left to right. It touches
// neither disk nor network; directories are opened by each search, so that one
// which appears later is seen. A symbol store that occurs twice is asked once.
func (p Path) Store(o Options) Store {
	b := builder{options: o.orDefault(), roots: &roots{}}
	for _, e := range p.Expand().elements {
		b.element(e)
	}
	return chain{stores: b.stores, trace: o.Trace}
}

// Caches returns the caches of the path that this machine can write to, from
// left to right, each once.
func (p Path) Caches(o Options) []*Cache {
	b := builder{options: o.orDefault(), roots: &roots{}}
	for _, e := range p.Expand().elements {
		b.element(e)
	}
	return b.caches
}

// DefaultCache returns the directory that is used for an empty place in a chain
// and for a bare cache*: sym below DBGHELP_HOMEDIR, else symres/sym below the
// user's cache directory. getenv is os.Getenv or a substitute for it.
func DefaultCache(getenv func(string) string) (string, error) {
	if home := getenv("DBGHELP_HOMEDIR"); home != "" {
		return filepath.Join(ExpandEnv(home, getenv), "sym"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("default symbol cache: %w", err)
	}
	return filepath.Join(dir, "symres", "sym"), nil
}

type builder struct {
	options *Options
	stores  []searcher
	seen    []string // symbol store directories already in the list
	kept    []*Cache // of the cache* elements so far: they keep what is found to their right
	caches  []*Cache // all of them
	roots   *roots
}

func (b *builder) element(e Element) {
	if err := e.Err(); err != nil {
		b.stores = append(b.stores, unusable{element: e, origin: OriginDir, status: StatusError, err: err})
		return
	}
	switch e.Kind {
	case ElementServer:
		b.server(e)
	case ElementCache:
		stores := e.Stores
		if len(stores) == 0 {
			stores = []Element{{Kind: ElementDefault, Text: e.Text, Pos: e.Pos, Keyed: true}}
		}
		for _, store := range stores {
			b.kept = with(b.kept, b.keyed(store, OriginCache, b.kept))
		}
	case ElementDir:
		b.root(e.Text)
		b.add(lazyDir{
			element: e, origin: OriginDir, open: b.options.dir(), limits: b.options.Limits, roots: b.roots,
			tree: b.options.Recursive,
		}, b.kept)
	default:
		b.remote(e, b.kept)
	}
}

// server adds a chain. All of its stores but the last are caches of the last;
// a server that has no cache before it gets the default one.
func (b *builder) server(e Element) {
	tiers := b.kept
	stores := e.Stores
	if len(stores) > 0 && stores[0].Kind == ElementHTTP {
		stores = append([]Element{{Kind: ElementDefault, Pos: e.Pos, Keyed: true}}, stores...)
	}
	for i, store := range stores {
		origin := OriginCache
		if i == len(stores)-1 && store.Kind != ElementDefault {
			origin = OriginSymsrv
		}
		tiers = with(tiers, b.keyed(store, origin, tiers))
	}
}

// with appends a cache that is not in the list yet. Lists of tiers share their
// beginnings, so none is ever changed.
func with(tiers []*Cache, c *Cache) []*Cache {
	if c == nil || slices.ContainsFunc(tiers, func(t *Cache) bool { return t.dir == c.dir }) {
		return tiers
	}
	return append(tiers[:len(tiers):len(tiers)], c)
}

// add puts a store in the list that has caches to its left.
func (b *builder) add(in searcher, tiers []*Cache) {
	if len(tiers) > 0 && b.options.Verify != nil && !b.options.ReadOnly {
		in = cached{searcher: in, tiers: tiers, opts: b.options}
	}
	b.stores = append(b.stores, in)
}

// keyed adds a place with the layout of a symbol store and returns it if it is
// a cache that can be written.
func (b *builder) keyed(e Element, origin Origin, tiers []*Cache) *Cache {
	if e.Kind == ElementHTTP || e.Kind == ElementUNC {
		b.remote(e, tiers)
		return nil
	}
	if err := e.Err(); err != nil {
		b.stores = append(b.stores, unusable{element: e, origin: origin, status: StatusError, err: err})
		return nil
	}
	if e.Kind == ElementDefault {
		dir, err := b.options.cacheDir()
		if err != nil {
			b.stores = append(b.stores, unusable{element: e, origin: OriginCache, status: StatusError, err: err})
			return nil
		}
		e.Text = dir
	}
	var c *Cache
	if origin == OriginCache {
		c = b.cache(e.Text)
		b.caches = with(b.caches, c)
	} else {
		b.root(e.Text)
	}
	if !slices.Contains(b.seen, e.Text) {
		b.seen = append(b.seen, e.Text)
		b.add(lazyDir{element: e, origin: origin, open: b.options.dir(), cache: c, limits: b.options.Limits, roots: b.roots}, tiers)
	}
	return c
}

// root lets a file.ptr lead into a directory of the path. Caches are none:
// nobody keeps anything there by hand.
func (b *builder) root(dir string) {
	open := b.options.dir()
	b.roots.add(dir, false, func(context.Context) (fs.FS, error) { return open(dir) })
}

// cache is nil for a directory that this machine cannot write to.
func (b *builder) cache(dir string) *Cache {
	if _, err := osDir(dir); err != nil || b.options.Dir != nil {
		return nil
	}
	return newCache(dir, b.options)
}

// remote adds a place that only a hook of the caller's can reach.
func (b *builder) remote(e Element, tiers []*Cache) {
	hook, origin := b.options.HTTP, OriginHTTP
	if e.Kind == ElementUNC {
		hook, origin = b.options.UNC, OriginUNC
	}
	u := unusable{element: e, origin: origin, status: StatusUnsupported}
	switch {
	case b.options.Offline:
		u.status = StatusOffline
	case hook != nil:
		store, err := hook(e)
		if err == nil && store != nil {
			if sh, ok := store.(*share); ok {
				store = sh.in(tiers, b.options, b.roots)
			}
			if r, ok := store.(*remote); ok {
				b.stores = append(b.stores, r.within(tiers, b.options))
				return
			}
			b.add(asSearcher(store), tiers)
			return
		}
		u.status, u.err = StatusError, cmp.Or(err, errNoStore)
		if errors.Is(err, errors.ErrUnsupported) {
			u.status = StatusUnsupported
		}
	}
	b.stores = append(b.stores, u)
}

var errNoStore = errors.New("the hook gave no store")

func (o Options) dir() func(string) (fs.FS, error) {
	if o.Dir != nil {
		return o.Dir
	}
	return osDir
}

func (o Options) cacheDir() (string, error) {
	if o.Cache != "" {
		return o.Cache, nil
	}
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	return DefaultCache(getenv)
}

var (
	errDrivePath = fmt.Errorf("a Windows drive path on %s: %w", runtime.GOOS, fs.ErrNotExist)
	errShare     = errors.New(`a share; write \\server\share`)
)

// osDir opens a directory of this machine. A drive path elsewhere than on
// Windows would name a file in the current directory, which nobody means; and
// the spellings of a share that are no UNC element must not connect to it.
func osDir(dir string) (fs.FS, error) {
	windows := runtime.GOOS == "windows"
	switch {
	case !windows && isDrivePath(dir):
		return nil, errDrivePath
	case windows && isShare(dir):
		return nil, errShare
	}
	return fsx.Dir(dir), nil
}

// isShare matches what Windows takes for \\server\share: slashes in any mix,
// and the device form \\?\UNC\server\share.
func isShare(s string) bool {
	s = strings.ReplaceAll(s, "/", `\`)
	return isUNC(s) || hasPrefixFold(s, `\\?\UNC\`) || hasPrefixFold(s, `\\.\UNC\`)
}

func isDrivePath(s string) bool {
	return len(s) >= 2 && s[1] == ':' && (s[0]|0x20) >= 'a' && (s[0]|0x20) <= 'z'
}

// lazyDir opens its directory when it is searched. An element that is not
// keyed is a plain directory.
type lazyDir struct {
	element Element
	origin  Origin // of a keyed element
	open    func(string) (fs.FS, error)
	cache   *Cache // the directory is a cache to be read with care
	limits  Limits
	roots   *roots
	tree    bool // of a plain directory: with all that is below it
}

func (l lazyDir) search(s *search) bool {
	start := time.Now()
	fsys, err := l.open(l.element.Text)
	p := place{name: l.element.Text, fsys: fsys, origin: l.origin}
	if l.cache != nil && err == nil {
		p = l.cache.place()
	}
	p.limits = l.limits
	if l.cache == nil {
		p.roots = l.roots
	}
	if err != nil {
		u := unusable{element: l.element, origin: l.origin}
		u.status, u.err = p.classify(err)
		return u.note(s, start)
	}
	if l.element.Keyed {
		return symsrvStore{p}.search(s)
	}
	if l.tree {
		return treeStore{p}.search(s)
	}
	return dirStore{p}.search(s)
}

// unusable stands for an element that cannot be searched and says so.
type unusable struct {
	element Element
	origin  Origin
	status  Status
	err     error
}

func (u unusable) search(s *search) bool { return u.note(s, time.Now()) }

func (u unusable) note(s *search, start time.Time) bool {
	parts := []string{s.query.File}
	if key := s.query.ID.Key(); key != "" && u.element.Keyed {
		parts = append(parts, key, s.query.File)
	}
	s.note(Attempt{
		Store: u.element.Text, Location: place{name: u.element.Text}.location(parts...),
		Origin: u.origin, Status: u.status, Err: u.err,
	}, start)
	return s.alive()
}
