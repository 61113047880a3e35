package minidump

import (
	"fmt"
	"io"
	"iter"
	"slices"
)

// StreamType is a MINIDUMP_STREAM_TYPE.
type StreamType uint32

// The streams this package reads. Others are listed by [File.Streams] only;
// from 0x10000 on they belong to whoever wrote the dump.
const (
	UnusedStream         StreamType = 0
	ThreadListStream     StreamType = 3
	ModuleListStream     StreamType = 4
	MemoryListStream     StreamType = 5
	ExceptionStream      StreamType = 6
	SystemInfoStream     StreamType = 7
	Memory64ListStream   StreamType = 9
	CommentStreamA       StreamType = 10
	CommentStreamW       StreamType = 11
	UnloadedModuleStream StreamType = 14
	MiscInfoStream       StreamType = 15
	MemoryInfoListStream StreamType = 16
	ThreadNamesStream    StreamType = 24
)

// String names the stream.
func (t StreamType) String() string {
	names := map[StreamType]string{
		UnusedStream: "unused", ThreadListStream: "thread list", ModuleListStream: "module list",
		MemoryListStream: "memory list", ExceptionStream: "exception", SystemInfoStream: "system information",
		Memory64ListStream: "64-bit memory list", UnloadedModuleStream: "unloaded module list",
		MemoryInfoListStream: "memory information list", CommentStreamA: "comment", CommentStreamW: "wide comment",
		MiscInfoStream: "miscellaneous information", ThreadNamesStream: "thread names",
	}
	if name, ok := names[t]; ok {
		return name
	}
	return fmt.Sprintf("stream %#x", uint32(t))
}

// Stream is one entry of the directory. Sizes and offsets are bytes of the file.
type Stream struct {
	Type   StreamType
	Size   uint32
	Offset uint32
}

// directoryEntry is sizeof(MINIDUMP_DIRECTORY).
const directoryEntry = 12

// maxStreams bounds the directory. Real dumps have up to some thirty.
const maxStreams = 1024

// Streams returns the directory as it stands, without unused entries and those
// that lie outside the file.
func (f *File) Streams() []Stream { return slices.Clone(f.streams) }

// readDirectory keeps the entries that can be used.
func (f *File) readDirectory(off, count uint64) error {
	t := table{what: "stream directory", off: off, end: f.size, count: count, stride: directoryEntry, most: maxStreams}
	if t.fits(f.size) == 0 && count > 0 {
		_, err := f.bytes(t.what, off, directoryEntry)
		return err
	}
	for b, err := range f.rows(t) {
		if err != nil {
			f.problems = append(f.problems, err)
			break
		}
		f.addStream(Stream{StreamType(le32(b)), le32(b[4:]), le32(b[8:])})
	}
	return nil
}

// addStream takes the streams that begin in the file; of one that is cut short
// the rest is of use. Unused entries are common: writers reserve them.
func (f *File) addStream(s Stream) {
	if s.Type == UnusedStream {
		return
	}
	if uint64(s.Offset)+uint64(s.Size) > f.size {
		f.problem("%v: %d bytes at offset %#x, the file has %#x: %w: %w",
			s.Type, s.Size, s.Offset, f.size, ErrFormat, io.ErrUnexpectedEOF)
	}
	if uint64(s.Offset) >= f.size {
		return
	}
	if _, err := f.stream(s.Type); err == nil {
		f.problem("%v is there twice; the first is used: %w", s.Type, ErrFormat)
	}
	f.streams = append(f.streams, s)
}

// stream returns the stream of type t. The error wraps [ErrNoStream].
func (f *File) stream(t StreamType) (Stream, error) {
	for _, s := range f.streams {
		if s.Type == t {
			return s, nil
		}
	}
	return Stream{}, fmt.Errorf("minidump: %v: %w", t, ErrNoStream)
}

// head returns the first n bytes of the stream of type t, and the stream.
func (f *File) head(t StreamType, n uint64) (Stream, []byte, error) {
	s, err := f.stream(t)
	if err != nil {
		return s, nil, err
	}
	if uint64(s.Size) < n {
		return s, nil, fmt.Errorf("minidump: %v of %d bytes, at least %d are needed: %w", t, s.Size, n, ErrFormat)
	}
	b, err := f.bytes(t.String(), uint64(s.Offset), n)
	return s, b, err
}

// table is a list of equal records.
type table struct {
	what   string
	off    uint64
	end    uint64 // of what the records may occupy, in the file
	count  uint64 // as claimed
	stride uint64
	most   uint64 // how many are read at most
}

// fits returns how many records can be read.
func (t *table) fits(size uint64) uint64 {
	end := min(t.end, size)
	if t.off >= end || t.stride == 0 {
		return 0
	}
	return min(t.count, t.most, (end-t.off)/t.stride)
}

// tableChunk is how much of a table is read at once.
const tableChunk = 64 << 10

// rows yields the records of t that are there, and ends with an error when that
// is not all. A record is overwritten by the next.
func (f *File) rows(t table) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		n := t.fits(f.size)
		at := max(1, tableChunk/max(1, t.stride))
		for first := uint64(0); first < n; first += at {
			k := min(at, n-first)
			b, err := f.bytes(t.what, t.off+first*t.stride, k*t.stride)
			if err != nil {
				yield(nil, err)
				return
			}
			for ; len(b) > 0; b = b[t.stride:] {
				if !yield(b[:t.stride:t.stride], nil) {
					return
				}
			}
		}
		if n < t.count {
			yield(nil, fmt.Errorf("minidump: %s claims %d entries, %d are read: %w", t.what, t.count, n, ErrFormat))
		}
	}
}

// counted returns the table of a stream that begins with a 32-bit count. Some
// writers align the entries to 8 bytes; the size of the stream tells.
func (f *File) counted(t StreamType, stride, most uint64) (table, error) {
	s, b, err := f.head(t, 4)
	if err != nil {
		return table{}, err
	}
	out := table{
		what: t.String(), off: uint64(s.Offset) + 4, end: uint64(s.Offset) + uint64(s.Size),
		count: uint64(le32(b)), stride: stride, most: most,
	}
	if out.end-out.off == out.count*stride+4 {
		out.off += 4
	}
	return out, nil
}
