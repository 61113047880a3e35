package creds

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/symres/symres/internal/fsx"
)

var (
	errEncrypted = errors.New("an encrypted netrc file is not read")
	errNetrc     = errors.New("netrc: cannot be parsed") // without what it says, which may be a secret
)

// maxNetrc bounds the size of the file that is read.
const maxNetrc = 1 << 20

// readNetrc reads the logins of a netrc file by machine.
func readNetrc(name string) (map[string]*Credential, error) {
	if strings.EqualFold(filepath.Ext(name), ".gpg") {
		return nil, fmt.Errorf("netrc: %w", errEncrypted)
	}
	f, err := fsx.Open(name)
	if err != nil {
		return nil, fmt.Errorf("netrc: %w", err)
	}
	defer f.Close()
	if f.Size() > maxNetrc {
		return nil, fmt.Errorf("netrc: %w", fsx.ErrTooLarge)
	}
	data := make([]byte, f.Size())
	if _, err := f.ReadAt(data, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("netrc: %w", err)
	}
	return parseNetrc(string(data))
}

// parseNetrc reads what ftp(1) and curl(1) document: the words machine NAME,
// login NAME, password WORD and account WORD in any layout, default in place of
// a machine, macdef with lines up to an empty one, and comments from a word
// that begins with # to the end of its line. Words may be in double quotes.
// Other words are passed over. Of several entries of a machine the first
// counts; the default entry is for every server, so it is left out.
func parseNetrc(s string) (map[string]*Credential, error) {
	machines := map[string]*Credential{}
	cred := new(Credential) // of what stands before the first machine: nobody's
	r := &netrcReader{rest: strings.ReplaceAll(s, "\r\n", "\n")}
	for r.next() {
		switch r.word {
		case "default":
			cred = new(Credential)
		case "macdef":
			_, r.rest, _ = strings.Cut(r.rest, "\n\n")
		case "machine":
			cred = new(Credential)
			if name := strings.ToLower(r.value()); machines[name] == nil {
				machines[name] = cred
			}
		case "login":
			cred.User = r.value()
		case "password":
			cred.Password = r.value()
		case "account":
			r.value()
		}
	}
	if r.bad {
		return nil, errNetrc
	}
	return machines, nil
}

// netrcReader takes words off the front.
type netrcReader struct {
	rest, word string
	bad        bool // a quote does not end, or a value is missing
}

// next reads a word, and is false at the end.
func (r *netrcReader) next() bool {
	const space = " \t\r\n\v\f"
	s := strings.TrimLeft(r.rest, space)
	for strings.HasPrefix(s, "#") {
		_, s, _ = strings.Cut(s, "\n")
		s = strings.TrimLeft(s, space)
	}
	switch {
	case s == "" || r.bad:
		return false
	case s[0] == '"':
		return r.quoted(s[1:])
	}
	end := strings.IndexAny(s, space)
	if end < 0 {
		end = len(s)
	}
	r.word, r.rest = s[:end], s[end:]
	return true
}

// value reads the word that belongs to the one before.
func (r *netrcReader) value() string {
	if !r.next() {
		r.bad = true
		return ""
	}
	return r.word
}

// quoted reads up to the closing quote; a backslash makes the next character
// stand for itself, or for a line feed, return or tab.
func (r *netrcReader) quoted(s string) bool {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			r.word, r.rest = b.String(), s[i+1:]
			return true
		case s[i] == '\\' && i+1 < len(s):
			if i++; strings.IndexByte("nrt", s[i]) >= 0 {
				b.WriteByte("\n\r\t"[strings.IndexByte("nrt", s[i])])
				continue
			}
		}
		b.WriteByte(s[i])
	}
	r.bad = true
	return false
}
