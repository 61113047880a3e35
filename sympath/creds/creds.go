// Package creds finds the credential for a server in a callback, in the
// environment and in netrc. It never returns a credential that belongs to
// another server.
package creds

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Credential is sent to one origin only. It is a user name and password, an
// Azure DevOps personal access token as the password of an empty user, or a
// bearer token. Shares want a user and password; the user may be written
// DOMAIN\user.
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

// Header returns the value of an Authorization header.
func (c *Credential) Header() string {
	if c.Bearer != "" {
		return "Bearer " + c.Bearer
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
}

// Config says where to look for credentials. The zero value uses no source.
type Config struct {
	// Ask returns the credential for an origin, or nil if there is none. It is
	// called once per origin.
	Ask func(ctx context.Context, origin string) (*Credential, error)
	// Getenv is called for SYMRES_AUTH and NETRC. If it is nil, the environment
	// is not used.
	Getenv func(string) string
	// Netrc is the netrc file; empty means the one NETRC names or that of the
	// user's home directory, if there is a Getenv.
	Netrc string
}

// Finder finds the credential for an origin and remembers the result. It is
// safe for concurrent use.
type Finder struct {
	ask   func(ctx context.Context, origin string) (*Credential, error)
	env   map[string]*Credential // by origin
	netrc map[string]*Credential // by machine, in lower case

	mu    sync.Mutex
	known map[string]*Credential
}

// New reads the environment and the netrc file. Error texts contain no secrets.
func New(cfg Config) (*Finder, error) {
	f := &Finder{ask: cfg.Ask, known: map[string]*Credential{}}
	file := cfg.Netrc
	if cfg.Getenv != nil {
		var err error
		if f.env, err = parseAuth(cfg.Getenv("SYMRES_AUTH")); err != nil {
			return nil, err
		}
		file = cmp.Or(file, cfg.Getenv("NETRC"))
	}
	explicit := file != ""
	if home, err := os.UserHomeDir(); err == nil && !explicit && cfg.Getenv != nil {
		file = filepath.Join(home, ".netrc")
	}
	if file == "" {
		return f, nil
	}
	var err error
	f.netrc, err = readNetrc(file)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return f, nil
	}
	return f, err
}

// parseAuth reads SYMRES_AUTH: words of the form origin=user:password, as in
// https://dev.azure.com=:token and smb://server=DOMAIN\user:password.
func parseAuth(s string) (map[string]*Credential, error) {
	creds := map[string]*Credential{}
	for i, word := range strings.Fields(s) {
		at, secret, ok := strings.Cut(word, "=")
		u, err := url.Parse(at)
		user, password, colon := strings.Cut(secret, ":")
		if !ok || !colon || err != nil || u.Host == "" {
			return nil, fmt.Errorf("SYMRES_AUTH, word %d: want https://host=user:password or smb://host=user:password", i+1)
		}
		creds[Origin(u)] = &Credential{User: user, Password: password}
	}
	return creds, nil
}

// Find returns the credential for the origin of a URL, or nil. Netrc is used
// for https and smb, which do not send a password in the clear.
func (f *Finder) Find(ctx context.Context, u *url.URL) (*Credential, error) {
	at := Origin(u)
	f.mu.Lock()
	defer f.mu.Unlock()
	if cred, ok := f.known[at]; ok {
		return cred, nil
	}
	var cred *Credential
	if f.ask != nil {
		var err error
		if cred, err = f.ask(ctx, at); err != nil {
			return nil, fmt.Errorf("credentials for %s: %w", at, err)
		}
	}
	if cred == nil {
		cred = f.env[at]
	}
	if scheme := strings.ToLower(u.Scheme); cred == nil && (scheme == "https" || scheme == "smb") {
		cred = f.netrc[strings.ToLower(u.Hostname())]
	}
	f.known[at] = cred
	return cred, nil
}

// Origin returns scheme://host:port in lower case. A credential is bound to an
// origin.
func Origin(u *url.URL) string { return strings.ToLower(u.Scheme) + "://" + HostPort(u) }

// HostPort returns host:port for a URL in lower case; without a port it uses
// the default port of the scheme.
func HostPort(u *url.URL) string {
	port := u.Port()
	switch scheme := strings.ToLower(u.Scheme); {
	case port != "":
	case scheme == "https":
		port = "443"
	case scheme == "smb":
		port = "445"
	case strings.HasPrefix(scheme, "socks5"):
		port = "1080"
	default:
		port = "80"
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
