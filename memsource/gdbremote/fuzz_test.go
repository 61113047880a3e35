package gdbremote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
)

// FuzzPacket sends any bytes as a packet, escaped as a stub would and after
// noise: they arrive as they were.
func FuzzPacket(f *testing.F) {
	f.Add("m401000,8", "+")
	f.Add("$#}*%", "noise-less")
	f.Add(strings.Repeat("0", 1000), "%T#54")
	f.Fuzz(func(t *testing.T, body, noise string) {
		var escaped strings.Builder
		for _, c := range []byte(body) {
			if strings.IndexByte("$#}*", c) >= 0 {
				escaped.WriteByte('}')
				c ^= 0x20
			}
			escaped.WriteByte(c)
		}
		noise = strings.Map(func(r rune) rune {
			if strings.ContainsRune("$%-", r) {
				return '+'
			}
			return r
		}, noise)
		got, err := gdbremote.Receive([]byte(noise + gdbremote.Frame(escaped.String())))
		if fits := len(noise) < 1<<16 && escaped.Len() <= 1<<18; fits && (err != nil || got != body) {
			t.Fatalf("%q arrived as %q, %v", body, got, err)
		}
	})
}

// canned is a connection on which everything was said before: reads come from
// the bytes, writes go nowhere.
type canned struct {
	net.Conn
	*bytes.Reader
}

func (c canned) Read(p []byte) (int, error)       { return c.Reader.Read(p) }
func (c canned) Write(p []byte) (int, error)      { return len(p), nil }
func (c canned) Close() error                     { return nil }
func (c canned) SetDeadline(time.Time) error      { return nil }
func (c canned) LocalAddr() net.Addr              { return nil }
func (c canned) SetReadDeadline(time.Time) error  { return nil }
func (c canned) SetWriteDeadline(time.Time) error { return nil }

// FuzzStub answers with arbitrary bytes. What is read is within the contract,
// and the same stream gives the same result.
func FuzzStub(f *testing.F) {
	ok := func(bodies ...string) (all []byte) {
		for _, b := range bodies {
			all = append(all, framed(b)...)
		}
		return all
	}
	f.Add(ok("PacketSize=1000", "S05", "", "4d5a9000"), uint64(0x401000))
	f.Add(ok("PacketSize=20;qXfer:features:read+;QStartNoAckMode+", "OK", "S05",
		"l<target><architecture>i386</architecture></target>", "0", "E14"), uint64(0xfff))
	f.Add(ok("", "S05", "", "4d5a9000", "m1,p1.2", "m3", "l"), uint64(0x401000))
	f.Add(append(ok("", "S05", ""), "%Stop:T05#00-$4d5a* #cf$zz#00$11#62"...), ^uint64(3))
	f.Fuzz(func(t *testing.T, stream []byte, addr uint64) {
		if one, two := readThrough(t, stream, addr), readThrough(t, stream, addr); one != two {
			t.Fatalf("two readings differ:\n%s\n%s", one, two)
		}
	})
}

func readThrough(t *testing.T, stream []byte, addr uint64) string {
	all := bytes.NewReader(stream) // a second connection goes on where the first ended
	dial := func(context.Context) (net.Conn, error) { return canned{Reader: all}, nil }
	c, err := gdbremote.Dial(context.Background(), "stub", gdbremote.Config{Dial: dial})
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	buf := make([]byte, 0x20)
	n, err := c.ReadMemory(buf, addr)
	fault, ok := errors.AsType[*memsource.Fault](err)
	if n < 0 || n > len(buf) || (err == nil) != (n == len(buf)) || err != nil && (!ok || fault.Addr != addr+uint64(n)) {
		t.Fatalf("read at %#x: %d bytes, %v", addr, n, err)
	}
	ids, listed := c.Threads(context.Background())
	for i, id := range ids {
		if id == "" || strings.Trim(id, "0123456789abcdefABCDEFp.") != "" || slices.Contains(ids[:i], id) {
			t.Fatalf("threads %q", ids)
		}
	}
	return fmt.Sprintf("%x %x %v %q %v", c.Machine(), buf[:n], err, ids, listed)
}
