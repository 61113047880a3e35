package eval

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pattern"
)

// MASM evaluates a MASM expression. The error is an [*Error], or that of ctx; with
// [ErrExtra] the value is good. An operand that has no value is reported before a
// fault in the text behind it, as the debugger does.
func MASM(ctx context.Context, env *Env, text string) (Value, error) {
	p := &parser{text: text, end: len(text), radix: env.radix()}
	x, err := p.whole()
	if err == nil {
		return x.Eval(ctx, env)
	}
	e := &evaluation{ctx: ctx, env: env, text: text}
	for _, n := range p.done {
		if _, err := e.value(n); err != nil {
			return Value{}, err
		}
	}
	return Value{}, err
}

// evaluation is one run over the nodes of an expression.
type evaluation struct {
	ctx  context.Context
	env  *Env
	text string
}

func (e *evaluation) fail(n *node, err, cause error) error {
	if ctxErr := e.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	return &Error{Err: err, Cause: cause, Expr: e.text, Pos: n.at}
}

// value computes a node.
func (e *evaluation) value(n *node) (Value, error) {
	if err := e.ctx.Err(); err != nil {
		return Value{}, err
	}
	switch n.kind {
	case kindUnary, kindBinary, kindCall, kindStrings:
		if !n.cpp {
			u, err := e.masm(n)
			return masmValue(u), err
		}
	case kindNumber:
		return masmValue(n.num.literal(e.env.Kernel)), nil
	case kindSymbol, kindQuoted:
		if !n.cpp {
			u, err := e.symbol(n)
			return masmValue(u), err
		}
	case kindRegister, kindPseudo:
		if !n.cpp {
			u, err := e.register(n)
			return masmValue(u), err
		}
	case kindMASM:
		v, err := e.value(n.args[0])
		return masmValue(v.Uint), err
	case kindCPP:
		v, err := e.value(n.args[0])
		if err == nil && v.typ.kind == typeStruct {
			return v, e.fail(n, ErrType, nil)
		}
		return masmValue(v.integer(e.env)), err
	}
	return e.cpp(n)
}

// masm computes an operation.
func (e *evaluation) masm(n *node) (uint64, error) {
	if n.kind == kindStrings {
		return e.compare(n)
	}
	args := make([]uint64, len(n.args))
	for i, a := range n.args {
		v, err := e.value(a)
		if err != nil {
			return 0, err
		}
		args[i] = v.Uint
	}
	switch n.kind {
	case kindUnary:
		return e.unary(n, args[0])
	case kindBinary:
		return e.binary(n, args[0], args[1])
	}
	return e.call(n, args)
}

func boolean(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (e *evaluation) unary(n *node, v uint64) (uint64, error) {
	switch n.op {
	case "-":
		return -v, nil
	case "not":
		return boolean(v == 0), nil
	case "hi":
		return v >> 16 & 0xffff, nil
	case "low":
		return v & 0xffff, nil
	case "+":
		return v, nil
	}
	return e.read(n, v)
}

// read reads what by, wo, dwo, qwo and poi stand for, and with $p in front of them
// from physical memory.
func (e *evaluation) read(n *node, addr uint64) (uint64, error) {
	memory, addr, op := e.env.Memory, e.env.truncate(addr), n.op
	if after, ok := strings.CutPrefix(op, "$p"); ok {
		memory, op = e.env.Physical, after
	}
	size := map[string]int{"by": 1, "wo": 2, "dwo": 4, "qwo": 8}[op]
	if size == 0 {
		size = e.env.bits() / 8
	}
	var b [8]byte
	if err := e.bytes(memory, b[:size], addr); err != nil {
		return 0, e.fail(n, ErrMemory, err)
	}
	v := binary.LittleEndian.Uint64(b[:])
	if op == "poi" {
		v = e.env.extend(v)
	}
	return v, nil
}

var errNoMemory = errors.New("the target has no such memory")

func (e *evaluation) bytes(memory memsource.Source, b []byte, addr uint64) error {
	if memory == nil {
		return errNoMemory
	}
	_, err := memsource.Bind(e.ctx, memory).ReadMemory(b, addr)
	return err
}

func (e *evaluation) binary(n *node, a, b uint64) (uint64, error) {
	x, y := int64(a), int64(b)
	switch n.op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/", "%":
		if b == 0 {
			return 0, e.fail(n, ErrOperand, nil)
		}
		if n.op == "/" {
			return uint64(x / y), nil
		}
		return uint64(x % y), nil
	case "<<":
		return a << b, nil
	case ">>":
		return a >> b, nil
	case ">>>":
		return uint64(x >> b), nil
	case "&":
		return a & b, nil
	case "|":
		return a | b, nil
	case "^":
		return a ^ b, nil
	}
	return boolean(compared(n.op, cmp.Compare(x, y))), nil
}

