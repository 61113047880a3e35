// Package gdbremote reads the memory of a target behind a GDB remote stub: a
// virtual machine of QEMU (-gdb, -s), a gdbserver, a debug probe.
//
// A [Client] is a [memsource.Source] over the virtual memory the stub's current
// processor sees. A stub gives no reason when it cannot read an address. Where
// the stub can also read physical memory, as QEMU's can, the client walks the
// page tables itself to say why: paged out to a place in a paging file, never
// mapped, and so on; and it reads the pages that are still in RAM although the
// processor may not touch them (transition).
//
// Connecting stops a target that runs, and it stays stopped when the client is
// closed, unless [Config] says to let it run.
//
// # Security
//
// The stub is not trusted: replies are bounded, times are, and what it sends
// makes nothing be opened or connected to. The protocol has no authentication
// and no encryption; connect to stubs of machines you trust the network to.
//
// The protocol is that of the GDB manual, appendix "GDB Remote Serial
// Protocol"; what QEMU makes of it was measured with version 7.2.
package gdbremote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/symres/symres/memsource"
)

// ErrProtocol is wrapped by the errors for a stub that does not keep to the
// protocol.
var ErrProtocol = errors.New("not what a GDB stub answers")

// Defaults of [Config].
const (
	DefaultTimeout = 5 * time.Second
	// retryAfter is how long a client waits after a failed connection before it
	// tries again; reads fail at once meanwhile.
	retryAfter = time.Second
)

// Config says how to reach a stub. The zero value of each field is good.
type Config struct {
	// Timeout bounds each exchange with the stub, and each connection with all
	// that is asked then; 0 stands for DefaultTimeout. A read from a stub that
	// is gone fails after twice that at the most.
	Timeout time.Duration
	// Build of the Windows in the target, for the meaning of its page-table
	// entries; 0 stands for the newest.
	Build uint32
	// Resume lets the target run when the client is closed.
	Resume bool
	// Dial makes the connection instead of TCP to the address.
	Dial func(ctx context.Context) (net.Conn, error)
}

// Client is a connection to a stub. A connection that is lost is made again by
// the next read. It is safe for concurrent use; reads take turns.
type Client struct {
	// immutable
	cfg      Config
	address  string
	machine  uint16
	physical bool // the stub could read physical memory at first

	turn chan struct{} // holds one token: who has it uses the fields below
	link *link         // nil when there is no connection
	next time.Time     // no connection is tried before
	last error         // why there is none

	mu     sync.Mutex // guards the fields below
	conn   net.Conn   // of the link
	closed bool
}

// Dial connects to the stub at a TCP address, such as "localhost:1234". The
// error is that of the network, ctx's own, or wraps [ErrProtocol].
func Dial(ctx context.Context, address string, cfg Config) (*Client, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	c := &Client{cfg: cfg, address: address, turn: make(chan struct{}, 1)}
	err := c.do(ctx, func(l *link) error {
		c.machine, c.physical = l.detect(), l.physical
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("GDB stub at %s: %w", address, err), c.Close())
	}
	return c, nil
}

// Machine returns the IMAGE_FILE_MACHINE_* of the target as it was when the
// client connected: x64, x86, ARM or ARM64, 0 when the stub does not say. An x64
// processor that runs 32-bit code with paging is x86.
func (c *Client) Machine() uint16 { return c.machine }

// Close ends the connection, after the exchange under way if there is one.
// Later reads fail with an error that wraps [net.ErrClosed].
func (c *Client) Close() error {
	c.turn <- struct{}{} // an exchange ends by its own time limit
	defer func() { <-c.turn }()
	if c.link != nil {
		_ = c.link.conn.SetDeadline(time.Now().Add(c.cfg.Timeout)) // fails only when reading will
		c.link.leave(c.cfg.Resume)
	}
	err := c.drop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return err
}

// drop forgets the connection.
func (c *Client) drop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.conn
	c.link, c.conn = nil, nil
	if conn == nil {
		return nil
	}
	return conn.Close()
}

