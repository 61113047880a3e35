package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/symres/symres/internal/cli/text"
)

// console writes results to standard output and everything else to standard
// error. Every line passes through the escaper. It is used by one goroutine.
type console struct {
	out   *bufio.Writer
	err   io.Writer
	json  bool // --json
	color bool // the standard error is a terminal that wants colours
	// paintsOut is color for the standard output.
	paintsOut bool
	quiet     bool  // nothing goes to standard error
	failed    error // the first error of writing to standard output
}

func newConsole(stdout, stderr io.Writer, color bool) *console {
	return &console{out: bufio.NewWriterSize(stdout, 64<<10), err: stderr, color: color}
}

// wantsColor follows no-color.org, and never sends colours where the console
// might print them as text.
func wantsColor(w io.Writer, getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && isTerminal(w) && knowsEscapes(getenv)
}

// knowsEscapes reports whether a terminal will not print escape sequences as text.
func knowsEscapes(getenv func(string) string) bool {
	return getenv("TERM") != "dumb" && (runtime.GOOS != "windows" || getenv("WT_SESSION") != "")
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// line writes one line of results.
func (c *console) line(format string, args ...any) {
	c.write(append([]byte(text.EscapeLine(strings.TrimRight(fmt.Sprintf(format, args...), " "))), '\n'))
}

// row writes one line of results that was put together by hand. It is changed.
func (c *console) row(b []byte) { c.write(text.FinishRow(b, 0, 0)) }

// object writes one line of JSON results.
func (c *console) object(v any) { c.write(encode(v)) }

func (c *console) write(b []byte) {
	if c.failed == nil {
		_, c.failed = c.out.Write(b)
	}
}

// flush hands over what was written so far.
func (c *console) flush() {
	if c.failed == nil {
		c.failed = c.out.Flush()
	}
}

// note writes one line to standard error, after the results so far.
func (c *console) note(format string, args ...any) {
	if c.flush(); c.quiet {
		return
	}
	fmt.Fprintln(c.err, c.paint(text.EscapeLine(fmt.Sprintf(format, args...))))
}

// noteObject writes one line of JSON to standard error.
func (c *console) noteObject(v any) {
	if c.flush(); c.quiet {
		return
	}
	c.err.Write(encode(v))
}

// warn tells of something that does not end the command.
func (c *console) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if c.json {
		c.noteObject(struct {
			Warning string `json:"warning"`
		}{text})
		return
	}
	c.note("*** WARNING: %s", text)
}

// paint colours WinDbg's two kinds of messages by their first word, which is
// ours and never the target's.
func (c *console) paint(line string) string {
	const red, yellow, reset = "\x1b[31m", "\x1b[33m", "\x1b[m"
	switch {
	case c.color && strings.HasPrefix(line, "*** ERROR:"):
		return red + line + reset
	case c.color && strings.HasPrefix(line, "*** WARNING:"):
		return yellow + line + reset
	}
	return line
}

// encode returns v as one line of JSON. The types given are our own structs of
// strings, numbers and booleans, for which encoding cannot fail.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Appendf(nil, "{\"error\":%q}\n", err.Error())
	}
	return text.EscapeJSON(b.Bytes())
}
