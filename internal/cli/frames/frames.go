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
	Args  bool // their parameters and local variables
	Bare  bool // neither source lines nor the functions that were inlined
}

// Warning is what kd says before frames that may be wrong.
const Warning = "WARNING: Stack unwind information not available. Following frames may be wrong."

// Append appends the frames of a stack, a line each, and what else the options
// ask for. Where one stack broke off and another one follows, as a user's behind a
// kernel's, a line says why. Every line is safe to print.
func Append(b []byte, list []stack.Frame, o Options) []byte {
	warned := false
	for i := range list {
		f := &list[i]
		if i > 0 && f.Rule == unwind.RuleContext && f.Lacks != nil {
			b = row(b, "    (the walk breaks off here: "+firstLine(f.Lacks)+"; the next frame is that of saved registers)")
		}
		if i == 0 || f.Machine != list[i-1].Machine {
			b = append(append(b, head(f.Machine)...), '\n')
		}
		if f.Rule.Guess() && !warned {
			b, warned = append(append(b, Warning...), '\n'), true
		}
		b = o.append(b, f)
	}
	return b
}

// AppendEnd appends why a walk of n frames ended early.
func AppendEnd(b []byte, n int, end error) []byte {
	if n == 0 {
		return row(b, "    (no stack: "+firstLine(end)+")")
	}
	return row(b, "    (the walk ends here: "+firstLine(end)+")")
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

// append appends the functions that were inlined, innermost first, and the one
// that has the frame, each with its variables.
func (o Options) append(b []byte, f *stack.Frame) []byte {
	calls := f.Location.Frames
	if o.Bare {
		calls = nil
	}
	inlined := 0
	for i := range calls {
		if !calls[i].Inlined {
			continue
		}
		start := len(b)
		if b = append(b, "(Inline) -------- "...); wide(f.Machine) {
			b = append(b[:start], "(Inline Function) --------`-------- "...)
		}
		b = text.FinishRow(AppendFunction(b, f.Location.Module, &calls[i]), start, start)
		depth := len(calls) - 1 - i
		inlined = max(inlined, depth)
		b = o.variables(b, f, func(v *stack.Variable) bool { return depth > 0 && v.Depth == depth })
	}
	b = appendFrame(b, f, calls)
	b = o.variables(b, f, func(v *stack.Variable) bool { return v.Depth == 0 || v.Depth > inlined })
	if o.Args && f.VariablesErr != nil {
		b = row(b, indent+"(variables: "+firstLine(f.VariablesErr)+")")
	}
	if o.Proof {
		b = row(b, indent+proof(f))
	}
	return b
}

// appendFrame appends the line of a frame, with the source line of the outermost of the
// functions in it.
func appendFrame(b []byte, f *stack.Frame, calls []pdb.Frame) []byte {
	start := len(b)
	b = append(appendAddr(b, f.Machine, Child(f)), ' ')
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

// indent is what stands before lines about a frame.
const indent = "      "

// variables appends those variables of a frame that are wanted, as dv /t does,
// with places and proofs if these were asked for.
func (o Options) variables(b []byte, f *stack.Frame, wanted func(*stack.Variable) bool) []byte {
	for i := range f.Variables {
		v := &f.Variables[i]
		if !o.Args || !wanted(v) {
			continue
		}
		line := indent + map[bool]string{true: "param ", false: "local "}[v.Param] + v.String()
		if o.Proof && v.Place != "" {
			line += "  (" + v.Place + ", " + v.Proof.String() + ")"
		}
		b = row(b, line)
	}
	return b
}

// Child is what kd shows first of a frame: its stack pointer or, on x86, what ebp
// is in it or would be if it had a frame pointer.
func Child(f *stack.Frame) uint64 {
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
	found := f.Origin.Proof.String()
	if f.Module == nil {
		found = f.Proof().String()
	}
	words := []string{f.Rule.String(), "bytes of the " + f.Origin.Bytes.String(), found}
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
