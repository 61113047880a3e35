package sympath

import (
	"crypto/sha256"
	"hash"
)

// digest is the SHA-256 of what is written to it. Large files are hashed beside
// the network and the disk: hashing takes as long as either. It belongs to one
// goroutine, which ends it with wait or sum.
type digest struct {
	hash hash.Hash
	n    int64
	full chan []byte // to be hashed; nil while that is done at once
	free chan []byte
	done chan struct{}
}

const (
	digestBeside  = 1 << 20   // from here on files are hashed beside
	digestBuffer  = 256 << 10 // as much as a transfer takes at a time
	digestBuffers = 4
)

func newDigest() *digest { return &digest{hash: sha256.New()} }

func (d *digest) write(p []byte) {
	d.n += int64(len(p))
	if d.full == nil && d.n < digestBeside {
		d.hash.Write(p)
		return
	}
	if d.full == nil {
		d.start()
	}
	for len(p) > 0 {
		b := <-d.free
		n := copy(b[:digestBuffer], p)
		d.full <- b[:n]
		p = p[n:]
	}
}

func (d *digest) start() {
	d.full, d.free, d.done = make(chan []byte, digestBuffers), make(chan []byte, digestBuffers), make(chan struct{})
	for range digestBuffers {
		d.free <- make([]byte, digestBuffer)
	}
	go d.work(d.full, d.free, d.done)
}

func (d *digest) work(full <-chan []byte, free chan<- []byte, done chan<- struct{}) {
	defer close(done)
	for b := range full {
		d.hash.Write(b)
		free <- b
	}
}

// wait returns when all is hashed and nothing runs any more.
func (d *digest) wait() {
	if d.full != nil {
		close(d.full)
		<-d.done
		d.full = nil
	}
}

// sum returns the digest of all that was written.
func (d *digest) sum() []byte {
	d.wait()
	return d.hash.Sum(nil)
}

func (d *digest) reset() {
	d.wait()
	d.hash.Reset()
	d.n = 0
}
