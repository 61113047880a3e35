package sympath_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/sympath"
)

// slow brings the file of query 1 in pieces, with a pause before each.
type slow struct {
	pieces  int
	pause   time.Duration
	err     error // what it ends with
	fetches int
}

func (s *slow) Name() string           { return "https://symbols.test" }
func (s *slow) Origin() sympath.Origin { return sympath.OriginHTTP }

func (s *slow) Fetch(ctx context.Context, q sympath.Query, sink *sympath.Sink) error {
	s.fetches++
	data := symbolFile(idOf(1), 10000)
	if err := sink.Begin("there", int64(len(data))); err != nil {
		return err
	}
	for i := range s.pieces {
		select {
		case <-time.After(s.pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.err != nil {
			return s.err
		}
		if _, err := sink.Write(data[len(data)*i/s.pieces : len(data)*(i+1)/s.pieces]); err != nil {
			return err
		}
	}
	return sink.Commit()
}

func (s *slow) store(t *testing.T, dir string, wait time.Duration) sympath.Store {
	t.Helper()
	return mustParse(t, "srv*"+dir+"*https://symbols.test").Store(sympath.Options{
		Verify: verify, LockWait: wait,
		HTTP: func(sympath.Element) (sympath.Store, error) { return sympath.Remote(s), nil },
	})
}

// TestLock_beats: a fetch that gets on, however slowly, is waited for, because
// its owner touches the lock; one that brings nothing for as long as others
// are patient is not. The clock is that of synctest.
func TestLock_beats(t *testing.T) {
	const patience = time.Minute
	for name, c := range map[string]struct {
		pieces int
		pause  time.Duration
		alone  bool // the second does not wait to the end
	}{
		"gets on for ten minutes": {60, 10 * time.Second, false},
		"pauses almost too long":  {3, patience - 5*time.Second, false},
		"stands still":            {1, 10 * time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				holder, second := &slow{pieces: c.pieces, pause: c.pause}, &slow{pieces: 1}
				held := make(chan outcome)
				go func() { held <- search(context.Background(), holder.store(t, dir, patience), query(1)) }()
				synctest.Wait() // it sleeps before its first piece, with the lock
				start := time.Now()
				got := mustFind(t, second.store(t, dir, patience), query(1))
				took := time.Since(start)
				if got.count(sympath.EventWait) != 1 {
					t.Errorf("%d events of waiting, want 1", got.count(sympath.EventWait))
				}
				if c.alone && (second.fetches != 1 || took < patience || took > patience+time.Second) {
					t.Errorf("went alone after %v with %d fetches", took, second.fetches)
				}
				if all := time.Duration(c.pieces) * c.pause; !c.alone && (second.fetches != 0 || took < all-time.Second) {
					t.Errorf("%d fetches after %v, want to wait %v for the other's", second.fetches, took, all)
				}
				if o := <-held; o.err != nil {
					t.Error(o.err)
				}
			})
		})
	}
}

// TestLock_beginsFresh: taking a lock is a sign of life too. Whoever waited for
// one holder that stood still, and then for another, is patient with each.
func TestLock_beginsFresh(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fails := &slow{pause: 50 * time.Second, pieces: 1, err: errors.New("503")}
		held := make(chan outcome)
		go func() { held <- search(t.Context(), fails.store(t, dir, time.Minute), query(1)) }()
		synctest.Wait()
		next := &slow{pause: 30 * time.Second, pieces: 1}
		got := make(chan outcome)
		for range 2 { // one of them fetches, the other waits for it as well
			go func() { got <- search(t.Context(), next.store(t, dir, time.Minute), query(1)) }()
		}
		if o := <-held; o.err == nil {
			t.Error("the first found it")
		}
		for range 2 {
			if o := <-got; o.err != nil {
				t.Error(o.err)
			}
		}
		if next.fetches != 1 {
			t.Errorf("%d fetches, want 1", next.fetches)
		}
	})
}

// TestLock_perFile: who fetches one file does not hold up another.
func TestLock_perFile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stuck := &slow{pause: time.Hour, pieces: 1}
		held := make(chan outcome)
		go func() { held <- search(ctx, stuck.store(t, dir, time.Minute), query(1)) }()
		synctest.Wait()
		got := mustFind(t, serving(2).store(t, "srv*"+dir+"*https://symbols.test", defaults()), query(2))
		if n := got.count(sympath.EventWait); n != 0 {
			t.Errorf("%d events of waiting", n)
		}
		cancel()
		<-held
	})
}

// TestLock_farTier: a file that another process brings into the far cache,
// while this one waits, is copied into the near one.
func TestLock_farTier(t *testing.T) {
	near, far := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		other := &slow{pause: time.Second, pieces: 1}
		held := make(chan outcome)
		go func() { held <- search(t.Context(), other.store(t, far, time.Minute), query(1)) }()
		synctest.Wait()
		o := serving(1)
		got := mustFind(t, o.store(t, "srv*"+near+"*"+far+"*https://symbols.test", defaults()), query(1))
		<-held
		if o.fetches.Load() != 0 || got.count(sympath.EventWait) != 1 {
			t.Errorf("%d fetches, events %+v", o.fetches.Load(), got.events)
		}
		if _, err := os.Stat(filepath.Join(near, "f.pdb/A00000011/f.pdb")); err != nil {
			t.Error(err)
		}
	})
}

// TestCache_sizeOfEntry: an entry that has another size than it was filed with
// is put away and brought again, even where its content passes the check of
// its identity.
func TestCache_sizeOfEntry(t *testing.T) {
	for name, other := range map[string]int{"shorter": 9000, "longer": 11000} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := serving(1)
			store := o.store(t, "srv*"+dir+"*https://symbols.test", defaults())
			mustFind(t, store, query(1))
			entry := filepath.Join(dir, "f.pdb/A00000011/f.pdb")
			if err := os.Remove(entry); err != nil {
				t.Fatal(err)
			}
			place(t, dir, "f.pdb/A00000011/f.pdb", symbolFile(idOf(1), other)) // whole, and of that identity
			got := mustFind(t, store, query(1))
			if len(got.data) != 10000 || o.fetches.Load() != 2 {
				t.Errorf("%d bytes after %d fetches, want those of the server", len(got.data), o.fetches.Load())
			}
			if got.count(sympath.EventQuarantine) != 1 {
				t.Errorf("events %+v", got.events)
			}
			put := filepath.Join(dir, ".symres/quarantine/f.pdb/A00000011/f.pdb")
			if fi, err := os.Stat(put); err != nil || fi.Size() != int64(other) {
				t.Errorf("in quarantine: %v, %v", fi, err)
			}
			reason, err := fs.ReadFile(os.DirFS(filepath.Dir(put)), "f.pdb.json")
			if want := fmt.Sprintf("it has %d bytes and was filed with 10000", other); err != nil || !strings.Contains(string(reason), want) {
				t.Errorf("the reason is %s, %v; want %q", reason, err, want)
			}
		})
	}
}
