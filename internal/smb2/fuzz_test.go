package smb2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// FuzzFrame: a frame that is read is the bytes behind its length, never more
// than the limit, and what is written is read back.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 3, 'a', 'b', 'c', 'd'}, uint32(100))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint32(100))
	f.Add([]byte{0, 0, 0}, uint32(100))
	f.Add([]byte{0, 0, 0, 9, 1}, uint32(100))
	f.Fuzz(func(t *testing.T, data []byte, limit uint32) {
		limit %= 1 << 16
		frame, err := readFrame(bytes.NewReader(data), limit)
		fits := len(data) >= 4 && binary.BigEndian.Uint32(data) <= limit && uint64(binary.BigEndian.Uint32(data)) <= uint64(len(data)-4)
		if (err == nil) != fits || fits && !bytes.Equal(frame, data[4:][:len(frame)]) || fits && len(frame) != int(binary.BigEndian.Uint32(data)) {
			t.Fatalf("%d bytes of %d, limit %d: %v", len(frame), len(data), limit, err)
		}
		var b bytes.Buffer
		if err := writeFrame(&b, data); err != nil {
			t.Fatal(err)
		}
		if again, err := readFrame(&b, 1<<31); err != nil || !bytes.Equal(again, data) {
			t.Errorf("written %d bytes, read %d, %v", len(data), len(again), err)
		}
	})
}

// answering is a connection whose other side answers each request with the
// next of some messages, and closes after the last. It needs no goroutine.
type answering struct {
	net.Conn
	mu       sync.Mutex
	cond     *sync.Cond
	messages [][]byte
	ready    bytes.Buffer
	closed   bool
	requests int
}

func newAnswering(messages ...[]byte) *answering {
	a := &answering{messages: messages}
	a.cond = sync.NewCond(&a.mu)
	return a
}

func (a *answering) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return 0, net.ErrClosed
	}
	a.requests++
	if len(a.messages) == 0 {
		a.closed = true
	} else {
		writeFrame(&a.ready, a.messages[0])
		a.messages = a.messages[1:]
	}
	a.cond.Broadcast()
	return len(p), nil
}

func (a *answering) Read(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.ready.Len() == 0 && !a.closed {
		a.cond.Wait()
	}
	if a.ready.Len() == 0 {
		return 0, io.EOF
	}
	return a.ready.Read(p)
}

func (a *answering) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.cond.Broadcast()
	return nil
}

func (a *answering) SetDeadline(time.Time) error { return nil }

