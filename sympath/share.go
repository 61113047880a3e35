package sympath

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/symres/symres/internal/fsx"
)

// Share is the store of a directory that is reached over a network. It is
// searched as [Symsrv] when keyed and as [Dir] otherwise. name is what
// locations and attempts call it.
//
// open gives the directory to one search, or to the opening of one file; it
// may connect, and what it returns may end with the context, except for files
// that are open by then. An error of it is an attempt with that reason, and
// the search goes on. Files that implement ReadAtContext(ctx, p, off) are read
// with a context where there is one.
//
// As part of a [Path], a keyed share with caches to its left is a place that
// files are fetched from, each once however many want it; see [Remote]. That
// it does not have a file is never remembered, since asking is cheap.
func Share(name string, keyed bool, open func(context.Context) (fs.FS, error)) Store {
	return &share{name: name, keyed: keyed, open: open}
}

type share struct {
	name   string
	keyed  bool
	open   func(context.Context) (fs.FS, error)
	limits Limits
	roots  *roots
}

// in returns the store as part of a path.
func (sh *share) in(tiers []*Cache, o *Options, all *roots) Store {
	all.add(sh.name, true, sh.open)
	part := &share{name: sh.name, keyed: sh.keyed, open: sh.open, limits: o.Limits, roots: all}
	cached := len(tiers) > 0 && !o.ReadOnly
	if part.keyed && o.Verify != nil && (cached || o.Remote != RemoteWhole) {
		return Remote(fromShare{part})
	}
	return part
}

func (sh *share) Find(ctx context.Context, q Query) iter.Seq2[Candidate, error] {
	return find(ctx, q, sh)
}

// origin is that of a plain directory where nothing but the name was looked at.
func (sh *share) origin() Origin {
	if sh.keyed {
		return OriginUNC
	}
	return OriginDir
}

func (sh *share) search(s *search) bool {
	start := time.Now()
	fsys, err := sh.open(s.ctx)
	if err != nil {
		if s.ctx.Err() != nil {
			return s.alive()
		}
		u := unusable{element: Element{Text: sh.name, Keyed: sh.keyed}, origin: sh.origin(), status: StatusError, err: err}
		if errors.Is(err, fs.ErrNotExist) {
			u.status = StatusPathNotFound
		}
		return u.note(s, start)
	}
	p := place{name: sh.name, fsys: fsys, origin: sh.origin(), limits: sh.limits, reopen: sh.open, roots: sh.roots}
	if sh.keyed {
		return symsrvStore{p}.search(s)
	}
	return dirStore{p}.search(s)
}

// fromShare fetches files of a share. It is a [Fetcher].
type fromShare struct{ *share }

func (f fromShare) Name() string   { return f.name }
func (f fromShare) Origin() Origin { return OriginUNC }

// errNotOnShare ends a fetch without a file. It is no fs.ErrNotExist, which
// would be remembered.
var errNotOnShare = errors.New("the share does not have the file")

// Fetch brings the first file that is accepted. A candidate is reported when
// its content has been seen.
func (f fromShare) Fetch(ctx context.Context, q Query, sink *Sink) error {
	err := errNotOnShare
	var found Attempt
	s := &search{ctx: ctx, query: q, yield: func(c Candidate, failed error) bool {
		if failed != nil {
			return true
		}
		if err = fetchOne(ctx, c, sink); err != nil {
			found.Status, found.Err = StatusError, cause(err)
			if errors.Is(err, ErrMismatch) {
				found.Status = StatusRefused
			}
		}
		if !sink.TookParts() {
			sink.Attempt(found)
		}
		return err != nil
	}}
	s.noted = func(a Attempt) {
		if a.Status == StatusFound {
			found = a
			return
		}
		sink.Attempt(a)
	}
	f.search(s)
	return err
}

// fetchChunk is how much is asked for at a time: enough to fill a network.
const fetchChunk = 1 << 20

func fetchOne(ctx context.Context, c Candidate, sink *Sink) error {
	file, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer file.Close()
	if sink.TakesParts(file.Size()) {
		if err := giveParts(ctx, c, file, sink); err == nil || errors.Is(err, ErrMismatch) || ctx.Err() != nil {
			return err
		}
	}
	if err := sink.Begin(c.Location, file.Size()); err != nil {
		return err
	}
	if err := copyFile(ctx, sink, file); err != nil {
		return errors.Join(err, sink.Reset())
	}
	return sink.Commit()
}

