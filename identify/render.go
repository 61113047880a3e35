package identify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/vadmath"
)

// This file turns evidence and pages into text, JSON and pictures; nothing else
// does, and nothing reads what it writes.

// hex is the form of numbers in JSON.
func hex(n uint64) []byte { return fmt.Appendf(nil, "%#x", n) }

// String returns hexadecimal digits.
func (s Stamp) String() string { return fmt.Sprintf("%x", uint32(s)) }

// MarshalText returns hexadecimal digits after 0x; it never fails.
func (s Stamp) MarshalText() ([]byte, error) { return hex(uint64(s)), nil }

// String returns hexadecimal digits.
func (s Size) String() string { return fmt.Sprintf("%x", uint64(s)) }

// MarshalText returns hexadecimal digits after 0x; it never fails.
func (s Size) MarshalText() ([]byte, error) { return hex(uint64(s)), nil }

// String returns hexadecimal digits.
func (c CheckSum) String() string { return fmt.Sprintf("%x", uint32(c)) }

// MarshalText returns hexadecimal digits after 0x; it never fails.
func (c CheckSum) MarshalText() ([]byte, error) { return hex(uint64(c)), nil }

// String returns the address as WinDbg writes it.
func (a Address) String() string { return hexaddr.Addr(uint64(a)) }

// MarshalText returns hexadecimal digits after 0x; it never fails.
func (a Address) MarshalText() ([]byte, error) { return hex(uint64(a)), nil }

// String returns the name.
func (f File) String() string { return string(f) }

// MarshalText is String; it never fails.
func (f File) MarshalText() ([]byte, error) { return []byte(f), nil }

