// Package filepool holds the PDBs and images of sessions, each once, within
// bounds of memory and of descriptors. It is what symres.Files is made of.
package filepool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
)

// Config bounds what a [Pool] holds. Zero values are the defaults.
type Config struct {
	// Bytes limits the memory that all PDBs together use, as [pdb.File.Memory]
	// counts it: 512 MB by default. The PDB used last stays in memory even if
	// it exceeds the limit.
	Bytes int64
	// Descriptors is how many files of this machine are kept open: a quarter of
	// what the process may have by default, 256 at most. Reads that are under way
	// at once may hold more. Files a store has in memory or on a server count
	// neither here nor there, and go with the last Session that uses them.
	Descriptors int
}

// Stats are the counters of a [Pool].
type Stats struct {
	Files       int   // files held, whether in use or not
	Descriptors int   // files held that are open
	Bytes       int64 // memory used by PDBs at the last count
	Shared      int64 // how often a requested file was already held
	Reopened    int64 // how often a file was opened again
}

// Pool holds the PDBs and images of Sessions, each once, however many Sessions
// use it. Local files are told apart by device, inode, size and time, never by
// name alone. PDBs from elsewhere are told apart by location, size, identity
// and samples of their content.
//
// What is over a bound goes, the least recently used first: the descriptor of a
// file, what was read and made of a PDB, and PDBs that no Session uses any more.
// All of it comes back when it is asked for. A file that is opened again must
// be the one it was, by the same facts and the identity of the PDB; otherwise
// the answers of its modules end with an error that wraps
// [sympath.ErrChanged], until the module is removed and added again.
//
// When the process runs out of descriptors, Pool closes half of what it has
// open and tries again, before anything fails with an error that wraps
// [sympath.ErrTooManyFiles].
//
// It is safe for concurrent use.
type Pool struct {
	cfg  Config
	last atomic.Pointer[Held] // the PDB asked last

	mu       sync.Mutex // guards the fields below and those of the files
	held     map[int64][]*Held
	open     *simplelru.LRU[*Held, sympath.File] // the descriptors
	pdbs     *simplelru.LRU[*Held, int64]        // and their bytes
	bytes    int64
	shared   int64
	reopened int64
	closed   bool
}

// ErrClosed is wrapped by errors about files of sessions and pools that were closed.
var ErrClosed = errors.New("session is closed")

const (
	defaultBytes   = 512 << 20
	maxDescriptors = 256
	minDescriptors = 4
	entryBytes     = 4 << 10 // of a PDB, for what Memory does not count
)

// New returns a Pool that holds nothing yet.
func New(cfg Config) *Pool {
	if cfg.Bytes <= 0 {
		cfg.Bytes = defaultBytes
	}
	if cfg.Descriptors <= 0 {
		cfg.Descriptors = min(max(fsx.MaxDescriptors()/4, minDescriptors), maxDescriptors)
	}
	f := &Pool{cfg: cfg, held: map[int64][]*Held{}}
	// The bounds are kept by trim and fit: neither counts entries alone.
	f.open, _ = simplelru.NewLRU[*Held, sympath.File](math.MaxInt32, nil)
	f.pdbs, _ = simplelru.NewLRU[*Held, int64](math.MaxInt32, nil)
	return f
}

// Stats returns the counters.
func (f *Pool) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, some := range f.held {
		n += len(some)
	}
	return Stats{Files: n, Descriptors: f.open.Len(), Bytes: f.bytes, Shared: f.shared, Reopened: f.reopened}
}

// Close closes all files. Sessions that still use them get errors that wrap
// [ErrClosed]. Closing again does nothing.
func (f *Pool) Close() error {
	f.mu.Lock()
	f.closed = true
	var all []*Held
	for _, some := range f.held {
		all = append(all, some...)
	}
	var rest []sympath.File
	for _, h := range all {
		rest = append(rest, f.drop(h)...)
	}
	f.mu.Unlock()
	return closeAll(rest)
}

func closeAll(files []sympath.File) error {
	var errs []error
	for _, file := range files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// hold returns the file of a candidate, opened or held already. The caller
// releases it.
func (f *Pool) hold(ctx context.Context, c sympath.Candidate) (*Held, error) {
	file, err := f.openCandidate(ctx, c)
	if err != nil {
		return nil, err
	}
	if u, ok := file.(interface{ unwrap() *hold }); ok && u.unwrap().held.pool == f { // c is one of ours already
		return u.unwrap().held, nil
	}
	h, rest, err := f.adopt(newHeld(f, c, file), file)
	return h, errors.Join(err, closeAll(rest))
}

// adopt takes a file that was just opened in, and returns what to close now.
func (f *Pool) adopt(h *Held, file sympath.File) (*Held, []sympath.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, []sympath.File{file}, fmt.Errorf("pool: %w", ErrClosed)
	}
	for _, other := range f.held[h.size] {
		if h.info == nil || other.info == nil || fsx.Same(other.info, h.info) != nil {
			continue
		}
		other.refs++
		f.shared++
		if other.file != nil {
			return other, []sympath.File{file}, nil
		}
		return other, f.install(other, file), nil
	}
	h.refs = 1
	f.held[h.size] = append(f.held[h.size], h)
	return h, f.install(h, file), nil
}

// install gives a file its descriptor and returns those that have to go for it.
// The caller holds the lock.
func (f *Pool) install(h *Held, file sympath.File) []sympath.File {
	h.file = file
	if h.info == nil {
		return nil
	}
	f.open.Add(h, file)
	return f.trim(f.cfg.Descriptors, h)
}

