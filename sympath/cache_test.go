package sympath_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symres/symres/sympath"
)

// The content of the files in these tests says what it is: a PDB to whoever
// looks at its beginning only, then the length of the whole, the key, and
// filling. verify reads all of it.
func symbolFile(id sympath.ID, size int) []byte {
	head := fmt.Sprintf("Microsoft C/C++ MSF 7.00 %08d %s\n", size, id.Key())
	return append([]byte(head), bytes.Repeat([]byte{'.'}, size-len(head))...)
}

func verify(q sympath.Query, r io.ReaderAt, size int64) (sympath.ID, error) {
	data := make([]byte, size)
	if _, err := r.ReadAt(data, 0); err != nil && err != io.EOF {
		return sympath.ID{}, err
	}
	var length int
	var key string
	if _, err := fmt.Sscanf(string(data), "Microsoft C/C++ MSF 7.00 %d %s\n", &length, &key); err != nil {
		return sympath.ID{}, fmt.Errorf("no symbol file: %w", err)
	}
	if length != len(data) || strings.Trim(string(data[strings.IndexByte(string(data), '\n')+1:]), ".") != "" {
		return sympath.ID{}, errors.New("damaged")
	}
	for _, id := range []sympath.ID{q.ID, idOf(1), idOf(2), idOf(3)} {
		if id.Key() == key {
			return id, nil
		}
	}
	return sympath.PDB20(0xFFFFFFFF, 1), nil
}

func idOf(n uint32) sympath.ID { return sympath.PDB20(0xA0000000+n, 1) }

func query(n uint32) sympath.Query { return sympath.Query{File: "f.pdb", ID: idOf(n)} }

