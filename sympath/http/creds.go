package http

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jdx/go-netrc"

	"github.com/symres/symres/internal/fsx"
)

// Credential is what is sent to one origin, and to no other: a user name and
// password, an Azure DevOps personal access token as the password of an empty
// user, or a bearer token.
type Credential struct {
	User, Password string
	Bearer         string
}

// String hides everything but the user, and so do all other formats.
func (c Credential) String() string {
	if c.Bearer != "" {
		return "bearer token"
	}
	return "user " + c.User
}

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// Format implements [fmt.Formatter].
func (c Credential) Format(w fmt.State, _ rune) { io.WriteString(w, c.String()) }

func (c *Credential) header() string {
	if c.Bearer != "" {
		return "Bearer " + c.Bearer
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
}

// credentials answers for an origin, and remembers what it answered.
type credentials struct {
	ask   func(ctx context.Context, origin string) (*Credential, error)
	env   map[string]*Credential // by origin
	netrc *netrc.Netrc

	mu    sync.Mutex
	known map[string]*Credential
}

func newCredentials(cfg Config) (*credentials, error) {
	c := &credentials{ask: cfg.Credentials, known: map[string]*Credential{}}
	file := cfg.Netrc
	if cfg.Getenv != nil {
		var err error
		if c.env, err = parseAuth(cfg.Getenv("SYMRES_AUTH")); err != nil {
			return nil, err
		}
		def(&file, cfg.Getenv("NETRC"))
	}
	explicit := file != ""
	if home, err := os.UserHomeDir(); err == nil && !explicit && cfg.Getenv != nil {
		file = filepath.Join(home, ".netrc")
	}
	if file == "" {
		return c, nil
	}
	var err error
	c.netrc, err = readNetrc(file)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return c, nil
	}
	return c, err
}

// parseAuth reads SYMRES_AUTH: words of the form origin=user:password, as in
// https://dev.azure.com=:token.
func parseAuth(s string) (map[string]*Credential, error) {
	creds := map[string]*Credential{}
	for i, word := range strings.Fields(s) {
		at, secret, ok := strings.Cut(word, "=")
		u, err := url.Parse(at)
		user, password, colon := strings.Cut(secret, ":")
		if !ok || !colon || err != nil || u.Host == "" {
			return nil, fmt.Errorf("SYMRES_AUTH, word %d: want https://host=user:password", i+1)
		}
		creds[origin(u)] = &Credential{User: user, Password: password}
	}
	return creds, nil
}

var errEncrypted = errors.New("an encrypted netrc file is not read")

// maxNetrc bounds the size of the file that is read.
const maxNetrc = 1 << 20

// readNetrc reads the file itself: given a name that ends in .gpg, the library
// would run a program.
func readNetrc(name string) (*netrc.Netrc, error) {
	if strings.EqualFold(filepath.Ext(name), ".gpg") {
		return nil, fmt.Errorf("netrc: %w", errEncrypted)
	}
	f, err := fsx.Open(name)
	if err != nil {
		return nil, fmt.Errorf("netrc: %w", err)
	}
	defer f.Close()
	if f.Size() > maxNetrc {
		return nil, fmt.Errorf("netrc: %w", fsx.ErrTooLarge)
	}
	data := make([]byte, f.Size())
	if _, err := f.ReadAt(data, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("netrc: %w", err)
	}
	n, err := netrc.ParseString(string(data))
	if err != nil {
		return nil, errors.New("netrc: cannot be parsed") // the cause may quote it
	}
	return n, nil
}

// find returns the credential for the origin of a URL, or nil.
func (c *credentials) find(ctx context.Context, u *url.URL) (*Credential, error) {
	at := origin(u)
	c.mu.Lock()
	defer c.mu.Unlock()
	if cred, ok := c.known[at]; ok {
		return cred, nil
	}
	var cred *Credential
	if c.ask != nil {
		var err error
		if cred, err = c.ask(ctx, at); err != nil {
			return nil, fmt.Errorf("credentials for %s: %w", at, err)
		}
	}
	if cred == nil {
		cred = c.env[at]
	}
	if cred == nil && u.Scheme == "https" && c.netrc != nil {
		if m := c.netrc.Machine(u.Hostname()); m != nil && !m.IsDefault {
			cred = &Credential{User: m.Get("login"), Password: m.Get("password")}
		}
	}
	c.known[at] = cred
	return cred, nil
}
