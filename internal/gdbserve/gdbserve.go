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
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
)

// Serve answers requests for memory as the plainest stub does until tb ends, and
// returns the address.
func Serve(tb testing.TB, memory memsource.Source) string {
	tb.Helper()
	return ServeRegisters(tb, memory, nil)
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
			go answer(conn, memory, registers)
		}
	}()
	return l.Addr().String()
}

func answer(conn net.Conn, memory memsource.Source, registers []Register) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		if _, err := in.ReadString('$'); err != nil {
			return
		}
		packet, err := in.ReadString('#')
		if err != nil {
			return
		}
		var addr uint64
		var size int
		reply := described(packet, registers)
		if n, _ := fmt.Sscanf(packet, "m%x,%x#", &addr, &size); n == 2 && size <= 0x1000 {
			b := make([]byte, size)
			if err := memsource.ReadFull(memory, b, addr); err == nil {
				reply = hex.EncodeToString(b)
			} else {
				reply = "E14"
			}
		}
		sum := byte(0)
		for _, c := range []byte(reply) {
			sum += c
		}
		if _, err := io.WriteString(conn, fmt.Sprintf("+$%s#%02x", reply, sum)); err != nil {
			return
		}
	}
}

// described answers what is asked about registers.
func described(packet string, registers []Register) string {
	n := 0
	switch _, err := fmt.Sscanf(packet, "p%x#", &n); {
	case len(registers) == 0:
	case err == nil && n < len(registers):
		return hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, registers[n].Value))
	case strings.HasPrefix(packet, "qSupported"):
		return "qXfer:features:read+"
	case strings.HasPrefix(packet, "qXfer:features:read:target.xml:0,"):
		text := "l<target>"
		for _, r := range registers {
			text += fmt.Sprintf(`<reg name="%s" bitsize="64"/>`, r.Name)
		}
		return text + "</target>"
	}
	return ""
}