// MarshalText is String; it never fails.
func (p PDBID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String returns the record in words.
func (r Record) String() string {
	id := fmt.Sprintf("%v {%v}", r.Kind, r.GUID)
	if r.Kind == pe.CodeViewNB10 {
		id = fmt.Sprintf("%v %X", r.Kind, r.Signature)
	}
	return fmt.Sprintf("%s age %d %s", id, r.Age, wtext.Printable(baseName(r.Path)))
}

// MarshalText is String; it never fails.
func (r Record) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the name, the range and the fields that are known.
func (e Entry) String() string {
	m := &e.Module
	place := fmt.Sprintf("%s %s-%s", wtext.Printable(m.Image), hexaddr.Addr(m.Base), hexaddr.Addr(m.Base+m.Size))
	return joined(append([]string{place}, e.fields().words()...), ", ")
}

// MarshalText is String; it never fails.
func (e Entry) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// String returns the fields that are known, in words.
func (f Fields) String() string { return joined(f.words(), ", ") }

// MarshalText is String; it never fails.
func (f Fields) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

func (f Fields) words() []string {
	words := fieldWords(Stamp(f.TimeDateStamp), Size(f.SizeOfImage), CheckSum(f.CheckSum))
	if f.Mapped != 0 {
		words = append([]string{fmt.Sprintf("size %x rounded", f.Mapped)}, words...)
	}
	return words
}

// fieldWords has a word for each field that is known.
func fieldWords(stamp Stamp, size Size, sum CheckSum) (words []string) {
	if stamp != 0 {
		words = append(words, "stamp "+stamp.String())
	}
	if size != 0 {
		words = append(words, "size "+size.String())
	}
	if sum != 0 {
		words = append(words, "checksum "+sum.String())
	}
	return words
}

func joined(words []string, separator string) string { return strings.Join(words, separator) }

// String returns the counts in words.
func (c PageCounts) String() string {
	text := fmt.Sprintf("%d of %d code pages resident, %d match", c.Resident, c.Code, c.Matched)
	if c.Differing > 0 {
		text += fmt.Sprintf(", %d differ", c.Differing)
	}
	return text
}

// MarshalText is String; it never fails.
func (c PageCounts) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String returns the counts in words.
func (p *Pages) String() string {
	if p == nil {
		return "no page was compared"
	}
	return p.PageCounts.String()
}

// Name returns what the evidence is about, in words: the field, or the kind of
// a record that was found.
func (e Evidence) Name() string {
	if e.Field != FieldScanned && e.Field != FieldOtherRecord {
		return e.Field.String()
	}
	kind := pe.CodeViewRSDS // where none was found
	if r, ok := e.Target.(Record); ok {
		kind = r.Kind
	}
	if e.Field == FieldOtherRecord {
		return "other " + kind.String() + " record"
	}
	return kind.String() + " record"
}

// pages returns what the evidence says of pages.
func (e Evidence) pages() (PageCounts, bool) {
	c, ok := e.Target.(PageCounts)
	return c, ok
}

// String returns one line for people.
func (e Evidence) String() string {
	text := e.Name() + e.outcome()
	note := e.Note
	if c, ok := e.pages(); ok {
		note = c.String()
	}
	if note != "" {
		text += " (" + note + ")"
	}
	return text
}

// outcome is what follows the name.
func (e Evidence) outcome() string {
	pages, isPages := e.pages()
	switch {
	case isPages && e.Result == ComparisonDiffers:
		return " differ from " + pages.First.String() + " on"
	case isPages && e.Result == ComparisonEqual:
		return " equal"
	case e.Result == ComparisonNotResident:
		return " not resident"
	case e.Result == ComparisonEqual:
		return " equal: " + text(e.Copy)
	case e.Result == ComparisonDiffers:
		return fmt.Sprintf(" differs: target %s, copy %s", text(e.Target), text(e.Copy))
	case e.Field == FieldFile && e.Copy != nil:
		return ": " + text(e.Copy)
	case e.Target != nil && e.Copy == nil && e.Rung < RungCopy:
		return ": " + text(e.Target)
	case e.Target != nil && e.Copy == nil:
		return " unknown in the copy"
	case e.Target == nil && e.Copy != nil:
		return " unknown in the target"
	}
	return " unknown"
}

// text is a value that may be unknown.
func text(v Value) string {
	if v == nil {
		return ""
	}
	return v.String()
}

// Line returns String after the rung the evidence is from.
func (e Evidence) Line() string {
	if rung := e.Rung.String(); rung != e.Name() {
		return rung + ": " + e.String()
	}
	return e.String()
}

// Finding returns the result without the name of the evidence, for a table of
// comparisons. It omits which list has the module and why a page is out.
func (e Evidence) Finding() string {
	pages, isPages := e.pages()
	switch {
	case isPages && e.Result == ComparisonDiffers:
		return "differ from " + pages.First.String() + " on"
	case e.Result == ComparisonEqual && isPages:
		return "equal"
	case e.Result == ComparisonEqual:
		return "equal " + text(e.Copy)
	case e.Result == ComparisonDiffers:
		return "differs: target " + text(e.Target) + ", copy " + text(e.Copy)
	case e.Result == ComparisonNotResident:
		return "not resident"
	case e.Target != nil && e.Rung < RungCopy:
		return text(e.Target)
	case e.Note != "":
		return e.Note
	case e.Target == nil && e.Copy != nil:
		return "unknown in the target, copy " + text(e.Copy)
	}
	return "unknown"
}

// Warning returns WinDbg's warning about a field of a copy that differs or
// could not be compared, "" if WinDbg has none. image is the name of the image.
func (e Evidence) Warning(image string) string {
	field := map[Field]string{FieldTimeDateStamp: "timestamp", FieldCheckSum: "checksum", FieldSizeOfImage: "image size"}[e.Field]
	switch {
	case e.Rung < RungCopy:
		return ""
	case e.Result == ComparisonDiffers && field != "":
		return fmt.Sprintf("symbols %s is wrong 0x%08s 0x%08s for %s", field, text(e.Target), text(e.Copy), image)
	case e.Result == ComparisonDiffers:
		return fmt.Sprintf("%v for %s", e, image)
	case e.Result == ComparisonUnknown && field != "" && e.Field != FieldSizeOfImage:
		return fmt.Sprintf("Unable to verify %s for %s", field, image)
	}
	return ""
}

// MarshalJSON returns an object with the words of String and the values as they
// marshal themselves; unknown ones are left out.
func (e Evidence) MarshalJSON() ([]byte, error) {
	o := struct {
		Rung     Rung       `json:"rung"`
		Field    string     `json:"field"`
		Target   Value      `json:"target,omitempty"`
		Copy     Value      `json:"copy,omitempty"`
		Result   Comparison `json:"result"`
		Strength Strength   `json:"strength"`
		Note     string     `json:"note,omitempty"`
	}{e.Rung, e.Name(), e.Target, e.Copy, e.Result, e.Strength, e.Note}
	if c, ok := e.pages(); ok {
		o.Target, o.Note = nil, c.String()
		if c.First != 0 {
			o.Target = c.First
		}
	}
	return marshal(o)
}

// MarshalJSON returns an object whose RVA is a string after 0x.
func (p PageRange) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		RVA    Size      `json:"rva"`
		Count  int       `json:"count"`
		State  PageState `json:"state"`
		Reason string    `json:"reason,omitempty"`
		Bytes  int       `json:"bytes_differing,omitempty"`
	}{Size(p.RVA), p.Count, p.State, p.Reason, p.Bytes})
}

