package smb_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/symres/symres/internal/smbd"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/smb"
)

// lying is a connection to a server whose messages are changed in places on
// their way: what a server, or who sits before it, can make us read.
type lying struct {
	net.Conn
	rand *rand.Rand
	skip int // messages left alone before
	rest []byte
}

func (l *lying) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		head := make([]byte, 4)
		if _, err := io.ReadFull(l.Conn, head); err != nil {
			return 0, err
		}
		body := make([]byte, binary.BigEndian.Uint32(head))
		if _, err := io.ReadFull(l.Conn, body); err != nil {
			return 0, err
		}
		if l.skip--; l.skip < 0 {
			l.change(body)
		}
		l.rest = append(head, body...)
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// change sets fields to values that have broken readers before. The message
// id stays, so that the message is read at all.
func (l *lying) change(m []byte) {
	values := []uint32{0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0xfffe, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8}
	for range 1 + l.rand.IntN(3) {
		at := l.rand.IntN(min(len(m), 256))
		if at >= 20 && at < 52 {
			continue
		}
		v := values[l.rand.IntN(len(values))]
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], v)
		copy(m[at:min(len(m), at+1<<l.rand.IntN(3))], b[:])
	}
}

// Whatever a server says, a search ends without a panic, with a miss or with a
// file; with a signed login only the true one.
func TestHostileServer(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(10000)
	for _, dir := range []string{"guest", "signed"} {
		s.Write(t, dir+"/sym/f.pdb/A00000011/f.pdb", want)
		s.Write(t, dir+"/sym/other.pdb/A00000011/f.pdb", want)
	}
	runs := 90
	if testing.Short() {
		runs = 30
	}
	outcomes := map[string]int{}
	for i := range runs {
		signed := i%3 == 0
		d := &dialer{server: s}
		d.wrap = func(c net.Conn) net.Conn {
			return &lying{Conn: c, rand: rand.New(rand.NewPCG(uint64(i), 1)), skip: i / 3 % 20}
		}
		cfg := smb.Config{Guest: true, Dial: d.Dial, Timeout: 100 * time.Millisecond, ConnectTimeout: 200 * time.Millisecond}
		path := `srv*\\myserver\guest\sym`
		if signed {
			cfg.Credentials, path = password, signedSym
		}
		c, err := smb.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := find(context.Background(), c, path, key(1), sympath.Options{})
		switch {
		case err != nil:
			outcomes["error"]++
		case bytes.Equal(got, want):
			outcomes["found"]++
		default:
			outcomes["changed"]++
			if signed {
				t.Errorf("run %d: %d bytes that the server did not sign", i, len(got))
			}
		}
		c.Close()
	}
	t.Logf("%v", outcomes)
}
