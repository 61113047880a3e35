// Package stores combines the usual stores of a symbol path: symbol servers
// over HTTP(S), Windows shares, mounted or not, and caches that accept only
// files with the right identity. One call replaces the hooks of
// [sympath.Options]:
//
//	all := stores.New(stores.Config{})
//	defer all.Close()
//	store, err := all.Open("srv*;/mnt/symbols")
//
// It links the clients of sympath/http and sympath/smb. A program that needs
// neither calls [sympath.Path.Store] itself. Package target does all this when
// it opens a target.
package stores

import (
	"errors"
	"os"
	"sync"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
	"github.com/symres/symres/sympath/smb"
)

// Config says how to reach servers and shares. The zero Config takes proxies,
// credentials and the default cache from the environment, as the symres command
// does.
type Config struct {
	// Getenv replaces os.Getenv. An environment without variables is one that
	// returns "" for all.
	Getenv func(string) string
	// Cache is the directory for an empty place in a chain and for a bare
	// cache*. Empty: [sympath.DefaultCache].
	Cache string
	// Offline makes no connection: servers and shares are left out.
	Offline bool
	// Refresh asks servers again for files that a cache remembers as missing.
	Refresh bool
	// Rehash reads each cache entry completely before it is used, and compares
	// it with its recorded hash.
	Rehash bool
	// Remote says whether PDBs on servers and shares are read where they lie.
	Remote sympath.RemoteMode
	// Mounts are the shares that are mounted on this machine.
	Mounts sympath.Mounts
	// SMB21 accepts shares on servers that speak no version newer than SMB 2.1.
	SMB21 bool
	// Share replaces the SMB client, for programs that reach shares in another
	// way. Mounts take precedence. Its error may wrap [errors.ErrUnsupported].
	Share func(sympath.Element) (sympath.Store, error)
	// Trace receives every attempt and the events of files that are being
	// fetched. It may be nil.
	Trace *sympath.Trace
}

// Stores makes stores that share connections and what was learned about hosts.
// No connection is made and no netrc file is read until a file is looked for on
// a server or share. It is safe for concurrent use.
type Stores struct {
	cfg    Config
	client func() (*symhttp.Client, error)

	mu     sync.Mutex // guards the fields below
	shares *smb.Client
	used   bool // the client of client was made
	closed bool
}

// New returns the stores for a configuration. It does not use the disk or the
// network.
func New(cfg Config) *Stores {
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	s := &Stores{cfg: cfg}
	s.client = sync.OnceValues(s.newClient)
	return s
}

// Open returns the store for a symbol path, which is searched from left to
// right; an empty path gives an empty store. Variables and ~ are expanded
// ([sympath.ExpandEnv]). Invalid elements are left out, and the error joins a
// [*sympath.ParseError] for each of them; the returned store is usable all the
// same. Problems with a place are reported in the attempts of a search.
func (s *Stores) Open(path string) (sympath.Store, error) { return s.open(path, s.Options()) }

// OpenImages is [Stores.Open] for an image path, along which plain directories
// are searched with all that is below them.
func (s *Stores) OpenImages(path string) (sympath.Store, error) {
	o := s.Options()
	o.Recursive = true
	return s.open(path, o)
}

func (s *Stores) open(path string, o sympath.Options) (sympath.Store, error) {
	p, bad := sympath.ParseEach(sympath.ExpandEnv(path, s.cfg.Getenv))
	var errs []error
	for _, err := range bad {
		errs = append(errs, err)
	}
	return p.Store(o), errors.Join(errs...)
}

// Options returns the options that [Stores.Open] passes to
// [sympath.Path.Store], for other uses of a path, such as
// [sympath.Path.Caches], and for changes.
func (s *Stores) Options() sympath.Options {
	share := s.cfg.Share
	if share == nil {
		share = s.share
	}
	return sympath.Options{
		Verify: identify.FileID, HTTP: s.server, UNC: s.cfg.Mounts.UNC(share), Cache: s.cfg.Cache, Getenv: s.cfg.Getenv,
		Offline: s.cfg.Offline, Refresh: s.cfg.Refresh, Rehash: s.cfg.Rehash, Trace: s.cfg.Trace,
		Remote: s.cfg.Remote,
	}
}

// Client returns the client of all symbol servers. The error says that the
// netrc file or a variable of the environment cannot be used.
func (s *Stores) Client() (*symhttp.Client, error) { return s.client() }

func (s *Stores) newClient() (*symhttp.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = true
	return symhttp.New(symhttp.Config{Getenv: s.cfg.Getenv})
}

func (s *Stores) server(e sympath.Element) (sympath.Store, error) {
	client, err := s.Client()
	if err != nil {
		return nil, err
	}
	return client.Store(e)
}

// share reaches the shares that are mounted nowhere.
func (s *Stores) share(e sympath.Element) (sympath.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, smb.ErrClosed
	}
	if s.shares == nil {
		c, err := smb.New(smb.Config{Getenv: s.cfg.Getenv, SMB21: s.cfg.SMB21})
		if err != nil {
			return nil, err
		}
		s.shares = c
	}
	return s.shares.Store(e)
}

// Close closes the connections. Files of shares that are open cannot be read any
// more; stores handed out find nothing on shares. A second Close does nothing.
func (s *Stores) Close() error {
	s.mu.Lock()
	shares, used, closed := s.shares, s.used, s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	var err error
	if used {
		client, clientErr := s.client()
		if clientErr == nil {
			client.CloseIdle()
		}
	}
	if shares != nil {
		err = errors.Join(err, shares.Close())
	}
	return err
}
