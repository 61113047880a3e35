// Package ranged reads a file that is far away by ranges, in blocks that are kept: each
// is fetched once, those that were announced together with as few round trips as can be.
//
// A [File] is told by [File.Prefetch] what will be read. What it has is in a [Part]: a
// sparse file and a log of the blocks in it, which several processes may share and
// which may lose its end to a crash, or a temporary file.
package ranged

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"slices"
	"sync"
)

// Block is what is kept and checked as one, in bytes.
const Block = 4 << 10

const (
	missRead  = 64 << 10 / Block // blocks read at least where nothing was announced
	maxAhead  = 4 << 20 / Block  // blocks read at most for reads that follow each other
	manyReads = 4                // reads that follow each other before more is read ahead
	fillRun   = 4 << 20 / Block  // blocks of a request that fills what is missing
	fillWidth = 8                // of those are under way at once
)

// Reader reads ranges of one version of a file. It is safe for concurrent use.
type Reader interface {
	// ReadRange fills p from off. An error that wraps the ErrChanged of the
	// configuration says that the file is another one by now.
	ReadRange(ctx context.Context, p []byte, off int64) error
}

// Config says what a [File] reads and whom it tells.
type Config struct {
	Size   int64
	Reader Reader
	Part   *Part
	// ErrChanged is wrapped by the errors of a Reader whose file is another one by
	// now. Nothing of it is read any more then.
	ErrChanged error
	// Progress is told how many bytes are held after each fetch. It may be nil.
	Progress func(held int64)
	// Warn is told once that what came cannot be kept. It may be nil.
	Warn func(error)
}

// File is a file that is far away. It is safe for concurrent use.
type File struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{} // one for each request under way

	mu     sync.Mutex // guards the fields below
	coming map[int64]*arrival
	err    error            // why nothing can be read any more
	extra  map[int64][]byte // blocks that could not be kept
	next   int64            // where a read that follows the last one that fetched begins
	follow int              // how many followed each other
	stats  Stats
}

// arrival is blocks on their way.
type arrival struct{ done chan struct{} }

// Stats counts what was fetched.
type Stats struct {
	Requests int
	Bytes    int64
}

// New returns a file of which nothing was read yet but what its part holds. Closing it
// closes the part.
func New(cfg Config) *File {
	f := &File{cfg: cfg, coming: map[int64]*arrival{}, slots: make(chan struct{}, maxFlight), next: -1}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// Size returns the bytes of the file.
func (f *File) Size() int64 { return f.cfg.Size }

// Stats returns what was fetched so far.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Held returns how many bytes of the file are here.
func (f *File) Held() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held()
}

func (f *File) held() int64 {
	return min((f.cfg.Part.Count()+int64(len(f.extra)))*Block, f.cfg.Size)
}

// Whole reports whether all of the file is here.
func (f *File) Whole() bool { return f.Held() == f.cfg.Size }

// Close ends all reads. The error is that of the part.
func (f *File) Close() error {
	f.cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fs.ErrClosed
	}
	return f.cfg.Part.Close()
}

func (f *File) blocks() int64 { return (f.cfg.Size + Block - 1) / Block }

// ReadAt implements [io.ReaderAt].
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.ReadAtContext(f.ctx, p, off) }

