package vadmath

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// ErrNoEntries is wrapped by the error for text in which no descriptor was found.
var ErrNoEntries = errors.New("no VAD in the text")

// maxLine bounds a line of a listing in bytes; no path is that long.
const maxLine = 64 << 10

// ListingError says which line of a listing is wrong.
type ListingError struct {
	Line int    // counted from 1
	Text string // the line, shortened
	Err  error
}

// Error implements the error interface.
func (e *ListingError) Error() string { return fmt.Sprintf("line %d: %v: %q", e.Line, e.Err, e.Text) }

// Unwrap returns the cause.
func (e *ListingError) Unwrap() error { return e.Err }

// ParseListing reads what !vad prints, pasted together with prompts, headers,
// totals and comments: the listings of the debuggers before Windows 8.1, with
// the level in parentheses, and of those since, with file names; and the
// detailed block of one descriptor, with the line File: and the Reload command.
//
// Lines of another kind are skipped. A row or block that is damaged gives a
// [*ListingError], wrapping [ErrSyntax], [ErrOverflow] or [ErrReversed], and
// reading goes on. Text without any descriptor ends with an error that wraps
// [ErrNoEntries]; an error of r ends the sequence as it is. Memory use does not
// grow with the text. The sequence reads r, so it can be ranged over once.
func ParseListing(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		l := listing{in: bufio.NewReaderSize(r, 4096), yield: yield}
		if !l.run() {
			return
		}
		if l.readErr != nil {
			yield(Entry{}, fmt.Errorf("VAD listing: %w", l.readErr))
		} else if !l.any {
			yield(Entry{}, fmt.Errorf("VAD listing of %d lines: %w", l.line, ErrNoEntries))
		}
	}
}

type listing struct {
	in      *bufio.Reader
	yield   func(Entry, error) bool
	line    int
	readErr error
	table   bool   // after the header of a listing
	block   *block // the detailed block being read
	any     bool
}

// run is false when the caller wants no more.
func (l *listing) run() bool {
	for {
		text, ok := l.next()
		if !ok {
			return l.endBlock()
		}
		if !l.read(text) {
			return false
		}
	}
}

