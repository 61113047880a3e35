package sympath

import (
	"io"
	"io/fs"
	"time"
)

// Options say how the elements of a path become stores. The zero value reads
// directories of this machine and makes no connection.
type Options struct {
	// Verify reads what a file of size bytes really is. It decides what may
	// enter a cache: only a file of the identity asked for is published, and
	// what a cache holds is checked again before it is used. Without it
	// caches are read as they are and never written.
	Verify func(q Query, r io.ReaderAt, size int64) (ID, error)
	// HTTP and UNC make the stores for elements of those kinds. Without one,
	// or when its error wraps [errors.ErrUnsupported], such an element is an
	// attempt with [StatusUnsupported].
	HTTP, UNC func(Element) (Store, error)
	// Dir opens the directory of an element; nil reads the file system of this
	// machine, where a FIFO, device or directory in place of a file is refused.
	// If the caller sets Dir, the caches of the path are not written.
	Dir func(dir string) (fs.FS, error)
	// Recursive searches plain directories with everything below them, which
	// is what WinDbg does along the image path and not along the symbol path.
	Recursive bool
	// Cache is the default downstream store: the directory that an empty place
	// in a chain and a bare cache* stand for. Empty: [DefaultCache].
	Cache string
	// Getenv replaces os.Getenv where [DefaultCache] is needed.
	Getenv func(string) string
	// Offline leaves HTTP and UNC elements out, with [StatusOffline].
	Offline bool
	// ReadOnly leaves every cache as it is.
	ReadOnly bool
	// Rehash reads an entry of a cache whole before it is used, and compares it
	// with the SHA-256 it was filed with. Without it only who reads all of an
	// entry in order, [Cache.Verify] and [CheckFiled] notice bytes that changed.
	Rehash bool
	// Refresh asks servers again for files that a cache remembers as missing.
	Refresh bool
	// MissTTL is how long it is remembered that a server does not have a file.
	// Zero: 24 hours for [MicrosoftServer], 1 hour for others. Negative: not at all.
	MissTTL time.Duration
	// LockWait is how long to wait for a process that fetches the same file
	// and shows no progress, before fetching it too. Zero: 60 seconds.
	LockWait time.Duration
	// Remote says whether PDBs are read where they lie, on servers and shares.
	// Without Verify they never are.
	Remote RemoteMode
	// DropRefused deletes downloads that are not what was asked for. Otherwise
	// the last one of each name and key is kept in quarantine.
	DropRefused bool
	// Limits bound what is fetched.
	Limits Limits
	// Trace receives the attempts of all searches. For one search see
	// [WithTrace].
	Trace *Trace
}

// Limits bound the size of a fetched file. Zero fields stand for the defaults.
type Limits struct {
	Stored   int64 // bytes as they come: 4 GiB
	Expanded int64 // bytes after decompression: 8 GiB
	Ratio    int64 // expanded to stored, beyond the first 16 MiB: 200
}

func (l Limits) orDefault() Limits {
	if l.Stored == 0 {
		l.Stored = 4 << 30
	}
	if l.Expanded == 0 {
		l.Expanded = 8 << 30
	}
	if l.Ratio == 0 {
		l.Ratio = 200
	}
	return l
}
