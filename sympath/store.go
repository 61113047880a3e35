package sympath

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"github.com/symres/symres/internal/wtext"
)

// Query is what to look for. The zero ID asks by name only: plain directories
// are searched, and symbol stores of this machine for all their builds of the
// file, up to 64 each. Servers and shares cannot answer it.
type Query struct {
	// File is the file name; a recorded path is cut to its last part and the
	// rest goes through [CleanName].
	File string
	// ID is the identity wanted, or zero. It selects directories of symbol
	// stores; it is not compared with the content of what is found.
	ID ID
	// ImageExt is the extension of the image, without the dot, by which plain
	// directories sort symbols: D\sys\fs_rec.pdb. Empty: that of File, when
	// File is not itself a symbol file.
	ImageExt string
}

// String returns the name and, where it is known, the identity.
func (q Query) String() string {
	if q.ID.IsZero() {
		return wtext.Printable(q.File)
	}
	return wtext.Printable(q.File) + " (" + q.ID.String() + ")"
}

// Store is a place, or a chain of places, where files are looked for.
// Implementations must be safe for concurrent use.
type Store interface {
	// Find yields every file that may be the wanted one, in path order. The
	// caller stops at the first it accepts.
	//
	// An error does not end the sequence by itself. When a sequence runs to
	// its end because the caller wanted more, its last value is a
	// [*NotFoundError] with every attempt made, those that yielded candidates
	// too. After a canceled context the last value wraps ctx.Err() instead.
	// A name that [CleanName] refuses gives one error wrapping [ErrBadName].
	Find(ctx context.Context, q Query) iter.Seq2[Candidate, error]
}

// File is the content of a candidate. ReadAt is safe for concurrent use, Size
// is in bytes, and reading after Close is an error that wraps [io/fs.ErrClosed].
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Origin says by what means a candidate was found.
type Origin uint8

// The origins. Only [OriginDir] claims nothing about identity.
const (
	OriginCustom Origin = iota // a store that is not part of this package
	OriginDir                  // plain directory, or a symbol store asked without a key: found by name alone
	OriginSymsrv               // symbol store on disk: found by name and key
	OriginCache                // symbol store that serves as a local cache
	OriginHTTP                 // symbol server
	OriginUNC                  // symbol store on a Windows share: found by name and key
)

// String returns the origin in one word.
func (o Origin) String() string {
	switch o {
	case OriginCustom:
		return "custom"
	case OriginDir:
		return "directory"
	case OriginSymsrv:
		return "symsrv"
	case OriginCache:
		return "cache"
	case OriginHTTP:
		return "http"
	case OriginUNC:
		return "unc"
	}
	return fmt.Sprintf("Origin(%d)", uint8(o))
}

// Candidate is a file that was found but not opened yet. A candidate that is
// not needed requires no clean-up. Safe for concurrent use.
type Candidate struct {
	Location string // full path or URL, as found
	Origin   Origin
	Store    string // the path element it came from
	Source   string // where a fetched file came from, otherwise empty

	open func(context.Context) (File, error)
	stat func(context.Context) (fs.FileInfo, error) // of a file on a share
}

// NewCandidate makes a candidate for a custom [Store]. open may be called any
// number of times, from several goroutines.
func NewCandidate(location string, origin Origin, open func(context.Context) (File, error)) Candidate {
	return Candidate{Location: location, Origin: origin, open: open}
}

// Open opens the file. The caller closes it.
func (c Candidate) Open(ctx context.Context) (File, error) {
	if c.open == nil {
		return nil, fmt.Errorf("open %s: %w", wtext.Printable(c.Location), errNoCandidate)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open %s: %w", wtext.Printable(c.Location), err)
	}
	return c.open(ctx)
}

var errNoCandidate = errors.New("not a candidate that a store found")
