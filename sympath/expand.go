package sympath

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// expander writes the one file in a compressed one.
type expander func(r io.ReaderAt, size int64, w io.Writer) error

// compression tells compressed files by their first bytes. A file whose name
// says that it is an archive is what it should be and is left alone.
func compression(file string, first []byte) expander {
	for _, k := range []struct {
		magic, ext string
		expand     expander
	}{
		{"\x1f\x8b\x08", ".gz", expandGzip},
		{"PK\x03\x04", ".zip", expandZip},
		{"MSCF", ".cab", unsupportedFormat("CAB")},
		{"SZDD\x88\xf0\x27\x33", "", unsupportedFormat("SZDD")},
		{"KWAJ\x88\xf0\x27\xd1", "", unsupportedFormat("KWAJ")},
	} {
		if bytes.HasPrefix(first, []byte(k.magic)) && !strings.EqualFold(path.Ext(file), k.ext) {
			return k.expand
		}
	}
	return nil
}

func unsupportedFormat(name string) expander {
	return func(io.ReaderAt, int64, io.Writer) error {
		return fmt.Errorf("%s: %w", name, errCompressed)
	}
}

func expandGzip(r io.ReaderAt, size int64, w io.Writer) error {
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, z)
	return err
}

var errMembers = errors.New("want an archive of exactly one file")

// expandZip takes the single member, whatever it is called.
func expandZip(r io.ReaderAt, size int64, w io.Writer) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	if len(z.File) != 1 {
		return fmt.Errorf("%w: it has %d", errMembers, len(z.File))
	}
	m, err := z.File[0].Open()
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = io.Copy(w, m)
	return err
}

// ratioSlack is how much a file may expand to whatever its compressed size.
const ratioSlack = 16 << 20

// bounded stops a decompression bomb.
type bounded struct {
	w      io.Writer
	stored int64
	limits Limits
	n      int64
}

func (b *bounded) Write(p []byte) (int, error) {
	b.n += int64(len(p))
	if b.n > b.limits.Expanded {
		return 0, fmt.Errorf("%w: expands to over %d bytes", ErrTooLarge, b.limits.Expanded)
	}
	if b.n > ratioSlack && b.n/b.limits.Ratio > b.stored {
		return 0, fmt.Errorf("%w: expands to over %d times its size", ErrTooLarge, b.limits.Ratio)
	}
	return b.w.Write(p)
}
