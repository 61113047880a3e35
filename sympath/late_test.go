package sympath_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/sympath"
)

// scripted is a Fetcher that does what it is told to.
type scripted struct {
	name  string
	fetch func(ctx context.Context, sink *sympath.Sink) error
}

func (s scripted) Name() string           { return s.name }
func (s scripted) Origin() sympath.Origin { return sympath.OriginHTTP }
func (s scripted) Fetch(ctx context.Context, _ sympath.Query, sink *sympath.Sink) error {
	return s.fetch(ctx, sink)
}

func (s scripted) store(t testing.TB, path string, o sympath.Options) sympath.Store {
	o.Verify = verify
	o.HTTP = func(sympath.Element) (sympath.Store, error) { return sympath.Remote(s), nil }
	return mustParse(t, path).Store(o)
}

// bring writes a file into the sink and commits it.
func bring(sink *sympath.Sink, data []byte) error {
	err := sink.Begin("there", int64(len(data)))
	if err == nil {
		_, err = sink.Write(data)
	}
	if err == nil {
		err = sink.Commit()
	}
	return err
}

// TestFlight_leftBehind: a fetch that everybody has left, and that does not
// end, is nothing to those who come later: they begin another, and its late
// end does not end theirs.
func TestFlight_leftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetches int
		first, second := make(chan struct{}), make(chan struct{})
		store := scripted{"https://symbols.test", func(_ context.Context, sink *sympath.Sink) error {
			fetches++
			if fetches == 1 {
				<-first // deaf to its context
				return errors.New("too late")
			}
			<-second
			return bring(sink, symbolFile(idOf(1), 100))
		}}.store(t, "https://symbols.test", defaults())
		ctx, cancel := context.WithCancel(t.Context())
		go search(ctx, store, query(1))
		synctest.Wait()
		cancel()
		synctest.Wait()
		got := make(chan outcome, 2)
		go func() { got <- search(t.Context(), store, query(1)) }()
		synctest.Wait()
		close(first)
		synctest.Wait()
		go func() { got <- search(t.Context(), store, query(1)) }()
		synctest.Wait()
		close(second)
		for range 2 {
			if o := <-got; o.err != nil || len(o.data) != 100 {
				t.Errorf("%d bytes, %v", len(o.data), o.err)
			}
		}
		if fetches != 2 {
			t.Errorf("%d fetches, want the one that was left and one for the two who came later", fetches)
		}
	})
}

// TestMiss_canceled: what a server says after everybody has left is no answer
// to remember.
func TestMiss_canceled(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store := scripted{"https://symbols.test", func(ctx context.Context, _ *sympath.Sink) error {
			<-ctx.Done()
			return fmt.Errorf("gone: %w", fs.ErrNotExist)
		}}.store(t, "srv*"+dir+"*https://symbols.test", defaults())
		ctx, cancel := context.WithCancel(t.Context())
		go search(ctx, store, query(1))
		synctest.Wait()
		cancel()
		synctest.Wait()
	})
	if names, _ := filepath.Glob(dir + "/.symres/miss/*"); len(names) != 0 {
		t.Errorf("remembered: %v", names)
	}
}