// MarshalJSON returns the object that `symres verify` prints for pages.
func (p *Pages) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Verdict  Verdict     `json:"verdict"`
		Compared int         `json:"compared"`
		Matched  int         `json:"matched"`
		Code     int         `json:"code_pages"`
		Ranges   []PageRange `json:"pages"`
	}{p.Verdict, p.Resident, p.Matched, p.Code, append([]PageRange{}, p.Ranges...)})
}

// marshal is json.Marshal without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// cell is how one page is drawn.
type cell struct {
	state PageState
	mark  byte
	color string // SGR parameters
	words string
}

// cells are the ways, in the order of the legend.
func cells() []cell {
	return []cell{
		{PageStateMatch, '=', "32", "match"},
		{PageStateFixups, '+', "36", "after fix-ups"},
		{PageStateDiffers, 'X', "1;31", "differs"},
		{PageStateAbsent, '.', "2", "not resident"},
		{PageStateSkipped, '-', "33", "skipped"},
	}
}

const (
	cellsInRow   = 32
	cellsInGroup = 8
	pageBytes    = 0x1000
)

// Picture draws the pages of a module at base, 32 in a row, with a legend. Rows
// in which no page is resident are summarised in one line. bits is the width of
// the addresses; paint adds colours for a terminal.
func (p *Pages) Picture(base uint64, bits int, paint bool) (lines []string) {
	var states []PageState
	for _, r := range p.Ranges {
		for range r.Count {
			states = append(states, r.State)
		}
	}
	empty := 0
	tellEmpty := func() {
		if empty > 0 {
			lines = append(lines, fmt.Sprintf("  ... %d pages, none resident", empty))
		}
		empty = 0
	}
	for n := 0; n < len(states); n += cellsInRow {
		row := states[n:min(n+cellsInRow, len(states))]
		if absent(row) && n > 0 && n+cellsInRow < len(states) {
			empty += len(row)
			continue
		}
		tellEmpty()
		lines = append(lines, "  "+vadmath.FormatAddr(base+uint64(n)*pageBytes, bits)+" "+pictureRow(row, paint))
	}
	tellEmpty()
	return append(lines, legend(states))
}

func absent(row []PageState) bool {
	for _, s := range row {
		if s != PageStateAbsent {
			return false
		}
	}
	return true
}

func pictureRow(row []PageState, paint bool) string {
	known := map[PageState]cell{}
	for _, c := range cells() {
		known[c.state] = c
	}
	var b []byte
	last := ""
	for i, s := range row {
		if i%cellsInGroup == 0 {
			b = append(b, ' ')
		}
		c := known[s]
		if paint && c.color != last {
			b = append(append(append(b, "\x1b["...), "0;"+c.color...), 'm')
			last = c.color
		}
		b = append(b, c.mark)
	}
	if last != "" {
		b = append(b, "\x1b[m"...)
	}
	return string(b)
}

// legend explains the marks and counts them.
func legend(states []PageState) string {
	counts := map[PageState]int{}
	for _, s := range states {
		counts[s]++
	}
	var words []string
	for _, c := range cells() {
		if n := counts[c.state]; n > 0 {
			words = append(words, fmt.Sprintf("%c %s %d", c.mark, c.words, n))
		}
	}
	return "  " + joined(words, "   ")
}
