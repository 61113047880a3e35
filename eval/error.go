package eval

import (
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with an expression; errors.Is finds these in an [*Error].
var (
	ErrSyntax      = errors.New("syntax error")
	ErrMissing     = errors.New("numeric expression missing")
	ErrExtra       = errors.New("extra character error") // the value is good
	ErrOverflow    = errors.New("overflow error")
	ErrResolve     = errors.New("couldn't resolve error") // no such symbol, module or type
	ErrRegister    = errors.New("bad register error")
	ErrMemory      = errors.New("memory access error") // Cause wraps a *memsource.Fault where the memory says why
	ErrOperand     = errors.New("operand error")       // division by zero
	ErrLength      = errors.New("invalid length")
	ErrImage       = errors.New("unknown image error")
	ErrType        = errors.New("type conflict error")
	ErrMember      = errors.New("type does not have given member error")
	ErrToken       = errors.New("unexpected token")
	ErrCharacter   = errors.New("unexpected character")
	ErrString      = errors.New("string literals not allowed")
	ErrLiteral     = errors.New("unexpected end of the literal")
	ErrIncomplete  = errors.New("incomplete symbol or type name")
	ErrNoPointer   = errors.New("no pointer for operator*")
	ErrNoAddress   = errors.New("no address for operator&")
	ErrNoArrow     = errors.New("type is not pointer for operator->")
	ErrNoArray     = errors.New("type is not an array or pointer for operator[]")
	ErrUnsupported = errors.New("unknown or unsupported return type")
	ErrReadOnly    = errors.New("targets are not written to")
	ErrTooLong     = errors.New("the expression is too long or too deep")
)

// Error is what is wrong with an expression, and where.
type Error struct {
	Err   error  // one of the errors of this package
	Cause error  // the reason, where there is more to say: that of a read, or of a symbol that was not found
	Expr  string // the whole expression
	// Pos is the offset in Expr at which the error was found; the debugger shows
	// what stands from there on. It is -1 for an error of the whole expression.
	Pos int
}

// Unwrap returns Err and Cause.
func (e *Error) Unwrap() []error { return []error{e.Err, e.Cause} }

// Rest returns the text from the place on, as the debugger shows it: `<EOL>` at
// the end, the whole expression for an error of the whole.
func (e *Error) Rest() string {
	switch {
	case e.Pos < 0 || e.Pos > len(e.Expr):
		return e.Expr
	case e.Pos == len(e.Expr):
		return "<EOL>"
	}
	return e.Expr[e.Pos:]
}

// Whole reports whether the debugger shows the whole line with a mark at the
// place, and not the rest of it.
func (e *Error) Whole() bool { return e.Pos < 0 || errors.Is(e.Err, ErrExtra) }

// Error returns the error in the debugger's words. The text of the expression is
// as it was given.
func (e *Error) Error() string {
	in := "at"
	switch e.Err {
	case ErrMissing:
		in = "from"
	case ErrLength, ErrCharacter, ErrString:
		in = "in"
	case ErrToken, ErrLiteral, ErrIncomplete, ErrNoPointer, ErrNoAddress, ErrNoArrow, ErrNoArray:
		return fmt.Sprintf("%s '%s'", e.What(), e.Rest())
	}
	if e.Whole() {
		in = "in"
	}
	return fmt.Sprintf("%s %s '%s'", e.What(), in, e.Rest())
}

// What returns what is wrong without the place, in the debugger's words.
func (e *Error) What() string {
	if e.Err == ErrLiteral {
		return "EOF in literal"
	}
	what := e.Err.Error()
	return strings.ToUpper(what[:1]) + what[1:]
}