func place(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// origin is a Fetcher that counts, and that may be told to be slow or wrong.
type origin struct {
	files   sync.Map // key to []byte
	fetches atomic.Int32
	hold    chan struct{} // when not nil, Fetch waits for it
	began   chan struct{}
	err     error
}

// held is the event of a fetch that waits for hold.
var held = sympath.Event{Kind: sympath.EventRetry, Location: "held"}

func (o *origin) Name() string           { return "https://symbols.test" }
func (o *origin) Origin() sympath.Origin { return sympath.OriginHTTP }

func (o *origin) Fetch(ctx context.Context, q sympath.Query, sink *sympath.Sink) error {
	o.fetches.Add(1)
	if o.began != nil {
		o.began <- struct{}{}
	}
	if o.hold != nil {
		sink.Event(held) // each of those who wait for this fetch hears it
		select {
		case <-o.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	location := o.Name() + "/" + q.File
	a := sympath.Attempt{Store: o.Name(), Location: location, Origin: o.Origin(), Status: sympath.StatusFound}
	data, ok := o.files.Load(q.ID.Key())
	switch {
	case o.err != nil:
		a.Status, a.Err = sympath.StatusError, o.err
	case !ok:
		a.Status = sympath.StatusNotFound
		sink.Attempt(a)
		return fmt.Errorf("gone: %w", fs.ErrNotExist)
	default:
		b := data.([]byte)
		err := sink.Begin(location, int64(len(b)))
		for len(b) > 0 && err == nil {
			n := min(len(b), 4<<10)
			_, err = sink.Write(b[:n])
			b = b[n:]
		}
		if err == nil {
			err = sink.Commit()
		}
		if a.Err = err; err != nil {
			a.Status = sympath.StatusRefused
		}
	}
	sink.Attempt(a)
	return a.Err
}

func serving(ids ...uint32) *origin {
	o := &origin{}
	for _, n := range ids {
		o.files.Store(idOf(n).Key(), symbolFile(idOf(n), 10000))
	}
	return o
}

func (o *origin) store(t testing.TB, path string, opts sympath.Options) sympath.Store {
	t.Helper()
	if opts.Verify == nil {
		opts.Verify = verify
	}
	opts.HTTP = func(sympath.Element) (sympath.Store, error) { return sympath.Remote(o), nil }
	return mustParse(t, path).Store(opts)
}

// outcome of a search.
type outcome struct {
	location string
	data     []byte
	attempts []sympath.Attempt
	events   []sympath.Event
	err      error
}

func (o outcome) count(k sympath.EventKind) (n int) {
	for _, e := range o.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

func search(ctx context.Context, store sympath.Store, q sympath.Query) (o outcome) {
	ctx = sympath.WithTrace(ctx, &sympath.Trace{
		Attempt: func(_ sympath.Query, a sympath.Attempt) { o.attempts = append(o.attempts, a) },
		Event:   func(_ sympath.Query, e sympath.Event) { o.events = append(o.events, e) },
	})
	for c, err := range store.Find(ctx, q) {
		if err != nil {
			o.err = err
			continue
		}
		f, err := c.Open(ctx)
		if err != nil {
			o.err = err
			continue
		}
		o.location = c.Location
		o.data, o.err = io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		f.Close()
		break
	}
	return o
}

func mustFind(t testing.TB, store sympath.Store, q sympath.Query) outcome {
	t.Helper()
	o := search(context.Background(), store, q)
	if o.err != nil {
		t.Fatalf("%+v\nevents %+v", o.err, o.events)
	}
	if id, err := verify(q, bytes.NewReader(o.data), int64(len(o.data))); err != nil || !q.ID.IsZero() && id != q.ID {
		t.Fatalf("served %v, %v", id, err)
	}
	return o
}

// tree lists the files below dir, slash-separated, without the locks.
func listing(t testing.TB, dir string) (names []string) {
	t.Helper()
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		rel = filepath.ToSlash(rel)
		if err == nil && !d.IsDir() && !strings.HasPrefix(rel, ".symres/lock/") {
			names = append(names, rel)
		}
		return nil
	})
	return names
}

func TestCache_fillsEveryTierToTheLeft(t *testing.T) {
	dir := t.TempDir()
	keep, a, b, plain := filepath.Join(dir, "keep"), filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "plain")
	os.Mkdir(plain, 0o755)
	o := serving(1)
	path := plain + ";cache*" + keep + ";srv*" + a + "*" + b + "*https://symbols.test"
	got := mustFind(t, o.store(t, path, sympath.Options{}), query(1))
	const name = "f.pdb/A00000011/f.pdb"
	for _, tier := range []string{keep, a, b} {
		data, err := os.ReadFile(filepath.Join(tier, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(data, symbolFile(idOf(1), 10000)) {
			t.Errorf("%s: %v", tier, err)
		}
	}
	if got.location != keep+"/"+name || got.count(sympath.EventPublish) != 3 || got.count(sympath.EventWarning) != 0 {
		t.Errorf("opened %s, events %+v", got.location, got.events)
	}
	if files, _ := os.ReadDir(plain); len(files) != 0 {
		t.Errorf("a plain directory was written to: %v", files)
	}
	// Each tier by itself answers now, and a hit in the middle fills the left.
	os.RemoveAll(a)
	os.RemoveAll(keep)
	if got = mustFind(t, o.store(t, path, sympath.Options{}), query(1)); o.fetches.Load() != 1 {
		t.Errorf("%d fetches", o.fetches.Load())
	}
	for _, tier := range []string{keep, a} {
		if _, err := os.Stat(filepath.Join(tier, filepath.FromSlash(name))); err != nil {
			t.Errorf("not filled again: %v", err)
		}
	}
}

func TestCache_layout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	o := serving(1)
	mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{}), query(1))
	want := ".symres/meta/f.pdb/A00000011.json f.pdb/A00000011/f.pdb"
	if got := strings.Join(listing(t, dir), " "); got != want {
		t.Errorf("cache holds %s, want %s", got, want)
	}
	if fi, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o700 {
		t.Errorf("cache directory: %v, %v; want 0700", fi.Mode(), err)
	}
	var meta struct {
		Size           int64
		SHA256, Source string
	}
	data, err := os.ReadFile(filepath.Join(dir, ".symres/meta/f.pdb/A00000011.json"))
	if err == nil {
		err = json.Unmarshal(data, &meta)
	}
	if err != nil || meta.Size != 10000 || len(meta.SHA256) != 64 || meta.Source != "https://symbols.test/f.pdb" {
		t.Errorf("record %+v, %v", meta, err)
	}
}

// A tree made by WinDbg, in other letter case and of two tiers, is read and
// added to without making twins.
func TestCache_foreignCase(t *testing.T) {
	dir := t.TempDir()
	place(t, dir, "index2.txt", nil)
	place(t, dir, "F./F.PDB/a00000021/F.pdb", symbolFile(idOf(2), 100))
	o := serving(1)
	store := o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{})
	mustFind(t, store, query(2))
	if o.fetches.Load() != 0 {
		t.Error("fetched what is there in other case")
	}
	got := mustFind(t, store, query(1))
	if want := dir + "/F./F.PDB/A00000011/f.pdb"; got.location != want {
		t.Errorf("filed as %s, want %s", got.location, want)
	}
}

