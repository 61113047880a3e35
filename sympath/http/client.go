package http

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/creds"
)

// Client holds what the stores of a path have in common: connections, and what
// was learned about hosts. It is safe for concurrent use.
type Client struct {
	cfg   Config
	trip  http.RoundTripper
	proxy func(*http.Request) (*url.URL, error)
	creds *creds.Finder

	mu      sync.Mutex
	hosts   map[string]*host // by origin
	allowed map[string]bool  // host:port that may be private
	layouts map[storeKey]*layout
}

// New makes a client. The error says that the netrc file or a variable of the
// environment cannot be used.
func New(cfg Config) (*Client, error) {
	c := &Client{cfg: cfg.orDefault(), hosts: map[string]*host{}, allowed: map[string]bool{}, layouts: map[storeKey]*layout{}}
	var err error
	if c.creds, err = creds.New(creds.Config{Ask: cfg.Credentials, Getenv: cfg.Getenv, Netrc: cfg.Netrc}); err != nil {
		return nil, err
	}
	if c.proxy, err = proxyFrom(c.cfg.Getenv); err != nil {
		return nil, err
	}
	for _, addr := range cfg.Hosts {
		c.trust(addr)
	}
	switch {
	case cfg.Client == nil:
		c.trip = c.transport()
	case cfg.Client.Transport != nil:
		c.trip = cfg.Client.Transport
	default:
		c.trip = http.DefaultTransport
	}
	return c, nil
}

// CloseIdle closes the connections that are not in use.
func (c *Client) CloseIdle() {
	if t, ok := c.trip.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// transport limits what a server can make us hold; how long it may take is
// watched for each request, so that a caller's transport is treated the same.
func (c *Client) transport() *http.Transport {
	return &http.Transport{
		Proxy:                  c.viaProxy,
		DialContext:            c.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.cfg.RootCAs},
		TLSHandshakeTimeout:    c.cfg.HeaderTimeout,
		MaxConnsPerHost:        max(c.cfg.Conns, maxRanges),
		MaxIdleConnsPerHost:    max(c.cfg.Conns, maxRanges),
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 1 << 20,
		DisableCompression:     true, // lengths must be those of what was sent
		ForceAttemptHTTP2:      true,
	}
}

// viaProxy lets the dialer reach the proxy wherever it is.
func (c *Client) viaProxy(r *http.Request) (*url.URL, error) {
	if c.proxy == nil {
		return nil, nil
	}
	u, err := c.proxy(r)
	if err == nil && u != nil {
		c.trust(creds.HostPort(u))
	}
	return u, err
}

// proxyFrom reads _NT_SYMBOL_PROXY, host:port, which overrides all else.
func proxyFrom(getenv func(string) string) (func(*http.Request) (*url.URL, error), error) {
	if getenv == nil {
		return nil, nil
	}
	v := strings.TrimSpace(getenv("_NT_SYMBOL_PROXY"))
	if v == "" {
		return http.ProxyFromEnvironment, nil
	}
	if !strings.Contains(v, "://") {
		v = "http://" + v
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" {
		return nil, errors.New("_NT_SYMBOL_PROXY: want host:port") // the value may hold a password
	}
	return http.ProxyURL(u), nil
}

func (c *Client) host(u *url.URL) *host {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hosts[creds.Origin(u)]
	if h == nil {
		h = newHost(u.Hostname(), c.cfg.Conns)
		c.hosts[creds.Origin(u)] = h
	}
	return h
}

// storeKey tells stores apart: who may not look must not answer for who may.
type storeKey struct {
	base string
	cred creds.Credential
}

func (c *Client) layout(s *server) *layout {
	key := storeKey{base: s.url().String()}
	if s.cred != nil {
		key.cred = *s.cred
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.layouts[key]
	if l == nil {
		l = &layout{token: make(chan struct{}, 1)}
		c.layouts[key] = l
	}
	return l
}

// Store returns the store for an http or https element; it is meant for
// [sympath.Options].HTTP. No connection is made yet.
func (c *Client) Store(e sympath.Element) (sympath.Store, error) {
	s, err := c.server(e)
	if err != nil {
		return nil, err
	}
	return sympath.Remote(s), nil
}

func (c *Client) server(e sympath.Element) (*server, error) {
	u, err := url.Parse(e.Text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("not an http or https URL with a host")
	}
	if e.Kind != sympath.ElementHTTP {
		return nil, fmt.Errorf("element is a %v, not a URL", e.Kind)
	}
	if e.Query() != "" {
		u.RawQuery = e.Query()
	}
	s := &server{client: c, base: u, name: redact(u), host: c.host(u)}
	if user := cmpUser(e.Userinfo(), u.User); user != nil {
		password, _ := user.Password()
		s.cred = &creds.Credential{User: user.Username(), Password: password}
	}
	u.User, u.Fragment = nil, ""
	c.trust(creds.HostPort(u))
	c.trust(net.JoinHostPort(strings.ToLower(u.Hostname()), "443")) // http sends many to https
	s.index2 = c.layout(s)
	return s, nil
}

func cmpUser(a, b *url.Userinfo) *url.Userinfo {
	if a != nil {
		return a
	}
	return b
}

// redact is a URL without what may be secret in it: password, and the query,
// where signed URLs have their signature.
func redact(u *url.URL) string {
	out := *u
	out.User, out.RawQuery, out.Fragment, out.RawFragment, out.ForceQuery = nil, "", "", "", false
	return out.String()
}