// trim takes descriptors from files nobody reads until so many are left, the
// least recently used first. The caller holds the lock, and closes them when it
// does not.
func (f *Pool) trim(most int, but *Held) (rest []sympath.File) {
	if f.open.Len() <= most {
		return nil
	}
	for _, h := range f.open.Keys() {
		if f.open.Len() <= most {
			break
		}
		if h != but && h.reading == 0 {
			rest = append(rest, h.file)
			f.open.Remove(h)
			h.file = nil
		}
	}
	return rest
}

// shrink closes half of the descriptors and reports whether there was one.
func (f *Pool) shrink() bool {
	f.mu.Lock()
	rest := f.trim(f.open.Len()/2, nil)
	f.mu.Unlock()
	return closeAll(rest) == nil && len(rest) > 0
}

// maxShrinks is how often something is tried for which there was no descriptor.
const maxShrinks = 8

func (f *Pool) openCandidate(ctx context.Context, c sympath.Candidate) (sympath.File, error) {
	for try := 0; ; try++ {
		file, err := c.Open(ctx)
		if err == nil || !errors.Is(err, sympath.ErrTooManyFiles) || try == maxShrinks || !f.shrink() {
			return file, err
		}
	}
}

// search is a search whose candidates are opened through f, and which is made
// again where there was no descriptor for it.
func (f *Pool) search(find func() iter.Seq2[sympath.Candidate, error]) iter.Seq2[sympath.Candidate, error] {
	return func(yield func(sympath.Candidate, error) bool) {
		seen := map[string]bool{}
		for try := 0; ; try++ {
			again := false
			for c, err := range find() {
				if errors.Is(err, sympath.ErrTooManyFiles) && try < maxShrinks && f.shrink() {
					again = true
					break
				}
				if err == nil {
					if seen[c.Location] {
						continue
					}
					seen[c.Location] = true
					c = f.share(c)
				}
				if !yield(c, err) {
					return
				}
			}
			if !again {
				return
			}
		}
	}
}

// sharedStore is a store whose files are opened through a Pool.
type sharedStore struct {
	pool *Pool
	sympath.Store
}

// Store returns the store s with its files opened through f; nil for nil.
func (f *Pool) Store(s sympath.Store) sympath.Store {
	if s == nil {
		return nil
	}
	return sharedStore{pool: f, Store: s}
}

// Find implements [sympath.Store].
func (s sharedStore) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	return s.pool.search(func() iter.Seq2[sympath.Candidate, error] { return s.Store.Find(ctx, q) })
}

// share is a candidate that is opened through f.
func (f *Pool) share(c sympath.Candidate) sympath.Candidate {
	shared := sympath.NewCandidate(c.Location, c.Origin, func(ctx context.Context) (sympath.File, error) {
		h, err := f.hold(ctx, c)
		if err != nil {
			return nil, err
		}
		return newHold(h), nil
	})
	shared.Store, shared.Source = c.Store, c.Source
	return shared
}

// release ends one use of a file. PDBs of this machine stay for the next who
// wants them.
func (f *Pool) release(h *Held) error {
	f.mu.Lock()
	var rest []sympath.File
	if h.refs--; h.refs == 0 && !h.gone && (h.info == nil || !f.pdbs.Contains(h)) {
		rest = f.drop(h)
	}
	f.mu.Unlock()
	return closeAll(rest)
}

// drop forgets a file and returns what to close. The caller holds the lock.
func (f *Pool) drop(h *Held) (rest []sympath.File) {
	h.gone = true
	some := slices.DeleteFunc(f.held[h.size], func(other *Held) bool { return other == h })
	if f.held[h.size] = some; len(some) == 0 {
		delete(f.held, h.size)
	}
	f.forget(h, true)
	if h.file != nil {
		rest = append(rest, h.file)
		h.file = nil
	}
	f.open.Remove(h)
	return rest
}

// forget gives up what was made of a PDB. The caller holds the lock.
func (f *Pool) forget(h *Held, forGood bool) {
	f.bytes -= h.bytes
	h.bytes = 0
	f.pdbs.Remove(h)
	if p := h.pdb.Swap(nil); p != nil && forGood {
		p.Close() // only marks it: the file is ours
	}
}

// used counts the bytes of the PDB asked before, and now and then of this one,
// and makes room.
func (f *Pool) used(h *Held) {
	const often = 256
	if f.last.Load() == h && h.uses.Add(1)%often != 0 {
		return
	}
	f.mu.Lock()
	before := f.last.Swap(h)
	if before != h {
		f.count(before)
	}
	f.count(h)
	rest := f.fit(h)
	f.mu.Unlock()
	_ = closeAll(rest) // of PDBs that nobody uses
}

// count puts a PDB at the end of the queue, with its bytes.
func (f *Pool) count(h *Held) {
	if h == nil || h.gone {
		return
	}
	p := h.pdb.Load()
	if p == nil {
		return
	}
	now := p.Memory() + entryBytes
	f.bytes += now - h.bytes
	h.bytes = now
	f.pdbs.Add(h, now)
}

// fit gives up PDBs until the rest fits, but not the one that is asked.
func (f *Pool) fit(but *Held) (rest []sympath.File) {
	for f.bytes > f.cfg.Bytes {
		h, _, ok := f.pdbs.GetOldest()
		if !ok || h == but {
			break
		}
		if h.refs == 0 {
			rest = append(rest, f.drop(h)...)
		} else {
			f.forget(h, false)
		}
	}
	return rest
}
