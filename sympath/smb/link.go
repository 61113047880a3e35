package smb

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/symres/symres/internal/smb2"
	"github.com/symres/symres/sympath/creds"
)

// link is a connection to a server that has been logged in to.
type link struct {
	conn   *smb2.Conn
	server string

	mu     sync.Mutex
	shares map[string]*smb2.Share // by name in lower case
}

// login is how a server is logged in to.
type login struct {
	domain, user, password string
	guest                  bool
}

// newLogin returns the login of a credential; nil is none.
func newLogin(c *creds.Credential, guest bool) (login, error) {
	switch {
	case c == nil && guest:
		return login{user: "guest", guest: true}, nil
	case c == nil:
		return login{}, ErrNoCredential
	case c.Bearer != "" || c.User == "":
		return login{}, fmt.Errorf("%w: shares want a user and a password", ErrNoCredential)
	}
	l := login{user: c.User, password: c.Password}
	if domain, user, ok := strings.Cut(c.User, `\`); ok {
		l.domain, l.user = domain, user
	}
	l.guest = strings.EqualFold(l.user, "guest") && l.password == ""
	return l, nil
}

// connect dials a server and logs in, until the context ends.
func connect(ctx context.Context, cfg *Config, server string, as login) (*link, error) {
	address := net.JoinHostPort(server, "445")
	raw, err := cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	l := smb2.Login{Domain: as.domain, User: as.user, Password: as.password, Guest: as.guest, Least: smb2.Dialect30}
	if cfg.SMB21 {
		l.Least = smb2.Dialect21
	}
	conn, err := smb2.Dial(raw, l)
	if err != nil {
		return nil, loginError(ctx, err)
	}
	return &link{conn: conn, server: server, shares: map[string]*smb2.Share{}}, nil
}

// loginError finds the reason a login failed.
func loginError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	err = explain(err)
	if err == ErrPermission {
		return ErrLogin
	}
	return err
}

// errGaveUp is why a connection broke that one of its users closed.
var errGaveUp = fmt.Errorf("%w: somebody gave up waiting", ErrBroken)

// close ends the connection without another word to the server.
func (l *link) close() {
	l.conn.Abort(errGaveUp)
}

// share returns a share of the server. It is connected to once.
func (l *link) share(name string) (*smb2.Share, error) {
	key := strings.ToLower(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	if share := l.shares[key]; share != nil {
		return share, nil
	}
	share, err := l.conn.Mount(`\\` + l.server + `\` + name)
	if err == nil {
		l.shares[key] = share
	}
	return share, err
}
