package crashlog

import (
	"bytes"
	"unicode/utf8"
)

// reach is how far a rule looks, in bytes before and behind the beginning of a word.
// What is found in a text depends on nothing farther away, except for events.
const reach = 512

// Ref is a place in a text that says an address.
type Ref struct {
	// Start and End are the place in the text, in bytes: End is where a name goes.
	Start, End int
	// Module is what Offset counts from, as the text has it; with an empty Module, Offset is
	// an address.
	Module string
	Symbol string // of Module, what Offset counts from instead; empty for none
	Offset uint64
	Stamp  uint32 // the TimeDateStamp that an event says the module has; 0 for none
}

// Scanner finds references in a text that comes in pieces.
type Scanner struct {
	// Known reports whether a module goes by that name, with or without an extension, in
	// any letter case. The bytes are the text's. Nil knows none.
	Known func(name []byte) bool

	event event
	at    int64 // of the first byte of the text, in all of it
	floor int64 // where the last reference ends, in all of it: the next one begins behind it
}

// Find returns the references in a text of its own, in their order.
func (s *Scanner) Find(text []byte) []Ref {
	s.event, s.at, s.floor = event{}, 0, 0
	refs, _ := s.scan(nil, text, 0, len(text))
	return refs
}

// scan appends the references whose words begin between from and to, and returns how
// far it came: to, or the end of the last reference. What lies around is looked at.
func (s *Scanner) scan(refs []Ref, text []byte, from, to int) ([]Ref, int) {
	i := from
	for i < to && isWord(text[i]) && !begins(text, i) { // the rest of a word
		i++
	}
	for i < to {
		if !isWord(text[i]) || isEscape(text, i) {
			i++
			continue
		}
		end := i + 1
		for end < len(text) && isWord(text[end]) && end-i < reach {
			end++
		}
		if worth(text[i:end]) {
			if r, ok := s.word(text, i, end); ok {
				refs = append(refs, r)
				end = max(end, r.End)
				s.floor = s.at + int64(r.End)
			}
		}
		for end < len(text) && end < to && isWord(text[end]) && isWord(text[end-1]) { // of a very long word
			end++
		}
		i = end
	}
	return refs, i
}

// begins reports whether a word begins at a place of the text.
func begins(text []byte, at int) bool {
	return at == 0 || !isWord(text[at-1]) || isEscape(text, at-1)
}

// isEscape reports whether a letter belongs to the escape in front of it: logs in JSON
// have \n and \t where other logs have a new line.
func isEscape(text []byte, at int) bool {
	return at > 0 && text[at-1] == '\\' && (text[at] == 'n' || text[at] == 'r' || text[at] == 't')
}

// worth is the quick look at a word: whether it may be hex or begin a field of an event.
func worth(word []byte) bool {
	switch c := word[0]; {
	case c >= '0' && c <= '9', len(word) == 8, len(word) == 16:
		return true
	case c == 'F', c == 'f', c == 'E', c == 'e', c == 'P':
		return true
	default:
		return c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	}
}

// word looks at a word of the text for what it means.
func (s *Scanner) word(text []byte, start, end int) (Ref, bool) {
	if r, ok, field := s.field(text, start, end); field {
		return r, ok
	}
	value, prefixed, ok := hex(text[start:end])
	switch {
	case !ok:
		return s.backtick(text, start, end)
	case prefixed:
		return s.number(text, start, end, value)
	case end < len(text) && text[end] == '`':
		return s.backtick(text, start, end)
	case end-start != 8 && end-start != 16, !bare(text, start, end), isLabelled(text, start):
		return Ref{}, false
	}
	return Ref{Start: start, End: behind(text, end), Offset: value}, true
}

// number is a word that begins with 0x: an offset behind a module or a symbol, or an address.
func (s *Scanner) number(text []byte, start, end int, value uint64) (Ref, bool) {
	base := trimBlanks(text, start)
	if base > 0 && (text[base-1] == '+' || text[base-1] == '@' && base == start) {
		return s.offset(text, base-1, start, end, value)
	}
	if r, ok := s.frame(text, start, end, value); ok {
		return r, true
	}
	if start > 0 && (text[start-1] == '-' || text[start-1] == '|') || isLabelled(text, start) {
		return Ref{}, false
	}
	return Ref{Start: start, End: behind(text, end), Offset: value}, true
}

