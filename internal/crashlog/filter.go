package crashlog

import (
	"bytes"
	"unicode/utf16"
)

const (
	// maxHeld is how much of a line is waited for before the beginning of it is written.
	maxHeld = 4 << 10
	// bom begins a text in UTF-16, as PowerShell writes logs.
	bom = "\xff\xfe"
)

// Filter copies a log and has names put behind its addresses. The text goes in by Write,
// in pieces of any size, and what comes out does not depend on the pieces. A log in UTF-16
// with a byte order mark stays one. A Filter holds no more than the last piece and 4 KB.
type Filter struct {
	Scanner

	// Name returns the text to put behind each reference, nil for nothing. The slice is as
	// long as refs. The error ends the filter.
	Name func(refs []Ref) ([][]byte, error)
	// Out takes the copy. It must not keep what it is given.
	Out func(text []byte) error

	raw     []byte // not written, or needed to look at what comes
	text    []byte // raw as bytes for the scanner: raw itself, or a byte for each unit
	unit    int    // bytes of raw for one of text; 0 is not known yet
	scanned int    // up to here in text
	written int    // up to here in text
	refs    []Ref
}

// Write takes a piece of the log, and writes all of it but for the last line, which may
// not be whole. It returns the errors of Name and Out.
func (f *Filter) Write(piece []byte) error {
	f.raw = append(f.raw, piece...)
	if !f.begin(false) {
		return nil
	}
	before := max(f.scanned, len(f.text))
	f.narrow()
	to := f.scanned
	if i := bytes.LastIndexByte(f.text[before:], '\n'); i >= 0 {
		to = before + i + 1
	}
	if len(f.text)-to > maxHeld {
		to = len(f.text) - reach
	}
	return f.upTo(to)
}

// Close writes the rest of the log. The Filter may be used for another log after that.
func (f *Filter) Close() error {
	f.begin(true)
	f.narrow()
	err := f.upTo(len(f.text))
	if rest := f.raw[len(f.text)*f.unit:]; err == nil && len(rest) > 0 { // half a unit
		err = f.Out(rest)
	}
	*f = Filter{Scanner: Scanner{Known: f.Known}, Name: f.Name, Out: f.Out}
	return err
}

// begin finds out how wide the characters are.
func (f *Filter) begin(last bool) bool {
	switch {
	case f.unit != 0:
	case len(f.raw) < len(bom) && !last:
		return false
	case bytes.HasPrefix(f.raw, []byte(bom)):
		f.unit = 2
	default:
		f.unit = 1
	}
	return true
}

// narrow makes the text of raw. Of a character outside ASCII only that it is one counts.
func (f *Filter) narrow() {
	if f.unit == 1 {
		f.text = f.raw
		return
	}
	for i := 2 * len(f.text); i+1 < len(f.raw); i += 2 {
		c := f.raw[i]
		switch {
		case c == 0xff && f.raw[i+1] == 0xfe:
			c = '\n' // the mark
		case f.raw[i+1] != 0:
			c = 0x80
		}
		f.text = append(f.text, c)
	}
}

// upTo finds the references that begin before to, and writes the text with their names.
func (f *Filter) upTo(to int) error {
	if to <= f.scanned {
		return nil
	}
	f.refs, to = f.scan(f.refs[:0], f.text, f.scanned, to)
	names, err := f.Name(f.refs)
	if err != nil {
		return err
	}
	for i, r := range f.refs {
		if names[i] == nil {
			continue
		}
		if err := f.put(r.End); err != nil {
			return err
		}
		if err := f.Out(f.wide(names[i])); err != nil {
			return err
		}
	}
	f.scanned = to
	if err := f.put(to); err != nil {
		return err
	}
	f.forget()
	return nil
}

// put writes the text up to a place.
func (f *Filter) put(to int) error {
	if to <= f.written {
		return nil
	}
	piece := f.raw[f.written*f.unit : to*f.unit]
	f.written = to
	return f.Out(piece)
}

// wide is a name in the coding of the log.
func (f *Filter) wide(name []byte) []byte {
	if f.unit == 1 {
		return name
	}
	out := make([]byte, 0, 2*len(name))
	for _, u := range utf16.Encode([]rune(string(name))) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

// forget drops the text that is done, but for what is looked back at.
func (f *Filter) forget() {
	drop := min(f.written, f.scanned-reach)
	if drop <= 0 || drop < len(f.text)/2 {
		return // to move the rest costs more than to keep it
	}
	f.raw = append(f.raw[:0], f.raw[drop*f.unit:]...)
	if f.unit != 1 {
		f.text = append(f.text[:0], f.text[drop:]...)
	} else {
		f.text = f.raw
	}
	f.scanned, f.written, f.at = f.scanned-drop, f.written-drop, f.at+int64(drop)
}
