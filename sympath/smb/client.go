package smb

import (
	"context"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/creds"
)

// Client makes the stores for the shares of a path, and holds one connection
// to each server of it. It is safe for concurrent use.
type Client struct {
	cfg   Config
	os    bool // the system reads shares
	creds *creds.Finder

	mu      sync.Mutex
	servers map[string]*server // by name in lower case
	closed  bool
}

// New makes a client. The error says that the netrc file or a variable of the
// environment cannot be used.
func New(cfg Config) (*Client, error) {
	c := &Client{cfg: cfg.orDefault(), os: runtime.GOOS == "windows" && cfg.Dial == nil, servers: map[string]*server{}}
	var err error
	c.creds, err = creds.New(creds.Config{Ask: cfg.Credentials, Getenv: cfg.Getenv, Netrc: cfg.Netrc})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Close closes the connections. Files that are open cannot be read any more.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, s := range c.servers {
		s.close()
	}
	return nil
}

// Store returns the store for an element that names a share; it is meant for
// [sympath.Options].UNC. No connection is made yet. The error wraps [ErrName].
func (c *Client) Store(e sympath.Element) (sympath.Store, error) {
	u, err := kindOf(e)
	if err != nil {
		return nil, err
	}
	if c.os {
		dir := u.tree() + `\` + strings.Join(u.dir, `\`)
		return sympath.Share(e.Text, e.Keyed, func(context.Context) (fs.FS, error) { return fsx.Dir(dir), nil }), nil
	}
	s := c.server(u.server)
	return sympath.Share(e.Text, e.Keyed, func(ctx context.Context) (fs.FS, error) {
		d := dir{ctx: ctx, server: s, share: u.share, dir: path.Join(u.dir...)}
		// Whatever is wrong with the server or the share is told once, and
		// not for each file that is looked for.
		fi, err := d.Stat(".")
		if err == nil && !fi.IsDir() {
			err = fs.ErrNotExist
		}
		if err != nil {
			return nil, cause(err)
		}
		return d, nil
	}), nil
}

func (c *Client) server(name string) *server {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := strings.ToLower(name)
	s := c.servers[key]
	if s == nil {
		s = &server{client: c, name: name, dial: make(chan struct{}, 1), slots: semaphore.NewWeighted(allSlots), folds: map[string]bool{}}
		c.servers[key] = s
	}
	return s
}
