// Package frames prints frames of stacks in the look of kd's k. The functions
// that were inlined at an address are printed by it for nearest too.
package frames

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/unwind"
)

// AppendFunction appends a function as kd shows it in stacks: module!function
// [file @ line]. Nothing of it is escaped.
func AppendFunction(b []byte, module string, f *pdb.Frame) []byte {
	b = append(append(b, module...), '!')
	return AppendLine(append(b, cmp.Or(f.Function, "?")...), f)
}

// AppendLine appends the source line of a function, if that is known: [file @ line].
func AppendLine(b []byte, f *pdb.Frame) []byte {
	if f.File == "" || f.Line == 0 {
		return b
	}
	b = append(append(b, " ["...), f.File...)
	return append(strconv.AppendUint(append(b, " @ "...), uint64(f.Line), 10), ']')
}

// Options say what is printed of frames beside their line.
type Options struct {
	Proof bool // by which rule they were found, whose bytes decided it and how well that is proven
}

// Warning is what kd says before frames that may be wrong.
const Warning = "WARNING: Stack unwind information not available. Following frames may be wrong."

// Append appends the frames of a stack, a line each, and what else the options
// ask for. Every line is safe to print.
func Append(b []byte, list []stack.Frame, o Options) []byte {
	warned := false
	for i := range list {
		f := &list[i]
		if i == 0 || f.Machine != list[i-1].Machine {
			b = append(append(b, head(f.Machine)...), '\n')
		}
		if f.Rule.Guess() && !warned {
			b, warned = append(append(b, Warning...), '\n'), true
		}
		b = appendFrame(b, f)
		if o.Proof {
			b = row(b, "      "+proof(f))
		}
	}
	return b
}

// wide reports whether addresses have 64 bits.
func wide(m unwind.Machine) bool { return m != unwind.X86 && m != unwind.ARM }

func head(m unwind.Machine) string {
	switch {
	case m == unwind.X86:
		return "ChildEBP RetAddr"
	case wide(m):
		return "Child-SP          RetAddr           Call Site"
	}
	return "Child-SP RetAddr  Call Site"
}

// appendFrame appends the functions that were inlined, innermost first, and the
// one that has the frame.
func appendFrame(b []byte, f *stack.Frame) []byte {
	calls := f.Location.Frames
	for i := range calls {
		if !calls[i].Inlined {
			continue
		}
		start := len(b)
		if b = append(b, "(Inline) -------- "...); wide(f.Machine) {
			b = append(b[:start], "(Inline Function) --------`-------- "...)
		}
		b = text.FinishRow(AppendFunction(b, f.Location.Module, &calls[i]), start, start)
	}
	start := len(b)
	b = append(appendAddr(b, f.Machine, child(f)), ' ')
	b = append(appendAddr(b, f.Machine, f.Return), ' ')
	b = append(b, f.String()...)
	if f.Location.PastEnd {
		b = append(b, " (past its end)"...)
	}
	if n := len(calls); n > 0 && !calls[n-1].Inlined {
		b = AppendLine(b, &calls[n-1])
	}
	return text.FinishRow(b, start, start)
}

// child is what kd shows first of a frame: its stack pointer or, on x86, what ebp
// is in it or would be if it had a frame pointer.
func child(f *stack.Frame) uint64 {
	switch {
	case f.Machine != unwind.X86:
		return f.SP()
	case f.ReturnAt != 0:
		return f.ReturnAt - 4
	case f.KnownInt>>unwind.RegEBP&1 != 0:
		return f.Int[unwind.RegEBP]
	}
	return f.SP()
}

func appendAddr(b []byte, m unwind.Machine, addr uint64) []byte {
	if wide(m) {
		return hexaddr.AppendWide(b, addr)
	}
	return hexaddr.Append(b, addr, 8)
}

// proof says what a frame rests on.
func proof(f *stack.Frame) string {
	words := []string{f.Rule.String(), "bytes of the " + f.Origin.Bytes.String(), f.Origin.Proof.String()}
	if f.Named() {
		words = append(words, fmt.Sprintf("name %v (%v), %v", f.Location.Source, f.Location.Identity, f.Location.Proof))
	}
	line := strings.Join(words, ", ")
	if f.Lacks != nil {
		line += "; lacking: " + firstLine(f.Lacks)
	}
	if f.Err != nil {
		line += "; no name: " + firstLine(f.Err)
	}
	return line
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// row appends one line.
func row(b []byte, line string) []byte {
	start := len(b)
	return text.FinishRow(append(b, line...), start, start)
}