// do runs an exchange that can be repeated: when the connection turns out to be
// lost it is made again, once.
func (c *Client) do(ctx context.Context, exchange func(*link) error) error {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	fresh, err := c.connected(ctx)
	if err != nil {
		return err
	}
	err = c.timed(ctx, exchange)
	if err == nil || fresh || c.link != nil || ctx.Err() != nil {
		return err
	}
	if _, err := c.connected(ctx); err != nil {
		return err
	}
	return c.timed(ctx, exchange)
}

// timed runs an exchange within the time limit. A connection that failed, or
// whose answer may still be on its way, is dropped.
func (c *Client) timed(ctx context.Context, exchange func(*link) error) error {
	conn := c.link.conn
	if err := conn.SetDeadline(time.Now().Add(c.cfg.Timeout)); err != nil {
		return errors.Join(err, c.drop())
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // a failure means it is closed
	err := exchange(c.link)
	if stop() && (err == nil || isRefusal(err)) {
		return err
	}
	_ = c.drop() // what went wrong is known
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// connected makes the connection where there is none; fresh says it did.
func (c *Client) connected(ctx context.Context) (fresh bool, err error) {
	switch {
	case c.isClosed():
		return false, net.ErrClosed
	case c.link != nil:
		return false, nil
	case time.Now().Before(c.next):
		return false, c.last
	}
	if err := c.connect(ctx); err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		c.next, c.last = time.Now().Add(retryAfter), err
		return false, err
	}
	return true, nil
}

func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// connect dials and introduces itself, all within one time limit.
func (c *Client) connect(ctx context.Context) error {
	dial, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	conn, err := c.cfg.Dial(dial)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	c.link = newLink(conn)
	return c.timed(ctx, (*link).introduce)
}

// ReadMemory implements [memsource.Source].
func (c *Client) ReadMemory(buf []byte, addr uint64) (int, error) {
	return c.ReadMemoryContext(context.Background(), buf, addr)
}

// ReadMemoryContext implements [memsource.ContextSource]. Every request stays
// within a page and within what the stub takes at once. A stub that is gone
// gives faults of reason IO, one that refuses and cannot be asked why [Unknown]
// ones.
//
// [Unknown]: memsource.ReasonUnknown
func (c *Client) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (int, error) {
	return memsource.Bind(ctx, memsource.Strict(raw{c})).ReadMemory(buf, addr)
}

// raw is the client as Strict wants it: stubs refuse a request as a whole, and
// Strict finds the first byte that cannot be read.
type raw struct{ *Client }

// ReadMemory implements [memsource.Source].
func (c raw) ReadMemory(buf []byte, addr uint64) (int, error) {
	return c.ReadMemoryContext(context.Background(), buf, addr)
}

// ReadMemoryContext implements [memsource.ContextSource].
func (c raw) ReadMemoryContext(ctx context.Context, buf []byte, addr uint64) (n int, err error) {
	for n < len(buf) {
		k, err := c.part(ctx, buf[n:], addr+uint64(n))
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

const pageSize = 0x1000

// part reads the beginning of buf, up to the end of the page of addr.
func (c *Client) part(ctx context.Context, buf []byte, addr uint64) (n int, err error) {
	if room := pageSize - int(addr%pageSize); len(buf) > room {
		buf = buf[:room]
	}
	err = c.do(ctx, func(l *link) error {
		n, err = l.virtual(buf, addr, c.cfg.Build)
		return err
	})
	if err == nil || isRefusal(err) {
		return n, err
	}
	return 0, fault(ctx, err, addr)
}

// fault is the fault of a connection that failed.
func fault(ctx context.Context, err error, addr uint64) *memsource.Fault {
	reason := memsource.ReasonIO
	if ctx.Err() != nil {
		reason = memsource.ReasonCanceled
	}
	f := memsource.NewFault(reason, addr, 0)
	f.Err = err
	return f
}
