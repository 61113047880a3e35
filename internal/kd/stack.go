package kd

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/symres/symres/internal/cli/frames"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// defaultFrames is how many frames k shows when nobody says it.
const defaultFrames = 20

// stackOptions are those of k.
type stackOptions struct {
	letters string
	depth   int
}

func (s *Session) parseStack(ctx context.Context, args string) (o stackOptions, err error) {
	o.depth = defaultFrames
	for _, w := range words(args) {
		if strings.Trim(w, "vpPnfLMD") == "" || w == "b" {
			o.letters += w
			continue
		}
		n, err := s.number(ctx, w)
		if err != nil {
			return o, err
		}
		o.depth = int(min(n, 0xffff))
	}
	return o, nil
}

func (s *Session) stack(ctx context.Context, c Command) error {
	o, err := s.parseStack(ctx, c.Args)
	if err != nil {
		return err
	}
	if s.set {
		s.printf("  *** Stack trace for last set context - .thread/.cxr resets it\n")
	}
	return s.showStack(ctx, s.thread, o, "")
}

// showStack shows the stack of a thread, each line behind an indent.
func (s *Session) showStack(ctx context.Context, th target.Thread, o stackOptions, indent string) error {
	if th.Context.Machine == 0 && th.Err == nil {
		return withoutRegisters(th)
	}
	before := s.deferred()
	list, end := s.target.Frames(ctx, th, target.FrameOptions{Depth: o.depth})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.tellLoaded(before)
	var b []byte
	if strings.ContainsAny(o.letters, "vnb") {
		b = s.argumentRows(s.memoryOf(ctx, th), list, o)
	} else {
		b = frames.Append(nil, list, frames.Options{Proof: s.noisy, Bare: s.options&loadLines == 0 || strings.Contains(o.letters, "L")})
	}
	if end != nil && s.noisy {
		b = frames.AppendEnd(b, len(list), end)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "    ") { // about the frame
			s.write("SYMRES:  " + strings.TrimLeft(line, " "))
			continue
		}
		s.write(indent + s.ticked(line))
	}
	if len(list) == 0 && end != nil {
		return refuse("no stack: %v", end)
	}
	return nil
}

// ticked puts a back-tick into the address that a line ends with, where it has one.
func (s *Session) ticked(line string) string {
	text := strings.TrimSuffix(line, "\n")
	i := strings.LastIndexByte(text, ' ')
	digits, ok := strings.CutPrefix(text[i+1:], "0x")
	if !ok || len(digits) <= 8 || strings.Trim(digits, "0123456789abcdef") != "" {
		return line
	}
	return text[:i+3] + digits[:len(digits)-8] + "`" + digits[len(digits)-8:] + line[len(text):]
}

// argumentRows are the frames with the words of their arguments, or with numbers.
func (s *Session) argumentRows(memory memsource.Source, list []stack.Frame, o stackOptions) []byte {
	var b strings.Builder
	number := strings.Contains(o.letters, "n")
	args := strings.ContainsAny(o.letters, "vb")
	for i, f := range list {
		if i == 0 {
			b.WriteString(stackHead(f.Machine, number, args) + "\n")
		}
		if number {
			fmt.Fprintf(&b, "%02x ", i)
		}
		b.WriteString(s.frameRow(memory, list, i, args) + "\n")
	}
	return []byte(b.String())
}

func stackHead(m unwind.Machine, number, args bool) string {
	head := map[bool]string{true: " # ", false: ""}[number]
	switch {
	case m == unwind.X86 && args:
		return head + "ChildEBP RetAddr  Args to Child"
	case m == unwind.X86:
		return head + "ChildEBP RetAddr"
	case args:
		return head + "Child-SP          RetAddr           : Args to Child                                                           : Call Site"
	}
	return head + "Child-SP          RetAddr           Call Site"
}

// frameRow is a frame as kv shows it.
func (s *Session) frameRow(memory memsource.Source, list []stack.Frame, i int, args bool) string {
	f := &list[i]
	base := frames.Child(f)
	head := s.addr(base) + " " + s.addr(f.Return)
	name := f.String()
	if f.Machine == unwind.X64 && int64(f.PC) < 0 && i+1 < len(list) && !list[i+1].UnwoundToCall && list[i+1].Rule != unwind.RuleContext && args {
		name += " (TrapFrame @ " + s.addr(f.SP()) + ")"
	}
	if !args {
		return head + " " + name
	}
	if f.Machine == unwind.X86 {
		return head + " " + s.argumentWords(memory, base+8, 3, 4) + " " + name
	}
	at := base
	if i+1 < len(list) {
		at = list[i+1].SP()
	}
	return head + " : " + s.argumentWords(memory, at, 4, 8) + " : " + name
}

// argumentWords are n words of a stack; those that are out are zeros, as in the debugger.
func (s *Session) argumentWords(memory memsource.Source, at uint64, n int, size uint64) string {
	var cells []string
	for i := range uint64(n) {
		var b [8]byte
		if memory != nil {
			if _, err := memory.ReadMemory(b[:size], s.narrow(at+i*size)); err != nil {
				clear(b[:])
			}
		}
		v := binary.LittleEndian.Uint64(b[:])
		if size == 8 {
			cells = append(cells, fmt.Sprintf("%08x`%08x", v>>32, uint32(v)))
		} else {
			cells = append(cells, hex8(uint32(v)))
		}
	}
	return strings.Join(cells, " ")
}

// memoryOf is the memory that a thread sees: that of its process.
func (s *Session) memoryOf(ctx context.Context, th target.Thread) memsource.Source {
	process := cmp.Or(th.Attached, th.Process)
	if s.kernel() == nil || process == 0 || process == s.process.Address {
		return s.memory(ctx)
	}
	if p, err := s.kernel().ProcessAt(process); err == nil {
		if v, err := s.kernel().View(p); err == nil {
			return memsource.Bind(ctx, v.Memory())
		}
	}
	return s.memory(ctx)
}
