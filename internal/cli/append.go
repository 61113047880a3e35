package cli

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/symres/symres/internal/hexaddr"
)

// text is a name as commands have it: a view of a file or a string.
type text interface{ ~string | ~[]byte }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// unprintable has a high bit set if one of the eight bytes of w is no printable
// ASCII: with it in the byte itself, in the sum only 0x7f reaches, or missing in
// the sum only those below 0x20 do not reach. A byte that carries into the next
// one has it itself.
func unprintable(w uint64) uint64 { return (w | (w + ones) | ^(w + 0x60*ones)) & highs }

// hasByte has a high bit set if one of the eight bytes of w is c.
func hasByte(w uint64, c byte) uint64 {
	w ^= uint64(c) * ones
	return (w - ones) &^ w & highs
}

// load8 returns the first eight bytes of s.
func load8[T text](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// isPrintable reports whether all of s is printable ASCII.
func isPrintable[T text](s T) bool {
	odd := uint64(0)
	for ; len(s) >= 8; s = s[8:] {
		odd |= unprintable(load8(s))
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return odd == 0
}

// appendPrintable appends s and reports whether all of it is printable ASCII:
// to look at it while it is copied takes as long as to copy it.
func appendPrintable(b, s []byte) ([]byte, bool) {
	start := len(b)
	if len(s) < 8 {
		return append(b, s...), isPrintable(s)
	}
	b = slices.Grow(b, len(s))[:start+len(s)]
	odd, to := uint64(0), b[start:]
	for i := 0; i < len(s)-8; i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		odd |= unprintable(w)
		binary.LittleEndian.PutUint64(to[i:], w)
	}
	w := load8(s[len(s)-8:]) // some of it once more
	odd |= unprintable(w)
	binary.LittleEndian.PutUint64(to[len(s)-8:], w)
	return b, odd == 0
}

// isBare reports whether s stands in JSON as it is.
func isBare[T text](s T) bool {
	odd := uint64(0)
	for ; len(s) >= 8; s = s[8:] {
		w := load8(s)
		odd |= unprintable(w) | hasByte(w, '"') | hasByte(w, '\\')
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return odd == 0
}

// jsonRow builds one line of JSON in place, for the commands that print them by
// the hundred thousand. It writes what encode writes of a struct whose fields
// are the same.
type jsonRow struct{ b []byte }

func (r *jsonRow) begin() {
	r.b = r.b[:0]
	r.more()
}

// more begins another line behind those that are there.
func (r *jsonRow) more() { r.b = append(r.b, '{') }

// end returns the lines, which are good until begin.
func (r *jsonRow) end() []byte {
	r.b = append(r.b, '}', '\n')
	return r.b
}

// next separates two members.
func (r *jsonRow) next() {
	if last := r.b[len(r.b)-1]; last != '{' && last != '[' {
		r.b = append(r.b, ',')
	}
}

func (r *jsonRow) key(name string) {
	r.next()
	r.b = append(r.b, '"')
	r.b = append(r.b, name...)
	r.b = append(r.b, '"', ':')
}

func (r *jsonRow) str(key, value string) {
	r.key(key)
	r.b = appendQuoted(r.b, value)
}

// known is str that leaves an empty value out.
func (r *jsonRow) known(key, value string) {
	if value != "" {
		r.str(key, value)
	}
}

// raw writes a name, once more in base64 where JSON text cannot hold it.
func (r *jsonRow) raw(name string) {
	r.str("raw", name)
	if !isBare(name) {
		r.known("name_raw", rawBytes(name))
	}
}

// rawView is raw for a view of a file.
func (r *jsonRow) rawView(name []byte) {
	if !isBare(name) {
		r.raw(string(name))
		return
	}
	r.key("raw")
	r.b = appendQuoted(r.b, name)
}

func (r *jsonRow) num(key string, n uint64) {
	r.key(key)
	r.b = strconv.AppendUint(r.b, n, 10)
}

func (r *jsonRow) knownNum(key string, n uint64) {
	if n != 0 {
		r.num(key, n)
	}
}

func (r *jsonRow) int(key string, n int64) {
	r.key(key)
	r.b = strconv.AppendInt(r.b, n, 10)
}

// hex writes a number that is an address.
func (r *jsonRow) hex(key string, n uint64) {
	r.key(key)
	r.b = append(r.b, '"', '0', 'x')
	r.b = append(hexaddr.Append(r.b, n, 1), '"')
}

// flag writes a member that is there only when it is true.
func (r *jsonRow) flag(key string, set bool) {
	if set {
		r.key(key)
		r.b = append(r.b, "true"...)
	}
}

func (r *jsonRow) openList(key string) {
	r.key(key)
	r.b = append(r.b, '[')
}

func (r *jsonRow) closeList() { r.b = append(r.b, ']') }

// openObject begins an object that is an element of a list.
func (r *jsonRow) openObject() {
	r.next()
	r.b = append(r.b, '{')
}

func (r *jsonRow) closeObject() { r.b = append(r.b, '}') }

// element writes a string that is an element of a list.
func (r *jsonRow) element(value string) {
	r.next()
	r.b = appendQuoted(r.b, value)
}

// appendQuoted appends a JSON string.
func appendQuoted[T text](b []byte, s T) []byte {
	switch {
	case isBare(s):
		b = append(b, '"')
		b = append(b, s...)
	case isPrintable(s): // paths have backslashes
		b = append(b, '"')
		for i := range len(s) {
			if s[i] == '"' || s[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, s[i])
		}
	default:
		quoted := encode(string(s))
		return append(b, quoted[:len(quoted)-1]...)
	}
	return append(b, '"')
}
