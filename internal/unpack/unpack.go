// Package unpack expands compressed files into a temporary file, within bounds, so
// that they can be read at any place.
//
// What is compressed cannot be read at an offset without an index that the common
// formats do not have, so the file is expanded once, front to back. Pages of zeros,
// which most of a memory image is, are holes of the temporary file and take no
// disk. It has no name as soon as it is open where the system allows that.
//
// # Security
//
// A file may be made to expand without end. [Limits] bound what comes out, and
// what of it is stored, against the size of the file; dictionaries are bounded, and
// no length field is believed.
package unpack

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Format is how a file is compressed.
type Format uint8

// The formats. The zero Format is none of them.
const (
	FormatGzip Format = iota + 1
	FormatZstd
	FormatXZ
	FormatBzip2
	FormatZlib // a bare zlib stream, as LiME writes
)

// String returns the name of the format in lower case.
func (f Format) String() string {
	names := [...]string{"unknown", "gzip", "zstd", "xz", "bzip2", "zlib"}
	if int(f) < len(names) {
		return names[f]
	}
	return names[0]
}

// SniffLen is how many first bytes [Sniff] looks at.
const SniffLen = 512

// Sniff tells the format by the first bytes of a file; 0 is none. That of a zlib
// stream, which has no mark, is told by what comes out: the head of a LiME file.
func Sniff(first []byte) Format {
	for format, mark := range map[Format]string{
		FormatGzip: "\x1f\x8b\x08", FormatZstd: "\x28\xb5\x2f\xfd", FormatXZ: xzMagic, FormatBzip2: "BZh",
	} {
		if bytes.HasPrefix(first, []byte(mark)) {
			return format
		}
	}
	if len(first) >= 4 && first[0]>>4 == 5 && string(first[1:4]) == "\x2a\x4d\x18" { // a frame to skip, as pzstd begins with
		return FormatZstd
	}
	if len(first) < 2 || first[0]&0xf != 8 || (uint(first[0])<<8|uint(first[1]))%31 != 0 {
		return 0
	}
	z, err := zlib.NewReader(bytes.NewReader(first))
	if err != nil {
		return 0
	}
	var head [4]byte
	if _, err := io.ReadFull(z, head[:]); err != nil || string(head[:]) != "EMiL" {
		return 0
	}
	return FormatZlib
}

// ErrFormat is wrapped by the errors for what is damaged, or not compressed at all.
var ErrFormat = errors.New("not a valid compressed file")

// Limits bound an expansion. Zeros stand for the defaults.
type Limits struct {
	// Expanded is how many bytes come out at most: 16 GB, or 64 times the size of
	// the file.
	Expanded int64
	// Stored is how many of them are kept, pages of zeros not counted: 1 GB, or 64
	// times the size of the file.
	Stored int64
}

func (l Limits) over(size int64) Limits {
	const times, gigabyte = 64, 1 << 30
	size = min(size, 1<<46)
	if l.Expanded == 0 {
		l.Expanded = max(16*gigabyte, times*size)
	}
	if l.Stored == 0 {
		l.Stored = max(gigabyte, times*size)
	}
	return l
}

// Open expands the first size bytes of r, and returns the temporary file. The
// error wraps [ErrFormat] for a damaged file, fsx.ErrTooLarge for one that
// expands beyond the limits, that of ctx, or is that of r or of the disk.
func Open(ctx context.Context, r io.ReaderAt, size int64, l Limits) (*Spool, error) {
	first := make([]byte, min(size, SniffLen))
	if _, err := r.ReadAt(first, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	format := Sniff(first)
	src := &source{ctx: ctx, r: io.NewSectionReader(r, 0, size)}
	expanded, err := reader(format, src)
	if err != nil {
		return nil, src.blame(format, err)
	}
	s, err := save(expanded, l.over(size))
	if err != nil {
		return nil, src.blame(format, err)
	}
	return s, nil
}

// Save writes what r gives to a temporary file, within the limits for a source of
// size bytes. Errors are as for [Open], without ErrFormat, or those of r.
func Save(ctx context.Context, r io.Reader, size int64, l Limits) (*Spool, error) {
	return save(&source{ctx: ctx, r: r}, l.over(size))
}

func save(r io.Reader, l Limits) (*Spool, error) {
	s, err := newSpool(l)
	if err != nil {
		return nil, err
	}
	if _, err = io.CopyBuffer(onlyWriter{s}, r, make([]byte, 1<<20)); err == nil {
		err = s.finish()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// onlyWriter hides what else a writer can do, so that it is given whole buffers.
type onlyWriter struct{ io.Writer }

const maxDictionary = 128 << 20 // bytes; xz -9 has 64 MB, zstd without --long 8 MB

// reader returns what expands a format.
func reader(format Format, src io.Reader) (io.Reader, error) {
	switch format {
	case FormatGzip:
		return gzip.NewReader(src)
	case FormatZstd:
		z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxDictionary), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case FormatXZ:
		return newXZ(src), nil
	case FormatBzip2:
		return bzip2.NewReader(src), nil
	case FormatZlib:
		return zlib.NewReader(src)
	}
	return nil, ErrFormat
}

// source reads the compressed file while the context lasts, and remembers what
// failed, so that damage is told from trouble.
type source struct {
	ctx    context.Context
	r      io.Reader
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.failed = err
		return 0, err
	}
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

// blame says whose an error is.
func (s *source) blame(format Format, err error) error {
	_, ours := errors.AsType[*spoolError](err)
	switch {
	case s.failed != nil:
		return s.failed
	case ours:
		return err
	}
	return fmt.Errorf("compressed with %v: %w: %w", format, ErrFormat, err)
}
