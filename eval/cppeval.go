package eval

import (
	"context"
	"encoding/binary"
	"math"
	"strings"

	"github.com/symres/symres/pdb"
)

// CPP evaluates an expression of C++. The errors are those of [MASM].
func CPP(ctx context.Context, env *Env, text string) (Value, error) {
	x, err := ParseCPP(text)
	if x == nil {
		return Value{}, err
	}
	return x.Eval(ctx, env)
}

// cpp computes a node of C++.
func (e *evaluation) cpp(n *node) (Value, error) {
	switch n.kind {
	case kindValue:
		return n.value, nil
	case kindSymbol:
		return e.variable(n)
	case kindRegister, kindPseudo:
		return e.cppRegister(n)
	case kindCast:
		return e.cast(n)
	case kindSizeof:
		return e.sizeOf(n)
	case kindMember:
		return e.member(n)
	case kindIndex:
		return e.index(n)
	case kindMacro:
		return e.macro(n)
	case kindCond:
		c, err := e.value(n.args[0])
		if err != nil {
			return Value{}, err
		}
		if c.truth() {
			return e.value(n.args[1])
		}
		return e.value(n.args[2])
	case kindUnary:
		return e.cppUnary(n)
	}
	return e.cppBinary(n)
}

// made is a value that was computed.
func made(t ctype, u uint64) Value { return Value{Uint: t.wrap(u), typ: t, cpp: true} }

// wrap cuts a number to the size of a type, and extends it to 64 bits.
func (t ctype) wrap(u uint64) uint64 {
	if t.kind == typeBool {
		return boolean(u != 0)
	}
	if t.size == 0 || t.size >= 8 {
		return u
	}
	shift := 64 - 8*t.size
	if t.kind == typeInt || t.kind == typeEnum {
		return uint64(int64(u<<shift) >> shift)
	}
	return u << shift >> shift
}

func (v Value) truth() bool { return v.Uint != 0 || v.typ.kind == typeFloat && v.float != 0 }

// at is the value of a type at an address.
func (e *evaluation) at(n *node, addr uint64, t ctype) (Value, error) {
	v := Value{typ: t, addr: addr, stands: true, cpp: true}
	switch t.kind {
	case typeStruct, typeArray, typeFunction:
		return v, nil
	case typeVoid:
		return v, e.fail(n, ErrType, nil)
	}
	var b [8]byte
	if t.size == 0 || t.size > 8 {
		return v, e.fail(n, ErrType, nil)
	}
	if err := e.bytes(e.env.Memory, b[:t.size], e.env.truncate(addr)); err != nil {
		return v, e.fail(n, ErrMemory, err)
	}
	v.Uint = t.wrap(binary.LittleEndian.Uint64(b[:]))
	if t.kind == typeFloat {
		v.float = math.Float64frombits(v.Uint)
		if t.size == 4 {
			v.float = float64(math.Float32frombits(uint32(v.Uint)))
		}
	}
	return v, nil
}

func (e *evaluation) variable(n *node) (Value, error) {
	if e.env.Variable == nil {
		return Value{}, e.fail(n, ErrResolve, nil)
	}
	addr, def, err := e.env.Variable(e.ctx, n.text)
	if err != nil {
		return Value{}, e.fail(n, ErrResolve, err)
	}
	t, err := typeOf(def)
	if err != nil {
		return Value{}, e.fail(n, ErrResolve, err)
	}
	return e.at(n, addr, t)
}

