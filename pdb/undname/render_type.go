package undname

// A type is written in two halves: pre goes before the name it declares, post
// behind it.

// typ writes a type that declares no name.
func (w *printer) typ(i int32) {
	w.pre(i)
	w.post(i)
}

// pre writes the first half. It reports a pointer to a function or the like,
// behind which Microsoft puts no space.
func (w *printer) pre(i int32) (tight bool) { return w.preOuter(i, true) }

// preOuter is pre; outer says whether to show the qualifiers of the pointer
// itself, which Microsoft hides where a name follows.
func (w *printer) preOuter(i int32, outer bool) (tight bool) {
	if i == 0 || !w.step() {
		return false
	}
	n := w.p.at(i)
	switch n.kind {
	case kindPrimitive:
		w.primitive(n)
	case kindTag:
		w.tag(n)
	case kindNamedType:
		w.qualified(n.a)
	case kindPointer:
		if w.llvm() {
			w.pointerLLVM(n)
			return false
		}
		return w.pointer(n, outer)
	case kindArray:
		return w.arrayPre(n)
	case kindSignature:
		w.signaturePre(n)
		return false
	}
	if w.llvm() {
		w.cvLLVM(n.flags, true)
	} else {
		w.typeQuals(n.flags)
	}
	return false
}

func (w *printer) primitive(n *node) {
	if n.flags&qualW64 != 0 && !w.llvm() {
		w.str("__w64 ")
	}
	switch n.c {
	case 0:
		w.str(primitiveName(n.sub))
	case 1:
		w.str(extendedName(n.sub))
	default:
		w.str("std::nullptr_t")
	}
}

func (w *printer) tag(n *node) {
	if w.flags&NoClassKeywords == 0 || n.sub >= tagEnum && n.sub < tagCoclass {
		w.str(tagName(n.sub))
	}
	w.qualified(n.a)
}

// typeQuals writes Microsoft's qualifiers behind a type that is no pointer,
// with a space behind them.
func (w *printer) typeQuals(q uint16) {
	if q&(qualConst|qualVolatile) == 0 {
		return
	}
	w.str(" ")
	w.cv(q)
}

// cv writes const and volatile, each with a space behind it.
func (w *printer) cv(q uint16) {
	if q&qualConst != 0 {
		w.str("const ")
	}
	if q&qualVolatile != 0 {
		w.str("volatile ")
	}
}

// ext writes the other qualifiers, each with a space behind it.
func (w *printer) ext(q uint16) {
	if w.noKeywords() {
		return
	}
	if q&qualUnaligned != 0 {
		w.keyword("__unaligned ")
	}
	if q&qualPtr64 != 0 && w.flags&NoPtr64 == 0 {
		w.keyword("__ptr64 ")
	}
	if q&qualRestrict != 0 {
		w.keyword("__restrict ")
	}
}

// pointer writes "T *", "T (__cc*" or "T (*".
func (w *printer) pointer(n *node, outer bool) (tight bool) {
	target := w.p.at(n.a)
	switch target.kind {
	case kindSignature:
		w.signatureResult(target)
		w.str("(")
		if w.calling(target.sub) && n.b != 0 {
			w.str(" ")
		}
		w.star(n)
		if outer {
			w.cv(n.flags)
			w.trim()
		}
		return true
	case kindArray:
		if !w.preOuter(target.a, false) {
			w.space()
		}
		w.str("(")
		w.cv(target.flags)
	default:
		tight = w.pre(n.a)
		if !tight {
			w.space()
		}
		if n.flags&qualUnaligned != 0 && !w.noKeywords() {
			w.keyword("__unaligned ")
		}
	}
	w.star(n)
	if outer || n.flags&(qualPtr64|qualRestrict) != 0 {
		w.pointerQuals(n.flags, outer)
	}
	return false
}

// trim takes back a space.
func (w *printer) trim() {
	switch {
	case w.last() != ' ':
	case len(w.long) > 1:
		w.long = w.long[:len(w.long)-1]
	case w.n > 0:
		w.n--
	}
}

