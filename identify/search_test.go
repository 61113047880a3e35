package identify_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
)

// TestFound_Refuse: of two files at the same location, found one after the
// other, the one that was refused is told, whatever was found since.
func TestFound_Refuse(t *testing.T) {
	dir := sympath.Dir("d", fstest.MapFS{"a.sys": {Data: []byte("a")}})
	s := &identify.Search{Images: dir, Symbols: dir}
	var found []*identify.Found
	for f, err := range s.Image(t.Context(), sympath.Query{File: "a.sys"}) {
		if err == nil {
			found = append(found, f)
		}
	}
	why := errors.New("the first one")
	if len(found) != 2 || found[0].Location != found[1].Location {
		t.Fatalf("found %v", found)
	}
	found[0].Refuse(why)
	var got []sympath.Status
	for _, a := range s.Attempts() {
		if a.Location == "d/a.sys" {
			got = append(got, a.Status)
		}
	}
	if !slices.Equal(got, []sympath.Status{sympath.StatusRefused, sympath.StatusFound}) || s.Attempts()[0].Err != why {
		t.Errorf("%v", s.Attempts())
	}
}

func statuses(s *identify.Search) (all []sympath.Status) {
	for _, a := range s.Attempts() {
		all = append(all, a.Status)
	}
	return all
}

// TestFound_Refuse_fetched: a file that was fetched is refused at its server,
// or where it lies in a cache, and then its server had it all the same.
func TestFound_Refuse_fetched(t *testing.T) {
	pdb := serving(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.pdb"))
	path, err := sympath.Parse("srv*" + t.TempDir() + "*https://server")
	if err != nil {
		t.Fatal(err)
	}
	id, err := identify.FileID(sympath.Query{}, bytes.NewReader(pdb), int64(len(pdb)))
	if err != nil {
		t.Fatal(err)
	}
	server := sympath.Remote(pdb)
	cached := path.Store(sympath.Options{Verify: identify.FileID, HTTP: func(sympath.Element) (sympath.Store, error) { return server, nil }})
	for name, c := range map[string]struct {
		store sympath.Store
		want  []sympath.Status
	}{
		"no cache": {server, []sympath.Status{sympath.StatusRefused}},
		"a cache":  {cached, []sympath.Status{sympath.StatusPathNotFound, sympath.StatusFound, sympath.StatusRefused}},
	} {
		s := &identify.Search{Symbols: c.store}
		for f, err := range s.PDB(t.Context(), sympath.Query{File: "fs_rec.pdb", ID: id}) {
			if err == nil {
				f.Refuse(errors.New("not wanted"))
				break
			}
		}
		if got := statuses(s); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, s.Attempts(), c.want)
		}
	}
}
