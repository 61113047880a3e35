package undname

import "strconv"

// inlineOutput is how long a result is kept without a heap allocation.
const inlineOutput = 512

// A printer writes one parsed name. It stops at the limits; then full is set
// and what it wrote is of no use.
//
// It holds the parser and the first part of the result by value, so that both
// stay on the stack: a pointer beside a slice that grows would put them on the
// heap.
type printer struct {
	p     parser
	first [inlineOutput]byte
	n     int    // bytes of first in use, until long is
	long  []byte // the whole result once first is too small
	steps int
	style Style
	flags Flags
	full  bool
	outer uint16 // LLVM: what follows a variable of pointer type
}

func (w *printer) llvm() bool     { return w.style == StyleLLVM }
func (w *printer) nameOnly() bool { return w.style == StyleMicrosoft && w.flags&NameOnlyFlag != 0 }

// print writes the symbol; false means that a limit was met.
func (w *printer) print(root int32, style Style, flags Flags) bool {
	w.style, w.flags = style, flags
	w.symbol(root)
	return !w.full
}

// bytes returns what was written, until more is.
func (w *printer) bytes() []byte {
	if w.long != nil {
		return w.long
	}
	return w.first[:w.n]
}

// step counts work and reports whether there may be more.
func (w *printer) step() bool {
	w.steps++
	if w.steps > maxSteps {
		w.full = true
	}
	return !w.full
}

func (w *printer) str(s string) {
	switch {
	case w.long == nil && len(s) <= len(w.first)-w.n:
		w.n += copy(w.first[w.n:], s)
	case len(s) > maxOutput-w.n-len(w.long):
		w.full = true
	default:
		if w.long == nil {
			w.long = append(make([]byte, 0, 4*inlineOutput+len(s)), w.first[:w.n]...)
			w.n = 0
		}
		w.long = append(w.long, s...)
	}
}

func (w *printer) num(v uint64) {
	var digits [20]byte
	w.str(string(strconv.AppendUint(digits[:0], v, 10)))
}

// last returns the last byte written, ' ' when there is none.
func (w *printer) last() byte {
	switch {
	case w.long != nil:
		return w.long[len(w.long)-1]
	case w.n > 0:
		return w.first[w.n-1]
	}
	return ' '
}

// space parts two words.
func (w *printer) space() {
	if w.last() != ' ' {
		w.str(" ")
	}
}

// spaceAfterWord is LLVM's rule: a space only after a letter, digit or '>'.
func (w *printer) spaceAfterWord() {
	switch c := w.last(); {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '>':
		w.str(" ")
	}
}

// keyword writes one of Microsoft's words, which flags can shorten.
func (w *printer) keyword(word string) {
	if w.flags&NoLeadingUnderscores != 0 && w.style == StyleMicrosoft && len(word) > 2 && word[:2] == "__" {
		word = word[2:]
	}
	w.str(word)
}

func (w *printer) comma() {
	if w.llvm() {
		w.str(", ")
	} else {
		w.str(",")
	}
}

func (w *printer) text(n *node) { w.str(w.p.s[n.a:n.b]) }

// number writes a number with its sign.
func (w *printer) number(i int32) {
	n := w.p.at(i)
	if n.sub == 1 {
		w.str("-")
	}
	w.num(n.value())
}

// offset writes an offset of a thunk, of 32 bits. LLVM gives it a sign.
func (w *printer) offset(i int32) {
	n := w.p.at(i)
	v := int32(uint32(n.value()))
	if n.sub == 1 {
		v = -v
	}
	if !w.llvm() {
		w.num(uint64(uint32(v)))
		return
	}
	if v < 0 {
		w.str("-")
	}
	w.num(uint64(max(int64(v), -int64(v))))
}

// numberList writes a list of numbers between commas.
func (w *printer) numberList(list int32, offsets bool) {
	for c := list; c != 0; c = w.p.at(c).b {
		if c != list {
			w.comma()
		}
		if offsets {
			w.offset(w.p.at(c).a)
		} else {
			w.number(w.p.at(c).a)
		}
	}
}

// qualified writes a name with its scopes.
func (w *printer) qualified(i int32) {
	if i == 0 || !w.step() {
		return
	}
	q := w.p.at(i)
	if w.llvm() {
		if d := w.p.at(q.a); d.kind == kindDynamic && w.p.at(d.a).kind < kindQualified {
			w.dynamicLLVM(q, d)
			return
		}
	}
	w.scopes(q)
	w.component(q.a, q.c)
}

