package sympath

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path"
	"time"

	"github.com/symres/symres/internal/flock"
)

// keyLock keeps other processes from fetching the same file.
type keyLock struct {
	root *os.Root
	file *os.File
	name string
	beat time.Time
}

// lockShards is how many lock files a cache has. They are never removed: a
// process could be waiting for one that is no longer there for others.
const lockShards = 1024

// lock waits until no other process fetches the file of a key. The holder
// shows signs of life by touching the lock file; one that shows none for
// LockWait is left alone and its file fetched a second time, into a file of
// its own. Where there are no locks the same happens at once.
func (c *Cache) lock(ctx context.Context, key string, waiting func()) (*keyLock, error) {
	root, err := c.open()
	if err != nil {
		return nil, err
	}
	h := fnv.New32a()
	h.Write([]byte(key))
	k := &keyLock{root: root, name: path.Join(lockDir, fmt.Sprintf("%03x", h.Sum32()%lockShards))}
	if err = root.MkdirAll(local(lockDir), 0o700); err == nil {
		k.file, err = root.OpenFile(local(k.name), os.O_CREATE|os.O_RDWR, 0o600)
	}
	if err == nil {
		err = k.wait(ctx, c.opts.LockWait, waiting)
	}
	if err != nil {
		k.unlock()
		return nil, err
	}
	k.touch()
	return k, nil
}

// wait polls for the lock: a wait inside the system could not be called off.
func (k *keyLock) wait(ctx context.Context, patience time.Duration, waiting func()) error {
	var seen, since time.Time
	for delay := 2 * time.Millisecond; ; delay = min(2*delay, 100*time.Millisecond) {
		if ok, err := flock.TryLock(k.file); ok || err != nil {
			return nil
		}
		if fi, err := k.file.Stat(); err == nil && fi.ModTime() != seen {
			seen, since = fi.ModTime(), time.Now()
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		if time.Since(since) > patience {
			return nil
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// touch is the sign of life.
func (k *keyLock) touch() {
	const every = time.Second
	if k == nil || k.file == nil {
		return
	}
	if now := time.Now(); now.Sub(k.beat) >= every {
		k.beat = now
		k.root.Chtimes(local(k.name), now, now)
	}
}

func (k *keyLock) unlock() {
	if k == nil {
		return
	}
	if k.file != nil {
		k.file.Close()
	}
	k.root.Close()
}
