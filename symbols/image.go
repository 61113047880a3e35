package symbols

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/internal/peimage"
)

// Image is where readers take the bytes of an image from. Its methods are safe
// for concurrent use if its readers are.
type Image struct {
	// Mapped has the image as it is mapped: offsets are RVAs. What it cannot
	// read is an error that says why, such as a page that is out.
	Mapped io.ReaderAt
	// File is the file of the image, for parts that are not mapped; nil where no
	// file is at hand.
	File     io.ReaderAt
	FileSize int64

	*peimage.Headers
}

// NewImage reads the headers of an image, those of the file if there is one.
// Where mapped is nil, the file is laid out as a loader would. The error wraps
// [ErrFormat] if they are no headers, else it is that of the reader.
func NewImage(mapped, file io.ReaderAt, fileSize int64) (*Image, error) {
	im := &Image{Mapped: mapped, File: file, FileSize: fileSize}
	if file != nil {
		im.Headers = peimage.ReadHeaders(file)
	} else {
		im.Headers = peimage.ReadHeaders(mapped)
	}
	if err := errors.Join(im.NTErr, im.DirErr, im.SectionErr); err != nil {
		return nil, headerError(err)
	}
	if mapped == nil {
		im.Mapped = peimage.NewMapped(file, im.Headers)
	}
	return im, nil
}

func headerError(err error) error {
	if errors.Is(err, peimage.ErrFormat) {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return err
}

// Bytes reads n bytes at an RVA. The error says which part of the image it was
// for; it wraps [ErrFormat] where that lies outside of the image.
func (im *Image) Bytes(what string, rva, n uint32) ([]byte, error) {
	if uint64(rva)+uint64(n) > uint64(im.SizeOfImage) {
		return nil, fmt.Errorf("%s at rva %x lies outside of the image: %w", what, rva, ErrFormat)
	}
	b := make([]byte, n)
	if got, err := im.Mapped.ReadAt(b, int64(rva)); got < len(b) {
		return nil, fmt.Errorf("%s at rva %x: %w", what, rva, err)
	}
	return b, nil
}

const (
	pageSize = 4096
	maxText  = 16 << 10 // bytes of a name
	textPart = 64       // bytes of a name that are read at a time, at least
)

// Text reads a text that ends with a zero, of at most 16 KB. It reads no page
// behind its end.
func (im *Image) Text(what string, rva uint32) (string, error) {
	var text []byte
	for n := uint32(textPart); len(text) < maxText; n *= 2 {
		at := rva + uint32(len(text))
		if at < rva || at >= im.SizeOfImage {
			return "", fmt.Errorf("%s at rva %x lies outside of the image: %w", what, rva, ErrFormat)
		}
		b, err := im.Bytes(what, at, min(n, pageSize-at%pageSize, im.SizeOfImage-at))
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(append(text, b[:i]...)), nil
		}
		text = append(text, b...)
	}
	return "", fmt.Errorf("%s at rva %x does not end: %w", what, rva, ErrFormat)
}

// Directory returns a data directory of the image. The error wraps [ErrNone]
// where the image has no such directory.
func (im *Image) Directory(index int, what string) (rva, size uint32, err error) {
	if index >= len(im.Directories) || im.Directories[index].RVA == 0 || im.Directories[index].Size == 0 {
		return 0, 0, fmt.Errorf("%s: %w", what, ErrNone)
	}
	d := im.Directories[index]
	return d.RVA, d.Size, nil
}

// Executable reports whether an RVA lies in a section of code.
func (im *Image) Executable(rva uint32) bool {
	const execute = 0x20000000 // IMAGE_SCN_MEM_EXECUTE (winnt.h)
	s := im.SectionOf(rva)
	return s != nil && s.Characteristics&execute != 0
}

// Budget is what may still be read because tables refer to it, in bytes: names
// can be shared, and every record can refer to the longest one. It belongs to one
// goroutine.
type Budget int64

const (
	leastBudget = 1 << 20
	mostCounted = 64 << 20 // bytes of an image that count: its headers claim its size
	perRead     = 32       // what a read counts as besides its bytes
	leastListed = 1 << 10
	perSymbol   = 18 // bytes of a COFF record, the smallest that names a symbol
)

// Budget is what one walk over tables of the image may cost.
func (im *Image) Budget() Budget { return Budget(leastBudget + 4*min(im.size(), mostCounted)) }

// size is how many bytes can say something: those of the file, whose symbol tables are
// not mapped, and of an image in memory what its headers claim.
func (im *Image) size() int64 {
	if im.File != nil {
		return im.FileSize
	}
	return int64(im.SizeOfImage)
}

// most is how many symbols the tables of an image list: each takes bytes, and what
// it names others.
func (im *Image) most() int64 { return leastListed + im.size()/perSymbol }

func errCut() error { return fmt.Errorf("what follows was cut off: %w", ErrLimit) }

// Spend takes n bytes off. It wraps [ErrLimit] when that is more than is left.
func (b *Budget) Spend(n int) error {
	if *b -= Budget(n) + perRead; *b < 0 {
		return errCut()
	}
	return nil
}
