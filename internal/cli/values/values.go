// Package values writes the values of expressions as the debugger's commands `?`,
// `??` and `.formats` do. What comes from the target is escaped.
package values

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/eval"
	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/memsource"
)

// Commands that evaluate.
const (
	MASM    = "?"
	CPP     = "??"
	Formats = ".formats"
)

// Writer evaluates expressions and collects the lines to show.
type Writer struct {
	Env *eval.Env
	// Structure returns the lines that show what a structure of the value has in it; nil shows
	// none.
	Structure func(ctx context.Context, v eval.Value) []string
}

// Lines evaluates an expression for one of the commands. With an error there may be
// lines as well: those of the value in front of the place at which it was found.
func (w *Writer) Lines(ctx context.Context, command, expr string) (lines []string, v eval.Value, err error) {
	evaluate := eval.MASM
	if command == CPP {
		evaluate = eval.CPP
	}
	v, err = evaluate(ctx, w.Env, expr)
	if err != nil && !errors.Is(err, eval.ErrExtra) {
		return nil, v, err
	}
	switch command {
	case CPP:
		lines = w.typed(ctx, v)
	case Formats:
		lines = append([]string{"Evaluate expression:"}, eval.Formats(v.Uint, w.Env.Bits)...)
	default:
		decimal, hex := eval.Evaluated(v.Uint, w.Env.Bits)
		lines = []string{fmt.Sprintf("Evaluate expression: %d = %s", decimal, hex)}
	}
	return lines, v, err
}

// typed is a value of C++ with what belongs to it.
func (w *Writer) typed(ctx context.Context, v eval.Value) []string {
	lines := []string{text.EscapeLine(v.Line(w.Env.Bits))}
	if addr, size, ok := v.Text(); ok {
		lines = append(lines, " "+w.text(ctx, addr, size))
	}
	if _, _, ok := v.Struct(); ok && w.Structure != nil {
		lines = append(lines, w.Structure(ctx, v)...)
	}
	return lines
}

// maxText is how much of a text is shown, in characters.
const maxText = 256

// text reads the text at an address, and quotes it.
func (w *Writer) text(ctx context.Context, addr, size uint64) string {
	b := make([]byte, maxText*size)
	n, err := 0, errors.New("no memory")
	if w.Env.Memory != nil {
		if w.Env.Bits == 32 {
			addr = uint64(uint32(addr))
		}
		n, err = memsource.Bind(ctx, w.Env.Memory).ReadMemory(b, addr)
	}
	b = b[:n]
	if addr == 0 {
		return `""`
	}
	if n == 0 && err != nil {
		return fmt.Sprintf("%q", "--- memory read error at address 0x"+tick(addr, w.Env.Bits)+" ---")
	}
	var out []byte
	for i := 0; i+int(size) <= len(b); i += int(size) {
		c := b[i]
		if size == 2 && b[i+1] != 0 {
			c = '?'
		}
		if c == 0 && (size == 1 || b[i+1] == 0) {
			break
		}
		if c < 0x20 && c != '\t' || c > 0x7e {
			c = '?'
		}
		out = append(out, c)
	}
	return `"` + string(bytes.TrimSpace(out)) + `"`
}

func tick(v uint64, bits int) string {
	if bits == 32 {
		return fmt.Sprintf("%08x", uint32(v))
	}
	return fmt.Sprintf("%08x`%08x", v>>32, uint32(v))
}

// Refusal returns the line that shows an error of an expression. line is the whole line
// that was typed, with the expression at its end, and indent how far from the left it stands:
// the mark of an error with one is put under the place.
func Refusal(err error, line string, indent int) string {
	e, ok := errors.AsType[*eval.Error](err)
	if !ok || !e.Whole() {
		return text.EscapeLine(err.Error())
	}
	at := len(line) - len(e.Expr)
	if at = max(at, 0) + e.Pos; e.Pos < 0 {
		at = min(1, len(line))
	}
	return strings.Repeat(" ", indent+at) + text.EscapeLine(fmt.Sprintf("^ %s in '%s'", e.What(), line))
}