// giveParts gives a PDB to the sink that is read where it lies.
func giveParts(ctx context.Context, c Candidate, file File, sink *Sink) error {
	head := make([]byte, min(sniffParts, file.Size()))
	if _, err := within(ctx, file).ReadAt(head, 0); err != nil {
		return err
	}
	if c.stat == nil || !strings.HasPrefix(string(head), "Microsoft C/C++ MSF 7.00\r\n\x1aDS") {
		return errors.ErrUnsupported
	}
	now, err := rangedFile(ctx, c)
	if err != nil {
		return err
	}
	file, err = c.Open(ctx)
	if err != nil {
		return err
	}
	return sink.Parts(now, head, &shareRanges{of: now, file: file})
}

const sniffParts = 64 << 10

// rangedFile is what a candidate is now.
func rangedFile(ctx context.Context, c Candidate) (RangedFile, error) {
	fi, err := c.stat(ctx)
	if err != nil {
		return RangedFile{}, err
	}
	return RangedFile{Location: c.Location, Size: fi.Size(), Validator: fi.ModTime().UTC().Format(time.RFC3339Nano)}, nil
}

// Ranges implements [Ranger].
func (f fromShare) Ranges(q Query, of RangedFile) (RangeReader, error) {
	return &shareRanges{of: of, find: func(ctx context.Context) (File, error) { return f.reopen(ctx, q, of) }}, nil
}

// reopen opens a file again of which parts are here.
func (f fromShare) reopen(ctx context.Context, q Query, of RangedFile) (file File, err error) {
	err = fmt.Errorf("%s: %w", of.Location, errNotOnShare)
	s := &search{ctx: ctx, query: q, noted: func(a Attempt) {
		if a.Err != nil {
			err = a.Err
		}
	}, yield: func(c Candidate, failed error) bool {
		if failed != nil || c.Location != of.Location || c.stat == nil {
			return true
		}
		var now RangedFile
		if now, err = rangedFile(ctx, c); err == nil && now != of {
			err = fmt.Errorf("%s: %w: it was of %s and is of %s", of.Location, ErrChanged, of.Validator, now.Validator)
		}
		if err == nil {
			file, err = c.Open(ctx)
		}
		return false
	}}
	f.search(s)
	return file, err
}

// shareRanges reads parts of a file on a share.
type shareRanges struct {
	of   RangedFile
	find func(context.Context) (File, error)

	mu   sync.Mutex // guards file
	file File       // nil until it is needed
}

// ReadRange implements [RangeReader].
func (r *shareRanges) ReadRange(ctx context.Context, p []byte, off int64) error {
	file, err := r.opened(ctx)
	if err != nil {
		return err
	}
	n, err := within(ctx, file).ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = fmt.Errorf("%s: %w: it has become shorter", r.of.Location, ErrChanged)
	}
	return err
}

func (r *shareRanges) opened(ctx context.Context) (File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		return r.file, nil
	}
	file, err := r.find(ctx)
	if err == nil && file.Size() != r.of.Size {
		err = errors.Join(fmt.Errorf("%s: %w: it has %d bytes and had %d", r.of.Location, ErrChanged, file.Size(), r.of.Size), file.Close())
	}
	if err == nil {
		r.file = file
	}
	return file, err
}

// Close implements [RangeReader].
func (r *shareRanges) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

func copyFile(ctx context.Context, w io.Writer, file File) error {
	r := within(ctx, file)
	buf := make([]byte, min(fetchChunk, file.Size()))
	for off := int64(0); off < file.Size(); {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), file.Size()-off)], off)
		if _, werr := w.Write(buf[:n]); werr != nil {
			return werr
		}
		off += int64(n)
		if err != nil && (err != io.EOF || off < file.Size()) {
			return fmt.Errorf("at byte %d of %d: %w", off, file.Size(), err)
		}
	}
	return nil
}

var _ fsx.ContextReaderAt = (*fsx.File)(nil)
