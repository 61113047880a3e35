package smb2

import (
	"crypto/cipher"
	"crypto/sha512"
	"encoding/binary"
	"net"
)

// The dialects of MS-SMB2 2.2.3. 2.0.2 is offered only so that the server
// names it where it knows nothing newer.
const (
	dialect202 = 0x0202
	Dialect21  = 0x0210
	Dialect30  = 0x0300
	dialect302 = 0x0302
	dialect311 = 0x0311
)

// Flags of MS-SMB2 2.2.3, 2.2.4 and 2.2.6.
const (
	signingEnabled  = 1
	signingRequired = 2

	capabilityLargeMTU   = 4
	capabilityEncryption = 0x40

	sessionIsGuest  = 1
	sessionIsNull   = 2
	sessionEncrypts = 4

	contextPreauth    = 1
	contextEncryption = 2
	hashSHA512        = 1
)

// Login says who logs in, and what is accepted of the server.
type Login struct {
	Domain, User, Password string
	// Guest accepts a guest's session, whose messages nobody signs.
	Guest bool
	// Least is the oldest dialect to speak: [Dialect21] or [Dialect30].
	Least uint16
}

// handshake negotiates and logs in, one message after the other. Nothing else
// reads the connection until it is over.
type handshake struct {
	nc      net.Conn
	login   Login
	id      uint64
	credits int
	hash    [64]byte // of all messages so far, for 3.1.1

	dialect      uint16
	capabilities uint32
	maxRead      uint32
	cipher       uint16 // 0: none

	session uint64
	flags   uint16
	keys    keys
}

// keys protect the messages of a session. A guest's has none.
type keys struct {
	sign signer
	seal cipher.AEAD // of the client
	open cipher.AEAD // of the server
}

func (h *handshake) run() error {
	if err := h.negotiate(); err != nil {
		return err
	}
	return h.setup()
}

func (h *handshake) mode() uint8 {
	if h.login.Guest {
		return signingEnabled
	}
	return signingRequired
}

// exchange sends a request and waits for its answer.
func (h *handshake) exchange(command uint16, body []byte) (packet, error) {
	charge := 1
	if command == commandNegotiate {
		charge = 0
	}
	p := append(newPacket(command, charge, creditTarget, h.id, h.session, 0), body...)
	if err := writeFrame(h.nc, p); err != nil {
		return nil, err
	}
	h.mix(p)
	for {
		frame, err := readFrame(h.nc, maxHandshakeFrame)
		if err != nil {
			return nil, err
		}
		answer, err := checkHeader(frame)
		if err != nil {
			return nil, err
		}
		h.credits += answer.credits()
		if answer.interim() {
			continue
		}
		if answer.id() != h.id || answer.command() != command {
			return nil, protocolError("an answer to nothing that was asked")
		}
		h.id++
		h.credits--
		return answer, nil
	}
}

// mix adds a message to the hash that binds the handshake to the keys.
func (h *handshake) mix(message []byte) {
	h.hash = sha512.Sum512(append(h.hash[:len(h.hash):len(h.hash)], message...))
}

func (h *handshake) negotiate() error {
	dialects := []uint16{dialect202, Dialect21, Dialect30, dialect302, dialect311}
	le := binary.LittleEndian
	body := le.AppendUint16(nil, 36)
	body = le.AppendUint16(body, uint16(len(dialects)))
	body = le.AppendUint16(body, uint16(h.mode()))
	body = le.AppendUint16(body, 0)
	body = le.AppendUint32(body, capabilityLargeMTU|capabilityEncryption)
	body = append(body, random(16)...)
	contexts := (headerSize + 36 + 2*len(dialects) + 7) &^ 7
	body = le.AppendUint32(body, uint32(contexts))
	body = le.AppendUint32(body, 2)
	for _, d := range dialects {
		body = le.AppendUint16(body, d)
	}
	body = append(body, make([]byte, contexts-headerSize-len(body))...)
	preauth := append([]byte{1, 0, 32, 0, hashSHA512, 0}, random(32)...)
	body = appendContext(body, contextPreauth, preauth)
	body = append(body, make([]byte, -len(body)&7)...)
	body = appendContext(body, contextEncryption, []byte{2, 0, cipherGCM, 0, cipherCCM, 0})
	answer, err := h.exchange(commandNegotiate, body)
	if err != nil {
		return err
	}
	if answer.status() != 0 {
		return &StatusError{answer.status()}
	}
	h.mix(answer)
	return h.negotiated(answer)
}

func appendContext(b []byte, kind uint16, data []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(data)))
	return append(append(b, 0, 0, 0, 0), data...)
}

// negotiated reads the dialect and what comes with it (MS-SMB2 2.2.4).
func (h *handshake) negotiated(p packet) error {
	le, body := binary.LittleEndian, p.body()
	if len(body) < 64 {
		return protocolError("a short answer to NEGOTIATE")
	}
	h.dialect, h.capabilities = le.Uint16(body[4:]), le.Uint32(body[24:])
	h.maxRead = le.Uint32(body[32:])
	switch h.dialect {
	case dialect202, Dialect21, Dialect30, dialect302, dialect311:
	default:
		return protocolError("dialect %#x", h.dialect)
	}
	if h.dialect < h.login.Least {
		return &DialectError{h.dialect}
	}
	if h.dialect == dialect311 {
		return h.contexts(p, int(le.Uint16(body[6:])), uint64(le.Uint32(body[60:])))
	}
	if h.dialect >= Dialect30 && h.capabilities&capabilityEncryption != 0 {
		h.cipher = cipherCCM
	}
	return nil
}

