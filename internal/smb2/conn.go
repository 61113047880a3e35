package smb2

import (
	"net"
	"sync"
)

// creditTarget is how many credits each request asks for: one pays for 64 KB
// of an answer.
const creditTarget = 64

// creditSize is what one credit pays for, in bytes (MS-SMB2 3.2.4.1.5).
const creditSize = 64 << 10

// Conn is a connection that has been logged in to. Requests of several
// goroutines are under way at the same time. It ends with the first message
// that breaks the protocol, or with [Conn.Abort]. Safe for concurrent use.
type Conn struct {
	nc      net.Conn
	session uint64
	keys    keys // immutable
	encrypt bool
	maxRead int

	write sync.Mutex // held while a request gets its number and is sent

	mu      sync.Mutex
	changed *sync.Cond
	err     error // why it ended
	next    uint64
	credits int
	waiting map[uint64]*request
}

// request is one that the server has yet to answer.
type request struct {
	command uint16
	sealed  bool
	answer  chan packet // closed without one when the connection ends
}

// Dial logs in over a connection, which it closes when that fails. To end it
// early close the connection. The error is [ErrGuest], a [*DialectError],
// [*ProtocolError] or [*StatusError], or that of the connection.
func Dial(nc net.Conn, login Login) (*Conn, error) {
	h := &handshake{nc: nc, login: login, credits: 1}
	if err := h.run(); err != nil {
		nc.Close()
		return nil, err
	}
	c := &Conn{
		nc: nc, session: h.session, keys: h.keys, encrypt: h.flags&sessionEncrypts != 0,
		maxRead: creditSize, next: h.id, credits: h.credits, waiting: map[uint64]*request{},
	}
	if h.dialect > dialect202 && h.capabilities&capabilityLargeMTU != 0 {
		c.maxRead = int(min(max(h.maxRead, creditSize), maxFrame/2))
	}
	c.changed = sync.NewCond(&c.mu)
	go c.receive()
	return c, nil
}

// Abort ends the connection for a reason, which all who wait are given. The
// first reason counts.
func (c *Conn) Abort(reason error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = reason
	}
	for id, r := range c.waiting {
		delete(c.waiting, id)
		close(r.answer)
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	c.nc.Close()
}

// Err returns why the connection ended, or nil.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// receive reads answers until the connection ends.
func (c *Conn) receive() {
	for {
		frame, err := readFrame(c.nc, maxFrame)
		if err == nil {
			err = c.deliver(frame)
		}
		if err != nil {
			c.Abort(err)
			return
		}
	}
}

// deliver gives an answer to who waits for it.
func (c *Conn) deliver(frame []byte) error {
	message, sealed, err := c.keys.opened(frame, c.session)
	if err != nil {
		return err
	}
	p, err := checkHeader(message)
	if err != nil {
		return err
	}
	interim := p.interim()
	if !interim && !sealed && c.keys.sign != nil && !c.keys.verify(p) {
		return protocolError("a message that the server did not sign")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credits = min(c.credits+p.credits(), 1<<16)
	c.changed.Broadcast()
	r := c.waiting[p.id()]
	switch {
	case interim:
		return nil
	case r == nil || p.session() != c.session || p.command() != r.command || r.sealed && !sealed:
		return protocolError("an answer to nothing that was asked")
	case p.status() == statusSessionDeleted || p.status() == statusSessionExpired:
		return &StatusError{p.status()}
	}
	delete(c.waiting, p.id())
	r.answer <- p
	return nil
}

// take waits for credits and takes as many of those wanted as there are.
func (c *Conn) take(want int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.credits == 0 && c.err == nil {
		c.changed.Wait()
	}
	if c.err != nil {
		return 0, c.err
	}
	n := min(want, c.credits)
	c.credits -= n
	return n, nil
}

// do sends a request and waits for its answer. It uses credits that were taken.
func (c *Conn) do(command uint16, tree uint32, encrypt bool, credits int, body []byte) (packet, error) {
	r := &request{command: command, sealed: encrypt || c.encrypt, answer: make(chan packet, 1)}
	if err := c.send(r, tree, credits, body); err != nil {
		c.Abort(err)
		return nil, c.Err()
	}
	p, ok := <-r.answer
	if !ok {
		return nil, c.Err()
	}
	if p.status() != 0 {
		return nil, &StatusError{p.status()}
	}
	return p, nil
}

// simple is do for a request with an answer of less than 64 KB.
func (c *Conn) simple(command uint16, tree uint32, encrypt bool, body []byte) (packet, error) {
	if _, err := c.take(1); err != nil {
		return nil, err
	}
	return c.do(command, tree, encrypt, 1, body)
}

func (c *Conn) send(r *request, tree uint32, credits int, body []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	c.mu.Lock()
	id := c.next
	c.next += uint64(credits)
	err := c.err
	if err == nil {
		c.waiting[id] = r
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	p := append(newPacket(r.command, credits, max(credits, creditTarget), id, c.session, tree), body...)
	switch {
	case r.sealed:
		return writeFrame(c.nc, c.keys.sealed(p, c.session))
	case c.keys.sign != nil:
		p = c.keys.signed(p)
	}
	return writeFrame(c.nc, p)
}
