package smb_test

import (
	"testing"

	"github.com/symres/symres/internal/smbd"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/smb"
	"github.com/symres/symres/sympath/storetest"
)

// TestStore_conformance holds a share of Samba against the contract of stores.
func TestStore_conformance(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	data := content(100_000)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", data)
	c := client(t, s, smb.Config{Credentials: password})
	for _, path := range []string{`srv*\\myserver\signed\sym`, `srv*` + t.TempDir() + `*\\myserver\signed\sym`} {
		p, err := sympath.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		store := p.Store(sympath.Options{UNC: c.Store})
		if err := storetest.TestStore(store, storetest.Has(key(1), data), storetest.Lacks(key(2))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
