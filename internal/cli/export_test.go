package cli

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/text"
)

// The escapers, for tests.
func EscapeLine(s string) string            { return text.EscapeLine(s) }
func EscapeJSON(b []byte) []byte            { return text.EscapeJSON(b) }
func WantsColor(e func(string) string) bool { return wantsColor(nil, e) }

// Batches cuts input into lines.
func Batches(ctx context.Context, r io.Reader, most int) iter.Seq2[[][]byte, error] {
	return batches(ctx, r, most)
}

// PlainAddr is the quick reader of addresses.
func PlainAddr(line string) (uint64, bool) { return plainAddr([]byte(line)) }

// LocationRow is an answer of nearest as JSON.
func LocationRow(l *symres.Location) string {
	w := namer{form: formJSON}
	w.object(&query{}, l)
	return string(w.row.b)
}

// The units of command lines.
func ParseSize(s string) (int64, error)        { return parseSize(s) }
func ParseAge(s string) (time.Duration, error) { return parseAge(s) }
func ByteCount(n int64) string                 { return byteCount(n) }
