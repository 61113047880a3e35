package smb2

import (
	"bytes"
	"encoding/binary"
	"io"
)

// Numbers of MS-SMB2 2.2.1 and 2.2.41.
const (
	headerSize    = 64
	transformSize = 52

	commandNegotiate      = 0
	commandSessionSetup   = 1
	commandTreeConnect    = 3
	commandCreate         = 5
	commandClose          = 6
	commandRead           = 8
	commandQueryDirectory = 14

	flagResponse = 1
	flagAsync    = 2
	flagSigned   = 8

	// maxHandshakeFrame is more than any answer before the login is over.
	maxHandshakeFrame = 32 << 10
	// maxFrame is more than the answer to the largest read.
	maxFrame = 2 << 20
)

// packet is one message with its header.
type packet []byte

func (p packet) status() uint32  { return binary.LittleEndian.Uint32(p[8:]) }
func (p packet) command() uint16 { return binary.LittleEndian.Uint16(p[12:]) }
func (p packet) credits() int    { return int(binary.LittleEndian.Uint16(p[14:])) }
func (p packet) flags() uint32   { return binary.LittleEndian.Uint32(p[16:]) }
func (p packet) next() uint32    { return binary.LittleEndian.Uint32(p[20:]) }
func (p packet) id() uint64      { return binary.LittleEndian.Uint64(p[24:]) }
func (p packet) tree() uint32    { return binary.LittleEndian.Uint32(p[36:]) }
func (p packet) session() uint64 { return binary.LittleEndian.Uint64(p[40:]) }
func (p packet) body() []byte    { return p[headerSize:] }

// interim tells an answer that another one follows, which no server signs
// (MS-SMB2 3.3.4.1.1).
func (p packet) interim() bool { return p.status() == statusPending && p.flags()&flagAsync != 0 }

// part returns n bytes at an offset that counts from the header.
func (p packet) part(offset, n uint64) ([]byte, bool) {
	if offset < headerSize || offset > uint64(len(p)) || n > uint64(len(p))-offset {
		return nil, false
	}
	return p[offset : offset+n], true
}

// checkHeader refuses what is no answer, and answers that are chained: no
// request of ours is.
func checkHeader(frame []byte) (packet, error) {
	p := packet(frame)
	switch {
	case len(frame) < headerSize || !bytes.HasPrefix(frame, []byte("\xfeSMB")):
		return nil, protocolError("not an SMB 2 message")
	case p.flags()&flagResponse == 0:
		return nil, protocolError("a request from the server")
	case p.next() != 0:
		return nil, protocolError("chained messages")
	}
	return p, nil
}

// newPacket begins a request; the caller appends its body.
func newPacket(command uint16, charge, credits int, id, session uint64, tree uint32) packet {
	p := make(packet, headerSize, headerSize+128)
	copy(p, "\xfeSMB")
	le := binary.LittleEndian
	le.PutUint16(p[4:], headerSize)
	le.PutUint16(p[6:], uint16(charge))
	le.PutUint16(p[12:], command)
	le.PutUint16(p[14:], uint16(credits))
	le.PutUint64(p[24:], id)
	le.PutUint32(p[36:], tree)
	le.PutUint64(p[40:], session)
	return p
}

// readFrame reads a message and the length before it (MS-SMB2 2.1).
func readFrame(r io.Reader, limit uint32) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > limit {
		return nil, protocolError("a message of %d bytes", n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	return frame, nil
}

// writeFrame sends a message in one piece.
func writeFrame(w io.Writer, message []byte) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(message)), uint32(len(message)))
	_, err := w.Write(append(frame, message...))
	return err
}