// TestMiss_times: misses of Microsoft's server are remembered for a day, those
// of others for an hour, and none that was made in the future.
func TestMiss_times(t *testing.T) {
	for name, want := range map[string]time.Duration{
		sympath.MicrosoftServer: 24 * time.Hour, strings.ToUpper(sympath.MicrosoftServer) + "/": 24 * time.Hour, "https://symbols.test": time.Hour,
	} {
		dir := t.TempDir()
		fetches := 0
		store := scripted{name, func(context.Context, *sympath.Sink) error { fetches++; return fs.ErrNotExist }}.store(t, "srv*"+dir+"*https://symbols.test", defaults())
		search(context.Background(), store, query(1))
		var remembered *sympath.RememberedError
		again := search(context.Background(), store, query(1))
		if a := again.attempts[len(again.attempts)-1]; !errors.As(a.Err, &remembered) || remembered.Until.Sub(remembered.Made).Round(time.Minute) != want || fetches != 1 {
			t.Errorf("%s: %v after %d fetches, want it remembered for %v", name, a, fetches, want)
			continue
		}
		names, _ := filepath.Glob(dir + "/.symres/miss/*")
		data, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		move := strings.NewReplacer(stamp(remembered.Made), stamp(remembered.Made.Add(time.Hour)), stamp(remembered.Until), stamp(remembered.Until.Add(time.Hour)))
		if moved := move.Replace(string(data)); moved == string(data) || os.WriteFile(names[0], []byte(moved), 0o600) != nil {
			t.Fatalf("%s has no times to move: %s", names[0], data)
		}
		if search(context.Background(), store, query(1)); fetches != 2 {
			t.Errorf("%s: a record of the future was believed", name)
		}
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// TestSink_tooLarge: a file that says that it is too large is refused before a
// byte of it is asked for.
func TestSink_tooLarge(t *testing.T) {
	var begun error
	store := scripted{"https://symbols.test", func(_ context.Context, sink *sympath.Sink) error {
		begun = sink.Begin("there", 5001)
		return begun
	}}.store(t, "https://symbols.test", sympath.Options{Limits: sympath.Limits{Stored: 5000}})
	if o := search(context.Background(), store, query(1)); o.err == nil || !errors.Is(begun, sympath.ErrTooLarge) {
		t.Errorf("Begin: %v, search: %v", begun, o.err)
	}
}

// TestPublish_keepsAGoodEntry: an entry that another process made meanwhile
// stays, since others have it open.
func TestPublish_keepsAGoodEntry(t *testing.T) {
	dir := t.TempDir()
	var theirs os.FileInfo
	store := scripted{"https://symbols.test", func(_ context.Context, sink *sympath.Sink) error {
		theirs, _ = os.Stat(place(t, dir, "f.pdb/A00000011/f.pdb", symbolFile(idOf(1), 9000)))
		return bring(sink, symbolFile(idOf(1), 10000)) // as good, and of another length
	}}.store(t, "srv*"+dir+"*https://symbols.test", defaults())
	for i := range 2 {
		got := mustFind(t, store, query(1))
		now, err := os.Stat(filepath.Join(dir, "f.pdb/A00000011/f.pdb"))
		if err != nil || !os.SameFile(theirs, now) || len(got.data) != 9000 || got.count(sympath.EventQuarantine) != 0 {
			t.Errorf("search %d: replaced: %v, %d bytes, events %+v", i, err, len(got.data), got.events)
		}
	}
}

// TestCache_withoutVerify: who cannot tell what a file is passes over an empty
// entry and leaves it where it is.
func TestCache_withoutVerify(t *testing.T) {
	dir := t.TempDir()
	entry := place(t, dir, "f.pdb/A00000011/f.pdb", nil)
	got := search(context.Background(), mustParse(t, "cache*"+dir).Store(sympath.Options{}), query(1))
	if got.err == nil || got.location != "" {
		t.Errorf("%q was given, %v", got.location, got.err)
	}
	if _, err := os.Stat(entry); err != nil || len(got.events) != 0 {
		t.Errorf("%v, events %+v", err, got.events)
	}
}

// TestFiled_outOfOrder: reads that overlap, or leave something out, say nothing
// about whether the file changed, whatever their sum.
func TestFiled_outOfOrder(t *testing.T) {
	dir := t.TempDir()
	mustFind(t, serving(1).store(t, "srv*"+dir+"*https://symbols.test", defaults()), query(1))
	var events []sympath.Event
	f := first(t, mustParse(t, "cache*"+dir).Store(sympath.Options{Verify: verify}), &events)
	buf := make([]byte, 5000)
	for _, off := range []int64{5000, 2500, 0, 5000} { // the first two are as long as the file
		if _, err := f.ReadAt(buf, off); err != nil && err != io.EOF {
			t.Errorf("at %d: %v", off, err)
		}
	}
	if len(events) != 0 {
		t.Errorf("events %+v", events)
	}
}

// TestFiled_once: a file that is found to have changed is put away once; what
// has taken its place since stays.
func TestFiled_once(t *testing.T) {
	dir, path := tampered(t, 5000)
	var events []sympath.Event
	f := first(t, mustParse(t, "cache*"+dir).Store(sympath.Options{Verify: verifyHead}), &events)
	for i := range 2 {
		if _, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, f.Size())); !errors.Is(err, sympath.ErrMismatch) {
			t.Errorf("read %d: %v", i, err)
		}
		if i == 0 {
			place(t, dir, "f.pdb/A00000011/f.pdb", symbolFile(idOf(1), 5000))
		}
	}
	if _, err := os.Stat(path); err != nil || len(events) != 1 {
		t.Errorf("the good entry: %v, events %+v", err, events)
	}
}

// TestCache_touchedOnceADay: using an entry renews its record, which trim goes
// by, when it is a day old and not before.
func TestCache_touchedOnceADay(t *testing.T) {
	dir := t.TempDir()
	store := serving(1).store(t, "srv*"+dir+"*https://symbols.test", defaults())
	mustFind(t, store, query(1))
	meta := filepath.Join(dir, ".symres/meta/f.pdb/A00000011.json")
	for _, c := range []struct {
		age     time.Duration
		renewed bool
	}{{23 * time.Hour, false}, {25 * time.Hour, true}} {
		when := time.Now().Add(-c.age)
		if err := os.Chtimes(meta, when, when); err != nil {
			t.Fatal(err)
		}
		mustFind(t, store, query(1))
		if fi, err := os.Stat(meta); err != nil || (time.Since(fi.ModTime()) < time.Hour) != c.renewed {
			t.Errorf("used after %v: %v, %v", c.age, fi.ModTime(), err)
		}
	}
}

// TestCache_readOnly: nothing is filed in a cache that is not to be written,
// and it is not made.
func TestCache_readOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	data := symbolFile(idOf(1), 100)
	c := sympath.NewCache(dir, sympath.Options{ReadOnly: true, Verify: verify})
	if added, err := c.Add(context.Background(), "f.pdb", bytes.NewReader(data), int64(len(data)), "here"); err == nil {
		t.Errorf("added %+v", added)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

// TestCache_addShort: a file that ends before the size it was said to have is
// not filed.
func TestCache_addShort(t *testing.T) {
	dir := t.TempDir()
	data := symbolFile(idOf(1), 100)
	c := sympath.NewCache(dir, sympath.Options{Verify: func(sympath.Query, io.ReaderAt, int64) (sympath.ID, error) { return idOf(1), nil }})
	if added, err := c.Add(context.Background(), "f.pdb", bytes.NewReader(data), 200, "here"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("added %+v, %v", added, err)
	}
	if left := listing(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