// next returns the next line without its end and without a <-- comment, which
// documentation adds. An overlong line is cut.
func (l *listing) next() (string, bool) {
	var buf []byte
	for {
		part, err := l.in.ReadSlice('\n')
		if room := maxLine - len(buf); len(part) > room {
			buf = append(buf, part[:room]...)
		} else {
			buf = append(buf, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && err != io.EOF {
			l.readErr = err
		}
		if err != nil && len(buf) == 0 {
			return "", false
		}
		l.line++
		text, _, _ := strings.Cut(string(buf), "<--")
		return strings.TrimSpace(text), true
	}
}

// read handles one line.
func (l *listing) read(text string) bool {
	fields := strings.Fields(text)
	switch {
	case isHeader(fields):
		l.table = true
		return l.endBlock()
	case isPrompt(fields):
		l.table = false
		return l.endBlock()
	case l.startsBlock(fields):
		if !l.endBlock() {
			return false
		}
		l.table = false
		l.block = &block{entry: Entry{Line: l.line}, text: text}
		return l.inBlock(text, fields)
	case l.looksLikeRow(fields):
		return l.endBlock() && l.row(text)
	case l.block != nil:
		return l.inBlock(text, fields)
	case text == "":
		l.table = false
	}
	return true
}

func isHeader(f []string) bool {
	return len(f) >= 4 && f[0] == "VAD" && strings.EqualFold(f[1], "level") && strings.EqualFold(f[2], "start") &&
		strings.EqualFold(f[3], "end")
}

// isPrompt matches "3: kd> !vad" and "0:000> ", after which comes the output of
// another command. No path holds a >.
func isPrompt(f []string) bool {
	return len(f) > 0 && strings.HasSuffix(f[0], ">") || len(f) > 1 && strings.HasSuffix(f[1], ">")
}

// looksLikeRow tells rows from other dumps of hex numbers: a row follows the
// header, has its level in parentheses, or says Private or Mapped in its place.
func (l *listing) looksLikeRow(f []string) bool {
	if len(f) < 4 || !isHex(f[0]) || len(f[0]) < 7 {
		return false
	}
	if l.table || strings.HasPrefix(f[1], "(") {
		return true
	}
	return len(f) > 5 && (f[5] == "Private" || f[5] == "Mapped")
}

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdefABCDEF`") == ""
}

func (l *listing) emit(e Entry, err error, text string) bool {
	l.any = true
	if err != nil {
		return l.yield(Entry{}, &ListingError{Line: e.Line, Text: shorten(text), Err: err})
	}
	return l.yield(e, nil)
}

func (l *listing) row(text string) bool {
	e := Entry{Line: l.line}
	err := e.parseRow(text)
	return l.emit(e, err, text)
}

// parseRow reads the columns VAD, level, start, end and, where they are
// printed, commit, type, Exe and the like, protection, file.
func (e *Entry) parseRow(text string) error {
	c := columns{rest: text}
	e.Address = c.hex()
	c.openLevel()
	e.Level = int(c.decimal(32))
	e.Pages.Start, e.Pages.End = VPN(c.hex()), VPN(c.hex())
	if c.rest != "" {
		e.Commit = c.decimal(64)
		e.Type = c.kind()
		e.Protection = c.protection()
		e.setFile(c.rest)
	}
	if c.err == nil && e.Pages.End < e.Pages.Start {
		return ErrReversed
	}
	return c.err
}

// setFile sorts out the last column.
func (e *Entry) setFile(s string) {
	if strings.HasPrefix(s, "Pagefile section") {
		e.Note = s
	} else {
		e.File = s
	}
}

// columns reads words from the left; the first failure sticks.
type columns struct {
	rest string
	err  error
}

func (c *columns) peek() string {
	if i := strings.IndexAny(c.rest, " \t"); i >= 0 {
		return c.rest[:i]
	}
	return c.rest
}

func (c *columns) word() string {
	w := c.peek()
	c.rest = strings.TrimLeft(c.rest[len(w):], " \t")
	return w
}

// openLevel removes the parentheses of the older listings: "( 1)" or "(12)".
func (c *columns) openLevel() {
	inside, ok := strings.CutPrefix(c.rest, "(")
	if !ok {
		return
	}
	level, rest, _ := strings.Cut(inside, ")")
	c.rest = strings.TrimSpace(level) + " " + strings.TrimLeft(rest, " \t")
}

// hex reads a number printed without prefix. A backtick is dropped wherever it
// stands, because columns are padded rather than split as addresses are.
func (c *columns) hex() uint64 {
	w := c.word()
	v, err := strconv.ParseUint(strings.ReplaceAll(w, "`", ""), 16, 64)
	c.fail(w, err)
	return v
}

func (c *columns) decimal(bits int) int64 {
	w := c.word()
	v, err := strconv.ParseInt(w, 10, bits)
	c.fail(w, err)
	return v
}

func (c *columns) fail(word string, err error) {
	switch {
	case c.err != nil || err == nil:
	case errors.Is(err, strconv.ErrRange):
		c.err = fmt.Errorf("%q: %w", word, ErrOverflow)
	default:
		c.err = fmt.Errorf("%w at %q", ErrSyntax, word)
	}
}

// kind reads Private or Mapped and the words that qualify it.
func (c *columns) kind() Type {
	kind := TypeUnknown
	switch w := c.word(); w {
	case "Private":
		kind = TypePrivate
	case "Mapped":
		kind = TypeMapped
	default:
		c.fail(w, ErrSyntax)
	}
	for isQualifier(c.peek()) {
		if c.word() == "Exe" && kind == TypeMapped {
			kind = TypeImage
		}
	}
	return kind
}

// isQualifier matches Exe, Phys and other words in mixed case.
func isQualifier(w string) bool {
	return len(w) > 1 && w[0] >= 'A' && w[0] <= 'Z' && w[1] >= 'a' && w[1] <= 'z' &&
		strings.Trim(w, letters) == "" && w != "Pagefile"
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func (c *columns) protection() string {
	var words []string
	for isProtection(c.peek()) {
		words = append(words, c.word())
	}
	return strings.Join(words, " ")
}

// isProtection matches the names !vad prints for the five protection bits.
func isProtection(w string) bool {
	switch w {
	case "NO_ACCESS", "NOACCESS", "READONLY", "EXECUTE", "EXECUTE_READ", "READWRITE", "WRITECOPY",
		"EXECUTE_READWRITE", "EXECUTE_WRITECOPY", "NOCACHE", "GUARD", "DECOMMIT", "WRITECOMBINE":
		return true
	}
	return false
}