// contexts reads what 3.1.1 agrees on (MS-SMB2 2.2.4.1).
func (h *handshake) contexts(p packet, count int, at uint64) error {
	le, hashed := binary.LittleEndian, false
	for ; count > 0; count-- {
		head, ok := p.part(at, 8)
		if !ok {
			return protocolError("a negotiate context outside of its message")
		}
		n := uint64(le.Uint16(head[2:]))
		data, ok := p.part(at+8, n)
		if !ok {
			return protocolError("a negotiate context outside of its message")
		}
		switch kind := le.Uint16(head); {
		case kind == contextPreauth && n >= 6:
			hashed = le.Uint16(data) == 1 && le.Uint16(data[4:]) == hashSHA512
		case kind == contextEncryption && n >= 4:
			h.cipher = le.Uint16(data[2:])
		}
		at += (8 + n + 7) &^ 7
	}
	switch {
	case !hashed:
		return protocolError("no hash that both know")
	case h.cipher > cipherGCM:
		return protocolError("cipher %d, which nobody offered", h.cipher)
	}
	return nil
}

// setup logs in (MS-SMB2 3.2.5.3).
func (h *handshake) setup() error {
	n := ntlm{user: h.login.User, password: h.login.Password, domain: h.login.Domain}
	answer, token, err := h.leg(wrapInit(n.begin()))
	if err != nil {
		return err
	}
	if answer.status() != statusMoreProcessing {
		return h.refused(answer)
	}
	h.mix(answer)
	h.session = answer.session()
	inner, err := unwrapResponse(token)
	if err != nil {
		return err
	}
	reply, err := n.authenticate(inner)
	if err != nil {
		return err
	}
	sum, err := n.sum(mechanisms())
	if err != nil {
		return err
	}
	answer, _, err = h.leg(wrapResponse(reply, sum))
	if err != nil {
		return err
	}
	if answer.status() != 0 {
		return h.refused(answer)
	}
	return h.settle(answer, n.key)
}

// refused is the reason of an answer that ends a login.
func (h *handshake) refused(p packet) error {
	if p.status() == 0 {
		return protocolError("a session before the login")
	}
	return &StatusError{p.status()}
}

// leg sends one token and returns the answer and the token in it.
func (h *handshake) leg(token []byte) (packet, []byte, error) {
	le := binary.LittleEndian
	body := append(le.AppendUint16(nil, 25), 0, h.mode())
	body = append(body, make([]byte, 8)...)
	body = le.AppendUint16(body, headerSize+24)
	body = le.AppendUint16(body, uint16(len(token)))
	body = append(append(body, make([]byte, 8)...), token...)
	p, err := h.exchange(commandSessionSetup, body)
	if err != nil {
		return nil, nil, err
	}
	if h.session != 0 && p.session() != h.session {
		return nil, nil, protocolError("an answer of another session")
	}
	if len(p.body()) < 8 {
		return nil, nil, protocolError("a short answer to SESSION_SETUP")
	}
	h.flags = le.Uint16(p.body()[2:])
	switch status := p.status(); {
	case status != 0 && status != statusMoreProcessing:
		return p, nil, nil
	case h.flags&(sessionIsGuest|sessionIsNull) != 0 && !h.login.Guest:
		return nil, nil, ErrGuest
	case status != 0 && h.flags != 0:
		return nil, nil, protocolError("session flags %#x", h.flags)
	}
	answer, ok := p.part(uint64(le.Uint16(p.body()[4:])), uint64(le.Uint16(p.body()[6:])))
	if !ok && le.Uint16(p.body()[6:]) != 0 {
		return nil, nil, protocolError("a token outside of its message")
	}
	return p, answer, nil
}

// settle makes the keys and holds the last answer against them. A guest has none.
func (h *handshake) settle(p packet, key []byte) error {
	if h.flags&(sessionIsGuest|sessionIsNull) != 0 {
		if h.flags&sessionEncrypts != 0 {
			return protocolError("session flags %#x: encryption without a key", h.flags)
		}
		return nil
	}
	if err := h.derive(key); err != nil {
		return err
	}
	if h.flags&sessionEncrypts != 0 && h.keys.open == nil {
		return protocolError("session flags %#x: encryption without a cipher", h.flags)
	}
	if !h.keys.verify(p) {
		return protocolError("the answer to the login is not signed by the server")
	}
	return nil
}

// derive is MS-SMB2 3.2.5.3.1.
func (h *handshake) derive(key []byte) (err error) {
	if h.dialect < Dialect30 {
		h.keys.sign = hmacSigner(key)
		return nil
	}
	hash := h.hash[:]
	sign, seal, open := deriveKey(key, "SMB2AESCMAC\x00", []byte("SmbSign\x00")), deriveKey(key, "SMB2AESCCM\x00", []byte("ServerIn \x00")),
		deriveKey(key, "SMB2AESCCM\x00", []byte("ServerOut\x00"))
	if h.dialect == dialect311 {
		sign, seal, open = deriveKey(key, "SMBSigningKey\x00", hash), deriveKey(key, "SMBC2SCipherKey\x00", hash), deriveKey(key, "SMBS2CCipherKey\x00", hash)
	}
	if h.keys.sign, err = cmacSigner(sign); err != nil || h.cipher == 0 {
		return err
	}
	if h.keys.seal, err = newAEAD(h.cipher, seal); err != nil {
		return err
	}
	h.keys.open, err = newAEAD(h.cipher, open)
	return err
}
