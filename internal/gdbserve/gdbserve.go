// Package gdbserve serves the memory of a test as a GDB stub does. It is for tests
// only.
package gdbserve

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/symres/symres/memsource"
)

// Serve answers requests for memory as the plainest stub does until tb ends, and
// returns the address.
func Serve(tb testing.TB, memory memsource.Source) string {
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
			go answer(conn, memory)
		}
	}()
	return l.Addr().String()
}

func answer(conn net.Conn, memory memsource.Source) {
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
		reply := ""
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
