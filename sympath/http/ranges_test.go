package http_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

const farMagic = "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"

// farSymbol is a file of which no two blocks are the same. Its identity is in its
// middle.
func farSymbol(size int, id sympath.ID) sample {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{7}).Read(data)
	copy(data, farMagic)
	copy(data[size/2:], fmt.Sprintf("key %-40s", id.Key()))
	q := sympath.Query{File: "far.pdb", ID: id}
	return sample{q, data, "/far.pdb/" + id.Key() + "/far.pdb"}
}

func farID(q sympath.Query, r io.ReaderAt, size int64) (sympath.ID, error) {
	b := make([]byte, 44)
	if _, err := r.ReadAt(b, size/2); err != nil {
		return sympath.ID{}, err
	}
	if key, ok := strings.CutPrefix(string(b), "key "); !ok || strings.TrimSpace(key) != q.ID.Key() {
		return sympath.ID{}, errors.New("another one")
	}
	return q.ID, nil
}

// farStore is a store whose PDBs are read where they lie, with the cache in dir.
func farStore(t testing.TB, c *symhttp.Client, dir, url string, mode sympath.RemoteMode) sympath.Store {
	t.Helper()
	p, err := sympath.Parse("srv*" + dir + "*" + url)
	if err != nil {
		t.Fatal(err)
	}
	return p.Store(sympath.Options{HTTP: c.Store, Verify: farID, Remote: mode})
}

// farFile opens the file of a search and keeps what it came to.
func farFile(t testing.TB, store sympath.Store, q sympath.Query) (sympath.File, result) {
	t.Helper()
	var r result
	var mu sync.Mutex // reads tell of what comes
	ctx := sympath.WithTrace(context.Background(), &sympath.Trace{
		Attempt: func(_ sympath.Query, a sympath.Attempt) {
			mu.Lock()
			defer mu.Unlock()
			r.attempts = append(r.attempts, a)
		},
		Event: func(_ sympath.Query, e sympath.Event) { mu.Lock(); defer mu.Unlock(); r.events = append(r.events, e) },
	})
	for c, err := range store.Find(ctx, q) {
		if err != nil {
			r.err = errors.Join(r.err, err)
			continue
		}
		file, err := c.Open(ctx)
		if err == nil {
			r.found = true
			return file, r
		}
		r.err = err
	}
	return nil, r
}

// farRead reads at places all over the file and returns the first error. What comes
// has to be right.
func farRead(t testing.TB, file sympath.File, s sample, n int) (failed error) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range n {
		b := make([]byte, 100)
		off := rnd.Int64N(int64(len(s.data) - len(b)))
		_, err := file.ReadAt(b, off)
		if err == nil && !bytes.Equal(b, s.data[off:off+100]) {
			t.Errorf("wrong bytes at %#x", off)
		}
		failed = cmp.Or(failed, err)
	}
	return failed
}

// farEntry is what the cache holds of a file, nil for no entry.
func farEntry(t testing.TB, dir string, s sample) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(s.path)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return data
}

// bytesOf counts what a server sends for a file.
type bytesOf struct {
	http.ResponseWriter
	n *int
}

func (w bytesOf) Write(b []byte) (int, error) { *w.n += len(b); return w.ResponseWriter.Write(b) }

