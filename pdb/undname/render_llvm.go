package undname

// cvLLVM writes const and volatile, each after a space; tight: the first
// without one, behind a '*'.
func (w *printer) cvLLVM(q uint16, spaced bool) {
	for _, c := range [...]struct {
		bit  uint16
		word string
	}{{qualConst, "const"}, {qualVolatile, "volatile"}, {qualRestrict, "__restrict"}} {
		if q&c.bit == 0 {
			continue
		}
		if spaced {
			w.str(" ")
		}
		w.str(c.word)
		spaced = true
	}
}

// pointerLLVM writes "T *", "T (__cc *" or "T (*".
func (w *printer) pointerLLVM(n *node) {
	q, extra := n.flags, w.outer
	w.outer = 0
	target := w.p.at(n.a)
	switch target.kind {
	case kindSignature:
		w.signatureResult(target)
	default:
		w.pre(n.a)
		said := target.flags
		if target.kind == kindArray {
			said |= w.p.at(target.a).flags
		}
		w.cvLLVM(extra&^said&(qualConst|qualVolatile), true)
	}
	w.spaceAfterWord()
	if (q|extra)&qualUnaligned != 0 {
		w.str("__unaligned ")
	}
	switch target.kind {
	case kindSignature:
		w.str("(")
		w.str(callingName(target.sub, true)) // whatever the flags
		w.str(" ")
	case kindArray:
		w.str("(")
	}
	w.star(n)
	w.cvLLVM(q|extra&qualRestrict, false)
}

func (w *printer) thisQualsLLVM(q uint16) {
	w.cvLLVM(q, true)
	if q&qualUnaligned != 0 {
		w.str(" __unaligned")
	}
	if q&qualNoexcept != 0 {
		w.str(" noexcept")
	}
	if q&qualLvalue != 0 {
		w.str(" &")
	}
	if q&qualRvalue != 0 {
		w.str(" &&")
	}
}