// ReadAtContext is ReadAt until the context ends.
func (f *File) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if off >= f.cfg.Size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), f.cfg.Size-off))
	if n > 0 {
		first, end := off/Block, (off+int64(n)+Block-1)/Block
		if err := f.need(ctx, func() []int64 { return f.around(first, end) }); err != nil {
			return 0, err
		}
		if err := f.copy(p[:n], off); err != nil {
			return 0, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// copy reads blocks that are here.
func (f *File) copy(p []byte, off int64) error {
	f.mu.Lock()
	none := len(f.extra) == 0
	f.mu.Unlock()
	if none {
		return f.cfg.Part.read(p, off)
	}
	for len(p) > 0 {
		in := off % Block
		n := min(int64(len(p)), Block-in)
		f.mu.Lock()
		b := f.extra[off/Block]
		f.mu.Unlock()
		if b != nil {
			copy(p[:n], b[in:])
		} else if err := f.cfg.Part.read(p[:n], off); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// around returns the blocks to fetch for a read of those from first to end that was
// not announced: none if all are here, otherwise those around it, and more if reads
// follow each other. The file is locked.
func (f *File) around(first, end int64) []int64 {
	b := first
	for b < end && f.has(b) {
		b++
	}
	if b == end {
		return nil
	}
	n := int64(missRead)
	if f.follow++; b < f.next-n || b > f.next+n {
		f.follow = 0
	}
	for i := manyReads; i < f.follow && n < maxAhead; i++ {
		n *= 2
	}
	first, end = b/n*n, max((end+missRead-1)/missRead*missRead, b/n*n+n)
	f.next = min(end, f.blocks())
	return sequence(first, f.next)
}

func sequence(first, end int64) []int64 {
	list := make([]int64, 0, end-first)
	for ; first < end; first++ {
		list = append(list, first)
	}
	return list
}

// has reports whether a block is here. The file is locked.
func (f *File) has(b int64) bool { return f.extra[b] != nil || f.cfg.Part.has(b) }

// Prefetch fetches what lies at the offsets and is not here yet. Errors are left to
// who reads.
func (f *File) Prefetch(parts iter.Seq2[int64, int64]) {
	_ = f.need(f.ctx, func() []int64 {
		var list []int64
		for off, n := range parts {
			if off < 0 || off >= f.cfg.Size || n <= 0 {
				continue
			}
			list = append(list, sequence(off/Block, (min(n, f.cfg.Size-off)+off+Block-1)/Block)...)
		}
		slices.Sort(list)
		return slices.Compact(list)
	})
}

// Put keeps how the file begins, which came with something else.
func (f *File) Put(head []byte) error {
	if int64(len(head)) != f.cfg.Size {
		head = head[:len(head)/Block*Block]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(head) == 0 {
		return nil
	}
	return f.keep(head, 0)
}

// Fill fetches all that is missing.
func (f *File) Fill(ctx context.Context) error {
	return f.need(ctx, func() []int64 { return sequence(0, f.blocks()) })
}

// need fetches those of the blocks of want that are not here, ascending and each
// once, and waits for those that are on their way. When that is more than a quarter of
// the file, with what is here, it fetches all of it.
func (f *File) need(ctx context.Context, want func() []int64) error {
	for {
		f.mu.Lock()
		if f.err != nil {
			f.mu.Unlock()
			return f.err
		}
		var mine []int64
		var others []*arrival
		list := want()
		missing := int64(0)
		for _, b := range list {
			if !f.has(b) {
				missing++
			}
		}
		if missing > 0 && 4*(missing*Block+f.held()) > f.cfg.Size {
			list = sequence(0, f.blocks())
		}
		for _, b := range list {
			if f.has(b) {
				continue
			}
			if a := f.coming[b]; a == nil {
				mine = append(mine, b)
			} else if len(others) == 0 || others[len(others)-1] != a {
				others = append(others, a)
			}
		}
		a := &arrival{make(chan struct{})}
		for _, b := range mine {
			f.coming[b] = a
		}
		f.mu.Unlock()
		if len(mine) > 0 {
			err := f.fetch(ctx, mine)
			f.arrived(a, mine)
			if err != nil {
				return err
			}
		}
		if len(others) == 0 {
			return nil
		}
		for _, o := range others {
			select {
			case <-o.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

func (f *File) arrived(a *arrival, blocks []int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range blocks {
		delete(f.coming, b)
	}
	close(a.done)
}

// fetch brings blocks, as many requests at once as may be, and returns the first error.
func (f *File) fetch(ctx context.Context, blocks []int64) error {
	runs := plan(blocks)
	width := maxFlight
	if 4*int64(len(blocks)) > f.blocks() {
		runs, width = cut(joined(blocks), fillRun), fillWidth
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(f.ctx, func() { cancel(fs.ErrClosed) })
	defer stop()
	todo := make(chan run)
	var workers sync.WaitGroup
	for range min(width, len(runs)) {
		workers.Go(func() {
			for r := range todo {
				if err := f.bring(ctx, r); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, r := range runs {
		todo <- r
	}
	close(todo)
	workers.Wait()
	f.mu.Lock()
	held := f.held()
	f.mu.Unlock()
	if f.cfg.Progress != nil {
		f.cfg.Progress(held)
	}
	return context.Cause(ctx)
}

// joined are blocks as runs without gaps.
func joined(blocks []int64) (runs []run) {
	for _, b := range blocks {
		if i := len(runs) - 1; i >= 0 && runs[i].first+runs[i].n == b {
			runs[i].n++
		} else {
			runs = append(runs, run{b, 1})
		}
	}
	return runs
}

// bring makes one request and keeps what it brings.
func (f *File) bring(ctx context.Context, r run) error {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	off := r.first * Block
	p := make([]byte, min(r.n*Block, f.cfg.Size-off))
	err := f.cfg.Reader.ReadRange(ctx, p, off)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Requests++
	if err != nil {
		if f.cfg.ErrChanged != nil && errors.Is(err, f.cfg.ErrChanged) && f.err == nil {
			f.err = err
			f.cfg.Part.Discard()
		}
		return err
	}
	f.stats.Bytes += int64(len(p))
	return f.keep(p, r.first)
}

// keep puts blocks into the part, or holds them if that fails: a full disk. The file
// is locked.
func (f *File) keep(p []byte, first int64) error {
	if f.err != nil {
		return f.err
	}
	if f.extra == nil {
		err := f.cfg.Part.put(p, first)
		if err == nil {
			return nil
		}
		f.extra = map[int64][]byte{}
		if f.cfg.Warn != nil {
			f.cfg.Warn(err)
		}
	}
	for i := int64(0); len(p) > 0; i++ {
		n := min(Block, len(p))
		if !f.cfg.Part.has(first + i) {
			f.extra[first+i] = p[:n:n]
		}
		p = p[n:]
	}
	return nil
}