// TestRanges reads a file on a real server: little of it at first, none of it again in
// what stands for a second process, and then the rest, which is fetched once.
func TestRanges(t *testing.T) {
	s := farSymbol(24<<20+123, sympath.PDB20(7, 1))
	made := time.Now().Add(-time.Hour)
	for name, tag := range map[string]string{"ETag": `"v1"`, "date": ""} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			var mu sync.Mutex
			srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if !strings.HasSuffix(r.URL.Path, s.path) {
					http.NotFound(w, r)
					return
				}
				if tag != "" {
					w.Header().Set("ETag", tag)
				}
				http.ServeContent(bytesOf{w, &sent}, r, "", made, bytes.NewReader(s.data))
			})
			dir := t.TempDir()
			for i := range 2 {
				before := len(srv.uris())
				file, r := farFile(t, farStore(t, client(t, symhttp.Config{}), dir, srv.URL, sympath.RemoteAuto), s.query)
				if !r.found || r.last().Status != sympath.StatusPartial || r.last().Origin != sympath.OriginHTTP {
					t.Fatalf("%v: %v", r.err, r.attempts)
				}
				var partial *sympath.PartialError
				if err := farRead(t, file, s, 20); err != nil || !errors.As(r.last().Err, &partial) || partial.Total != int64(len(s.data)) {
					t.Errorf("%v, %v", err, r.last().Err)
				}
				file.Close()
				if asked := len(srv.uris()) - before; i == 0 && asked > 30 || i == 1 && asked > 0 {
					t.Errorf("process %d made %d requests", i+1, asked)
				}
			}
			if sent > 3<<20 || farEntry(t, dir, s) != nil {
				t.Errorf("%d bytes were sent for 20 reads of 100; published: %v", sent, farEntry(t, dir, s) != nil)
			}
			file, r := farFile(t, farStore(t, client(t, symhttp.Config{}), dir, srv.URL, sympath.RemoteWhole), s.query)
			if !r.found || r.last().Status != sympath.StatusFound {
				t.Fatalf("%v: %v", r.err, r.attempts)
			}
			file.Close()
			if !bytes.Equal(farEntry(t, dir, s), s.data) || sent != len(s.data) {
				t.Errorf("%d bytes were sent of a file of %d; the entry is right: %v", sent, len(s.data), bytes.Equal(farEntry(t, dir, s), s.data))
			}
			if left, _ := os.ReadDir(filepath.Join(dir, ".symres/part/far.pdb")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestRanges_wholeByReading reads until all of a file is here: it becomes an entry.
func TestRanges_wholeByReading(t *testing.T) {
	s := farSymbol(3<<20, sympath.PDB20(7, 2))
	srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, s.path) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
	})
	dir := t.TempDir()
	file, r := farFile(t, farStore(t, client(t, symhttp.Config{}), dir, srv.URL, sympath.RemoteLazy), s.query)
	if !r.found {
		t.Fatalf("%v: %v", r.err, r.attempts)
	}
	defer file.Close()
	if err := farRead(t, file, s, 50); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(farEntry(t, dir, s), s.data) {
		t.Error("more than a quarter was read, and the whole file is no entry")
	}
	if err := farRead(t, file, s, 50); err != nil {
		t.Errorf("what was published cannot be read on: %v", err)
	}
}

// give answers a request for a range as it should be, with an ETag.
func give(w net.Conn, r *http.Request, data []byte, tag string) bool {
	var from, to int
	h := r.Header.Get("Range")
	if n, _ := fmt.Sscanf(h, "bytes=%d-%d", &from, &to); n == 0 || r.Header.Get("If-Range") != "" && r.Header.Get("If-Range") != tag {
		return reply(w, "200 OK", "ETag: "+tag+"\r\n", string(data))
	} else if n == 1 {
		to = len(data) - 1
	}
	to = min(to, len(data)-1)
	return reply(w, "206 Partial Content", fmt.Sprintf("ETag: %s\r\nContent-Range: bytes %d-%d/%d\r\n", tag, from, to, len(data)), string(data[from:to+1]))
}

// farFault is what a server does to the n-th request for the file, counted from 0. done
// is false where it answers as it should.
type farFault func(n int, r *http.Request, w net.Conn, s sample) (done, open bool)

func headOf(status, tag string, from, to, total, length int) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nETag: %s\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n", status, tag, from, to, total, length)
}

// from is the fault in all requests from the n-th on.
func from(first int, f func(r *http.Request, w net.Conn, s sample) bool) farFault {
	return func(n int, r *http.Request, w net.Conn, s sample) (bool, bool) {
		if n < first {
			return false, false
		}
		return true, f(r, w, s)
	}
}

func rangeOf(r *http.Request) (from, to int) {
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
	return from, to
}