func (e *evaluation) cppRegister(n *node) (Value, error) {
	name, bits := strings.ToLower(n.text), e.env.bits()
	if n.kind == kindRegister {
		r, ok := e.lookRegister(name)
		if !ok {
			return Value{}, e.fail(n, ErrRegister, nil)
		}
		t := sized(false, bits)
		if narrow := map[int]string{16: "unsigned short", 32: "unsigned int"}[r.Bits]; narrow != "" && bits == 64 {
			t = mustBuiltin(narrow)
		}
		return made(t, r.Value), nil
	}
	p, known, err := e.pseudo(name)
	if !known || err != nil {
		return Value{}, e.fail(n, ErrRegister, err)
	}
	if p.Type.Kind() == pdb.TypeOther {
		switch {
		case p.Pointer:
			return made(pointerTo(mustBuiltin("unsigned char"), bits), p.Value), nil
		case name == "$ptrsize" || name == "$pagesize" || name == "$tpid" || name == "$tid":
			return made(mustBuiltin("unsigned int"), p.Value), nil
		}
		return made(sized(false, bits), p.Value), nil
	}
	t, err := typeOf(p.Type)
	if err != nil {
		return Value{}, e.fail(n, ErrRegister, err)
	}
	if p.Pointer {
		t = pointerTo(t, bits)
	}
	return made(t, p.Value), nil
}

// resolve finds a type by its name.
func (e *evaluation) resolve(n *node, name typeName) (ctype, error) {
	t, ok := builtin(name.name)
	if !ok {
		err := error(nil)
		var def pdb.Type
		if e.env.Type != nil {
			def, err = e.env.Type(e.ctx, name.name)
		}
		if e.env.Type != nil && err == nil {
			t, err = typeOf(def)
		}
		if e.env.Type == nil || err != nil {
			return t, e.failAt(ErrResolve, err, name.pos)
		}
	}
	for range name.stars {
		t = pointerTo(t, e.env.bits())
	}
	return t, nil
}

func (e *evaluation) failAt(err, cause error, pos int) error {
	return e.fail(&node{at: pos}, err, cause)
}

func (e *evaluation) cast(n *node) (Value, error) {
	t, err := e.resolve(n, n.typ)
	if err != nil {
		return Value{}, err
	}
	v, err := e.value(n.args[0])
	if err != nil {
		return Value{}, err
	}
	out, ok := e.convert(v, t)
	if !ok {
		return Value{}, e.fail(n, ErrType, nil)
	}
	return out, nil
}

// convert makes a value one of another type.
func (e *evaluation) convert(v Value, t ctype) (Value, bool) {
	if v.typ.kind == typeStruct || t.kind == typeStruct || t.kind == typeArray || t.kind == typeFunction {
		return Value{}, false
	}
	u := v.Uint
	switch v.typ.kind {
	case typeFloat:
		if t.kind == typeFloat {
			return floating(t, v.float), true
		}
		u = floatBits(v.float)
	case typeArray, typeFunction:
		u = v.addr
	}
	if t.kind == typeFloat {
		f := float64(int64(u))
		if v.typ.kind == typeUint {
			f = float64(u)
		}
		return floating(t, f), true
	}
	return made(t, u), true
}

func floating(t ctype, f float64) Value {
	if t.size == 4 {
		f = float64(float32(f))
	}
	return Value{float: f, typ: t, cpp: true}
}

func (e *evaluation) sizeOf(n *node) (Value, error) {
	size := sized(false, e.env.bits())
	if len(n.args) == 0 {
		t, err := e.resolve(n, n.typ)
		return made(size, t.size), err
	}
	if a := n.args[0]; a.kind == kindSymbol && e.env.Type != nil {
		t, err := e.resolve(n, typeName{name: a.text, pos: a.at})
		if err == nil {
			return made(size, t.size), nil
		}
	}
	v, err := e.value(n.args[0])
	return made(size, v.typ.size), err
}

func (e *evaluation) member(n *node) (Value, error) {
	v, err := e.value(n.args[0])
	if err != nil {
		return Value{}, err
	}
	owner, base := v.typ, v.addr
	if v.typ.kind == typePointer {
		if owner, err = v.typ.element(); err != nil {
			return Value{}, e.fail(n, ErrType, err)
		}
		base = v.Uint
	} else if n.op == "->" {
		return Value{}, e.failAt(ErrNoArrow, nil, n.pos)
	}
	if owner.kind != typeStruct {
		return Value{}, e.fail(n, ErrMember, nil)
	}
	return e.field(n, owner, base, n.text)
}

