package http

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"strings"
)

// sniffLen is how much of an answer is looked at before any of it is kept.
const sniffLen = 32

// symbolMagics are how the files of a symbol store begin.
var errPage = fmt.Errorf("%w but a web page; the server may want a login", ErrNotSymbols)

// sniff refuses an answer by its first bytes: web pages whatever was asked
// for, and what is neither the kind of file that the name says nor compressed.
// What the server calls it counts only where the name says nothing.
func sniff(file string, first []byte, html bool) error {
	if page(first) {
		return permanent{errPage}
	}
	magics := expected(file)
	switch {
	case magics == nil && html:
		return permanent{errPage}
	case magics == nil:
		return nil
	}
	for _, m := range append(magics, "MSCF", "PK\x03\x04", "\x1f\x8b", "SZDD", "KWAJ") {
		if bytes.HasPrefix(first, []byte(m)) {
			return nil
		}
	}
	return permanent{fmt.Errorf("%w: it begins with %q", ErrNotSymbols, first[:min(8, len(first))])}
}

// expected lists how a file of that name may begin; nil is anyhow.
func expected(file string) []string {
	switch strings.ToLower(path.Ext(file)) {
	case ".pdb":
		return []string{"Microsoft C/C++ MSF 7.00", "Microsoft C/C++ program", "Microsoft MSFZ", "BSJB"}
	case ".exe", ".dll", ".sys", ".drv", ".ocx", ".cpl", ".acm", ".efi", ".scr", ".mui":
		return []string{"MZ"}
	case ".dbg":
		return []string{"DI"}
	}
	return nil
}

// plainText accepts what a small file of a store may be although the server
// calls it a page: nothing or a dot (index2.txt), or a pointer.
func plainText(text []byte) bool {
	t := strings.ToUpper(strings.Trim(string(text), "\xef\xbb\xbf. \t\r\n\x00"))
	return t == "" || strings.HasPrefix(t, "PATH:") || strings.HasPrefix(t, "MSG:") || strings.HasPrefix(t, `\\`)
}

// isPage goes by what a server says of an answer.
func isPage(r *http.Response) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
}

func page(first []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(first, []byte("\xef\xbb\xbf")), " \t\r\n")
	return bytes.HasPrefix(text, []byte("<"))
}