// farFaults are faults of servers and what they may come to: want is in the error of
// reads, where they may fail; otherwise all of them have to succeed.
func farFaults() map[string]struct {
	fault farFault
	want  error
} {
	other := func(s sample) []byte {
		data := bytes.Clone(s.data)
		for i := 0; i+100 < len(data); i += 512 {
			data[i+100]++
		}
		return data
	}
	return map[string]struct {
		fault farFault
		want  error
	}{
		"each answer is cut, once": {func() farFault {
			cut := map[int]bool{}
			var mu sync.Mutex
			return func(_ int, r *http.Request, w net.Conn, s sample) (bool, bool) {
				from, to := rangeOf(r)
				mu.Lock()
				defer mu.Unlock()
				if to = min(to, len(s.data)-1); cut[to] {
					return false, false
				}
				cut[to] = true
				fmt.Fprint(w, headOf("206 Partial Content", `"v1"`, from, to, len(s.data), to-from+1))
				w.Write(s.data[from : from+(to-from)/2])
				return true, false
			}
		}(), nil},
		"another ETag": {from(3, func(r *http.Request, w net.Conn, s sample) bool { return give(w, r, other(s), `"v2"`) }), sympath.ErrChanged},
		"another ETag, If-Range ignored": {from(3, func(r *http.Request, w net.Conn, s sample) bool {
			r.Header.Del("If-Range")
			return give(w, r, other(s), `"v2"`)
		}), sympath.ErrChanged},
		"another length": {from(3, func(r *http.Request, w net.Conn, s sample) bool {
			r.Header.Del("If-Range")
			return give(w, r, other(s)[:len(s.data)-1], `"v1"`)
		}), sympath.ErrChanged},
		"precondition failed": {from(3, func(_ *http.Request, w net.Conn, _ sample) bool { return reply(w, "412 Precondition Failed", "", "") }), sympath.ErrChanged},
		"shorter":             {from(3, func(_ *http.Request, w net.Conn, _ sample) bool { return reply(w, "416 Range Not Satisfiable", "", "") }), sympath.ErrChanged},
		"200 from the third on": {from(2, func(_ *http.Request, w net.Conn, s sample) bool {
			return reply(w, "200 OK", "ETag: \"v1\"\r\n", string(s.data))
		}), symhttp.ErrNoRange},
		"200 at first": {from(0, func(_ *http.Request, w net.Conn, s sample) bool {
			return reply(w, "200 OK", "ETag: \"v1\"\r\n", string(s.data))
		}), nil},
		"200 after the first": {func(n int, r *http.Request, w net.Conn, s sample) (bool, bool) {
			if n == 0 {
				return false, false
			}
			return true, reply(w, "200 OK", "ETag: \"v1\"\r\n", string(s.data))
		}, nil},
		"another part than asked for": {from(3, func(r *http.Request, w net.Conn, s sample) bool {
			from, to := rangeOf(r)
			n := min(to, len(s.data)-1) - from + 1
			at := (from + 4096) % (len(s.data) - n)
			fmt.Fprint(w, headOf("206 Partial Content", `"v1"`, at, at+n-1, len(s.data), n))
			_, err := w.Write(s.data[at : at+n])
			return err == nil
		}), symhttp.ErrNoRange},
		"less than asked for": {func(n int, r *http.Request, w net.Conn, s sample) (bool, bool) {
			from, to := rangeOf(r)
			to = min(to, len(s.data)-1, from+30000)
			fmt.Fprint(w, headOf("206 Partial Content", `"v1"`, from, to, len(s.data), to-from+1))
			_, err := w.Write(s.data[from : to+1])
			return true, err == nil
		}, nil},
		"shorter than it says": {from(3, func(r *http.Request, w net.Conn, s sample) bool {
			from, to := rangeOf(r)
			to = min(to, len(s.data)-1)
			fmt.Fprint(w, headOf("206 Partial Content", `"v1"`, from, to, len(s.data), 0))
			return true
		}), symhttp.ErrTruncated},
		"gzip at first": {from(0, func(_ *http.Request, w net.Conn, s sample) bool {
			return reply(w, "200 OK", "Content-Encoding: gzip\r\nETag: \"v1\"\r\n", string(zipped(s.data)))
		}), nil},
		"gzip in parts": {from(3, func(r *http.Request, w net.Conn, s sample) bool {
			from, to := rangeOf(r)
			to = min(to, len(s.data)-1)
			return reply(w, "206 Partial Content", fmt.Sprintf("ETag: \"v1\"\r\nContent-Encoding: gzip\r\nContent-Range: bytes %d-%d/%d\r\n", from, to, len(s.data)), string(zipped(s.data[from:to+1])))
		}), symhttp.ErrNoRange},
		"unavailable":     {from(3, func(_ *http.Request, w net.Conn, _ sample) bool { return reply(w, "503 Service Unavailable", "", "") }), symhttp.ErrUnavailable},
		"not there now":   {from(3, func(_ *http.Request, w net.Conn, _ sample) bool { return reply(w, "404 Not Found", "", "") }), symhttp.ErrStatus},
		"connections die": {from(3, func(_ *http.Request, w net.Conn, _ sample) bool { return false }), io.EOF},
	}
}

