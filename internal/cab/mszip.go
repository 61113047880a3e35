package cab

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

// mszip expands MSZIP blocks: the letters CK and one deflate stream, which may
// refer to what the blocks before it expanded to.
type mszip struct {
	in      bytes.Reader
	inflate io.ReadCloser
	history []byte // the last frameSize bytes at most
	out     [frameSize]byte
}

func (m *mszip) block(data []byte, n int) ([]byte, error) {
	if len(data) < 2 || data[0] != 'C' || data[1] != 'K' {
		return nil, corrupt("MSZIP block without its signature")
	}
	m.in.Reset(data[2:])
	if err := m.reset(); err != nil {
		return nil, err
	}
	out := m.out[:n]
	if got, err := io.ReadFull(m.inflate, out); err != nil {
		return nil, corrupt("MSZIP block ends at %d of %d bytes: %w", got, n, unexpected(err))
	}
	var more [1]byte
	if got, err := io.ReadFull(m.inflate, more[:]); got != 0 || !errors.Is(err, io.EOF) {
		return nil, corrupt("MSZIP block does not end at %d bytes", n)
	}
	m.remember(out)
	return out, nil
}

// reset starts the next deflate stream with the history as its dictionary.
func (m *mszip) reset() error {
	if r, ok := m.inflate.(flate.Resetter); ok {
		return r.Reset(&m.in, m.history)
	}
	m.inflate = flate.NewReaderDict(&m.in, m.history)
	return nil
}

// remember keeps the last frameSize bytes of the folder.
func (m *mszip) remember(out []byte) {
	if drop := len(m.history) + len(out) - frameSize; drop > 0 {
		m.history = append(m.history[:0], m.history[min(drop, len(m.history)):]...)
	}
	m.history = append(m.history, out...)
}

// unexpected makes an end of data an unexpected one.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
