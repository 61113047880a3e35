package cli

import (
	"strconv"

	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/hexaddr"
)

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
	if !text.IsBare(name) {
		r.known("name_raw", rawBytes(name))
	}
}

// rawView is raw for a view of a file.
func (r *jsonRow) rawView(name []byte) {
	if !text.IsBare(name) {
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
func appendQuoted[T text.Text](b []byte, s T) []byte {
	switch {
	case text.IsBare(s):
		b = append(b, '"')
		b = append(b, s...)
	case text.IsPrintable(s): // paths have backslashes
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
