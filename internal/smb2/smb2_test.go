package smb2

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of RFC 4493, section 4.
func TestCMAC(t *testing.T) {
	sign, err := cmacSigner(unhex(t, "2b7e151628aed2a6abf7158809cf4f3c"))
	if err != nil {
		t.Fatal(err)
	}
	message := unhex(t, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	for n, want := range map[int]string{
		0: "bb1d6929e95937287fa37d129b756746", 16: "070a16b46b4d4144f79bdd9dd04a287c",
		40: "dfa66747de9ae63030ca32611497c827", 64: "51f0bebf7e3b9d92fc49741779363cfe",
	} {
		if got := hex.EncodeToString(sign(message[:n])); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
}

// What AES-CCM seals it opens, and nothing that was changed. That it is the
// CCM of others shows against a server that speaks SMB 3.0.
func TestCCM(t *testing.T) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	c, nonce, data := ccm{block}, make([]byte, ccmNonce), []byte("header")
	for _, n := range []int{0, 1, 15, 16, 17, 1000} {
		plain := bytes.Repeat([]byte{7}, n)
		sealed := c.Seal(nil, nonce, plain, data)
		if got, err := c.Open(nil, nonce, sealed, data); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %x, %v", n, got, err)
		}
		sealed[n/2] ^= 1
		if _, err := c.Open(nil, nonce, sealed, data); err == nil {
			t.Errorf("%d bytes, changed: opened", n)
		}
		if _, err := c.Open(nil, nonce, sealed[:n], data); err == nil {
			t.Errorf("%d bytes, cut: opened", n)
		}
	}
}

// The values of MS-NLMP 4.2.4.1.1 and 4.2.4.2.
func TestNTLMv2(t *testing.T) {
	n := ntlm{user: "User", password: "Password", domain: "Domain"}
	key := hmacMD5(n.hash(), utf16le("USER"+n.domain))
	if got := hex.EncodeToString(key); got != "0c868a403bfd7a93a3001ef22ef02e3f" {
		t.Errorf("key %s", got)
	}
	own, nonce := bytes.Repeat([]byte{0xaa}, 8), unhex(t, "0123456789abcdef")
	if got := hex.EncodeToString(hmacMD5(key, nonce, own)); got != "86c35097ac9cec102554764a57cccc19" {
		t.Errorf("LMv2 response %s", got)
	}
}

func TestSPNEGO(t *testing.T) {
	token := bytes.Repeat([]byte("x"), 300)
	if got, err := unwrapResponse(wrapResponse(token, []byte("sum"))); err != nil || !bytes.Equal(got, token) {
		t.Errorf("%q, %v", got, err)
	}
	long := []byte{0xa1, 0x84, 0, 0, 0, 8, 0x30, 0x81, 5, 0xa2, 3, 4, 1, 'y'}
	if got, err := unwrapResponse(long); err != nil || string(got) != "y" {
		t.Errorf("lengths longer than they need to be: %q, %v", got, err)
	}
}

// testConn is a connection whose server is this test.
func testConn(t *testing.T, k keys) (*Conn, net.Conn) {
	here, there := net.Pipe()
	c := &Conn{nc: here, session: 5, keys: k, maxRead: creditSize, credits: 1, waiting: map[uint64]*request{}}
	c.changed = sync.NewCond(&c.mu)
	go c.receive()
	t.Cleanup(func() { c.Abort(io.EOF); there.Close() })
	return c, there
}

