package eval

import "cmp"

func (e *evaluation) cppBinary(n *node) (Value, error) {
	a, err := e.value(n.args[0])
	if err != nil {
		return Value{}, err
	}
	switch {
	case n.op == "&&" && !a.truth(), n.op == "||" && a.truth():
		return made(mustBuiltin("bool"), boolean(a.truth())), nil
	}
	b, err := e.value(n.args[1])
	if err != nil {
		return Value{}, err
	}
	if n.op == "," {
		return b, nil
	}
	v, err := e.arithmetic(n.op, a, b)
	if err != nil {
		return Value{}, e.fail(n, err, nil)
	}
	return v, nil
}

// arithmetic computes an operation of two values.
func (e *evaluation) arithmetic(op string, a, b Value) (Value, error) {
	switch {
	case a.typ.kind == typeStruct || b.typ.kind == typeStruct || a.typ.kind == typeFunction || b.typ.kind == typeFunction:
		return Value{}, ErrType
	case op == "&&" || op == "||":
		return made(mustBuiltin("bool"), boolean(b.truth())), nil
	case a.typ.kind == typePointer || b.typ.kind == typePointer:
		return e.pointers(op, a, b)
	case a.typ.kind == typeFloat || b.typ.kind == typeFloat:
		return e.floats(op, a, b)
	case a.typ.kind == typeBool && b.typ.kind == typeBool && (op == "==" || op == "!="):
		return made(a.typ, boolean(compared(op, cmp.Compare(a.Uint, b.Uint)))), nil
	case !a.typ.isInteger() || !b.typ.isInteger():
		return Value{}, ErrType
	}
	return integers(op, a, b)
}

// common is the type of an operation: the larger one, and of two as large the
// unsigned one.
func common(a, b ctype) ctype {
	if b.size > a.size || b.size == a.size && b.kind == typeUint {
		return b
	}
	return a
}

func integers(op string, a, b Value) (Value, error) {
	t := common(a.typ, b.typ)
	x, y := t.wrap(a.Uint), t.wrap(b.Uint)
	signed := t.kind != typeUint
	switch op {
	case "+":
		return made(t, x+y), nil
	case "-":
		return made(t, x-y), nil
	case "*":
		return made(t, x*y), nil
	case "&":
		return made(t, x&y), nil
	case "|":
		return made(t, x|y), nil
	case "^":
		return made(t, x^y), nil
	case "/", "%":
		return divided(op, t, x, y)
	case "<<", ">>":
		return shifted(op, a, b), nil
	}
	c := cmp.Compare(x, y)
	if signed {
		c = cmp.Compare(int64(x), int64(y))
	}
	return made(mustBuiltin("bool"), boolean(compared(op, c))), nil
}

func divided(op string, t ctype, x, y uint64) (Value, error) {
	switch {
	case y == 0:
		return Value{}, ErrOperand
	case t.kind == typeUint && op == "/":
		return made(t, x/y), nil
	case t.kind == typeUint:
		return made(t, x%y), nil
	case op == "/":
		return made(t, uint64(int64(x)/int64(y))), nil
	}
	return made(t, uint64(int64(x)%int64(y))), nil
}

// shifted is a shift, which keeps the type on its left. No bit is left of a shift by
// more than the size.
func shifted(op string, a, b Value) Value {
	switch {
	case b.Uint >= 8*a.typ.size:
		return made(a.typ, 0)
	case op == "<<":
		return made(a.typ, a.Uint<<b.Uint)
	case a.typ.kind == typeUint:
		return made(a.typ, a.Uint>>b.Uint)
	}
	return made(a.typ, uint64(int64(a.Uint)>>b.Uint))
}

// floats computes with at least one number that has a fraction.
func (e *evaluation) floats(op string, a, b Value) (Value, error) {
	t := a.typ
	if b.typ.kind == typeFloat && (t.kind != typeFloat || b.typ.size > t.size) {
		t = b.typ
	}
	x, okX := e.convert(a, t)
	y, okY := e.convert(b, t)
	if !okX || !okY || a.typ.kind == typeBool || b.typ.kind == typeBool {
		return Value{}, ErrType
	}
	switch op {
	case "+":
		return floating(t, x.float+y.float), nil
	case "-":
		return floating(t, x.float-y.float), nil
	case "*":
		return floating(t, x.float*y.float), nil
	case "/":
		if y.float == 0 {
			return Value{}, ErrOperand
		}
		return floating(t, x.float/y.float), nil
	case "==", "!=", "<", "<=", ">", ">=":
		return made(mustBuiltin("bool"), boolean(compared(op, cmp.Compare(x.float, y.float)))), nil
	}
	return Value{}, ErrType
}

// pointers computes with at least one pointer: sums with numbers, differences,
// comparisons.
func (e *evaluation) pointers(op string, a, b Value) (Value, error) {
	both := a.typ.kind == typePointer && b.typ.kind == typePointer
	p, i := a, b
	if a.typ.kind != typePointer {
		p, i = b, a
	}
	elem, err := p.typ.element()
	switch {
	case !both && !i.typ.isInteger() || err != nil:
		return Value{}, ErrType
	case op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">=":
		c := cmp.Compare(e.env.truncate(a.Uint), e.env.truncate(b.Uint))
		return made(mustBuiltin("bool"), boolean(compared(op, c))), nil
	case elem.size == 0:
		return Value{}, ErrType
	case op == "-" && both:
		return made(sized(true, e.env.bits()), uint64(int64(a.Uint-b.Uint)/int64(elem.size))), nil
	case op == "+" && !both:
		return made(p.typ, p.Uint+i.Uint*elem.size), nil
	case op == "-" && p.typ.kind == a.typ.kind && !both:
		return made(p.typ, p.Uint-i.Uint*elem.size), nil
	}
	return Value{}, ErrType
}