func TestCache_wrongFile(t *testing.T) {
	for name, drop := range map[string]bool{"kept": false, "dropped": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := &origin{}
			o.files.Store(idOf(1).Key(), symbolFile(idOf(2), 10000))
			other := place(t, dir, "next/f.pdb/A00000011/f.pdb", symbolFile(idOf(1), 500))
			store := o.store(t, "srv*"+dir+"/c*https://symbols.test;srv*"+dir+"/next", sympath.Options{DropRefused: drop})
			got := mustFind(t, store, query(1))
			if filepath.FromSlash(got.location) != other {
				t.Errorf("opened %s, want the next store's %s", got.location, other)
			}
			if a := got.attempts[1]; a.Status != sympath.StatusRefused || !errors.Is(a.Err, sympath.ErrMismatch) {
				t.Errorf("attempt %v", a)
			}
			want := ".symres/quarantine/f.pdb/A00000011/f.pdb .symres/quarantine/f.pdb/A00000011/f.pdb.json"
			if drop {
				want = ""
			}
			if got := strings.Join(listing(t, dir+"/c"), " "); got != want {
				t.Errorf("cache holds %q, want %q", got, want)
			}
		})
	}
}

// What somebody else left in the cache is not believed.
func TestCache_corruptEntries(t *testing.T) {
	good := symbolFile(idOf(1), 10000)
	for name, bad := range map[string][]byte{
		"empty": {}, "truncated": good[:5000], "page": []byte("<html>login</html>"), "other": symbolFile(idOf(2), 10000),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := place(t, dir, "f.pdb/A00000011/f.pdb", bad)
			o := serving(1)
			store := o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{})
			got := mustFind(t, store, query(1))
			if a := got.attempts[0]; a.Status != sympath.StatusRefused || got.count(sympath.EventQuarantine) != 1 {
				t.Errorf("%v, events %+v", a, got.events)
			}
			if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, good) {
				t.Errorf("the entry was not replaced: %v", err)
			}
			if data, err := os.ReadFile(filepath.Join(dir, ".symres/quarantine/f.pdb/A00000011/f.pdb")); err != nil || !bytes.Equal(data, bad) {
				t.Errorf("the bad one was not kept: %v", err)
			}
		})
	}
}

// T10: what is in the way is refused, and the answer comes all the same.
func TestCache_strangeEntries(t *testing.T) {
	const name = "f.pdb/A00000011/f.pdb"
	good := symbolFile(idOf(1), 10000)
	for kind, make := range map[string]func(t *testing.T, dir string){
		"directory":    func(t *testing.T, dir string) { os.MkdirAll(filepath.Join(dir, name, "x"), 0o755) },
		"link to file": func(t *testing.T, dir string) { linkTo(t, place(t, t.TempDir(), "f", good), filepath.Join(dir, name)) },
		"link to key": func(t *testing.T, dir string) {
			linkTo(t, filepath.Dir(place(t, t.TempDir(), "k/f.pdb", good)), filepath.Join(dir, "f.pdb/A00000011"))
		},
		"link to name": func(t *testing.T, dir string) { linkTo(t, t.TempDir(), filepath.Join(dir, "f.pdb")) },
		"link inside": func(t *testing.T, dir string) {
			linkTo(t, place(t, dir, "elsewhere", good), filepath.Join(dir, name))
		},
	} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			make(t, dir)
			o := serving(1)
			got := mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{}), query(1))
			if got.attempts[0].Status == sympath.StatusFound || o.fetches.Load() != 1 {
				t.Errorf("%v, %d fetches", got.attempts[0], o.fetches.Load())
			}
		})
	}
}

func linkTo(t *testing.T, target, link string) {
	t.Helper()
	os.MkdirAll(filepath.Dir(link), 0o755)
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no symbolic links can be made here (%v); set TMPDIR to a file system that has them", err)
	}
}

func TestCache_byNameOnly(t *testing.T) {
	dir := t.TempDir()
	place(t, dir, "share/f.pdb", symbolFile(idOf(3), 700))
	o := serving()
	store := o.store(t, "cache*"+dir+"/c;"+dir+"/share", sympath.Options{})
	q := sympath.Query{File: "F.pdb"}
	mustFind(t, store, q)
	if got, want := strings.Join(listing(t, dir+"/c"), " "), ".symres/meta/f.pdb/A00000031.json F.pdb/A00000031/F.pdb"; got != want {
		t.Errorf("cache holds %s, want %s", got, want)
	}
	os.RemoveAll(dir + "/share")
	mustFind(t, store, query(3))
}

func TestCache_notFilledWithoutVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	o := serving(1)
	opts := sympath.Options{HTTP: func(sympath.Element) (sympath.Store, error) { return sympath.Remote(o), nil }}
	store := mustParse(t, "srv*"+dir+"*https://symbols.test").Store(opts)
	if got := search(context.Background(), store, query(1)); got.err != nil || len(got.data) != 10000 {
		t.Errorf("%v", got.err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cache was made: %v", err)
	}
}