// TestRanges_faults reads a file on a server that does something wrong: what is read is
// right or there is an error that says why, nothing wrong becomes an entry, and with a
// server that is well again all of the file can be had.
func TestRanges_faults(t *testing.T) {
	s := farSymbol(8<<20+77, sympath.PDB20(7, 3))
	for name, c := range farFaults() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				n := 0
				f := &faulty{script: func(_ int, r *http.Request, w net.Conn) bool {
					if !strings.HasSuffix(r.URL.Path, s.path) {
						return reply(w, "404 Not Found", "", "")
					}
					mu.Lock()
					n++
					at := n - 1
					mu.Unlock()
					if done, open := c.fault(at, r, w, s); done {
						return open
					}
					return give(w, r, s.data, `"v1"`)
				}}
				readFaulty(t, f, dir, s, c.want)
				f.stop()
			})
			if entry := farEntry(t, dir, s); entry != nil && !bytes.Equal(entry, s.data) {
				t.Error("something wrong was published")
			}
			recoverFar(t, dir, s)
		})
	}
}

func readFaulty(t *testing.T, f *faulty, dir string, s sample, want error) {
	file, r := farFile(t, farStore(t, f.client(t, symhttp.Config{}), dir, "http://symbols.test", sympath.RemoteLazy), s.query)
	if file == nil {

		if want == nil || !errors.Is(r.last().Err, want) {
			t.Errorf("not found: %v %v", r.err, r.attempts)
		}
		return
	}
	defer file.Close()
	err := farRead(t, file, s, 40)
	if (err == nil) != (want == nil) || !errors.Is(err, want) {
		t.Errorf("reads end with %v, want %v", err, want)
	}
}

// recoverFar reads the file with a server that is well again.
func recoverFar(t *testing.T, dir string, s sample) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{script: func(_ int, r *http.Request, w net.Conn) bool {
			if !strings.HasSuffix(r.URL.Path, s.path) {
				return reply(w, "404 Not Found", "", "")
			}
			return give(w, r, s.data, `"v1"`)
		}}
		file, r := farFile(t, farStore(t, f.client(t, symhttp.Config{}), dir, "http://symbols.test", sympath.RemoteLazy), s.query)
		if file == nil {
			t.Fatalf("not found: %v %v", r.err, r.attempts)
		}
		if err := farRead(t, file, s, 200); err != nil {
			t.Error(err)
		}
		file.Close()
		f.stop()
	})
	if !bytes.Equal(farEntry(t, dir, s), s.data) {
		t.Error("the file was read as a whole and is no entry, or a wrong one")
	}
}

// TestRanges_signedURL redirects to URLs that are good for some requests, and then
// answer 403: the store is asked for another one, and no signature is kept.
func TestRanges_signedURL(t *testing.T) {
	s := farSymbol(8<<20, sympath.PDB20(7, 4))
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		lease, left, expired, asked := 0, 0, 0, 0
		f := &faulty{script: func(_ int, r *http.Request, w net.Conn) bool {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case !strings.HasSuffix(r.URL.Path, s.path):
				return reply(w, "404 Not Found", "", "")
			case r.Host == "symbols.test":
				asked++
				lease, left = lease+1, 4
				return reply(w, "302 Found", fmt.Sprintf("Location: http://blob.test/c%s?sig=hunter%d\r\n", s.path, lease), "")
			case left == 0 || r.URL.Query().Get("sig") != fmt.Sprintf("hunter%d", lease):
				expired++
				return reply(w, "403 Forbidden", "", "")
			}
			left--
			return give(w, r, s.data, `"v1"`)
		}}
		c := f.client(t, symhttp.Config{})
		file, r := farFile(t, farStore(t, c, dir, "http://symbols.test", sympath.RemoteLazy), s.query)
		if file == nil {
			t.Fatalf("%v: %v", r.err, r.attempts)
		}
		if err := farRead(t, file, s, 15); err != nil {
			t.Error(err)
		}
		file.Close()
		if mu.Lock(); expired < 2 || asked != expired+1 {
			t.Errorf("%d signatures expired, the store was asked %d times", expired, asked)
		}
		mu.Unlock()
		if strings.Contains(fmt.Sprint(r.attempts, r.events), "hunter") {
			t.Errorf("shown: %v %v", r.attempts, r.events)
		}
		f.stop()
	})
	kept, err := os.ReadFile(filepath.Join(dir, ".symres/part/far.pdb", partName(t, dir), "map"))
	if err != nil || bytes.Contains(kept, []byte("hunter")) {
		t.Errorf("kept: %v, %d bytes", err, len(kept))
	}
}

func partName(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, ".symres/part/far.pdb"))
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	return list[0].Name()
}