// star writes the class of a member pointer and the mark.
func (w *printer) star(n *node) {
	if n.b != 0 {
		w.qualified(n.b)
		w.str("::")
	}
	switch {
	case n.flags&qualHandle != 0 && n.sub == markPointer:
		w.str("^")
	case n.flags&(qualHandle|qualTracking) != 0:
		w.str("%")
	case n.sub == markReference:
		w.str("&")
	case n.sub == markRvalue:
		w.str("&&")
	default:
		w.str("*")
	}
}

// pointerQuals writes the qualifiers of the pointer itself.
func (w *printer) pointerQuals(q uint16, cv bool) {
	w.str(" ")
	w.ext(q &^ qualUnaligned)
	if cv {
		w.cv(q)
	}
	w.trim()
}

// arrayPre writes the element of an array that nothing points to.
func (w *printer) arrayPre(n *node) bool {
	if w.llvm() {
		w.pre(n.a)
		w.cvLLVM(n.flags&^w.p.at(n.a).flags, true)
		return false
	}
	tight := w.preOuter(n.a, false)
	w.typeQuals(n.flags)
	if !tight {
		w.space()
	}
	return true
}

// signatureResult writes the return type and parts it from what follows.
func (w *printer) signatureResult(s *node) {
	if s.a == 0 || w.flags&NoReturn != 0 && !w.llvm() {
		return
	}
	if !w.resultPre(s.a) {
		w.space()
	}
}

// resultPre writes the first half of a return type, of which Microsoft hides
// the outermost qualifiers of a pointer.
func (w *printer) resultPre(i int32) bool { return w.preOuter(i, false) }

// signaturePre writes a function type that nothing points to.
func (w *printer) signaturePre(s *node) {
	w.signatureResult(s)
	w.calling(s.sub)
}

// post writes the second half of a type.
func (w *printer) post(i int32) {
	for i != 0 && w.step() {
		n := w.p.at(i)
		switch n.kind {
		case kindPointer:
			if k := w.p.at(n.a).kind; k == kindSignature || k == kindArray {
				w.str(")")
			}
			i = n.a
		case kindArray:
			w.dimensions(n)
			i = n.a
		case kindSignature:
			w.params(n)
			w.thisQuals(n)
			i = n.a
			if w.flags&NoReturn != 0 && !w.llvm() {
				return
			}
		default:
			return
		}
	}
}

func (w *printer) dimensions(n *node) {
	for c := n.b; c != 0 && !w.full; c = w.p.at(c).b {
		w.str("[")
		if d := w.p.at(c).a; !w.llvm() || w.p.at(d).value() != 0 {
			w.number(d)
		}
		w.str("]")
	}
}

// params writes the parameter list.
func (w *printer) params(s *node) {
	w.str("(")
	if s.b == 0 && s.flags&qualVariadic == 0 {
		w.str("void")
	}
	for c := s.b; c != 0 && !w.full; c = w.p.at(c).b {
		if c != s.b {
			w.comma()
		} else if s.flags&qualThis != 0 {
			w.str("this ")
		}
		w.typ(w.p.at(c).a)
	}
	if s.flags&qualVariadic != 0 {
		if s.b != 0 {
			w.comma()
		}
		w.str("...")
	}
	w.str(")")
}

// thisQuals writes what follows the parameters.
func (w *printer) thisQuals(s *node) {
	if w.llvm() {
		w.thisQualsLLVM(s.flags)
		return
	}
	q := s.flags
	if w.flags&NoCVThisType == 0 {
		w.cv(q)
	}
	ms := w.flags&NoMSThisType == 0 && !w.noKeywords()
	if ms && q&qualUnaligned != 0 {
		w.keyword("__unaligned ")
	}
	if ms && q&qualPtr64 != 0 && w.flags&NoPtr64 == 0 {
		w.space()
		w.keyword("__ptr64")
	}
	if ms && q&qualRestrict != 0 {
		w.space()
		w.keyword("__restrict")
	}
	if q&qualLvalue != 0 && w.flags&NoCVThisType == 0 {
		w.str("& ")
	}
	if q&qualRvalue != 0 && w.flags&NoCVThisType == 0 {
		w.str("&& ")
	}
	if q&qualNoexcept != 0 && w.flags&NoThrow == 0 {
		w.space()
		w.str("noexcept")
	}
}
