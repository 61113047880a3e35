package serve

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Rights say what the holder of a token may do.
type Rights uint8

// The rights.
const (
	RightRead   Rights = 1 << iota // read files, where reading takes a token
	RightUpload                    // upload files
)

// Token is a token that is accepted. What is kept is its hash: the token itself
// cannot be got out of it.
type Token struct {
	SHA256 [sha256.Size]byte
	Rights Rights
	Label  string // for the log
}

// NewToken returns the Token of a secret, which should be random: 32 hex digits, say.
func NewToken(secret string, rights Rights, label string) Token {
	return Token{sha256.Sum256([]byte(secret)), rights, label}
}

// maxTokens bounds how many tokens a file may have.
const maxTokens = 10_000

// ParseTokens reads a file of tokens. A line has the SHA-256 of a token in hex digits,
// its rights, read or upload or both with a comma, and a label. Blank lines and those
// that begin with # are passed over. The error names the line that is wrong.
func ParseTokens(r io.Reader) (tokens []Token, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		t, err := parseToken(line)
		if err == nil && len(tokens) == maxTokens {
			err = fmt.Errorf("more than %d tokens", maxTokens)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		tokens = append(tokens, t)
	}
	return tokens, lines.Err()
}

func parseToken(line string) (t Token, err error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return t, fmt.Errorf("want a SHA-256, rights and a label")
	}
	sum, err := hex.DecodeString(fields[0])
	if err != nil || copy(t.SHA256[:], sum) != sha256.Size || len(sum) != sha256.Size {
		return t, fmt.Errorf("the first word is no SHA-256 in 64 hex digits")
	}
	for right := range strings.SplitSeq(fields[1], ",") {
		switch right {
		case "read":
			t.Rights |= RightRead
		case "upload":
			t.Rights |= RightUpload
		default:
			return t, fmt.Errorf("the rights are read, upload or read,upload")
		}
	}
	t.Label = strings.Join(fields[2:], " ")
	return t, nil
}

// secret returns the token that a request brings: as the Bearer, as the password of
// Basic, or in tecken's header.
func secret(r *http.Request) string {
	if word, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(word, "Bearer") {
		return strings.TrimSpace(rest)
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	return r.Header.Get("Auth-Token")
}

// rights returns what the token of a request allows, and its label. It looks at all
// tokens, so that its time says nothing of them.
func rights(tokens []Token, r *http.Request) (all Rights, label string) {
	token := secret(r)
	if token == "" {
		return 0, ""
	}
	sum := sha256.Sum256([]byte(token))
	for i := range tokens {
		if subtle.ConstantTimeCompare(sum[:], tokens[i].SHA256[:]) == 1 {
			all, label = all|tokens[i].Rights, tokens[i].Label
		}
	}
	return all, label
}