// scopes writes what stands before the last component.
func (w *printer) scopes(q *node) {
	for c := q.b; c != 0 && !w.full; c = w.p.at(c).b {
		w.component(w.p.at(c).a, 0)
		w.str("::")
	}
}

// component writes one part of a qualified name; class is the scope around it.
func (w *printer) component(i, class int32) {
	if i == 0 || !w.step() {
		return
	}
	switch n := w.p.at(i); n.kind {
	case kindText:
		w.text(n)
	case kindAnonymous:
		w.anonymous(n)
	case kindTemplate:
		w.template(n, class)
	case kindOperator:
		w.operator(n)
	case kindCtor:
		w.component(class, 0)
	case kindDtor:
		w.str("~")
		w.component(class, 0)
	case kindConversion:
		w.str("operator ")
		w.typ(n.a)
	case kindLiteral:
		w.literal(n)
	case kindBlock:
		w.str("`")
		w.number(n.a)
		w.str("'")
	case kindEnclosing:
		w.str("`")
		w.symbol(n.a)
		w.str("'")
	case kindInterface:
		w.str("[")
		w.qualified(n.a)
		w.str("]")
	case kindDynamic:
		w.dynamic(n)
	case kindUDTReturn:
		w.str("`udt returning'")
		w.component(n.a, class)
	case kindTypeDesc:
		w.descriptor(n.a, "`RTTI Type Descriptor'")
	case kindBaseDesc:
		w.str("`RTTI Base Class Descriptor at (")
		w.numberList(n.a, false)
		w.str(")'")
	}
}

// anonymous writes a namespace without a name. LLVM writes what tells it apart
// where a digit refers back to it.
func (w *printer) anonymous(n *node) {
	if w.llvm() && n.sub == 1 {
		w.text(n)
		return
	}
	w.str("`anonymous namespace'")
}

func (w *printer) operator(n *node) {
	if w.llvm() {
		if s := operatorLLVM(n.flags, n.sub); s != "" {
			w.str(s)
			return
		}
	}
	w.str(operatorName(n.flags, n.sub))
}

func (w *printer) literal(n *node) {
	w.str(`operator ""`)
	if !w.llvm() {
		w.str(" ")
	}
	w.text(n)
}

// descriptor writes what describes a type. LLVM declares it as a variable of
// the type.
func (w *printer) descriptor(t int32, what string) {
	w.pre(t)
	if w.llvm() {
		w.spaceAfterWord()
		w.str(what)
		w.post(t)
		return
	}
	w.post(t)
	w.space()
	w.str(what)
}

func dynamicWord(n *node) string {
	if n.sub == 1 {
		return "`dynamic atexit destructor for "
	}
	return "`dynamic initializer for "
}

// dynamic writes the function that initializes or destroys a variable.
func (w *printer) dynamic(n *node) {
	w.str(dynamicWord(n))
	if w.llvm() {
		w.str("`")
	} else {
		w.str("'")
	}
	if w.p.at(n.a).kind < kindQualified {
		w.component(n.a, 0)
	} else {
		w.symbol(n.a)
	}
	w.str("''")
}

// dynamicLLVM writes the scopes inside the quotes.
func (w *printer) dynamicLLVM(q, d *node) {
	w.str(dynamicWord(d))
	w.str("'")
	w.scopes(q)
	w.component(d.a, 0)
	w.str("''")
}

// template writes a name with arguments. Those of a conversion operator stand
// before the type.
func (w *printer) template(n *node, class int32) {
	if base := w.p.at(n.a); base.kind == kindConversion {
		w.str("operator")
		w.arguments(n)
		w.str(" ")
		w.typ(base.a)
		return
	}
	w.component(n.a, class)
	w.arguments(n)
}

// arguments writes the arguments of a template.
func (w *printer) arguments(t *node) {
	w.str("<")
	for c := t.b; c != 0 && !w.full; c = w.p.at(c).b {
		if c != t.b {
			w.comma()
		}
		w.argument(w.p.at(c).a)
	}
	if !w.llvm() && w.last() == '>' {
		w.str(" ")
	}
	w.str(">")
}