func TestCache_misses(t *testing.T) {
	dir := t.TempDir()
	o := serving()
	open := func(opts sympath.Options) sympath.Store { return o.store(t, "srv*"+dir+"*https://symbols.test", opts) }
	find := func(opts sympath.Options, want int32) outcome {
		t.Helper()
		got := search(context.Background(), open(opts), query(1))
		if !errors.Is(got.err, fs.ErrNotExist) || o.fetches.Load() != want {
			t.Errorf("%v after %d fetches, want %d", got.err, o.fetches.Load(), want)
		}
		return got
	}
	find(sympath.Options{}, 1)
	got := find(sympath.Options{}, 1)
	var remembered *sympath.RememberedError
	if a := got.attempts[len(got.attempts)-1]; !errors.As(a.Err, &remembered) || a.Status != sympath.StatusNotFound ||
		remembered.Until.Sub(remembered.Made).Round(time.Minute) != time.Hour {
		t.Errorf("attempt %v, %+v; want a miss remembered for an hour", a, remembered)
	}
	find(sympath.Options{Refresh: true}, 2)
	find(sympath.Options{MissTTL: -1}, 3)
	find(sympath.Options{}, 3)
	names, _ := filepath.Glob(dir + "/.symres/miss/*")
	if len(names) != 1 {
		t.Fatalf("records %v", names)
	}
	later := time.Now().Add(time.Hour)
	os.Chtimes(names[0], later, later) // made by a clock that is wrong
	find(sympath.Options{}, 4)
	os.WriteFile(names[0], []byte("{torn"), 0o600)
	find(sympath.Options{}, 5)
	find(sympath.Options{MissTTL: time.Nanosecond}, 6)
	o.err = errors.New("500")
	find(sympath.Options{Refresh: true}, 7)
	find(sympath.Options{MissTTL: time.Nanosecond}, 8) // a failure is not a miss
	o.err = nil
	o.files.Store(idOf(1).Key(), symbolFile(idOf(1), 50))
	mustFind(t, open(sympath.Options{Refresh: true}), query(1))
}

func TestCache_offline(t *testing.T) {
	dir := t.TempDir()
	o := serving(1)
	mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{}), query(1))
	hook := func(sympath.Element) (sympath.Store, error) { t.Error("hook called"); return nil, nil }
	offline := mustParse(t, "srv*"+dir+"*https://symbols.test").Store(sympath.Options{Offline: true, HTTP: hook, Verify: verify})
	mustFind(t, offline, query(1))
	if got := search(context.Background(), offline, query(2)); !errors.Is(got.err, fs.ErrNotExist) {
		t.Error(got.err)
	}
}

func TestCache_readOnlyOption(t *testing.T) {
	dir := t.TempDir()
	place(t, dir, "f.pdb/A00000021/f.pdb", []byte("bad"))
	o := serving(1, 2)
	store := o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{ReadOnly: true})
	mustFind(t, store, query(1))
	mustFind(t, store, query(2))
	if got := strings.Join(listing(t, dir), " "); got != "f.pdb/A00000021/f.pdb" {
		t.Errorf("cache holds %s", got)
	}
}

func TestCache_compressed(t *testing.T) {
	want := symbolFile(idOf(1), 90000)
	for name, packed := range map[string][]byte{"cabinet": cabinet(t, want), "gzip": gz(want)} {
		dir := t.TempDir()
		o := &origin{}
		o.files.Store(idOf(1).Key(), packed)
		if got := mustFind(t, o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{}), query(1)); !bytes.Equal(got.data, want) {
			t.Errorf("%s: other content", name)
		}
		if data, err := os.ReadFile(dir + "/f.pdb/A00000011/f.pdb"); err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s: filed %d bytes, %v", name, len(data), err)
		}
	}
	o := &origin{}
	o.files.Store(idOf(1).Key(), gz(make([]byte, 20<<20)))
	got := search(context.Background(), o.store(t, "srv*"+t.TempDir()+"*https://symbols.test", sympath.Options{}), query(1))
	if a := got.attempts[1]; !errors.Is(a.Err, sympath.ErrTooLarge) {
		t.Errorf("bomb: %v", a)
	}
}

func TestFetch_tooLarge(t *testing.T) {
	o := serving(1)
	dir := t.TempDir()
	store := o.store(t, "srv*"+dir+"*https://symbols.test", sympath.Options{Limits: sympath.Limits{Stored: 9999}})
	if got := search(context.Background(), store, query(1)); !errors.Is(got.attempts[1].Err, sympath.ErrTooLarge) {
		t.Errorf("%v", got.attempts)
	}
	if names := listing(t, dir); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

func defaults() sympath.Options { return sympath.Options{} }