func (e *evaluation) field(n *node, owner ctype, base uint64, path string) (Value, error) {
	f, err := owner.def.Field(path)
	if err != nil {
		return Value{}, e.fail(n, ErrMember, err)
	}
	t, err := typeOf(f.Type)
	if err != nil {
		return Value{}, e.fail(n, ErrType, err)
	}
	v, err := e.at(n, base+f.Offset, t)
	if err == nil && f.Bits != 0 {
		v.Uint = v.Uint >> f.Bit & (1<<f.Bits - 1)
		if t.kind == typeInt {
			v.Uint = uint64(int64(v.Uint<<(64-f.Bits)) >> (64 - f.Bits))
		}
	}
	return v, err
}

func (e *evaluation) index(n *node) (Value, error) {
	v, err := e.value(n.args[0])
	if err != nil {
		return Value{}, err
	}
	i, err := e.value(n.args[1])
	if err != nil {
		return Value{}, err
	}
	base := v.addr
	switch {
	case v.typ.kind == typePointer:
		base = v.Uint
	case v.typ.kind != typeArray:
		return Value{}, e.failAt(ErrNoArray, nil, n.pos)
	}
	t, err := v.typ.element()
	if err != nil || !i.typ.isInteger() || t.size == 0 {
		return Value{}, e.fail(n, ErrType, err)
	}
	return e.at(n, base+i.Uint*t.size, t)
}

func (e *evaluation) macro(n *node) (Value, error) {
	t, err := e.resolve(n, n.typ)
	if err != nil {
		return Value{}, err
	}
	if t.kind != typeStruct {
		return Value{}, e.fail(n, ErrMember, nil)
	}
	f, err := t.def.Field(n.text)
	if err != nil {
		return Value{}, e.fail(n, ErrMember, err)
	}
	switch n.op {
	case "#FIELD_OFFSET":
		return made(mustBuiltin("long"), f.Offset), nil
	case "#RTL_FIELD_SIZE":
		size, err := f.Type.Size()
		if err != nil {
			return Value{}, e.fail(n, ErrType, err)
		}
		return made(sized(false, e.env.bits()), size), nil
	}
	v, err := e.value(n.args[0])
	if err != nil {
		return Value{}, err
	}
	if v.typ.kind != typePointer && !v.typ.isInteger() {
		return Value{}, e.fail(n, ErrType, nil)
	}
	return made(pointerTo(t, e.env.bits()), v.Uint-f.Offset), nil
}

func (e *evaluation) cppUnary(n *node) (Value, error) {
	v, err := e.value(n.args[0])
	if err != nil {
		return Value{}, err
	}
	switch n.op {
	case "*":
		if v.typ.kind != typePointer {
			return Value{}, e.fail(n, ErrNoPointer, nil)
		}
		t, err := v.typ.element()
		if err != nil {
			return Value{}, e.fail(n, ErrType, err)
		}
		return e.at(n, v.Uint, t)
	case "&":
		return e.addressOf(n, v)
	case "!":
		if v.typ.kind == typeStruct {
			return Value{}, e.fail(n, ErrType, nil)
		}
		return made(mustBuiltin("bool"), boolean(!v.truth())), nil
	}
	switch {
	case v.typ.kind == typeFloat && n.op == "-":
		return floating(v.typ, -v.float), nil
	case n.op == "+" && (v.typ.kind == typeFloat || v.typ.isInteger()):
		return v, nil
	case !v.typ.isInteger():
		return Value{}, e.fail(n, ErrType, nil)
	case n.op == "-":
		return made(v.typ, -v.Uint), nil
	}
	return made(v.typ, ^v.Uint), nil
}

// addressOf is the address of a value; that of an array is one of its elements, as the
// debugger has it.
func (e *evaluation) addressOf(n *node, v Value) (Value, error) {
	if !v.stands {
		return Value{}, e.fail(n, ErrNoAddress, nil)
	}
	t := v.typ
	if t.kind == typeArray {
		elem, err := t.element()
		if err != nil {
			return Value{}, e.fail(n, ErrType, err)
		}
		t = elem
	}
	return made(pointerTo(t, e.env.bits()), v.addr), nil
}
