package eval

import (
	"context"
	"strconv"
	"strings"
)

// kind is what a node of an expression is.
type kind uint8

const (
	kindNumber   kind = iota
	kindUnary         // op args[0]
	kindBinary        // args[0] op args[1]
	kindSymbol        // a symbol or module, by its name
	kindQuoted        // @!"name"
	kindRegister      // @name, or a name without @ that may be a register
	kindPseudo        // $name; op is "@" with it
	kindCall          // $vvalid, $iment and $fnsucc, by op
	kindStrings       // $scmp, $sicmp and $spat, by op, of strings
	kindMASM          // @@masm(args[0])
	kindCPP           // @@c++(args[0])
	// Of C++ alone:
	kindValue  // a literal with a type
	kindCast   // (typ) args[0]
	kindSizeof // sizeof(typ), or of args[0]
	kindMember // args[0].text, or -> by op
	kindIndex  // args[0][args[1]]
	kindCond   // args[0] ? args[1] : args[2]
	kindMacro  // #FIELD_OFFSET and its like, by op; typ, and text for the member
)

// node is a part of an expression.
type node struct {
	kind    kind
	op      string
	text    string
	strings [2]string
	num     number
	value   Value
	typ     typeName
	args    []*node
	cpp     bool
	at      int // where the debugger points to when its value cannot be had
	pos     int // where it begins
}

// Expr is an expression that was understood. It is immutable and safe for concurrent
// use.
type Expr struct {
	text string
	root *node
	cpp  bool
	err  *Error // something stands behind it
}

// String returns the expression with parentheses around every operation and in one
// spelling. In the radix it was read in it is understood as the same expression,
// unless the parentheses make it too deep.
func (x *Expr) String() string {
	var b strings.Builder
	x.root.print(&b)
	return b.String()
}

// Eval evaluates the expression. The error is an [*Error], or that of ctx.
func (x *Expr) Eval(ctx context.Context, env *Env) (Value, error) {
	e := &evaluation{ctx: ctx, env: env, text: x.text}
	v, err := e.value(x.root)
	if err == nil && x.err != nil {
		err = x.err
	}
	return v, err
}

func (n *node) print(b *strings.Builder) {
	switch n.kind {
	case kindNumber:
		n.printNumber(b)
	case kindUnary:
		b.WriteString("(" + n.op + " ")
		n.args[0].printBehind(b, n.op)
		b.WriteString(")")
	case kindBinary:
		b.WriteString("(")
		n.args[0].print(b)
		b.WriteString(" " + n.op + " ")
		n.args[1].printBehind(b, n.op)
		b.WriteString(")")
	case kindSymbol:
		b.WriteString(n.text)
	case kindQuoted:
		b.WriteString(`@!"` + n.text + `"`)
	case kindRegister, kindPseudo:
		b.WriteString(n.op + n.text)
	case kindCall:
		b.WriteString(n.op)
		n.printArgs(b)
	case kindStrings:
		b.WriteString(n.op + "(" + quote(n.strings[0]) + "," + quote(n.strings[1]) + ")")
	case kindMASM, kindCPP:
		b.WriteString(map[kind]string{kindMASM: "@@masm(", kindCPP: "@@c++("}[n.kind])
		n.args[0].print(b)
		b.WriteString(")")
	default:
		n.printCPP(b)
	}
}

// printBehind prints an operand. A number that is extended by its sign stands in
// parentheses behind +, where it would not be.
func (n *node) printBehind(b *strings.Builder, op string) {
	if op == "+" && n.kind == kindNumber && !n.num.ticked {
		b.WriteString("(")
		n.print(b)
		b.WriteString(")")
		return
	}
	n.print(b)
}

// printNumber spells a number so that it has the value it has in any radix: with
// the back-tick that it has, or without one.
func (n *node) printNumber(b *strings.Builder) {
	text := strconv.FormatUint(n.num.value, 16)
	if n.num.ticked {
		text = "`" + text
	}
	b.WriteString("0x" + text)
}

func (n *node) printArgs(b *strings.Builder) {
	b.WriteString("(")
	for i, a := range n.args {
		if i > 0 {
			b.WriteString(",")
		}
		a.print(b)
	}
	b.WriteString(")")
}

// quote spells a string for $scmp.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
