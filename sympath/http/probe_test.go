package http_test

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

func TestProbe(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct {
		code   int
		body   string
		want   error
		answer string
	}{
		"one tier":    {404, "nothing here", nil, "404 Not Found, one tier"},
		"two tiers":   {200, "", nil, "200 OK, two tiers"},
		"login":       {200, "<html>", symhttp.ErrNotSymbols, ""},
		"permission":  {403, "", symhttp.ErrPermission, ""},
		"unavailable": {503, "", symhttp.ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.code)
				w.Write([]byte(c.body))
			})
			got, err := client(t, symhttp.Config{}).Probe(t.Context(), element(t, srv.URL+"/symbols/"))
			if !errors.Is(err, c.want) || got.Code != c.code || err == nil && got.String() != c.answer {
				t.Errorf("%v, %v; want %v, %q", got, err, c.want, c.answer)
			}
			wantURIs(t, srv.uris(), "/symbols/index2.txt")
			if m := srv.requests[0].Method; m != "GET" {
				t.Errorf("method %s", m)
			}
		})
	}
	if _, err := client(t, symhttp.Config{}).Probe(t.Context(), element(t, "http://"+closed.Addr().String())); err == nil {
		t.Error("a closed port answered")
	}
}

func element(t *testing.T, url string) sympath.Element {
	t.Helper()
	p, err := sympath.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return p.Elements()[0]
}
