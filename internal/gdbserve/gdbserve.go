// Package gdbserve serves the memory of a test as a GDB stub does. It is for tests
// only.
package gdbserve

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
)

// Serve answers requests for memory as the plainest stub does until tb ends, and
// returns the address.
func Serve(tb testing.TB, memory memsource.Source) string {
	tb.Helper()
	return serve(tb, stub{memory: memory})
}

// Register is a register of 64 bits.
type Register struct {
	Name  string
	Value uint64
}

// ServeRegisters is [Serve] for a stub that describes registers, too, of one
// thread that it does not list.
func ServeRegisters(tb testing.TB, memory memsource.Source, registers []Register) string {
	tb.Helper()
	return serve(tb, stub{memory: memory, registers: registers})
}

// Thread is a thread by the name that a stub lists it by, with the values of the
// registers of the first one, in their order.
type Thread struct {
	ID     string
	Values []uint64
}

// ServeThreads is [ServeRegisters] for a stub that lists threads, two in a piece.
func ServeThreads(tb testing.TB, memory memsource.Source, names []string, threads []Thread) string {
	tb.Helper()
	s := stub{memory: memory, threads: threads}
	for _, name := range names {
		s.registers = append(s.registers, Register{Name: name})
	}
	return serve(tb, s)
}

// stub is what one connection is served from: it is copied for each.
type stub struct {
	memory    memsource.Source
	registers []Register
	threads   []Thread
	chosen    int // thread whose registers are read
	listed    int // threads
}

func serve(tb testing.TB, s stub) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.answer(conn)
		}
	}()
	return l.Addr().String()
}

func (s stub) answer(conn net.Conn) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		if _, err := in.ReadString('$'); err != nil {
			return
		}
		packet, err := in.ReadString('#')
		if err != nil {
			return
		}
		reply := s.reply(packet)
		sum := byte(0)
		for _, c := range []byte(reply) {
			sum += c
		}
		if _, err := io.WriteString(conn, fmt.Sprintf("+$%s#%02x", reply, sum)); err != nil {
			return
		}
	}
}

// reply answers a packet; what the stub does not know has an empty answer.
func (s *stub) reply(packet string) string {
	var addr uint64
	var size int
	if n, _ := fmt.Sscanf(packet, "m%x,%x#", &addr, &size); n == 2 && size <= 0x1000 {
		b := make([]byte, size)
		if memsource.ReadFull(s.memory, b, addr) != nil {
			return "E14"
		}
		return hex.EncodeToString(b)
	}
	if reply, ok := s.listing(packet); ok {
		return reply
	}
	return s.described(packet)
}

// listing answers what is asked about threads.
func (s *stub) listing(packet string) (reply string, ok bool) {
	switch {
	case len(s.threads) == 0:
		return "", false
	case strings.HasPrefix(packet, "Hg"):
		id := strings.TrimSuffix(packet[2:], "#")
		at := slices.IndexFunc(s.threads, func(t Thread) bool { return t.ID == id })
		if at < 0 {
			return "E01", true
		}
		s.chosen = at
		return "OK", true
	case strings.HasPrefix(packet, "qfThreadInfo"):
		s.listed = 0
	case !strings.HasPrefix(packet, "qsThreadInfo"):
		return "", false
	}
	piece := s.threads[s.listed:min(s.listed+2, len(s.threads))]
	if s.listed += len(piece); len(piece) == 0 {
		return "l", true
	}
	var ids []string
	for _, t := range piece {
		ids = append(ids, t.ID)
	}
	return "m" + strings.Join(ids, ","), true
}

// value is that of register n of the thread that was chosen.
func (s *stub) value(n int) uint64 {
	if len(s.threads) > 0 {
		return s.threads[s.chosen].Values[n]
	}
	return s.registers[n].Value
}

// described answers what is asked about registers.
func (s *stub) described(packet string) string {
	n := 0
	switch _, err := fmt.Sscanf(packet, "p%x#", &n); {
	case len(s.registers) == 0:
	case err == nil && n < len(s.registers):
		return hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, s.value(n)))
	case strings.HasPrefix(packet, "qSupported"):
		return "qXfer:features:read+"
	case strings.HasPrefix(packet, "qXfer:features:read:target.xml:0,"):
		text := "l<target>"
		for _, r := range s.registers {
			text += fmt.Sprintf(`<reg name="%s" bitsize="64"/>`, r.Name)
		}
		return text + "</target>"
	}
	return ""
}
