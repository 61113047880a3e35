package gdbremote_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stub is the other side: small, strict, and able to misbehave.
type stub struct {
	virtual, physical memsource.Source
	features          string            // reply to qSupported
	files             map[string]string // of the target description
	regs              map[string]uint64 // by number, in hex
	threads           []string          // as they are listed, in pieces
	most              int               // bytes of memory it gives at once; 0 any number
	part              bool              // it gives less than asked
	runs              bool              // it shortens runs
	spoil             func(n int, packet, reply string) (string, bool)

	mu     sync.Mutex // guards the fields below
	asked  []string
	inside bool
	dials  int
}

// dial is a connection to the stub.
func (s *stub) dial(context.Context) (net.Conn, error) {
	s.mu.Lock()
	s.dials++
	s.mu.Unlock()
	ours, theirs := net.Pipe()
	go s.serve(theirs)
	return ours, nil
}

// serve answers until the connection ends.
func (s *stub) serve(conn net.Conn) {
	defer conn.Close()
	in, quiet := bufio.NewReader(conn), false
	for {
		packet, err := readPacket(in)
		if err != nil {
			return
		}
		s.mu.Lock()
		n := len(s.asked)
		s.asked = append(s.asked, packet)
		s.mu.Unlock()
		ack := "+"
		if quiet {
			ack = ""
		}
		quiet = quiet || packet == "QStartNoAckMode"
		reply, ok := s.frame(n, packet)
		if !ok {
			return
		}
		if _, err := io.WriteString(conn, ack+reply); err != nil {
			return
		}
	}
}

// frame is the packet to answer with; false hangs up.
func (s *stub) frame(n int, packet string) (string, bool) {
	body := s.answer(packet)
	if s.runs {
		body = runs(body)
	}
	reply := framed(body)
	if s.spoil != nil {
		return s.spoil(n, packet, reply)
	}
	return reply, true
}

func framed(body string) string {
	sum := byte(0)
	for _, c := range []byte(body) {
		sum += c
	}
	return fmt.Sprintf("$%s#%02x", body, sum)
}

// runs shortens runs of four to nine equal characters; 8 and 9 more would be
// the counts '#' - 29 and '$' - 29, which must not be sent.
func runs(body string) string {
	var b strings.Builder
	for i := 0; i < len(body); {
		n := 1
		for i+n < len(body) && body[i+n] == body[i] && n < 6 {
			n++
		}
		if n >= 4 {
			fmt.Fprintf(&b, "%c*%c", body[i], byte(n-1+29))
		} else {
			b.WriteString(body[i : i+n])
		}
		i += n
	}
	return b.String()
}

func readPacket(in *bufio.Reader) (string, error) {
	if _, err := in.ReadString('$'); err != nil {
		return "", err
	}
	body, err := in.ReadString('#')
	if err != nil {
		return "", err
	}
	_, err = io.CopyN(io.Discard, in, 2)
	return body[:len(body)-1], err
}

func (s *stub) answer(packet string) string {
	switch {
	case strings.HasPrefix(packet, "qSupported"):
		return s.features
	case packet == "?":
		return "S05"
	case packet == "QStartNoAckMode":
		return "OK"
	case strings.HasPrefix(packet, "qXfer:features:read:"):
		return s.piece(packet[len("qXfer:features:read:"):])
	case packet == "qqemu.PhyMemMode" && s.physical != nil:
		return map[bool]string{false: "0", true: "1"}[s.inside]
	case strings.HasPrefix(packet, "Qqemu.PhyMemMode:") && s.physical != nil:
		s.inside = strings.HasSuffix(packet, "1")
		return "OK"
	case packet == "qfThreadInfo" && len(s.threads) > 0:
		return "m" + s.threads[0]
	case packet == "qsThreadInfo":
		if len(s.threads) < 2 {
			return "l"
		}
		rest := s.threads[1]
		s.threads = append(s.threads[:1:1], s.threads[2:]...) // said once
		return "m" + rest
	case strings.HasPrefix(packet, "Hg"):
		return "OK"
	case packet[0] == 'p':
		v, ok := s.regs[packet[1:]]
		if !ok {
			return "E01"
		}
		return hex.EncodeToString([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), byte(v >> 32), byte(v >> 40), 0, 0})
	case packet[0] == 'm':
		return s.memory(packet[1:])
	}
	return ""
}

func (s *stub) piece(args string) string {
	name, where, _ := strings.Cut(args, ":")
	off, size, _ := strings.Cut(where, ",")
	from, _ := strconv.ParseInt(off, 16, 64)
	n, _ := strconv.ParseInt(size, 16, 64)
	text, ok := s.files[name]
	if !ok {
		return "E00"
	}
	if from+n >= int64(len(text)) {
		return "l" + text[min(from, int64(len(text))):]
	}
	return "m" + text[from:from+n]
}

func (s *stub) memory(args string) string {
	at, size, _ := strings.Cut(args, ",")
	addr, err := strconv.ParseUint(at, 16, 64)
	n, err2 := strconv.ParseUint(size, 16, 32)
	if err != nil || err2 != nil || n == 0 || addr>>12 != (addr+n-1)>>12 {
		return "E99" // a request no client should make
	}
	if s.most > 0 && n > uint64(s.most) {
		return "E22"
	}
	if s.part && n > 0x300 {
		n = 0x300
	}
	src, b := s.virtual, make([]byte, n)
	if s.inside {
		src = s.physical
	}
	if err := memsource.ReadFull(src, b, addr); err != nil {
		return "E14"
	}
	return hex.EncodeToString(b)
}

// requests returns the packets so far that begin with prefix.
func (s *stub) requests(prefix string) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.asked {
		if strings.HasPrefix(p, prefix) {
			out = append(out, p)
		}
	}
	return out
}

// connect makes a client, which is closed with the test.
func (s *stub) connect(t testing.TB, cfg gdbremote.Config) *gdbremote.Client {
	t.Helper()
	if cfg.Dial == nil {
		cfg.Dial = s.dial
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute // a slow machine is no failure
	}
	c, err := gdbremote.Dial(context.Background(), "stub", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ram is a source with these bytes at these addresses.
func ram(t testing.TB, at map[uint64][]byte) *memsource.Sparse {
	t.Helper()
	s := &memsource.Sparse{}
	for addr, b := range at {
		if err := s.Add(addr, b); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
