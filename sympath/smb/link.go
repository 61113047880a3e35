package smb

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	smb2 "github.com/cloudsoda/go-smb2"

	"github.com/symres/symres/sympath/creds"
)

// link is a connection to a server that has been logged in to.
type link struct {
	conn    *guarded
	session *smb2.Session

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
	conn := &guarded{Conn: raw, rules: rules{guest: as.guest, leastDialect: dialect30}}
	if cfg.SMB21 {
		conn.rules.leastDialect = dialect21
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	d := smb2.Dialer{
		Negotiator: smb2.Negotiator{RequireMessageSigning: !as.guest},
		Initiator:  &smb2.NTLMInitiator{User: as.user, Password: as.password, Domain: as.domain},
	}
	session, err := d.DialConn(ctx, conn, server)
	if err != nil {
		err = loginError(ctx, conn, err)
		raw.Close()
		return nil, err
	}
	conn.finish()
	return &link{conn: conn, session: session, shares: map[string]*smb2.Share{}}, nil
}

// loginError finds the reason a login failed.
func loginError(ctx context.Context, conn *guarded, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if conn.failure() != nil {
		return conn.failure()
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
	l.conn.fail(errGaveUp)
	l.conn.Close()
}

// share returns a share of the server. One is asked for at a time: the library
// takes such a request out of the credits of no one, and a server that sees
// several beyond what it granted refuses them.
func (l *link) share(name string) (*smb2.Share, error) {
	key := strings.ToLower(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	if share := l.shares[key]; share != nil {
		return share, nil
	}
	share, err := l.session.Mount(name)
	if err == nil {
		l.shares[key] = share
	}
	return share, err
}
