package http_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// ask asks a server for the sample, or for it under another name.
func ask(t *testing.T, q sympath.Query, h http.HandlerFunc) (result, *recorder) {
	t.Helper()
	srv := serve(t, false, h)
	return run(t, open(t, client(t, symhttp.Config{}), srv.URL), q), srv
}

// S3 reads a plus in a path as a space, and strict servers refuse characters
// that RFC 3986 reserves: all of them are escaped, on the wire.
func TestReservedCharacters(t *testing.T) {
	s := symbol(t)
	for _, name := range []string{"c++.pdb", "a b.pdb", "a&b=c.pdb", "a@b.pdb", "a,b;c.pdb", "a$b!c.pdb", "a(b)'c.pdb", "a#b.pdb", "a[b].pdb", "a~b-c_d.pdb", "é.pdb", "a^b.pdb"} {
		path := "/" + name + "/" + s.query.ID.Key() + "/" + name
		r, srv := ask(t, sympath.Query{File: name, ID: s.query.ID}, func(w http.ResponseWriter, r *http.Request) {
			// As S3 does it: what is escaped is undone, and a plus is a space.
			key, err := url.QueryUnescape(r.RequestURI)
			if err != nil || key != path || strings.ContainsAny(r.RequestURI, "+&=@,;$!()'*:[]^ ") {
				http.NotFound(w, r)
				return
			}
			w.Write(s.data)
		})
		if !r.found || r.content != string(s.data) {
			t.Errorf("%s: %v; requests %q", name, r.last(), srv.uris())
		}
	}
}

// A server that calls everything a page, as some do with what they do not know,
// is judged by the bytes it sends.
func TestPagesByTheirBytes(t *testing.T) {
	s := symbol(t)
	image := sampleOf(t, "fs_rec/x64/good/fs_rec.sys")
	for name, c := range map[string]struct {
		s     sample
		body  []byte
		found bool
	}{
		"PDB":             {s, s.data, true},
		"image":           {image, image.data, true},
		"compressed":      {s, zipped(s.data), true},
		"page":            {s, []byte("<html>"), false},
		"page behind BOM": {s, []byte("\xef\xbb\xbf\n<!doctype html>"), false},
		"text":            {s, []byte("Not found"), false},
		"another PDB":     {s, sampleOf(t, "fs_rec/x86/good/fs_rec.pdb").data, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := ask(t, c.s.query, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				if r.URL.Path != c.s.path {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				w.Write(c.body)
			})
			if r.found != c.found || c.found && r.content != string(c.s.data) {
				t.Errorf("found %v: %v", r.found, r.attempts)
			}
		})
	}
}

// Two tiers are recognized when index2.txt is called a page, and a page that
// stands for every file makes none.
func TestPagesByTheirBytes_index2(t *testing.T) {
	s := symbol(t)
	for body, two := range map[string]bool{"": true, ".": true, "\r\n": true, "<html>": false, "Not found": false} {
		r, srv := ask(t, s.query, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			switch path := s.path; {
			case r.URL.Path == "/index2.txt":
				fmt.Fprint(w, body)
			case two && r.URL.Path == "/fs"+path, !two && r.URL.Path == path:
				w.Write(s.data)
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		})
		if !r.found || len(srv.uris()) != 2 {
			t.Errorf("%q: %v, requests %q", body, r.last(), srv.uris())
		}
	}
}

// A 206 that brings all of a file is as good as a 200.
func TestPartialContentOfAll(t *testing.T) {
	s := symbol(t)
	n := len(s.data)
	for field, found := range map[string]bool{
		fmt.Sprintf("bytes 0-%d/%d", n-1, n): true, fmt.Sprintf("bytes 0-%d/*", n-1): true,
		fmt.Sprintf("bytes 1-%d/%d", n-1, n): false, fmt.Sprintf("bytes 0-%d/%d", n-1, 2*n): false, "": false, "bytes */5": false,
	} {
		r, _ := ask(t, s.query, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != s.path {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Range", field)
			w.WriteHeader(http.StatusPartialContent)
			w.Write(s.data)
		})
		if r.found != found || found && r.content != string(s.data) {
			t.Errorf("%q: found %v: %v", field, r.found, r.attempts)
		}
	}
}

