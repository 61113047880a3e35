package cli

import "github.com/symres/symres/internal/cli/text"

// JSONRow is the builder of lines of JSON, for tests.
type JSONRow = jsonRow

// End ends a line.
func (r *jsonRow) End() []byte { return r.end() }

// Encode is how structs become JSON.
func Encode(v any) []byte { return encode(v) }

// IsPrintable and IsBare are what rows are made with.
func IsPrintable[T text.Text](s T) bool { return text.IsPrintable(s) }
func IsBare[T text.Text](s T) bool      { return text.IsBare(s) }

// AppendPrintable copies what it looks at.
func AppendPrintable(b, s []byte) ([]byte, bool) { return text.AppendPrintable(b, s) }

// ReferenceRow has a field for everything a row can have.
type ReferenceRow struct {
	Str      string          `json:"str"`
	Known    string          `json:"known,omitempty"`
	Raw      string          `json:"raw"`
	RawBytes string          `json:"name_raw,omitempty"`
	Num      uint64          `json:"num"`
	KnownNum uint64          `json:"known_num,omitempty"`
	Int      int64           `json:"int"`
	Hex      string          `json:"hex"`
	Flag     bool            `json:"flag,omitempty"`
	List     []ReferenceItem `json:"list"`
	Names    []string        `json:"names"`
}

// ReferenceItem is an object in a list.
type ReferenceItem struct {
	S string `json:"s,omitempty"`
	N uint64 `json:"n,omitempty"`
}

// Row builds by hand what Encode makes of v; n is the number v.Hex spells.
func Row(v ReferenceRow, n uint64) []byte {
	r := &jsonRow{}
	r.begin()
	r.str("str", v.Str)
	r.known("known", v.Known)
	r.raw(v.Raw)
	r.num("num", v.Num)
	r.knownNum("known_num", v.KnownNum)
	r.int("int", v.Int)
	r.hex("hex", n)
	r.flag("flag", v.Flag)
	r.openList("list")
	for _, item := range v.List {
		r.openObject()
		r.known("s", item.S)
		r.knownNum("n", item.N)
		r.closeObject()
	}
	r.closeList()
	r.openList("names")
	for _, name := range v.Names {
		r.element(name)
	}
	r.closeList()
	return r.end()
}

// FillRow builds most of a line about a symbol.
func FillRow(r *jsonRow, name []byte) {
	r.begin()
	r.str("kind", "S_GPROC32")
	r.rawView(name)
	r.hex("rva", 0x1234)
	r.num("size", 99)
}
