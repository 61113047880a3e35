package undname

// symbol writes a whole symbol.
func (w *printer) symbol(i int32) {
	if i == 0 || !w.step() {
		return
	}
	switch n := w.p.at(i); n.kind {
	case kindFunction:
		w.function(n)
	case kindVariable:
		w.variable(n)
	case kindTable:
		w.table(n)
	case kindData:
		w.qualified(n.a)
	case kindCFunction:
		if w.llvm() {
			w.str(`extern "C" `)
		}
		w.qualified(n.a)
	case kindGuard:
		w.guard(n)
	case kindVcall:
		w.vcall(n)
	case kindMap:
		w.qualified(n.a)
		w.str("{for ")
		w.qualified(n.b)
		w.str("}")
	case kindString:
		w.stringLiteral(n)
	case kindHash:
		w.text(n)
	case kindTypeName:
		if w.llvm() {
			w.descriptor(n.a, "`RTTI Type Descriptor Name'")
		} else {
			w.typ(n.a)
		}
	}
}

// function writes a function or thunk.
func (w *printer) function(n *node) {
	sig := w.p.at(n.b)
	if w.nameOnly() { // a thunk has the name of its function
		w.qualified(n.a)
		if w.isConversion(n.a) {
			w.trim() // behind a const type
		}
		return
	}
	w.functionHead(n)
	result := sig.a
	if w.flags&NoReturn != 0 || !w.llvm() && w.isConversion(n.a) {
		result = 0
	}
	tight := w.resultPre(result)
	if result != 0 && !tight {
		w.space()
	}
	if w.calling(sig.sub) {
		w.str(" ")
	}
	w.qualified(n.a)
	w.thunk(n)
	if !w.llvm() && n.flags&(fnAdjustor|fnVtordisp) != 0 {
		w.str(" ")
	}
	if w.flags&NoArguments == 0 {
		w.params(sig)
		w.thisQuals(sig)
	}
	w.post(result)
}

// functionHead writes what comes before the type.
func (w *printer) functionHead(n *node) {
	if n.flags&(fnAdjustor|fnVtordisp) != 0 {
		w.str("[thunk]:")
		if w.llvm() {
			w.str(" ")
		}
	}
	w.access(n.sub)
	if n.flags&fnExternC != 0 {
		w.str(`extern "C" `)
	}
	if w.flags&NoMemberType != 0 {
		return
	}
	if n.flags&fnStatic != 0 {
		w.str("static ")
	}
	// LLVM does not call the adjustor of a private function virtual.
	if n.flags&fnVirtual != 0 && !(w.llvm() && n.flags&fnAdjustor != 0 && n.sub == accessPrivate) {
		w.str("virtual ")
	}
}

func (w *printer) access(a uint8) {
	if w.flags&NoAccess != 0 {
		return
	}
	switch a {
	case accessPrivate:
		w.str("private: ")
	case accessProtected:
		w.str("protected: ")
	case accessPublic:
		w.str("public: ")
	}
}

// isConversion says that the return type is already part of the name.
func (w *printer) isConversion(name int32) bool {
	c := w.p.at(w.p.at(name).a)
	if c.kind == kindTemplate {
		c = w.p.at(c.a)
	}
	return c.kind == kindConversion
}

// calling writes a calling convention and reports whether it did.
func (w *printer) calling(code byte) bool {
	name := callingName(code, w.llvm())
	if name == "" || w.flags&NoCallingConvention != 0 || w.noKeywords() {
		return false
	}
	w.keyword(name)
	return true
}

func (w *printer) noKeywords() bool { return !w.llvm() && w.flags&NoMSKeywords != 0 }

// thunk writes the offsets of a thunk.
func (w *printer) thunk(n *node) {
	switch {
	case n.flags&fnVtordispex != 0:
		w.str("`vtordispex{")
	case n.flags&fnVtordisp != 0:
		w.str("`vtordisp{")
	case n.flags&fnAdjustor != 0:
		w.str("`adjustor{")
	default:
		return
	}
	w.numberList(n.c, true)
	w.str("}'")
}

func (w *printer) variable(n *node) {
	if w.nameOnly() || w.flags&NoVariableType != 0 && !w.llvm() {
		w.qualified(n.a)
		return
	}
	if n.sub <= 2 {
		w.access(n.sub + accessPrivate)
		if w.flags&NoMemberType == 0 {
			w.str("static ")
		}
	}
	if w.flags&NoVariableType != 0 {
		w.qualified(n.a)
		return
	}
	if w.llvm() {
		w.variableLLVM(n)
		return
	}
	w.preOuter(n.b, false)
	w.space()
	w.storage(n.flags)
	w.qualified(n.a)
	w.post(n.b)
}

// storage writes the qualifiers behind the type of a variable. Microsoft shows
// them although a pointer has said them before.
func (w *printer) storage(q uint16) {
	w.cv(q)
	w.ext(q)
}

func (w *printer) variableLLVM(n *node) {
	t := w.p.at(n.b)
	if t.kind == kindPointer {
		w.outer = n.flags
		w.pointerLLVM(t)
		w.outer = 0
	} else {
		w.pre(n.b)
		w.cvLLVM(n.flags, true)
	}
	w.spaceAfterWord()
	w.qualified(n.a)
	w.post(n.b)
}

// table writes a vftable or the like and the bases it is for.
func (w *printer) table(n *node) {
	if w.nameOnly() {
		w.qualified(n.a)
		return
	}
	if n.flags&qualConst != 0 {
		w.str("const ")
	}
	if n.flags&qualVolatile != 0 {
		w.str("volatile ")
	}
	w.qualified(n.a)
	if n.b == 0 {
		return
	}
	w.str("{for ")
	for c := n.b; c != 0 && !w.full; c = w.p.at(c).b {
		if c != n.b {
			if w.llvm() {
				break
			}
			w.str("s ")
		}
		w.str("`")
		w.qualified(w.p.at(c).a)
		w.str("'")
	}
	w.str("}")
}

func (w *printer) guard(n *node) {
	w.qualified(n.a)
	if w.nameOnly() || n.b == 0 || w.p.at(n.b).value() == 0 {
		return
	}
	w.str("{")
	w.number(n.b)
	w.str("}")
	if !w.llvm() {
		w.str("'")
	}
}

// vcall writes the thunk of a pointer to a virtual member function.
func (w *printer) vcall(n *node) {
	if w.nameOnly() {
		w.qualified(n.a)
		w.str("{")
		w.number(n.b)
		w.str("}'")
		return
	}
	w.str("[thunk]: ")
	if w.calling(n.sub) {
		w.str(" ")
	}
	w.qualified(n.a)
	w.str("{")
	w.number(n.b)
	w.comma()
	w.str("{flat}}")
	if !w.llvm() {
		w.str("' }'")
	}
}
