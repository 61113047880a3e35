package sympath

import (
	"context"
	"sync"
	"time"
)

// flights lets everybody who wants the same file wait for one fetch of it. The
// fetch does not end when the caller who began it leaves, only when the last
// one does; golang.org/x/sync/singleflight does not count who still waits.
type flights struct {
	mu sync.Mutex
	m  map[string]*flight
}

// flight is one fetch. What it has to tell is kept for those who wait, so that
// each hears it on a goroutine of its own.
type flight struct {
	group  *flights
	key    string
	cancel context.CancelFunc

	mu       sync.Mutex
	waiters  int
	log      []news
	progress Event // the latest of its kind
	ticks    int   // how many progress events there were
	told     time.Time
	changed  chan struct{} // closed when there is news, and replaced
	done     bool
	result   *landed
}

// news is an attempt, or an event when the attempt has no status.
type news struct {
	attempt Attempt
	event   Event
}

// join takes part in the flight for key; run is started when there is none.
// The caller must leave.
func (g *flights) join(ctx context.Context, key string, run func(context.Context, *flight) *landed) *flight {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.m[key]; f != nil {
		f.waiters++
		return f
	}
	// The trace of who began it must not be called from another goroutine.
	ctx, cancel := context.WithCancel(WithTrace(context.WithoutCancel(ctx), nil))
	f := &flight{group: g, key: key, cancel: cancel, waiters: 1, changed: make(chan struct{})}
	if g.m == nil {
		g.m = map[string]*flight{}
	}
	g.m[key] = f
	go func() {
		defer cancel()
		f.finish(run(ctx, f))
	}()
	return f
}

// drop takes the flight off the list, so that whoever comes next begins
// another. The group must be locked.
func (f *flight) drop() {
	if f.group.m[f.key] == f {
		delete(f.group.m, f.key)
	}
}

func (f *flight) finish(result *landed) {
	f.group.mu.Lock()
	f.drop()
	empty := f.waiters == 0
	f.mu.Lock()
	f.done, f.result = true, result
	f.notify()
	f.mu.Unlock()
	f.group.mu.Unlock()
	if empty {
		result.release()
	}
}

// leave ends the part of one caller. The last one cancels a fetch that is
// under way and lets go of its result when it is over.
func (f *flight) leave() {
	f.group.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last {
		f.drop()
	}
	f.mu.Lock()
	done, result := f.done, f.result
	f.mu.Unlock()
	f.group.mu.Unlock()
	if !last {
		return
	}
	f.cancel()
	if done {
		result.release()
	}
}

// notify wakes all who wait. The flight must be locked.
func (f *flight) notify() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *flight) tell(n news) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, n)
	f.notify()
}

// progressEvery is the least time between two progress events.
const progressEvery = 100 * time.Millisecond

func (f *flight) tick(e Event) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.told) < progressEvery && e.Done != e.Total {
		return
	}
	f.told, f.progress = now, e
	f.ticks++
	f.notify()
}

// seat is what one of those who wait has heard.
type seat struct {
	log, ticks int
}

// hear returns what is new, and whether that is all there will be.
func (f *flight) hear(s *seat) (fresh []news, done bool, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh = append(fresh, f.log[s.log:]...)
	s.log = len(f.log)
	if f.ticks > s.ticks {
		fresh = append(fresh, news{event: f.progress})
		s.ticks = f.ticks
	}
	return fresh, f.done, f.changed
}
