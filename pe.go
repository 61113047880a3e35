package symres

import (
	"context"
	"io"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pe"
)

// MemorySource reads a target's virtual memory. See [memsource.Source] for
// the contract and the packages below memsource for implementations.
type MemorySource = memsource.Source

// What an image says of itself; package pe has the parts.
type (
	// Image holds the parts of a PE image that could be read.
	Image = pe.Image
	// CodeView is the record by which an image names its PDB.
	CodeView = pe.CodeView
)

// ErrImageFormat is wrapped by errors about bytes that can be read but are not
// a PE image.
var ErrImageFormat = pe.ErrFormat

// ReadImage reads the headers, debug directory and CodeView record of the image
// mapped at base, each from the page it lies in. The returned image is never
// nil; [pe.Image.Missing] says which parts could not be read. The error is
// about the NT headers; it wraps a [*memsource.Fault] or [ErrImageFormat].
func ReadImage(ctx context.Context, src MemorySource, base uint64) (*Image, error) {
	return pe.ReadImage(ctx, src, base)
}

// OpenImage reads an image file. The error wraps [ErrImageFormat] if the file
// is not a PE image, and [io/fs.ErrNotExist] if it does not exist.
func OpenImage(path string) (*Image, error) { return pe.OpenImage(path) }

// NewImage reads an image of size bytes in the file layout. It keeps no
// reference to r. If r holds no PE image, the error wraps [ErrImageFormat];
// read errors of r are returned too.
func NewImage(r io.ReaderAt, size int64) (*Image, error) { return pe.NewImage(r, size) }
