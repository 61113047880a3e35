package smb2

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// deriveKey is the KDF of MS-SMB2 3.1.4.2: one round of SP 800-108 in counter
// mode with HMAC-SHA256, for 128 bits.
func deriveKey(key []byte, label string, context []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte{0, 0, 0, 1})
	mac.Write([]byte(label))
	mac.Write([]byte{0})
	mac.Write(context)
	mac.Write([]byte{0, 0, 0, 128})
	return mac.Sum(nil)[:16]
}

// signer makes the signature of a message.
type signer func(message []byte) []byte

// hmacSigner signs for SMB 2 (MS-SMB2 3.1.4.1).
func hmacSigner(key []byte) signer {
	return func(message []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(message)
		return mac.Sum(nil)[:16]
	}
}

// cmacSigner signs for SMB 3 with AES-CMAC (RFC 4493).
func cmacSigner(key []byte) (signer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var zero [16]byte
	block.Encrypt(zero[:], zero[:])
	k1 := double(zero)
	k2 := double(k1)
	return func(message []byte) []byte { return cmac(block, k1, k2, message) }, nil
}

func cmac(block cipher.Block, k1, k2 [16]byte, message []byte) []byte {
	x := make([]byte, 16)
	for len(message) > 16 {
		subtle.XORBytes(x, x, message[:16])
		block.Encrypt(x, x)
		message = message[16:]
	}
	last, key := make([]byte, 16), k1
	if copy(last, message) < 16 {
		last[len(message)] = 0x80
		key = k2
	}
	subtle.XORBytes(x, x, last)
	subtle.XORBytes(x, x, key[:])
	block.Encrypt(x, x)
	return x
}

// double multiplies by x in the field of CMAC.
func double(in [16]byte) (out [16]byte) {
	carry := in[0] >> 7
	for i := range in {
		out[i] = in[i] << 1
		if i+1 < len(in) {
			out[i] |= in[i+1] >> 7
		}
	}
	out[15] ^= 0x87 * carry
	return out
}

// ccm is AES-CCM as SMB 3.0 uses it (RFC 3610): nonces of 11 bytes and tags
// of 16. It is a [cipher.AEAD].
type ccm struct{ block cipher.Block }

const (
	ccmNonce = 11
	ccmTag   = 16
)

func (ccm) NonceSize() int { return ccmNonce }
func (ccm) Overhead() int  { return ccmTag }

// counter returns block i of the key stream's input.
func (ccm) counter(nonce []byte, i byte) []byte {
	a := make([]byte, 16)
	a[0] = 15 - ccmNonce - 1
	copy(a[1:], nonce)
	a[15] = i
	return a
}

// tag authenticates; data beyond 4 GiB does not occur in a message.
func (c ccm) tag(nonce, plain, data []byte) []byte {
	x := c.counter(nonce, 0)
	x[0] |= 1<<6 | (ccmTag-2)/2<<3
	binary.BigEndian.PutUint32(x[12:], uint32(len(plain)))
	c.block.Encrypt(x, x)
	mix := func(b []byte) {
		for len(b) > 0 {
			n := subtle.XORBytes(x, x, b[:min(16, len(b))])
			c.block.Encrypt(x, x)
			b = b[n:]
		}
	}
	mix(append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...))
	mix(plain)
	subtle.XORBytes(x, x, c.first(nonce))
	return x
}

// first is the block of the key stream that hides the tag.
func (c ccm) first(nonce []byte) []byte {
	s := c.counter(nonce, 0)
	c.block.Encrypt(s, s)
	return s
}

func (c ccm) crypt(dst, src, nonce []byte) {
	cipher.NewCTR(c.block, c.counter(nonce, 1)).XORKeyStream(dst, src)
}

// Seal implements [cipher.AEAD].
func (c ccm) Seal(dst, nonce, plain, data []byte) []byte {
	tag := c.tag(nonce, plain, data)
	out := make([]byte, len(plain))
	c.crypt(out, plain, nonce)
	return append(append(dst, out...), tag...)
}

var errTag = errors.New("message authentication failed")

// Open implements [cipher.AEAD].
func (c ccm) Open(dst, nonce, sealed, data []byte) ([]byte, error) {
	if len(sealed) < ccmTag {
		return nil, errTag
	}
	n := len(sealed) - ccmTag
	plain := make([]byte, n)
	c.crypt(plain, sealed[:n], nonce)
	if subtle.ConstantTimeCompare(c.tag(nonce, plain, data), sealed[n:]) != 1 {
		return nil, errTag
	}
	return append(dst, plain...), nil
}

// Ciphers of MS-SMB2 2.2.3.1.2.
const (
	cipherCCM = 1
	cipherGCM = 2
)

func newAEAD(kind uint16, key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if kind == cipherGCM {
		return cipher.NewGCM(block)
	}
	return ccm{block}, nil
}
