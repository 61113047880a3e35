package crashlog

import (
	"bytes"
	"strings"
)

// lasting is how far behind the module of an event its offset may stand, in bytes.
const lasting = 2048

// event is what an event about a crash has said so far.
type event struct {
	module string
	stamp  uint32
	at     int64 // where the module was named
	offset what  // the numbered field that is the offset, if the event is one of a crash
}

// An event is a text of fields. Those of the event 1000 have names in full, those of 1001
// are numbered (P4 is the module, P6 its stamp), and problem reports call the same things
// Fault Module Name and Exception Offset. Windows before Vista wrote one sentence.

// field reads a field that a word begins. field is false for any other word; ok says that
// the field is the offset.
func (s *Scanner) field(text []byte, start, end int) (r Ref, ok, field bool) {
	switch text[start] | 0x20 { // few words get farther: faulting, fault, exception, event, P4 to P8
	case 'f', 'e', 'p':
	default:
		return r, false, false
	}
	if n := end - start; n != 2 && n != 5 && n != 8 && n != 9 {
		return r, false, false
	}
	line := text[start:min(len(text), start+reach)]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	for _, name := range names() {
		if value, is := after(line, name.label); is {
			r, ok = s.take(name.what, value, start, start+len(line)-len(value))
			return r, ok, true
		}
	}
	return r, false, false
}

// what a field is.
type what byte

const (
	whatNothing what = iota
	whatKind         // the name of the event
	whatModule
	whatStamp
	whatOffset
	whatFourth // P4 and P6: module and stamp, in an event of a crash
	whatSixth
	whatSeventh // P7 and P8: one of them is the offset
	whatEighth
)

type name struct {
	label string // in lower case
	what  what
}

// names are the names of fields. One that begins another comes behind it.
func names() [16]name {
	return [...]name{
		{"faulting module name:", whatModule}, {"faulting module path", whatNothing}, {"faulting module ", whatModule},
		{"faulting application", whatKind}, {"faulting process", whatNothing}, {"faulting package", whatNothing},
		{"fault module name:", whatModule}, {"fault module timestamp:", whatStamp},
		{"fault offset:", whatOffset}, {"fault address ", whatOffset}, {"exception offset:", whatOffset},
		{"event name:", whatKind}, {"p4:", whatFourth}, {"p6:", whatSixth}, {"p7:", whatSeventh}, {"p8:", whatEighth},
	}
}

// after returns what follows a label, in any letter case, and the blanks behind it.
func after(line []byte, label string) (value []byte, ok bool) {
	if len(line) < len(label) || !strings.EqualFold(string(line[:len(label)]), label) {
		return nil, false
	}
	return bytes.TrimLeft(line[len(label):], " \t"), true
}

// take notes the value of a field, which begins at at; with the offset there is a
// reference.
func (s *Scanner) take(w what, value []byte, start, at int) (Ref, bool) {
	e := &s.event
	switch {
	case w == whatKind:
		*e = event{offset: offsetOf(value)}
	case w == whatModule || w == whatFourth && e.offset != whatNothing:
		name, rest := item(value)
		*e = event{module: name, at: s.at + int64(start), stamp: stampIn(rest), offset: e.offset}
	case w == whatStamp || w == whatSixth && e.offset != whatNothing:
		e.stamp, _ = word32(value)
	case w == whatOffset, w >= whatSeventh && w == e.offset:
		return s.eventOffset(value, start, at)
	}
	return Ref{}, false
}

// offsetOf tells which numbered field of an event is the offset. Those of data
// execution prevention have it in front of the exception.
func offsetOf(value []byte) what {
	switch kind, _ := item(value); kind {
	case "APPCRASH":
		return whatEighth
	case "BEX", "BEX64":
		return whatSeventh
	}
	return whatNothing
}

// eventOffset is the reference of an event, with its end behind the offset. Where Windows
// did not know the module, the offset is an address.
func (s *Scanner) eventOffset(value []byte, start, at int) (Ref, bool) {
	e, end := &s.event, 0
	for end < len(value) && isWord(value[end]) {
		end++
	}
	offset, _, ok := hex(value[:end])
	if !ok || e.module == "" || s.at+int64(start)-e.at > lasting {
		return Ref{}, false
	}
	r := Ref{Start: at, End: at + end, Module: e.module, Offset: offset, Stamp: e.stamp}
	if strings.EqualFold(e.module, "unknown") {
		r.Module, r.Stamp = "", 0
	}
	return r, true
}

// item is the text of a field up to the next one, or to the end of the line, also where
// the whole event is one string with escapes.
func item(value []byte) (text string, rest []byte) {
	end := 0
	for end < len(value) && end < 2*maxName && strings.IndexByte(",\r\n\t\"\\", value[end]) < 0 {
		end++
	}
	return asText(bytes.TrimRight(value[:end], " ")), value[end:]
}

// stampIn finds the time stamp among the fields behind a module.
func stampIn(rest []byte) uint32 {
	const label = "time stamp: "
	i := bytes.Index(rest, []byte(label))
	if i < 0 {
		return 0
	}
	n, _ := word32(rest[i+len(label):])
	return n
}

// word32 reads a hex number of 32 bits at the start of a text; 0 is none.
func word32(text []byte) (n uint32, ok bool) {
	end := 0
	for end < len(text) && isWord(text[end]) {
		end++
	}
	value, _, ok := hex(text[:end])
	if !ok || value > 0xffffffff {
		return 0, false
	}
	return uint32(value), true
}
