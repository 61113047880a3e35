package smb2

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //lint:ignore SA1019 MS-NLMP 3.3.2 is defined with it
)

// Flags of MS-NLMP 2.2.2.5: Unicode, target, sign, NTLM, always sign, extended
// session security, target info, version, 128 bits, key exchange, 56 bits.
const ntlmFlags = 0xe2888215

const ntlmSignature = "NTLMSSP\x00"

// AV pairs of MS-NLMP 2.2.2.1.
const (
	avEnd   = 0
	avFlags = 6
	avTime  = 7
)

// ntlm is a login by NTLMv2 (MS-NLMP 3.1.5).
type ntlm struct {
	user, password, domain string

	negotiate []byte // the first message
	key       []byte // the session key, once authenticate has returned
}

// begin returns NEGOTIATE_MESSAGE (2.2.1.1).
func (n *ntlm) begin() []byte {
	m := append([]byte(ntlmSignature), 1, 0, 0, 0)
	m = binary.LittleEndian.AppendUint32(m, ntlmFlags)
	n.negotiate = append(m, make([]byte, 24)...)
	return n.negotiate
}

// challenge is what CHALLENGE_MESSAGE says (2.2.1.2).
type challenge struct {
	flags  uint32
	nonce  []byte
	info   []byte // AV pairs without the last
	time   []byte // of the server, nil if it gives none
	answer []byte // the message
}

func parseChallenge(m []byte) (challenge, error) {
	if len(m) < 48 || string(m[:12]) != ntlmSignature+"\x02\x00\x00\x00" {
		return challenge{}, protocolError("not an NTLM challenge")
	}
	c := challenge{flags: binary.LittleEndian.Uint32(m[20:]), nonce: m[24:32], answer: m}
	n, at := uint64(binary.LittleEndian.Uint16(m[40:])), uint64(binary.LittleEndian.Uint32(m[44:]))
	if at > uint64(len(m)) || n > uint64(len(m))-at {
		return challenge{}, protocolError("target info of an NTLM challenge")
	}
	for info := m[at : at+n]; len(info) >= 4; {
		id, size := binary.LittleEndian.Uint16(info), int(binary.LittleEndian.Uint16(info[2:]))
		if id == avEnd {
			break
		}
		if size > len(info)-4 || id == avTime && size != 8 {
			return challenge{}, protocolError("target info of an NTLM challenge")
		}
		if id == avTime {
			c.time = info[4:12]
		}
		if id != avFlags {
			c.info = append(c.info, info[:4+size]...)
		}
		info = info[4+size:]
	}
	return c, nil
}

// authenticate returns AUTHENTICATE_MESSAGE (2.2.1.3), with the code that binds
// the three messages together where the server gives its time.
func (n *ntlm) authenticate(answer []byte) ([]byte, error) {
	c, err := parseChallenge(answer)
	if err != nil {
		return nil, err
	}
	own, exported := random(8), random(16)
	key := hmacMD5(n.hash(), utf16le(strings.ToUpper(n.user)+n.domain))
	blob := c.blob(own)
	proof := hmacMD5(key, c.nonce, blob)
	lm := make([]byte, 24)
	if c.time == nil {
		lm = append(hmacMD5(key, c.nonce, own), own...)
	}
	base := hmacMD5(key, proof)
	stream, err := rc4.NewCipher(base)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, len(exported))
	stream.XORKeyStream(sealed, exported)
	n.key = exported
	if c.flags&(1<<30) == 0 { // no key exchange
		n.key, sealed = base, nil
	}
	m := n.message(c.flags&ntlmFlags, lm, append(proof, blob...), sealed)
	if c.time != nil {
		copy(m[72:88], hmacMD5(n.key, n.negotiate, c.answer, m))
	}
	return m, nil
}

// hash is NTOWF without the user (3.3.2).
func (n *ntlm) hash() []byte {
	h := md4.New()
	h.Write(utf16le(n.password))
	return h.Sum(nil)
}

// blob is NTLMv2_CLIENT_CHALLENGE (2.2.2.7).
func (c *challenge) blob(own []byte) []byte {
	b := []byte{1, 1, 0, 0, 0, 0, 0, 0}
	info := c.info
	if c.time != nil {
		b = append(b, c.time...)
		info = append(info, avFlags, 0, 4, 0, 2, 0, 0, 0) // there is a code over the messages
	} else {
		b = binary.LittleEndian.AppendUint64(b, filetime(time.Now()))
	}
	b = append(append(b, own...), 0, 0, 0, 0)
	return append(append(b, info...), 0, 0, 0, 0, 0, 0, 0, 0)
}

// message puts AUTHENTICATE_MESSAGE together; the code is left out.
func (n *ntlm) message(flags uint32, lm, nt, key []byte) []byte {
	const payload = 88
	m := make([]byte, payload)
	copy(m, ntlmSignature+"\x03")
	for i, field := range [][]byte{lm, nt, utf16le(n.domain), utf16le(n.user), nil, key} {
		at := 12 + 8*i
		binary.LittleEndian.PutUint16(m[at:], uint16(len(field)))
		binary.LittleEndian.PutUint16(m[at+2:], uint16(len(field)))
		binary.LittleEndian.PutUint32(m[at+4:], uint32(len(m)))
		m = append(m, field...)
	}
	binary.LittleEndian.PutUint32(m[60:], flags)
	return m
}

// sum is the signature of a message, the first that the client sends (3.4.4.2).
func (n *ntlm) sum(message []byte) ([]byte, error) {
	const magic = "session key to client-to-server "
	sign := md5.Sum(append(bytes.Clone(n.key), magic+"signing key magic constant\x00"...))
	seal := md5.Sum(append(bytes.Clone(n.key), magic+"sealing key magic constant\x00"...))
	stream, err := rc4.NewCipher(seal[:])
	if err != nil {
		return nil, err
	}
	sum := hmacMD5(sign[:], []byte{0, 0, 0, 0}, message)[:8]
	stream.XORKeyStream(sum, sum)
	return append(append([]byte{1, 0, 0, 0}, sum...), 0, 0, 0, 0), nil
}

func hmacMD5(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(md5.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// The years before 1970 that a FILETIME counts, in units of 100 ns.
const epoch = 116444736000000000

func filetime(t time.Time) uint64 { return uint64(t.UnixNano()/100 + epoch) }

func fromFiletime(n uint64) time.Time {
	ticks := int64(min(n, 1<<62)) - epoch
	return time.Unix(ticks/1e7, ticks%1e7*100)
}
