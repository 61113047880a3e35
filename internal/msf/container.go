// Package msf reads the container of a PDB: a file of numbered streams, each of which
// lies in blocks all over the file ("MSF 7.00", microsoft-pdb msf.cpp). It knows
// nothing of what the streams hold.
//
// A [Container] opens streams, a [Stream] gives their bytes: as views where they lie
// together in memory, as copies elsewhere. The bytes of the file
// come from a [source.Source]. What a file can make its reader do is bounded by a
// [budget.Budget].
package msf

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/source"
)

// Container maps numbered streams to bytes of a file. But for what it counts it is
// immutable after Open. It is safe for concurrent use.
type Container struct {
	Work     budget.Budget // what may still be done
	src      *source.Guarded
	dir      directory
	damaged  Damager
	copies   bool         // a view costs a copy of more than is asked for
	far      bool         // a read costs a round trip
	streams  atomic.Int64 // bytes of streams held as a whole
	resident atomic.Int64 // bytes held by those who read
	size     int64        // of the file
}

// directory says which streams there are and where they lie. Each form of
// container has its own: MSF 7.00 is msf7; the 2.00 form would have block numbers of
// 16 bits, MSFZ pieces of compressed chunks, over a source that expands them. It is
// safe for concurrent use.
type directory interface {
	// streams is how many numbers there are, those of streams that do not exist too.
	streams() uint32
	// length returns how long a stream is; ok is false for one that does not exist.
	length(n uint32) (size uint32, ok bool)
	// place returns where stream n lies, which exists; name is for errors.
	place(n uint32, name string) (layout, error)
	// whole returns an error when a part of stream n is not in the file. Stream 0 stands
	// for what the container itself needs.
	whole(n uint32) error
	// check reports what is wrong with the container until report wants no more.
	check(report func(error) bool) error
	// held returns the bytes of memory the directory takes.
	held() int64
}

// layout says where one stream lies in the bytes of the source. It is safe for
// concurrent use.
type layout interface {
	// extent returns where byte off lies and how many bytes follow it without a
	// break, at most limit. off lies inside the stream.
	extent(off, limit uint32) (pos int64, n uint32, err error)
}

// Damager makes the error for bytes that break the rules of the format: where, what is
// wrong, and whether bytes are missing from the file rather than wrong.
type Damager func(section string, off int64, lost bool, err error) error

// damage makes an error with a text.
func (d Damager) damage(section string, off int64, format string, args ...any) error {
	return d(section, off, false, fmt.Errorf(format, args...))
}

// Open opens an MSF 7.00 file of size bytes. After closed was set every read
// fails. Errors are made by damaged, satisfy errors.Is(err, fs.ErrClosed) or come from reading.
func Open(src source.Source, size int64, closed *atomic.Bool, damaged Damager) (*Container, error) {
	guarded := source.Guard(src, closed)
	c := &Container{src: guarded, copies: guarded.Copies(), far: guarded.Far(), size: size, damaged: damaged}
	c.Work.Init(size, cutError{})
	dir, err := openMSF7(guarded, size, c.far, damaged)
	c.dir = dir
	return c, err
}

// Has reports whether stream n exists; it may be empty.
func (c *Container) Has(n uint32) bool {
	_, ok := c.dir.length(n)
	return ok
}

// Length returns how many bytes stream n has, 0 for one that does not exist.
func (c *Container) Length(n uint32) uint32 {
	size, _ := c.dir.length(n)
	return size
}

// Stream opens stream n; what names it in errors.
func (c *Container) Stream(n uint32, what string) (*Stream, error) {
	name := fmt.Sprintf("stream %d (%s)", n, what)
	size, ok := c.dir.length(n)
	if !ok {
		return nil, c.damaged.damage(name, 0, "no such stream among %d", c.dir.streams())
	}
	at, err := c.dir.place(n, name)
	if err != nil {
		return nil, err
	}
	return &Stream{Container: c, Name: name, Size: size, at: at}, nil
}

// Whole returns nil when all bytes that a stream or the container needs lie in the
// file, and else what is missing first, or the error of reading.
func (c *Container) Whole() error {
	for n := range c.dir.streams() {
		if err := c.dir.whole(n); err != nil {
			return err
		}
	}
	return nil
}

// Check reports what is wrong with the container, until report wants no more. It
// returns an error of reading.
func (c *Container) Check(report func(error) bool) error { return c.dir.check(report) }

// Hold counts n bytes that were made of what was read and are kept.
func (c *Container) Hold(n int) { c.resident.Add(int64(n)) }

// Held returns about how many bytes are held: pages of the file, whole streams, the
// directory, and what was counted by [Container.Hold]. A mapping does not count.
func (c *Container) Held() int64 {
	return c.streams.Load() + c.resident.Load() + c.dir.held() + c.src.Held()
}

var (
	// ErrFormat means that bytes break the rules of the format.
	ErrFormat = errors.New("not a valid PDB")
	// ErrLimit means that a file asks for more work than its size is worth.
	ErrLimit = errors.New("more work than a file of its size is worth")
)

// cutError ends an answer that costs too much.
type cutError struct{}

// Error implements the error interface.
func (cutError) Error() string {
	return "pdb: what follows was cut off: parts of the file refer to the same bytes over and over, which is " + ErrLimit.Error()
}

// Is reports whether target is [ErrLimit] or [ErrFormat].
func (cutError) Is(target error) bool { return target == ErrLimit || target == ErrFormat }
