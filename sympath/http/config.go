package http

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/symres/symres/sympath/creds"
)

// DefaultUserAgent is what symsrv calls itself; some servers refuse others.
const DefaultUserAgent = "Microsoft-Symbol-Server/10.0.0.0"

// Config configures a [Client]. The zero value works: it makes direct
// connections, uses no credentials but those in the path, and reads neither
// the environment nor files of the user's.
type Config struct {
	// Client lends its Transport, nothing else: redirects, cookies and time
	// limits are this package's business. Without one connections are made
	// with TLS 1.2 or later, and a redirect to a private, loopback or
	// link-local address is refused when it is dialed; with one only
	// addresses that stand in the redirect itself can be refused.
	Client *http.Client
	// RootCAs are trusted instead of those of the system. Not used with Client.
	RootCAs *x509.CertPool
	// Getenv is os.Getenv, a substitute, or nil to leave the environment
	// alone. It is asked for _NT_SYMBOL_PROXY, SYMRES_AUTH and NETRC. With it
	// and without _NT_SYMBOL_PROXY the proxy is that of
	// [net/http.ProxyFromEnvironment].
	Getenv func(string) string
	// Credentials is asked once for the credential of each origin,
	// scheme://host:port. nil means that it has none.
	Credentials func(ctx context.Context, origin string) (*creds.Credential, error)
	// Netrc is the netrc file; empty means the one NETRC names or that of the
	// user's home directory, if there is a Getenv. It is used for https only.
	// An encrypted (.gpg) file is an error: decrypting it runs a program.
	Netrc string
	// Hosts, as host:port, may be redirected to though their addresses are
	// private. Those of the stores may be already.
	Hosts []string
	// UserAgent replaces [DefaultUserAgent].
	UserAgent string
	// CaseProbe asks every server that does not have a file for it in lower
	// case too, also when only the key has capitals. Without it a name in
	// capitals is what it takes, unless the server is an object store.
	CaseProbe bool

	Tries           int           // without progress, before a transfer is given up: 3
	MaxWait         time.Duration // the longest Retry-After that is waited for: 30 s
	HeaderTimeout   time.Duration // for the first answer, half of it for a connection: 10 s
	ProgressTimeout time.Duration // without a byte: 15 s
	MinRate         int64         // bytes per second over RateWindow: 1024
	RateWindow      time.Duration // 30 s
	Conns           int           // at the same time to one host: 8
	MaxExpanded     int64         // bytes of a body after its Content-Encoding: 8 GiB
	// After BreakerFailures failures in a row a host is left alone for
	// BreakerPause. 5 and 60 s.
	BreakerFailures int
	BreakerPause    time.Duration
}

func (c Config) orDefault() Config {
	def(&c.UserAgent, DefaultUserAgent)
	def(&c.Tries, 3)
	def(&c.MaxWait, 30*time.Second)
	def(&c.HeaderTimeout, 10*time.Second)
	def(&c.ProgressTimeout, 15*time.Second)
	def(&c.MinRate, 1024)
	def(&c.RateWindow, 30*time.Second)
	def(&c.Conns, 8)
	def(&c.MaxExpanded, 8<<30)
	def(&c.BreakerFailures, 5)
	def(&c.BreakerPause, time.Minute)
	return c
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
