package smb

import (
	"context"
	"net"
	"time"

	"github.com/symres/symres/sympath/creds"
)

// Config configures a [Client]. The zero value works, but has no credentials:
// only servers that Guest allows can be read then.
type Config struct {
	// Getenv is os.Getenv, a substitute, or nil to leave the environment
	// alone. It is asked for SYMRES_AUTH, words of the form
	// smb://server=DOMAIN\user:password, and for NETRC.
	Getenv func(string) string
	// Credentials returns the credential for a server, given as
	// smb://server:445, or nil if there is none. It is called once per server.
	// The user guest without a password asks for a guest login, which is
	// neither signed nor encrypted.
	Credentials func(ctx context.Context, origin string) (*creds.Credential, error)
	// Netrc is the netrc file; empty means the one NETRC names or that of the
	// user's home directory, if there is a Getenv.
	Netrc string
	// Guest allows a guest login if there is no credential.
	Guest bool
	// SMB21 accepts servers that speak no version newer than SMB 2.1.
	SMB21 bool
	// Dial makes the connections; nil means a [net.Dialer]. address is that
	// of the server in the path, with port 445.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	ConnectTimeout time.Duration // for connection and login: 10 s
	Timeout        time.Duration // for the answer to one request, 256 KB at most: 15 s
	IdleTimeout    time.Duration // before an unused connection is closed: 60 s
	// Pause is how long no connection is tried after a failed one: 30 s.
	Pause time.Duration
}

func (c Config) orDefault() Config {
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	}
	for field, value := range map[*time.Duration]time.Duration{
		&c.ConnectTimeout: 10 * time.Second, &c.Timeout: 15 * time.Second,
		&c.IdleTimeout: time.Minute, &c.Pause: 30 * time.Second,
	} {
		if *field == 0 {
			*field = value
		}
	}
	return c
}
