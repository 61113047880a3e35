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
	// Image is what could be read of a PE image.
	Image = pe.Image
	// CodeView is the record by which an image names its PDB.
	CodeView = pe.CodeView
)

// ErrImageFormat is wrapped by errors about image bytes that are there and
// are not those of a PE image.
var ErrImageFormat = pe.ErrFormat

// ReadImage reads the headers, debug directory and CodeView record of the
// image mapped at base, each from the page it lies in. The image is never nil
// and tells by [pe.Image.Missing] what could not be read; the error is that of
// the NT headers and wraps a [*memsource.Fault] or [ErrImageFormat].
func ReadImage(ctx context.Context, src MemorySource, base uint64) (*Image, error) {
	return pe.ReadImage(ctx, src, base)
}

// OpenImage reads an image file. The error wraps [ErrImageFormat] when the
// file is not a PE image and [io/fs.ErrNotExist] when there is none.
func OpenImage(path string) (*Image, error) { return pe.OpenImage(path) }

// NewImage reads an image of size bytes in the file layout. It keeps no
// reference to r. The error, which wraps [ErrImageFormat] or is that of r, means
// that r holds no PE image.
func NewImage(r io.ReaderAt, size int64) (*Image, error) { return pe.NewImage(r, size) }
