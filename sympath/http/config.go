package http

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/symres/symres/sympath/creds"
)

// DefaultUserAgent is the User-Agent of symsrv; some servers refuse others.
const DefaultUserAgent = "Microsoft-Symbol-Server/10.0.0.0"

// Config configures a [Client]. The zero value works: it makes direct
// connections, uses no credentials but those in the path, and reads neither
// the environment nor files of the user's.
type Config struct {
	// Only the Transport of Client is used: this package handles redirects,
	// cookies and time limits itself. If Client is nil, connections use TLS 1.2
	// or later, and a redirect to a private, loopback or link-local address is
	// refused when it is dialed. With a Client only addresses that are written
	// in the redirect can be refused.
	Client *http.Client
	// RootCAs are trusted instead of those of the system. Not used with Client.
	RootCAs *x509.CertPool
	// Getenv is os.Getenv, a substitute, or nil to leave the environment
	// alone. It is asked for _NT_SYMBOL_PROXY, SYMRES_AUTH and NETRC. With it
	// and without _NT_SYMBOL_PROXY the proxy is that of
	// [net/http.ProxyFromEnvironment].
	Getenv func(string) string
	// Credentials returns the credential for an origin, scheme://host:port, or
	// nil if there is none. It is called once per origin.
	Credentials func(ctx context.Context, origin string) (*creds.Credential, error)
	// Netrc is the netrc file; empty means the one NETRC names or that of the
	// user's home directory, if there is a Getenv. It is used for https only.
	// An encrypted (.gpg) file is an error: decrypting it runs a program.
	Netrc string
	// Hosts, as host:port, may be targets of redirects although their addresses
	// are private. The hosts of the stores are always allowed.
	Hosts []string
	// UserAgent replaces [DefaultUserAgent].
	UserAgent string
	// CaseProbe repeats every unsuccessful request in lower case, even if only
	// the key has capital letters. Without it, requests are repeated only if
	// the file name has capital letters, or the server is an object store.
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
