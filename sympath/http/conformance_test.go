package http_test

import (
	"testing"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
	"github.com/symres/symres/sympath/storetest"
)

// TestStore_conformance holds a server, with a cache before it and without,
// against the contract of stores.
func TestStore_conformance(t *testing.T) {
	s := symbol(t)
	srv := serve(t, false, file("/symbols", s))
	c := client(t, symhttp.Config{})
	bare, err := c.Store(cacheThen(t, "srv*x*"+srv.URL+"/symbols"))
	if err != nil {
		t.Fatal(err)
	}
	lacks := sympath.Query{File: "other.pdb", ID: s.query.ID}
	for name, store := range map[string]sympath.Store{"cached": open(t, c, "srv*"+t.TempDir()+"*"+srv.URL+"/symbols"), "bare": bare} {
		if err := storetest.TestStore(store, storetest.Has(s.query, s.data), storetest.Lacks(lacks)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// cacheThen is the server of a chain with one cache.
func cacheThen(t *testing.T, path string) sympath.Element {
	t.Helper()
	p, err := sympath.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	return p.Elements()[0].Stores[1]
}