// fuzzKeys are those of a session, made of all zeros.
func fuzzKeys(t testing.TB) keys {
	sign, err := cmacSigner(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := newAEAD(cipherGCM, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	return keys{sign: sign, seal: seal, open: seal}
}

// answerTo is an answer whose header fits a request, with a body as given.
func answerTo(command uint16, id uint64, body []byte) packet {
	p := append(newPacket(command, 1, 10, id, 5, 7), body...)
	p[16] = flagResponse
	return p
}

// FuzzSession asks a server that has the session's keys, or has not, for a
// share, a file, its bytes and a list of files; the answers are the fuzzer's.
// Without keys nothing is believed. With them what is read is part of an
// answer, no more than was asked for, and no name leads out of its directory.
func FuzzSession(f *testing.F) {
	share := make([]byte, 16)
	file := append(make([]byte, 88), 0)
	file[48] = 9
	read := append([]byte{17, 0, 80, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "data"...)
	entry := append(make([]byte, 64), 'a', 0)
	entry[60] = 2
	list := append([]byte{9, 0, 72, 0, byte(len(entry)), 0, 0, 0}, entry...)
	for how := range byte(4) {
		f.Add(share, file, read, list, how)
	}
	f.Add([]byte{}, file, read, list, byte(1))
	f.Add(share, file[:60], read, list, byte(1))
	f.Add(share, file, read[:10], list, byte(2))
	f.Add(share, file, append([]byte{17, 0, 80, 0, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 200)...), list, byte(1)) // more than was asked for
	f.Add(share, file, append([]byte{17, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "data"...), list, byte(1))               // its own header
	up := append(make([]byte, 64), '.', 0, '/', 0)
	up[60] = 4
	f.Add(share, file, read, append(append([]byte{9, 0, 72, 0, byte(len(up)), 0, 0, 0}, up...), 0), byte(2))
	f.Add(share, file, read, list[:40], byte(2))
	f.Fuzz(func(t *testing.T, share, file, read, list []byte, how byte) {
		k := fuzzKeys(t)
		var messages [][]byte
		for i, m := range []struct {
			command uint16
			body    []byte
		}{{commandTreeConnect, share}, {commandCreate, file}, {commandRead, read}, {commandQueryDirectory, list}} {
			p := answerTo(m.command, uint64(i), m.body)
			switch how % 4 {
			case 0: // as it is
				messages = append(messages, p)
			case 1:
				messages = append(messages, k.signed(p))
			case 2:
				messages = append(messages, k.sealed(p, 5))
			case 3: // the body is a whole message
				messages = append(messages, m.body)
			}
		}
		nc := newAnswering(messages...)
		c := &Conn{nc: nc, session: 5, keys: k, encrypt: how%4 == 2, maxRead: creditSize, credits: 1, waiting: map[uint64]*request{}}
		c.changed = sync.NewCond(&c.mu)
		done := make(chan struct{})
		go func() { c.receive(); close(done) }()
		defer func() { c.Abort(io.EOF); <-done }()

		s, err := c.Mount(`\\server\share`)
		if err == nil && how%4 == 0 {
			t.Fatal("a share that nobody signed for")
		}
		if err != nil || s.encrypt && how%4 != 2 {
			return // the next answers would have to be encrypted
		}
		opened, err := s.Open("f")
		if err != nil {
			return
		}
		if opened.Info().Size() < 0 || opened.Info().Name() != "f" {
			t.Errorf("a file %q of %d bytes", opened.Info().Name(), opened.Info().Size())
		}
		buf := bytes.Repeat([]byte{0xee}, 100)
		n, err := opened.ReadAt(buf, 0)
		if n < 0 || n > len(buf) || err == nil && (n == 0 || !bytes.Contains(read, buf[:n])) {
			t.Errorf("%d bytes %q, %v", n, buf[:max(n, 0)], err)
		}
		if !bytes.Equal(buf[max(n, 0):], bytes.Repeat([]byte{0xee}, len(buf)-max(n, 0))) {
			t.Error("more was written than is told of")
		}
		if err != nil {
			return
		}
		entries, err := opened.ReadDir(1)
		for _, e := range entries {
			if !fs.ValidPath(strings.ToValidUTF8(e.Name(), "?")) || strings.ContainsAny(e.Name(), "/\\\x00") || e.Size() < 0 {
				t.Errorf("an entry %q of %d bytes", e.Name(), e.Size())
			}
		}
		if len(entries) > 1 || len(entries) == 0 && err == nil {
			t.Errorf("%d entries, %v", len(entries), err)
		}
	})
}

// FuzzLogin logs in to a server that does not know the password: whatever it
// answers, nobody is logged in, and the reason is one of those that Dial
// documents. A guest may be, but never with keys that nobody has.
func FuzzLogin(f *testing.F) {
	negotiate := make([]byte, 64)
	copy(negotiate[4:], "\x02\x03")
	newest := append(make([]byte, 64), "\x01\x00\x06\x00\x00\x00\x00\x00\x01\x00\x20\x00\x01\x00"...)
	copy(newest[4:], "\x11\x03\x01\x00")
	newest[60] = headerSize + 64
	token := wrapResponse([]byte(ntlmSignature+"\x02\x00\x00\x00"+strings.Repeat("\x00", 40)), nil)
	setup := append([]byte{9, 0, 0, 0, headerSize + 8, 0, byte(len(token)), 0}, token...)
	end := []byte{9, 0, 0, 0, 0, 0, 0, 0}
	guest := []byte{9, 0, 1, 0, 0, 0, 0, 0}
	for _, first := range [][]byte{negotiate, newest} {
		f.Add(first, setup, end, uint32(0), false)
		f.Add(first, setup, guest, uint32(0), true)
		f.Add(first, setup, guest, uint32(0), false)
		f.Add(first, setup[:20], end, uint32(0xc000006d), false)
	}
	f.Fuzz(func(t *testing.T, first, second, third []byte, status uint32, asGuest bool) {
		challenge := answerTo(commandSessionSetup, 1, second)
		binary.LittleEndian.PutUint32(challenge[8:], statusMoreProcessing)
		last := answerTo(commandSessionSetup, 2, third)
		binary.LittleEndian.PutUint32(last[8:], status)
		last[16] |= flagSigned
		nc := newAnswering(answerTo(commandNegotiate, 0, first), challenge, last)
		c, err := Dial(nc, Login{User: "ann", Password: "secret", Guest: asGuest, Least: Dialect21})
		if err == nil {
			c.Abort(io.EOF)
			if !asGuest || c.keys.sign != nil || c.encrypt {
				t.Error("logged in by who does not know the password")
			}
			return
		}
		var dialect *DialectError
		var protocol *ProtocolError
		var refused *StatusError
		if !errors.As(err, &dialect) && !errors.As(err, &protocol) && !errors.As(err, &refused) && !errors.Is(err, ErrGuest) && !errors.Is(err, io.EOF) {
			t.Errorf("%v", err)
		}
		if nc.requests > 4 || !nc.closed {
			t.Errorf("%d requests, closed: %v", nc.requests, nc.closed)
		}
	})
}
