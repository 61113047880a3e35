package cab

import (
	"errors"
	"io"
)

// memberReader streams one member out of its folder.
type memberReader struct {
	f     *folderReader
	frame []byte // what is left of the current frame
	skip  int64  // bytes of the folder before the member
	left  int64
	sole  bool // the folder must end with the member
	err   error
}

// Open returns the member's contents. It expands the folder from its start, so
// reading a member costs what lies before it, which counts against the limits.
//
// Open fails with [ErrSpanned], a [MethodError], a [LimitError] when the
// claimed size is too large, or [ErrCorrupt]; the reader with any but the
// second, or an error of the [io.ReaderAt]. What was read before an error has
// passed its checksums but may be wrong where a cabinet has none. The reader
// is not safe for concurrent use; any number may be open.
func (c *Cabinet) Open(m Member, l Limits) (io.Reader, error) { return c.open(m, l, false) }

func (c *Cabinet) open(m Member, l Limits, sole bool) (io.Reader, error) {
	if m.folder >= firstSpanned {
		return nil, ErrSpanned
	}
	if m.folder >= len(c.folders) {
		return nil, corrupt("member is not of this cabinet")
	}
	b := l.budget(c.stored)
	if claim := b; claim.spend(m.offset+m.Size) != nil {
		return nil, claim.err
	}
	f, err := c.folder(m.folder, b)
	if err != nil {
		return nil, err
	}
	return &memberReader{f: f, skip: m.offset, left: m.Size, sole: sole}, nil
}

// Read implements [io.Reader].
func (m *memberReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := m.fill(); err != nil {
		return 0, err
	}
	n := copy(p, m.frame)
	m.frame = m.frame[n:]
	m.left -= int64(n)
	return n, nil
}

// fill sees to it that frame holds bytes of the member.
func (m *memberReader) fill() error {
	for m.err == nil && (len(m.frame) == 0 || m.left == 0) {
		m.err = m.advance()
	}
	return m.err
}

func (m *memberReader) advance() error {
	if m.left == 0 {
		return m.end()
	}
	frame, err := m.f.next()
	if errors.Is(err, io.EOF) {
		return corrupt("folder ends %d bytes before its file: %w", m.left+m.skip, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	pass := min(m.skip, int64(len(frame)))
	m.skip -= pass
	frame = frame[pass:]
	if m.left < int64(len(frame)) {
		if m.sole {
			return corrupt("folder holds more than its one file")
		}
		frame = frame[:m.left]
	}
	m.frame = frame
	return nil
}

// end checks that a sole member is all there is: a size that was damaged must
// not cut the file.
func (m *memberReader) end() error {
	if m.sole && m.f.blocks > 0 {
		return corrupt("%d data blocks behind the only file", m.f.blocks)
	}
	return io.EOF
}
