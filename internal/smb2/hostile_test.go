package smb2

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"
)

// session is one with a server that answers with these messages.
func session(t *testing.T, k keys, encrypt bool, messages ...[]byte) *Conn {
	c := &Conn{nc: newAnswering(messages...), session: 5, keys: k, encrypt: encrypt, maxRead: creditSize, credits: 1, waiting: map[uint64]*request{}}
	c.changed = sync.NewCond(&c.mu)
	done := make(chan struct{})
	go func() { c.receive(); close(done) }()
	t.Cleanup(func() { c.Abort(io.EOF); <-done })
	return c
}

// use asks for a share, a file, some of its bytes and a list of files.
func use(c *Conn) error {
	s, err := c.Mount(`\\server\share`)
	if err != nil {
		return err
	}
	f, err := s.Open("f")
	if err != nil {
		return err
	}
	if _, err := f.ReadAt(make([]byte, 100), 0); err != nil {
		return err
	}
	_, err = f.ReadDir(0)
	return err
}

// readBody is an answer to READ that says it has n bytes, and has them.
func readBody(n int) []byte {
	b := append([]byte{17, 0, headerSize + 16, 0}, make([]byte, 12+n)...)
	binary.LittleEndian.PutUint32(b[4:], uint32(n))
	return b
}

// TestHostileAnswers: a server that has the keys sends one answer that the
// protocol does not allow. The connection ends with it.
func TestHostileAnswers(t *testing.T) {
	k := fuzzKeys(t)
	noFlags, file, large := make([]byte, 16), make([]byte, 88), make([]byte, 88)
	wantsEncryption := make([]byte, 16)
	wantsEncryption[5] = 0x80
	large[55] = 0x80
	for name, c := range map[string]struct {
		keys   keys
		sealed bool // what is asked is encrypted
		bodies [][]byte
	}{
		"more bytes than were asked for":     {k, false, [][]byte{noFlags, file, readBody(101)}},
		"no bytes and no end of the file":    {k, false, [][]byte{noFlags, file, readBody(0)}},
		"a file of a negative size":          {k, false, [][]byte{noFlags, large}},
		"a share to encrypt without a key":   {keys{sign: k.sign}, false, [][]byte{wantsEncryption}},
		"signed answers to sealed questions": {k, true, [][]byte{noFlags}},
		"sealed shares answered in the open": {k, false, [][]byte{wantsEncryption, file}},
	} {
		t.Run(name, func(t *testing.T) {
			var messages [][]byte
			for i, body := range c.bodies {
				command := []uint16{commandTreeConnect, commandCreate, commandRead}[i]
				messages = append(messages, c.keys.signed(answerTo(command, uint64(i), body)))
			}
			conn := session(t, c.keys, c.sealed, messages...)
			var protocol *ProtocolError
			if err := use(conn); !errors.As(err, &protocol) || !errors.As(conn.Err(), &protocol) {
				t.Errorf("%v, connection %v; want a protocol error", err, conn.Err())
			}
		})
	}
}

// TestHostileDirectory: a list of files that never ends does.
func TestHostileDirectory(t *testing.T) {
	k := fuzzKeys(t)
	const each, most = 66, 900
	entries := make([]byte, 0, each*most)
	for i := range most {
		e := make([]byte, each+each%2)
		e[60], e[64] = 2, 'a'
		if i+1 < most {
			e[0] = each
		}
		entries = append(entries, e...)
	}
	body := append([]byte{9, 0, headerSize + 8, 0, 0, 0, 0, 0}, entries...)
	binary.LittleEndian.PutUint32(body[4:], uint32(len(entries)))
	messages := [][]byte{
		k.signed(answerTo(commandTreeConnect, 0, make([]byte, 16))), k.signed(answerTo(commandCreate, 1, make([]byte, 88))),
		k.signed(answerTo(commandRead, 2, readBody(1))),
	}
	answers := maxEntries/most + 100
	for i := range answers {
		messages = append(messages, answerTo(commandQueryDirectory, uint64(3+i), body))
	}
	conn := session(t, keys{}, false, messages...) // a guest's, so that nothing has to be signed
	var protocol *ProtocolError
	if err := use(conn); !errors.As(err, &protocol) {
		t.Errorf("%v, want a protocol error", err)
	}
	if left := len(conn.nc.(*answering).messages); left < 50 {
		t.Errorf("%d of %d lists were asked for", answers-left, answers)
	}
}

// TestHostileFrame: a length is not believed before it is compared with what
// an answer may have.
func TestHostileFrame(t *testing.T) {
	nc := newAnswering()
	nc.ready.Write([]byte{0x7f, 0xff, 0xff, 0xff})
	_, err := Dial(nc, Login{Least: Dialect30})
	var protocol *ProtocolError
	if !errors.As(err, &protocol) {
		t.Errorf("%v, want a protocol error", err)
	}
}

// TestHostileLogin: answers of a login that the protocol does not allow, or
// that the user does not.
func TestHostileLogin(t *testing.T) {
	dialect := func(n uint16) []byte {
		b := make([]byte, 64)
		binary.LittleEndian.PutUint16(b[4:], n)
		return b
	}
	flags := func(n byte) []byte { return []byte{9, 0, n, 0, 0, 0, 0, 0} }
	token := wrapResponse([]byte(ntlmSignature+"\x02\x00\x00\x00"+string(make([]byte, 40))), nil)
	challenge := append([]byte{9, 0, 0, 0, headerSize + 8, 0, byte(len(token)), 0}, token...)
	var (
		old      *DialectError
		protocol *ProtocolError
	)
	for name, c := range map[string]struct {
		login Login
		ids   [3]uint64
		first []byte
		last  []byte
		want  any
	}{
		"a dialect too old":              {Login{Least: Dialect30}, [3]uint64{0, 1, 2}, dialect(Dialect21), nil, &old},
		"a dialect that nobody knows":    {Login{Least: Dialect21}, [3]uint64{0, 1, 2}, dialect(0x0400), nil, &protocol},
		"the number of another request":  {Login{Least: Dialect21}, [3]uint64{7, 1, 2}, dialect(Dialect21), nil, &protocol},
		"and in the login":               {Login{Least: Dialect21}, [3]uint64{0, 7, 2}, dialect(Dialect21), nil, &protocol},
		"and at its end":                 {Login{Least: Dialect21, Guest: true}, [3]uint64{0, 1, 7}, dialect(Dialect21), flags(sessionIsGuest), &protocol},
		"a guest who has to encrypt":     {Login{Least: Dialect21, Guest: true}, [3]uint64{0, 1, 2}, dialect(Dialect21), flags(sessionIsGuest | sessionEncrypts), &protocol},
		"an answer that nobody signed":   {Login{Least: Dialect21}, [3]uint64{0, 1, 2}, dialect(Dialect21), flags(0), &protocol},
		"encryption in a dialect before": {Login{Least: Dialect21}, [3]uint64{0, 1, 2}, dialect(Dialect21), flags(sessionEncrypts), &protocol},
	} {
		t.Run(name, func(t *testing.T) {
			more := answerTo(commandSessionSetup, c.ids[1], challenge)
			binary.LittleEndian.PutUint32(more[8:], statusMoreProcessing)
			nc := newAnswering(answerTo(commandNegotiate, c.ids[0], c.first), more, answerTo(commandSessionSetup, c.ids[2], c.last))
			conn, err := Dial(nc, c.login)
			if err == nil {
				conn.Abort(io.EOF)
			}
			if !errors.As(err, c.want) {
				t.Errorf("%v, want a %T", err, c.want)
			}
		})
	}
}
