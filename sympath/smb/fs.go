package smb

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"unicode"

	"github.com/symres/symres/internal/smb2"
)

// dir is a directory of a share as an fs.FS. Its methods end with the context
// of the one search it was made for; files that are open do not.
type dir struct {
	ctx    context.Context
	server *server
	share  string
	dir    string // slash-separated, below the root of the share
}

// remote returns the name of a file on the share. Only plain names get there:
// a backslash in one would lead elsewhere.
func (d dir) remote(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	full := path.Join(d.dir, name)
	if full == "." || full == "" {
		return "", nil
	}
	for part := range strings.SplitSeq(full, "/") {
		if !plain(part) {
			return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
		}
	}
	return strings.ReplaceAll(full, "/", `\`), nil
}

// cause drops the name that the library gives a file.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func failed(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: cause(err)}
}

// Stat implements [fs.StatFS].
func (d dir) Stat(name string) (fs.FileInfo, error) {
	full, err := d.remote("stat", name)
	if err != nil {
		return nil, err
	}
	var fi fs.FileInfo
	err = d.server.do(d.ctx, d.share, func(_ *link, share *smb2.Share) error {
		fi, err = share.Stat(full)
		return err
	})
	if err != nil {
		return nil, failed("stat", name, err)
	}
	return fi, nil
}

// Open implements [fs.FS].
func (d dir) Open(name string) (fs.File, error) {
	full, err := d.remote("open", name)
	if err != nil {
		return nil, err
	}
	f := &file{server: d.server, share: d.share, name: full}
	err = d.server.do(d.ctx, d.share, func(l *link, share *smb2.Share) error {
		h, err := share.Open(full)
		if err != nil {
			return err
		}
		f.link, f.handle, f.info = l, h, h.Info()
		return nil
	})
	if err != nil {
		return nil, failed("open", name, err)
	}
	if f.info.IsDir() {
		return &listing{file: f, ctx: d.ctx}, nil
	}
	return f, nil
}

// IgnoresCase tells whether the share finds a name in any letter case, as
// Windows does, so that directories need not be listed to find one. It asks
// once, for a name that is there spelled otherwise.
func (d dir) IgnoresCase() bool {
	key := strings.ToLower(d.share) + "/" + d.dir
	d.server.mu.Lock()
	folds, known := d.server.folds[key]
	d.server.mu.Unlock()
	if known {
		return folds
	}
	name := d.anyName()
	if name == "" {
		return false // nothing to try it with
	}
	_, err := d.Stat(swapCase(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	d.server.folds[key] = err == nil
	return err == nil
}

// anyName returns a name in the directory that has letters, and that is there
// in one spelling.
func (d dir) anyName() string {
	f, err := d.Open(".")
	if err != nil {
		return ""
	}
	defer f.Close()
	l, ok := f.(*listing)
	if !ok {
		return ""
	}
	entries, _ := l.ReadDir(64)
	have := map[string]bool{}
	for _, e := range entries {
		have[e.Name()] = true
	}
	for _, e := range entries {
		if s := swapCase(e.Name()); plain(s) && s != e.Name() && !have[s] {
			return e.Name()
		}
	}
	return ""
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return r
		}
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// chunk is how much is asked for at once. A server may take Config.Timeout for it.
const chunk = 256 << 10

// file is an open file. When its connection is gone it opens itself again on
// the next one.
type file struct {
	server      *server
	share, name string
	info        fs.FileInfo

	mu     sync.Mutex
	link   *link // of the handle
	handle *smb2.File
	closed bool
}

// Stat implements [fs.File].
func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

// Read implements [fs.File]; files are read with ReadAt.
func (f *file) Read([]byte) (int, error) { return 0, failed("read", f.name, errors.ErrUnsupported) }

// ReadAt implements [io.ReaderAt]. Each piece of 256 KB may take [Config].Timeout.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	return f.ReadAtContext(context.Background(), p, off)
}

// ReadAtContext is ReadAt until the context ends.
func (f *file) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, failed("read", f.name, fs.ErrInvalid)
	}
	done := 0
	for done < len(p) {
		n, err := f.read(ctx, p[done:min(done+chunk, len(p))], off+int64(done))
		done += n
		if err == io.EOF || err == nil && n == 0 {
			return done, io.EOF
		}
		if err != nil {
			return done, failed("read", f.name, err)
		}
	}
	return done, nil
}

func (f *file) read(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = f.server.do(ctx, f.share, func(l *link, share *smb2.Share) error {
		h, err := f.on(l, share)
		if err != nil {
			return err
		}
		n, err = h.ReadAt(p, off)
		return err
	})
	return n, err
}

// on returns the handle of a connection.
func (f *file) on(l *link, share *smb2.Share) (*smb2.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, fs.ErrClosed
	}
	if f.link == l {
		return f.handle, nil
	}
	h, err := share.Open(f.name)
	if err != nil {
		return nil, err
	}
	if fi := h.Info(); fi.Size() != f.info.Size() || !fi.ModTime().Equal(f.info.ModTime()) {
		h.Close()
		return nil, ErrChanged
	}
	f.link, f.handle = l, h
	return h, nil
}

// Close implements [fs.File].
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	if f.link.conn.Err() == nil {
		stop := f.server.limit(f.link)
		f.handle.Close() // what the server says to that changes nothing
		stop()
	}
	return nil
}

// listing is an open directory.
type listing struct {
	*file
	ctx context.Context
}

// ReadDir implements [fs.ReadDirFile].
func (l *listing) ReadDir(n int) ([]fs.DirEntry, error) {
	var infos []fs.FileInfo
	err := l.server.do(l.ctx, l.share, func(on *link, _ *smb2.Share) error {
		if on != l.link {
			return ErrBroken // and with it went the place in the list
		}
		var err error
		infos, err = l.handle.ReadDir(n)
		return err
	})
	entries := make([]fs.DirEntry, len(infos))
	for i, fi := range infos {
		entries[i] = fs.FileInfoToDirEntry(fi)
	}
	if err != nil && err != io.EOF {
		err = failed("readdir", l.name, err)
	}
	return entries, err
}
