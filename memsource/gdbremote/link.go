package gdbremote

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/symres/symres/memsource"
)

// Limits of a request for memory in bytes, when the stub does not announce one,
// and at the least; and the paging mode of the stub.
const (
	defaultRequest = 200 // what GDB asks for then
	leastRequest   = 4
)

// link is one connection and what was agreed on it.
type link struct {
	wire
	conn     net.Conn
	request  int                 // bytes of memory asked for at once
	physical bool                // the stub can read physical memory
	inside   bool                // and does so now
	arch     string              // of the target description
	regs     map[string]register // likewise
}

func newLink(conn net.Conn) *link {
	return &link{wire: wire{in: bufio.NewReader(conn), out: conn}, conn: conn, request: defaultRequest}
}

// isRefusal reports whether the stub answered and said no, or the answer was
// made into a fault of the target's memory: the connection is good.
func isRefusal(err error) bool {
	if _, ok := errors.AsType[refusal](err); ok {
		return true
	}
	f, ok := errors.AsType[*memsource.Fault](err)
	return ok && f.Reason != memsource.ReasonIO && f.Reason != memsource.ReasonCanceled
}

// introduce agrees on features and reads the target description.
func (l *link) introduce() error {
	features, err := l.ask("qSupported:xmlRegisters=i386;swbreak+;hwbreak+")
	if err != nil {
		return err
	}
	list := strings.Split(features, ";")
	described := false
	for _, f := range list {
		name, value, _ := strings.Cut(f, "=")
		switch {
		case name == "PacketSize":
			l.announced(value)
		case f == "qXfer:features:read+":
			described = true
		case f == "QStartNoAckMode+":
			if err := l.noAcks(); err != nil {
				return err
			}
		}
	}
	if _, err := l.ask("?"); err != nil { // stops a target that runs, on stubs that let it
		return err
	}
	if described {
		if err := l.describe(); err != nil {
			return err
		}
	}
	return l.findPhysical()
}

// announced takes over the packet size of the stub, in hexadecimal: memory
// comes as two digits for each byte.
func (l *link) announced(size string) {
	if n, err := strconv.ParseUint(size, 16, 32); err == nil && n/2 >= leastRequest {
		l.request = int(min(n/2, maxPacket/2))
	}
}

func (l *link) noAcks() error {
	reply, err := l.ask("QStartNoAckMode")
	l.quiet = reply == "OK"
	return err
}

// findPhysical asks for QEMU's physical mode, and leaves it where a client
// before us was lost in it.
func (l *link) findPhysical() error {
	reply, err := l.ask("qqemu.PhyMemMode")
	if err != nil {
		return err
	}
	l.physical, l.inside = reply == "0" || reply == "1", reply == "1"
	return l.enter(false)
}

// enter switches between virtual and physical addresses.
func (l *link) enter(physical bool) error {
	if l.inside == physical {
		return nil
	}
	reply, err := l.ask("Qqemu.PhyMemMode:" + map[bool]string{false: "0", true: "1"}[physical])
	if err == nil && reply != "OK" {
		err = fmt.Errorf("%w: reply %.20q to a change of address mode", ErrProtocol, reply)
	}
	if err == nil {
		l.inside = physical
	}
	return err
}

// leave gives the stub back as it was found. Nobody is told of a failure: the
// connection ends anyhow.
func (l *link) leave(resume bool) {
	if l.enter(false) == nil && resume {
		_, _ = l.ask("D")
	}
}

// register reads a register of up to 8 bytes.
func (l *link) register(name string) (uint64, error) {
	r, ok := l.regs[name]
	if !ok {
		return 0, fmt.Errorf("the stub describes no register %s", name)
	}
	reply, err := l.ask(fmt.Sprintf("p%x", r.number))
	if err != nil {
		return 0, err
	}
	b, err := hex.DecodeString(reply)
	if err != nil || len(b) == 0 || len(b) > 8 {
		return 0, fmt.Errorf("%w: register %s is %.40q", ErrProtocol, name, reply)
	}
	return binary.LittleEndian.Uint64(append(b, make([]byte, 8)...)), nil
}

// memory reads the beginning of buf in the address mode that is on. A refusal
// is an error of type [refusal]; a request that is too long for the stub is
// made shorter.
func (l *link) memory(buf []byte, addr uint64) (int, error) {
	for {
		want := min(len(buf), l.request)
		reply, err := l.ask(fmt.Sprintf("m%x,%x", addr, want))
		if err != nil {
			return 0, err
		}
		no := refused(reply)
		if no == tooLong && want > leastRequest {
			l.request = want / 2
			continue
		}
		if no != "" {
			return 0, no
		}
		if len(reply) == 0 || len(reply)%2 != 0 || len(reply) > 2*want {
			return 0, fmt.Errorf("%w: %d digits for %d bytes of memory", ErrProtocol, len(reply), want)
		}
		n, err := hex.Decode(buf, []byte(reply))
		if err != nil {
			return 0, fmt.Errorf("%w: memory at %#x: %w", ErrProtocol, addr, err)
		}
		return n, nil
	}
}
