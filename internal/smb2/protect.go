package smb2

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
)

const signatureAt = 48

// signed adds the signature to a request.
func (k *keys) signed(p packet) packet {
	binary.LittleEndian.PutUint32(p[16:], p.flags()|flagSigned)
	copy(p[signatureAt:headerSize], k.sign(p))
	return p
}

// verify holds an answer against its signature.
func (k *keys) verify(p packet) bool {
	if p.flags()&flagSigned == 0 {
		return false
	}
	var got [headerSize - signatureAt]byte
	copy(got[:], p[signatureAt:])
	clear(p[signatureAt:headerSize])
	ok := subtle.ConstantTimeCompare(got[:], k.sign(p)) == 1
	copy(p[signatureAt:], got[:])
	return ok
}

// sealed encrypts a request (MS-SMB2 3.1.4.3).
func (k *keys) sealed(p packet, session uint64) []byte {
	le := binary.LittleEndian
	head := make([]byte, transformSize, transformSize+len(p))
	copy(head, "\xfdSMB")
	nonce := head[20:][:k.seal.NonceSize()]
	copy(nonce, random(len(nonce)))
	le.PutUint32(head[36:], uint32(len(p)))
	le.PutUint16(head[42:], 1)
	le.PutUint64(head[44:], session)
	out := k.seal.Seal(nil, nonce, p, head[20:transformSize])
	tag := out[len(out)-k.seal.Overhead():]
	copy(head[4:20], tag)
	return append(head, out[:len(out)-len(tag)]...)
}

// opened decrypts an answer. A frame that is not encrypted comes back as it is.
func (k *keys) opened(frame []byte, session uint64) (message []byte, sealed bool, err error) {
	if !bytes.HasPrefix(frame, []byte("\xfdSMB")) {
		return frame, false, nil
	}
	le := binary.LittleEndian
	switch {
	case len(frame) < transformSize+headerSize:
		return nil, false, protocolError("a short encrypted message")
	case k.open == nil:
		return nil, false, protocolError("encryption without a key")
	case le.Uint64(frame[44:]) != session || le.Uint16(frame[42:]) != 1:
		return nil, false, protocolError("an encrypted message of another session")
	}
	tag := bytes.Clone(frame[4:20])
	message, err = k.open.Open(nil, frame[20:][:k.open.NonceSize()], append(frame[transformSize:], tag...), frame[20:transformSize])
	if err != nil {
		return nil, false, protocolError("an encrypted message that cannot be decrypted")
	}
	return message, true, nil
}
