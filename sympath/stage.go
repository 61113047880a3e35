package sympath

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
)

// stage holds a file while it arrives: in the directory of a cache, in memory,
// or in a temporary file.
type stage interface {
	io.Writer   // appends
	io.ReaderAt // reads what was written
	truncate() error
	discard()
}

// maxMemory is how much of a file that no cache takes is kept in memory.
const maxMemory = 16 << 20

// scratch is a stage for files that no cache takes: memory, beyond 16 MB a
// temporary file that is gone when it is closed.
type scratch struct {
	buf  []byte
	file *os.File
	n    int64
}

func (s *scratch) Write(p []byte) (int, error) {
	if s.file == nil && len(s.buf)+len(p) <= maxMemory {
		s.buf = append(s.buf, p...)
		return len(p), nil
	}
	if err := s.spill(); err != nil {
		return 0, err
	}
	n, err := s.file.WriteAt(p, s.n)
	s.n += int64(n)
	return n, err
}

func (s *scratch) spill() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp("", "symres-*.tmp")
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" {
		os.Remove(f.Name()) // nothing stays behind, whatever happens to the process
	}
	s.file = f
	n, err := f.Write(s.buf)
	s.n, s.buf = int64(n), nil
	return err
}

func (s *scratch) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	return bytes.NewReader(s.buf).ReadAt(p, off)
}

func (s *scratch) truncate() error {
	s.buf = s.buf[:0]
	if s.file == nil {
		return nil
	}
	s.n = 0
	return s.file.Truncate(0)
}

func (s *scratch) discard() {
	if s.file != nil {
		s.file.Close()
		if runtime.GOOS == "windows" {
			os.Remove(s.file.Name())
		}
	}
	s.file, s.buf = nil, nil
}

// landed is what a flight brought: a candidate in a cache, or a file in a
// stage that lives as long as somebody holds it; or nothing.
type landed struct {
	candidate Candidate
	found     bool

	mu   sync.Mutex
	refs int // 0: the stage is gone
	held stage
	size int64
}

// hold wants another release.
func (l *landed) hold() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refs == 0 {
		return false
	}
	l.refs++
	return true
}

func (l *landed) release() {
	if l == nil || l.held == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refs--; l.refs == 0 {
		l.held.discard()
	}
}

// open returns the staged file, or false when it is gone.
func (l *landed) open() (File, bool) {
	if l.held == nil || !l.hold() {
		return nil, false
	}
	f := &heldFile{landed: l, size: l.size}
	if p, ok := l.held.(*partial); ok {
		return &farFile{heldFile: f, part: p}, true
	}
	return f, true
}

// heldFile is an open file of a stage.
type heldFile struct {
	mu     sync.RWMutex // held for writing only by Close
	landed *landed      // nil after Close
	size   int64
}

func (f *heldFile) Size() int64 { return f.size }

func (f *heldFile) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.landed == nil {
		return 0, fs.ErrClosed
	}
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	return io.NewSectionReader(f.landed.held, 0, f.size).ReadAt(p, off)
}

func (f *heldFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landed != nil {
		f.landed.release()
		f.landed = nil
	}
	return nil
}
