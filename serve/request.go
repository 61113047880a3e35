package serve

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/symres/symres/sympath"
)

// maxPath bounds the path of a request, in bytes.
const maxPath = 1024

// queries returns what a path asks for, the likeliest first: none if it is not
// that of a file.
func queries(path string) []sympath.Query {
	name, key, ok := split(path)
	if !ok {
		return nil
	}
	var list []sympath.Query
	for _, spelling := range spellings(key) {
		if id, ok := sympath.ParseKey(name, spelling); ok && !id.IsZero() {
			list = append(list, sympath.Query{File: name, ID: id})
		}
	}
	return list
}

// split takes apart /name/key/name or, with two tiers, /na/name/key/name.
func split(path string) (name, key string, ok bool) {
	if len(path) > maxPath {
		return "", "", false
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) == 4 && len(parts[1]) >= 2 && strings.EqualFold(parts[0], parts[1][:2]) {
		parts = parts[1:]
	}
	if len(parts) != 3 || !strings.EqualFold(parts[0], parts[2]) {
		return "", "", false
	}
	if clean, err := sympath.CleanName(parts[2]); err != nil || clean != parts[2] {
		return "", "", false
	}
	return parts[2], parts[1], true
}

// spellings returns the ways to read a key: as it is, and with its age in decimal
// if that gives another one, as LLDB writes it.
func spellings(key string) []string {
	const digits = 32 // of a GUID
	if len(key) < digits+2 {
		return []string{key}
	}
	age, err := strconv.ParseUint(key[digits:], 10, 32)
	if err != nil || key[digits] == '0' {
		return []string{key}
	}
	return []string{key, key[:digits] + strconv.FormatUint(age, 16)}
}

// isRead reports whether a method asks for what is there.
func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// isWrite reports whether a method brings a file.
func isWrite(method string) bool { return method == http.MethodPut || method == http.MethodPost }
