package gdbremote

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxPacket bounds a reply. Stubs announce a few kilobytes, and the largest
// reply we ask for is a piece of a target description.
const maxPacket = 256 << 10

// maxResends bounds how often a packet is sent or asked for again because it
// arrived damaged; maxNoise and maxUnasked how many bytes and packets that
// nobody asked for are skipped before a reply.
const (
	maxResends = 3
	maxNoise   = 1 << 16
	maxUnasked = 100
)

// wire is the lowest layer: packets with checksums, acknowledged until both
// sides agree not to.
type wire struct {
	in    *bufio.Reader
	out   io.Writer
	quiet bool // no acknowledgements
}

// send writes one packet.
func (w *wire) send(body string) error {
	_, err := io.WriteString(w.out, frame(body))
	return err
}

// frame puts a packet around its body, which needs no escaping: we send none
// of the characters that do.
func frame(body string) string { return fmt.Sprintf("$%s#%02x", body, checksum([]byte(body))) }

func checksum(b []byte) (sum byte) {
	for _, c := range b {
		sum += c
	}
	return sum
}

// ask sends a packet and returns the reply. Damaged ones are repeated.
func (w *wire) ask(body string) (string, error) {
	for range maxResends {
		if err := w.send(body); err != nil {
			return "", err
		}
		reply, err := w.reply(body == "?")
		if !errors.Is(err, errAgain) {
			return reply, err
		}
	}
	return "", fmt.Errorf("%w: %d packets in a row were damaged", ErrProtocol, maxResends)
}

// reply receives the reply to a packet. QEMU says that a running target has
// stopped when somebody connects, and stubs pass on what a target prints:
// nobody asked for that, unless it was for the reason of the stop.
func (w *wire) reply(stop bool) (string, error) {
	for range maxUnasked {
		reply, err := w.receive()
		if err != nil || stop || !isUnasked(reply) {
			return reply, err
		}
	}
	return "", fmt.Errorf("%w: no reply among %d packets", ErrProtocol, maxUnasked)
}

// isUnasked reports whether a packet is a stop reply or output of the target.
// No reply to what is asked here looks like either.
func isUnasked(reply string) bool {
	if len(reply) < 3 || strings.IndexByte("STWXO", reply[0]) < 0 {
		return false
	}
	_, err := hex.DecodeString(reply[1:3])
	return err == nil
}

var (
	errAgain  = errors.New("the stub asks for the packet again")
	errDamage = errors.New("checksum is wrong")
)

// receive reads the reply to a packet.
func (w *wire) receive() (string, error) {
	for range maxResends {
		raw, err := w.packet()
		if errors.Is(err, errDamage) && !w.quiet {
			if _, err := io.WriteString(w.out, "-"); err != nil {
				return "", err
			}
			continue
		}
		if err != nil {
			return "", err
		}
		if !w.quiet {
			if _, err := io.WriteString(w.out, "+"); err != nil {
				return "", err
			}
		}
		return expand(raw)
	}
	return "", fmt.Errorf("%w: %w", ErrProtocol, errDamage)
}

// packet reads up to the end of the next packet and returns its raw body.
// Acknowledgements, notifications and noise before it are skipped.
func (w *wire) packet() ([]byte, error) {
	for range maxNoise {
		c, err := w.in.ReadByte()
		switch {
		case err != nil:
			return nil, noEOF(err)
		case c == '-' && !w.quiet:
			return nil, errAgain
		case c == '%': // a notification: read and dropped
			if _, err := w.body(); err != nil && !errors.Is(err, errDamage) {
				return nil, err
			}
		case c == '$':
			return w.body()
		}
	}
	return nil, fmt.Errorf("%w: no packet in %d bytes", ErrProtocol, maxNoise)
}

// body reads what follows the first byte of a packet, checksum included.
func (w *wire) body() ([]byte, error) {
	var body []byte
	for {
		c, err := w.in.ReadByte()
		switch {
		case err != nil:
			return nil, noEOF(err)
		case c == '#':
			return body, w.checked(body)
		case c == '$': // the beginning of another: the end of this one was lost
			body = body[:0]
		case len(body) == maxPacket:
			return nil, fmt.Errorf("%w: a packet of more than %d bytes", ErrProtocol, maxPacket)
		default:
			body = append(body, c)
		}
	}
}

// checked reads the two digits after a body.
func (w *wire) checked(body []byte) error {
	var digits, sum [2]byte
	if _, err := io.ReadFull(w.in, digits[:]); err != nil {
		return noEOF(err)
	}
	if _, err := hex.Decode(sum[:1], digits[:]); err != nil || sum[0] != checksum(body) {
		return errDamage
	}
	return nil
}

// noEOF is the error of a connection that ended.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// expand undoes escapes, '}' before a byte with bit 5 inverted, and runs, '*'
// and a count above 28 that repeat the byte before.
func expand(raw []byte) (string, error) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '}' && c != '*' {
			out = append(out, c)
			continue
		}
		if i++; i == len(raw) {
			return "", fmt.Errorf("%w: a packet ends within a sequence", ErrProtocol)
		}
		if c == '}' {
			out = append(out, raw[i]^0x20)
			continue
		}
		n := int(raw[i]) - 29
		if n < 1 || len(out) == 0 || len(out)+n > maxPacket {
			return "", fmt.Errorf("%w: a run of %d bytes", ErrProtocol, n)
		}
		for range n {
			out = append(out, out[len(out)-1])
		}
	}
	return string(out), nil
}

// refusal is a reply of the form Enn, or E.text.
type refusal string

// Refusals that mean something to us: QEMU's EFAULT and EINVAL.
const (
	badAddress refusal = "E14"
	tooLong    refusal = "E22"
)

// Error names the reply.
func (r refusal) Error() string { return fmt.Sprintf("the stub answers %.60q", string(r)) }

// refused returns the refusal that a reply is, "" if it is none. Hexadecimal
// data has an even number of digits, so it is never taken for one.
func refused(reply string) refusal {
	if len(reply) == 3 && reply[0] == 'E' || len(reply) > 1 && reply[:2] == "E." {
		return refusal(reply)
	}
	return ""
}
