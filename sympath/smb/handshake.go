package smb

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// Numbers of MS-SMB2 2.2.1, 2.2.3, 2.2.4, 2.2.6 and 2.2.10.
const (
	headerSize = 64

	commandNegotiate = 0
	commandSetup     = 1
	commandTree      = 3

	sessionIsGuest  = 1
	sessionIsNull   = 2
	sessionEncrypts = 4
	treeEncrypts    = 0x8000

	dialect21  = 0x0210
	dialectAny = 0x02ff // offers SMB 2.1 at most
	dialect30  = 0x0300
	dialect311 = 0x0311

	contextEncryption = 2
)

const (
	// maxHandshakeFrame keeps the 16-bit offsets of a login in their range.
	maxHandshakeFrame = 32 << 10
	// maxFrame is more than the largest answer to any request of ours.
	maxFrame = 2 << 20
)

// guarded is a connection whose frames are looked at, whole, before the SMB
// library sees them. The library does not tell whether the server made a guest
// of the user, who then reads files that nobody signs, nor what dialect was
// agreed on; and it believes a server that asks for encryption where no keys
// are. A frame that breaks the rules ends the connection.
type guarded struct {
	net.Conn
	rules rules // for the one goroutine that reads

	frame []byte // reused
	rest  []byte // of the frame, not read yet

	mu   sync.Mutex
	over bool  // the handshake is
	err  error // why nothing can be read any more
}

// Read is called by one goroutine at a time.
func (g *guarded) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		err := g.next()
		if err == nil {
			err = g.rules.check(g.frame[4:])
		}
		if err != nil {
			g.fail(err)
			g.Conn.Close()
			return 0, err
		}
		g.rest = g.frame
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// Write ends the connection when it fails: who reads may learn of it later, or
// never.
func (g *guarded) Write(p []byte) (int, error) {
	n, err := g.Conn.Write(p)
	if err != nil {
		g.fail(fmt.Errorf("%w: %w", ErrBroken, err))
		g.Conn.Close()
	}
	return n, err
}

// next reads a frame and the length before it (MS-SMB2 2.1).
func (g *guarded) next() error {
	g.frame = append(g.frame[:0], 0, 0, 0, 0)
	if _, err := io.ReadFull(g.Conn, g.frame); err != nil {
		return err
	}
	limit := maxFrame
	if !g.done() {
		limit = maxHandshakeFrame
	}
	n := binary.BigEndian.Uint32(g.frame)
	if n > uint32(limit) {
		return fmt.Errorf("%w: a message of %d bytes", ErrProtocol, n)
	}
	g.frame = append(g.frame, make([]byte, n)...)
	_, err := io.ReadFull(g.Conn, g.frame[4:])
	return err
}

// finish ends the handshake, done tells whether it has ended.
func (g *guarded) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
}

func (g *guarded) done() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.over
}

func (g *guarded) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
}

// failure is why the connection cannot be used any more, or nil.
func (g *guarded) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// rules are what messages of a server are held against.
type rules struct {
	guest        bool   // a guest login was asked for
	leastDialect uint16 // 0x0300 for SMB 3
	dialect      uint16 // that was agreed on
	cipher       bool   // with it comes a cipher
}

// check looks at every message in a frame; several may be chained.
func (r *rules) check(frame []byte) error {
	for len(frame) >= headerSize && string(frame[:4]) == "\xfeSMB" {
		next := binary.LittleEndian.Uint32(frame[20:])
		if next != 0 && (next < headerSize || uint64(next) > uint64(len(frame))) {
			return fmt.Errorf("%w: chained messages", ErrProtocol)
		}
		message := frame
		if next != 0 {
			message = frame[:next]
		}
		if err := r.message(message); err != nil || next == 0 {
			return err
		}
		frame = frame[next:]
	}
	return nil
}

func (r *rules) message(m []byte) error {
	status, command, body := binary.LittleEndian.Uint32(m[8:]), binary.LittleEndian.Uint16(m[12:]), m[headerSize:]
	switch {
	case len(body) < 8:
		return nil
	case command == commandNegotiate && status == 0:
		return r.negotiated(m)
	case command == commandSetup:
		return r.session(status, binary.LittleEndian.Uint16(body[2:]))
	case command == commandTree && status == 0:
		if binary.LittleEndian.Uint32(body[4:])&treeEncrypts != 0 && (r.guest || !r.encrypts()) {
			return fmt.Errorf("%w: encryption without a key; the share wants a login with a password", ErrProtocol)
		}
	}
	return nil
}

// session looks at the flags of a SESSION_SETUP answer; those of the last one
// are what the session is. The library does not look at that one.
func (r *rules) session(status uint32, flags uint16) error {
	switch {
	case flags&(sessionIsGuest|sessionIsNull) != 0 && !r.guest:
		return ErrGuest
	case status != 0 && flags != 0, flags&sessionEncrypts != 0 && (r.guest || !r.encrypts()):
		return fmt.Errorf("%w: session flags %#x", ErrProtocol, flags)
	}
	return nil
}

// allow21 tells where there is a switch, by the name that it has in the command.
const allow21 = "which is read only where SMB 2.1 is allowed (--smb21)"

func (r *rules) encrypts() bool {
	return r.dialect >= dialect30 && (r.dialect != dialect311 || r.cipher)
}

// negotiated reads the dialect, and whether 3.1.1 comes with a cipher (MS-SMB2
// 2.2.4.1.2); before it one was part of the dialect.
func (r *rules) negotiated(m []byte) error {
	body := m[headerSize:]
	r.dialect = binary.LittleEndian.Uint16(body[4:])
	if r.dialect < r.leastDialect {
		if r.dialect == dialectAny {
			return fmt.Errorf("%w, but 2.1 at most, %s", ErrDialect, allow21)
		}
		if r.dialect == dialect21 {
			return fmt.Errorf("%w, but 2.1, %s", ErrDialect, allow21)
		}
		return fmt.Errorf("%w, but %d.%d", ErrDialect, r.dialect>>8, r.dialect>>4&15)
	}
	if r.dialect != dialect311 || len(body) < 64 {
		return nil
	}
	count, at := binary.LittleEndian.Uint16(body[6:]), uint64(binary.LittleEndian.Uint32(body[60:]))
	for ; count > 0 && at+8 <= uint64(len(m)); count-- {
		if binary.LittleEndian.Uint16(m[at:]) == contextEncryption {
			r.cipher = true
		}
		at += (8 + uint64(binary.LittleEndian.Uint16(m[at+2:])) + 7) &^ 7
	}
	return nil
}