func aesKeys(t *testing.T) keys {
	sign, err := cmacSigner(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := newAEAD(cipherGCM, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	return keys{sign: sign, seal: seal, open: seal}
}

// A server that has the keys can still say anything in an encrypted message.
func TestHostileInsideEncryption(t *testing.T) {
	answer := func(change func(packet)) packet {
		p := append(newPacket(commandTreeConnect, 1, 1, 0, 5, 7), make([]byte, 16)...)
		p[16] = flagResponse
		change(p)
		return p
	}
	k := aesKeys(t)
	for name, frame := range map[string][]byte{
		"nothing in it":       k.sealed(answer(func(packet) {})[:10], 5),
		"half a header":       k.sealed(answer(func(packet) {})[:63], 5),
		"no body":             k.sealed(answer(func(packet) {})[:64], 5),
		"chained past itself": k.sealed(answer(func(p packet) { p[20], p[21] = 0xff, 0xff }), 5),
		"another session":     k.sealed(answer(func(p packet) { p[40] = 6 }), 5),
		"a session around it": k.sealed(answer(func(packet) {}), 6),
		"another command":     k.sealed(answer(func(p packet) { p[12] = 9 }), 5),
		"another number":      k.sealed(answer(func(p packet) { p[24] = 9 }), 5),
		"a request":           k.sealed(answer(func(p packet) { p[16] = 0 }), 5),
		"neither":             answer(func(packet) {}),
		"half a transform":    k.sealed(answer(func(packet) {}), 5)[:51],
		"a signature of air":  answer(func(p packet) { p[16] |= flagSigned }),
	} {
		t.Run(name, func(t *testing.T) {
			c, server := testConn(t, k)
			c.encrypt = true
			go func() {
				if _, err := readFrame(server, maxFrame); err == nil {
					writeFrame(server, frame)
				}
			}()
			_, err := c.Mount(`\\s\share`)
			var protocol *ProtocolError
			if !errors.As(err, &protocol) || !errors.As(c.Err(), &protocol) {
				t.Errorf("%v, connection %v; want a protocol error", err, c.Err())
			}
		})
	}
}

// Answers that another follows are not signed, and their credits count.
func TestInterimAnswer(t *testing.T) {
	k := aesKeys(t)
	c, server := testConn(t, k)
	go func() {
		if _, err := readFrame(server, maxFrame); err != nil {
			return
		}
		p := append(newPacket(commandTreeConnect, 1, 9, 0, 5, 7), make([]byte, 16)...)
		p[16] = flagResponse | flagAsync
		p[8], p[9] = 3, 1 // pending
		writeFrame(server, p)
		clear(p[8:12])
		p[14], p[16] = 0, flagResponse
		writeFrame(server, k.signed(p))
	}()
	if _, err := c.Mount(`\\s\share`); err != nil {
		t.Error(err)
	}
	if c.credits != 9 {
		t.Errorf("%d credits, want 9", c.credits)
	}
}

// Who waits for credits that never come is let go when the connection ends.
func TestNoCredits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server := testConn(t, keys{})
		c.credits = 0
		done := make(chan error)
		go func() {
			_, err := c.Mount(`\\s\share`)
			done <- err
		}()
		synctest.Wait()
		c.Abort(io.ErrClosedPipe)
		if err := <-done; err != io.ErrClosedPipe {
			t.Error(err)
		}
		server.Close()
	})
}

// FuzzAnswers: whatever a server sends, the parts that are read lie in it.
func FuzzAnswers(f *testing.F) {
	entry := append(make([]byte, 64), 'a', 0)
	entry[60] = 2
	f.Add(entry)
	f.Add(wrapResponse([]byte(ntlmSignature+"\x02\x00\x00\x00"+strings.Repeat("\x00", 40)), nil))
	negotiate := append(newPacket(commandNegotiate, 0, 1, 0, 0, 0), make([]byte, 64)...)
	copy(negotiate[headerSize+4:], "\x11\x03\x01\x00")
	f.Add([]byte(negotiate))
	f.Fuzz(func(t *testing.T, data []byte) {
		if entries, ok := parseEntries(data); ok {
			total := 0
			for _, e := range entries {
				total += 64 + len(e.Name())/3
				if strings.ContainsAny(e.Name(), `/\`) {
					t.Errorf("a name with separators: %q", e.Name())
				}
			}
			if total > len(data) {
				t.Errorf("%d bytes of entries from %d", total, len(data))
			}
		}
		if token, err := unwrapResponse(data); err == nil {
			if !bytes.Contains(data, token) {
				t.Error("a token that is not in the answer")
			}
			n := ntlm{user: "u", password: "p"}
			n.begin()
			if m, err := n.authenticate(token); err == nil && len(n.key) != 16 {
				t.Errorf("a login of %d bytes with a key of %d", len(m), len(n.key))
			}
		}
		if p, err := checkHeader(data); err == nil {
			h := handshake{login: Login{Least: Dialect21}}
			if err := h.negotiated(p); err == nil && (h.dialect < Dialect21 || h.cipher > cipherGCM) {
				t.Errorf("dialect %#x, cipher %d", h.dialect, h.cipher)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	sign, err := cmacSigner(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	k, p := keys{sign: sign}, newPacket(commandRead, 4, 1, 0, 5, 7)
	p = k.signed(append(p, make([]byte, 256<<10)...))
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if !k.verify(p) {
			b.Fatal("not what was signed")
		}
	}
}