// Words that are no coding are left alone, those that are one are undone in
// their order, and one that we cannot undo is told by its name.
func TestContentEncodingWords(t *testing.T) {
	s := symbol(t)
	for _, c := range []struct {
		words []string
		body  []byte
		found bool
	}{
		{[]string{"utf-8"}, s.data, true},
		{[]string{"none"}, s.data, true},
		{[]string{"binary"}, s.data, true},
		{[]string{"aws-chunked"}, s.data, true},
		{[]string{"application/octet-stream"}, s.data, true},
		{[]string{"identity, utf-8"}, s.data, true},
		{[]string{"aws-chunked,GZIP"}, zipped(s.data), true},
		{[]string{"utf-8", "gzip"}, zipped(s.data), true},
		{[]string{"gzip, gzip"}, zipped(zipped(s.data)), true},
		{[]string{"br"}, s.data, false},
		{[]string{"gzip", "zstd"}, s.data, false},
		{[]string{"gzip,gzip,gzip"}, zipped(zipped(zipped(s.data))), false},
	} {
		r, _ := ask(t, s.query, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != s.path {
				http.NotFound(w, r)
				return
			}
			w.Header()["Content-Encoding"] = c.words
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(c.body)
		})
		if r.found != c.found || c.found && r.content != string(s.data) {
			t.Errorf("%q: found %v: %v", c.words, r.found, r.attempts)
		}
	}
}

// An empty file, or a page, in the place of one form does not hide the next.
func TestEmptyFormBeforeCompressed(t *testing.T) {
	s := symbol(t)
	for name, body := range map[string]string{"empty": "", "page": "<html>", "text": "no such file"} {
		r, srv := ask(t, s.query, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case s.path:
				fmt.Fprint(w, body)
			case strings.TrimSuffix(s.path, "b") + "_":
				w.Write(zipped(s.data))
			default:
				http.NotFound(w, r)
			}
		})
		if !r.found || r.content != string(s.data) {
			t.Errorf("%s: %v; requests %q", name, r.attempts, srv.uris())
		}
	}
	// Such an answer is none that may be remembered as a miss.
	r, _ := ask(t, s.query, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != s.path {
			http.NotFound(w, r)
		}
	})
	if r.found || r.attempts[0].Status != sympath.StatusError {
		t.Errorf("%v", r.attempts)
	}
}

// A server that tells cases apart and holds names in lower case, as many tools
// write them, is asked for those after a miss; from then on first.
func TestCase_plainServer(t *testing.T) {
	s := symbol(t)
	srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"systeminformer.pdb", "other.pdb", "given.PDB"} {
			if r.URL.Path == "/"+name+"/"+s.query.ID.Key()+"/"+name {
				w.Write(s.data)
				return
			}
		}
		http.NotFound(w, r)
	})
	c := client(t, symhttp.Config{})
	requests := func(name string) int {
		before := len(srv.uris())
		if r := run(t, open(t, c, srv.URL), sympath.Query{File: name, ID: s.query.ID}); !r.found || r.content != string(s.data) {
			t.Errorf("%s: %v; requests %q", name, r.attempts, srv.uris())
		}
		return len(srv.uris()) - before
	}
	if n := requests("SystemInformer.pdb"); n != 5 {
		t.Errorf("the first time: %d requests, want index2.txt, three forms as given, one in lower case", n)
	}
	if n := requests("Other.pdb"); n != 1 {
		t.Errorf("%d requests of a server that is known to want lower case, want 1", n)
	}
	if n := requests("given.PDB"); n < 2 {
		t.Errorf("%d requests", n)
	}
	// Where keys are in lower case as well.
	srv2 := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != strings.ToLower(s.path) {
			http.NotFound(w, r)
			return
		}
		w.Write(s.data)
	})
	if r := run(t, open(t, c, srv2.URL), sympath.Query{File: "FS_REC.pdb", ID: s.query.ID}); !r.found {
		t.Errorf("%v; requests %q", r.attempts, srv2.uris())
	}
	if before := len(srv2.uris()); !run(t, open(t, c, srv2.URL), s.query).found || len(srv2.uris()) != before+1 {
		t.Errorf("a name in lower case, once it is known: requests %q", srv2.uris()[before:])
	}
	// What has no capitals is asked for once.
	before := len(srv.uris())
	run(t, open(t, client(t, symhttp.Config{}), srv.URL), sympath.Query{File: "nowhere.pdb", ID: s.query.ID})
	if n := len(srv.uris()) - before; n != 4 {
		t.Errorf("%d requests for a name in lower case, want 4", n)
	}
}