// compared says whether the outcome of a comparison is that of an operator.
func compared(op string, c int) bool {
	switch op {
	case "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// symbol finds an address. A name that is none of a symbol may be a register's.
func (e *evaluation) symbol(n *node) (uint64, error) {
	if n.kind == kindSymbol && !strings.Contains(n.text, "!") {
		if r, ok := e.lookRegister(bare(strings.ToLower(n.text), e.env.bits())); ok {
			return e.widen(r), nil
		}
	}
	if e.env.Address == nil {
		return 0, e.fail(n, ErrResolve, nil)
	}
	v, err := e.env.Address(e.ctx, strings.TrimPrefix(n.text, "!"))
	if err != nil {
		return 0, e.fail(n, ErrResolve, err)
	}
	return e.env.extend(v), nil
}

// bare is the register a name without @ stands for: on x64 the pointers are as wide as
// there.
func bare(name string, bits int) string {
	if wide := map[string]string{"esp": "rsp", "ebp": "rbp", "eip": "rip"}[name]; wide != "" && bits == 64 {
		return wide
	}
	return name
}

func (e *evaluation) lookRegister(name string) (Register, bool) {
	if e.env.Register == nil {
		return Register{}, false
	}
	return e.env.Register(name)
}

// widen makes 64 bits of a register: those as wide as the target's addresses are
// extended by their sign.
func (e *evaluation) widen(r Register) uint64 {
	if r.Bits == 32 {
		return e.env.extend(r.Value)
	}
	return r.Value
}

func (e *evaluation) register(n *node) (uint64, error) {
	name := strings.ToLower(n.text)
	if n.kind == kindRegister {
		r, ok := e.lookRegister(name)
		if !ok {
			return 0, e.fail(n, ErrRegister, nil)
		}
		return e.widen(r), nil
	}
	p, known, err := e.pseudo(name)
	switch {
	case !known && n.op == "" && err == nil:
		return 0, e.fail(n, ErrResolve, nil)
	case !known || err != nil:
		return 0, e.fail(n, ErrRegister, err)
	}
	return p.Value, nil
}

func (e *evaluation) pseudo(name string) (Pseudo, bool, error) {
	switch name {
	case "$ptrsize":
		return Pseudo{Value: uint64(e.env.bits() / 8)}, true, nil
	case "$pagesize":
		return Pseudo{Value: e.env.pageSize()}, true, nil
	}
	if e.env.Pseudo == nil {
		return Pseudo{}, false, nil
	}
	return e.env.Pseudo(e.ctx, name)
}

func (e *evaluation) call(n *node, args []uint64) (uint64, error) {
	switch n.op {
	case "$vvalid":
		return e.valid(n, e.env.truncate(args[0]), args[1])
	case "$iment":
		return e.entry(n, e.env.truncate(args[0]))
	}
	whole := *n
	whole.at = -1
	return 0, e.fail(&whole, ErrUnsupported, nil)
}

// maxValid bounds the length that $vvalid takes, in bytes.
const maxValid = 1 << 30

// valid reports whether a range can be read.
func (e *evaluation) valid(n *node, addr, size uint64) (uint64, error) {
	if size == 0 || size > maxValid {
		return 0, e.fail(n, ErrLength, nil)
	}
	page := e.env.pageSize()
	var b [1]byte
	for at := addr; at-addr < size; at = at - at%page + page {
		if err := e.bytes(e.env.Memory, b[:], at); err != nil {
			if e.ctx.Err() != nil {
				return 0, e.ctx.Err()
			}
			return 0, nil
		}
	}
	return 1, nil
}

func (e *evaluation) entry(n *node, addr uint64) (uint64, error) {
	whole := *n
	whole.at = -1
	if e.env.Entry == nil {
		return 0, e.fail(&whole, ErrImage, nil)
	}
	v, err := e.env.Entry(e.ctx, addr)
	switch {
	case errors.Is(err, ErrImage):
		return 0, e.fail(&whole, ErrImage, err)
	case err != nil:
		return 0, e.fail(&whole, ErrMemory, err)
	}
	return e.env.extend(v), nil
}

// compare compares two strings.
func (e *evaluation) compare(n *node) (uint64, error) {
	a, b := n.strings[0], n.strings[1]
	switch n.op {
	case "$scmp":
		return uint64(int64(strings.Compare(a, b))), nil
	case "$sicmp":
		return uint64(int64(compareFold(a, b))), nil
	}
	if b == "" {
		return 0, nil
	}
	p, err := pattern.Parse(b)
	if err != nil {
		return 0, e.fail(n, ErrSyntax, fmt.Errorf("pattern %q: %w", b, err))
	}
	return boolean(p.Match([]byte(a))), nil
}

// compareFold returns the difference of the first letters that differ, in lower case.
func compareFold(a, b string) int {
	for i := 0; ; i++ {
		x, y := lowerAt(a, i), lowerAt(b, i)
		if x != y || x == 0 {
			return x - y
		}
	}
}

func lowerAt(s string, i int) int {
	switch {
	case i >= len(s):
		return 0
	case s[i] >= 'A' && s[i] <= 'Z':
		return int(s[i]) + 0x20
	}
	return int(s[i])
}
