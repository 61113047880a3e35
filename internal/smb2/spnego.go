package smb2

import (
	"bytes"
	"encoding/binary"
)

// The object identifiers of SPNEGO and of NTLM (MS-SPNG 3.1.5), encoded.
const (
	oidSPNEGO = "\x06\x06\x2b\x06\x01\x05\x05\x02"
	oidNTLM   = "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
)

// mechanisms is the list of what we can do, which the login signs.
func mechanisms() []byte { return der(0x30, []byte(oidNTLM)) }

// wrapInit is NegTokenInit (RFC 4178 4.2.1).
func wrapInit(token []byte) []byte {
	inner := der(0x30, der(0xa0, mechanisms()), der(0xa2, der(0x04, token)))
	return der(0x60, []byte(oidSPNEGO), der(0xa0, inner))
}

// wrapResponse is NegTokenResp (RFC 4178 4.2.2).
func wrapResponse(token, sum []byte) []byte {
	return der(0xa1, der(0x30, der(0xa2, der(0x04, token)), der(0xa3, der(0x04, sum))))
}

// unwrapResponse returns the token in a NegTokenResp, or one that stands alone.
func unwrapResponse(b []byte) ([]byte, error) {
	if bytes.HasPrefix(b, []byte(ntlmSignature)) {
		return b, nil
	}
	inner, _, ok := element(b, 0xa1)
	if ok {
		inner, _, ok = element(inner, 0x30)
	}
	for ok && len(inner) > 0 {
		if inner[0] != 0xa2 {
			_, inner, ok = element(inner, inner[0])
			continue
		}
		if inner, _, ok = element(inner, 0xa2); ok {
			if token, _, ok := element(inner, 0x04); ok {
				return token, nil
			}
		}
		break
	}
	return nil, protocolError("no token in the answer to a login")
}

// der is an element whose content is the parts.
func der(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	b := []byte{tag}
	switch n := len(content); {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	default:
		b = binary.BigEndian.AppendUint16(append(b, 0x82), uint16(n))
	}
	return append(b, content...)
}

// element takes an element with that tag off the front. Lengths that are
// longer than they need to be occur.
func element(b []byte, tag byte) (content, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	n, head := uint64(b[1]), 2
	if n >= 0x80 {
		size := int(n & 0x7f)
		if size == 0 || size > 4 || len(b) < 2+size {
			return nil, nil, false
		}
		n, head = 0, 2+size
		for _, digit := range b[2:head] {
			n = n<<8 | uint64(digit)
		}
	}
	if n > uint64(len(b)-head) {
		return nil, nil, false
	}
	return b[head:][:n], b[head:][n:], true
}