// trimBlanks returns where blanks before at begin: there are at most two.
func trimBlanks(text []byte, at int) int {
	for n := 0; n < 2 && at > 0 && text[at-1] == ' '; n++ {
		at--
	}
	return at
}

// backtick reads an address with a backtick before its last eight digits, as
// debuggers print it.
func (s *Scanner) backtick(text []byte, start, end int) (Ref, bool) {
	const low = 8
	last := end + 1 + low
	if end-start > 10 || last > len(text) || text[end] != '`' || last < len(text) && isWord(text[last]) || !opens(text, start) {
		return Ref{}, false
	}
	high, _, ok1 := hex(text[start:end])
	value, prefixed, ok2 := hex(text[end+1 : last])
	if !ok1 || !ok2 || prefixed || high > 0xffffffff {
		return Ref{}, false
	}
	return Ref{Start: start, End: behind(text, last), Offset: high<<32 | value}, true
}

// behind returns where the name of an address goes: behind a displacement of
// somebody else's symbol too, as in [0x00007FF6B382EFA5+77893].
func behind(text []byte, end int) int {
	at := end + 1
	for at < len(text) && at-end <= 18 && isWord(text[at]) {
		at++
	}
	if at-end < 2 || text[end] != '+' || at < len(text) && text[at] != ']' || at == len(text) {
		return end
	}
	return at
}

// bare reports whether eight or sixteen hex digits without a prefix are an
// address: not a part of a GUID, a path or a version, and no decimal number.
func bare(text []byte, start, end int) bool {
	if !opens(text, start) || end < len(text) && (text[end] == '-' || text[end] == '/' || text[end] == '\\' && !escaped(text, end)) {
		return false
	}
	if end+1 < len(text) && text[end] == '.' && isWord(text[end+1]) {
		return false
	}
	word := text[start:end]
	if bytes.ContainsAny(word, "abcdefABCDEF") {
		return true
	}
	// Decimal digits alone: dates, counters and times have them too, but none of
	// these begins with 0, and few with 8 or 9.
	return word[0] == '0' || len(word) == 8 && word[0] >= '8'
}

// opens reports whether an address may begin behind what is before it.
func opens(text []byte, start int) bool {
	if start == 0 {
		return true
	}
	switch text[start-1] {
	case '\\', '-', '.', '/', '$', '%', '+', '#', '&', '`':
		return false
	}
	return true
}

// escaped reports whether a backslash begins an escape of a string: \n, \r, \t, \".
func escaped(text []byte, at int) bool {
	return at+1 < len(text) && bytes.IndexByte([]byte(`nrt"`), text[at+1]) >= 0
}

// isLabelled reports whether the word before a number says that it is none of an address.
func isLabelled(text []byte, start int) bool {
	end := start
	for end > 0 && start-end < 3 && (bytes.IndexByte([]byte(" :=\t"), text[end-1]) >= 0) {
		end--
	}
	if end == start {
		return false
	}
	begin := end
	for begin > 0 && end-begin < 12 && isWord(text[begin-1]) {
		begin--
	}
	switch string(bytes.ToLower(text[begin:end])) {
	case "stamp", "timestamp", "checksum", "code", "id", "pid", "tid", "time", "size", "length", "flags", "version", "status",
		"offset", "p3", "p6", "p7", "p8": // of events
		return true
	}
	return false
}

// isWord reports whether a byte is a letter, a digit or an underscore.
func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '_'
}

// hex reads a word of at most sixteen hex digits, and says whether 0x is in front of
// them; once too often is what newer drivers of Chromium print.
func hex(word []byte) (value uint64, prefixed, ok bool) {
	for n := 0; n < 2 && len(word) > 2 && word[0] == '0' && word[1]|0x20 == 'x'; n++ {
		word, prefixed = word[2:], true
	}
	if len(word) == 0 || len(word) > 16 {
		return 0, prefixed, false
	}
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, prefixed, false
		}
		value = value<<4 | uint64(c)
	}
	return value, prefixed, true
}

// text is the text of a reference's module or symbol, as a string that is valid.
func asText(b []byte) string { return string(bytes.ToValidUTF8(b, []byte(string(utf8.RuneError)))) }
