// Package readline reads lines from a terminal, with editing, a history and
// completion.
package readline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Lines reads lines from a terminal. It is for one goroutine.
type Lines struct {
	fd       int
	terminal *term.Terminal
	complete func(line string) []string
}

// Terminal returns the file of a stream that is a terminal.
func Terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// New returns a reader of lines from in, which is a terminal; what is typed is shown on
// out. complete returns what the last word of a line can be; nil completes nothing.
func New(in *os.File, out io.Writer, prompt string, complete func(line string) []string) *Lines {
	l := &Lines{fd: int(in.Fd()), complete: complete}
	l.terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&keys{in: in}, out}, prompt)
	l.terminal.AutoCompleteCallback = l.key
	return l
}

// Read returns the next line. The terminal is in raw mode only meanwhile. Ctrl-C drops
// what was typed; the error is [io.EOF] after Ctrl-D.
func (l *Lines) Read() (line string, err error) {
	before, err := term.MakeRaw(l.fd)
	if err != nil {
		return "", fmt.Errorf("reading a line: %w", err)
	}
	defer func() {
		err = errors.Join(err, term.Restore(l.fd, before))
	}()
	if width, height, err := term.GetSize(l.fd); err == nil && width > 0 {
		_ = l.terminal.SetSize(width, height) // a line that is too long looks wrong, and is read all the same
	}
	line, err = l.terminal.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	return line, err
}

// key completes the last word of a line at a tab.
func (l *Lines) key(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || l.complete == nil {
		return "", 0, false
	}
	head := line[:pos]
	list := l.complete(head)
	start := strings.LastIndexAny(head, " ;\t") + 1
	word := common(list)
	switch {
	case len(list) == 0:
		return line, pos, true
	case len(list) == 1 && !strings.HasSuffix(word, "!"):
		word += " "
	case len(word) <= len(head)-start: // nothing that could be added: show them all
		_, _ = l.terminal.Write([]byte(columns(list))) // nobody to tell
		return line, pos, true
	}
	return head[:start] + word + line[pos:], start + len(word), true
}

// common is what all words begin with.
func common(list []string) string {
	if len(list) == 0 {
		return ""
	}
	word := list[0]
	for _, w := range list[1:] {
		for !strings.HasPrefix(w, word) {
			word = word[:len(word)-1]
		}
	}
	return word
}

// maxShown bounds the words that are shown for a tab.
const maxShown = 100

func columns(list []string) string {
	more := ""
	if n := len(list); n > maxShown {
		list, more = list[:maxShown], fmt.Sprintf("  and %d more", n-maxShown)
	}
	return strings.Join(list, "  ") + more + "\n"
}

// keys reads what is typed. Ctrl-C becomes the keys that drop the line: to its end and
// delete backward. (x/term would end the input.)
type keys struct {
	in   io.Reader
	left []byte
}

const ctrlC, ctrlE, ctrlU = 0x03, 0x05, 0x15

func (k *keys) Read(b []byte) (int, error) {
	if len(k.left) == 0 {
		n, err := k.in.Read(b)
		if err != nil || bytes.IndexByte(b[:n], ctrlC) < 0 {
			return n, err
		}
		k.left = bytes.ReplaceAll(b[:n], []byte{ctrlC}, []byte{ctrlE, ctrlU})
	}
	n := copy(b, k.left)
	k.left = k.left[n:]
	return n, nil
}
