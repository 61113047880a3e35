package undname

// A Kind says what a name is the name of.
type Kind uint8

const (
	KindC         Kind = iota // a C name, or one of an unknown language
	KindFunction              // a function
	KindThunk                 // an adjustor, vtordisp, vtordispex or vcall thunk
	KindVariable              // a variable or a static member
	KindTable                 // a vftable, vbtable or complete object locator
	KindRTTI                  // other data of run-time type information
	KindGuard                 // the guard of local statics
	KindString                // a string literal
	KindType                  // a type, as type descriptors hold it
	KindHash                  // the hash of a name that was too long
	KindMap                   // a virtual displacement map
	KindImport                // the import slot of the name
	KindException             // data of a throw expression
	KindForeign               // a name of mingw or Rust
)

// An Access is the access of a class member.
type Access uint8

const (
	AccessNone Access = iota // no member, or not known
	AccessPrivate
	AccessProtected
	AccessPublic
)

// A Name is a decorated name that was read. Its parts are in Microsoft's
// spelling. It is a value that does not change: safe for concurrent use.
type Name struct {
	raw  string
	kind Kind
	root int32
	p    parser // of a name of C++
}

// Parse reads a name. The error is a [*SyntaxError]; the name then counts as
// one of C, so that it can be printed all the same, unchanged.
func Parse(raw string) (*Name, error) {
	n := &Name{raw: raw}
	if !isCPlusPlus(raw) {
		n.kind = otherKind(raw)
		return n, nil
	}
	n.root = n.p.parse(raw)
	if n.p.problem != "" {
		n.root = 0
		return n, n.p.err()
	}
	n.kind = symbolKind(n.p.at(n.root))
	return n, nil
}

func symbolKind(n *node) Kind {
	switch n.kind {
	case kindFunction:
		if n.flags&(fnAdjustor|fnVtordisp) != 0 {
			return KindThunk
		}
		return KindFunction
	case kindCFunction:
		return KindFunction
	case kindVcall:
		return KindThunk
	case kindVariable:
		return KindVariable
	case kindTable:
		return KindTable
	case kindData:
		return KindRTTI
	case kindGuard:
		return KindGuard
	case kindString:
		return KindString
	case kindTypeName:
		return KindType
	case kindHash:
		return KindHash
	case kindMap:
		return KindMap
	}
	return KindC
}

// Raw returns the name as it was given.
func (n *Name) Raw() string { return n.raw }

// Kind returns what the name is the name of.
func (n *Name) Kind() Kind { return n.kind }

// String returns the whole declaration in Microsoft's spelling.
func (n *Name) String() string { return string(n.Append(nil, StyleMicrosoft, 0)) }

// Append appends the declaration in a style, less what flags leave out, or the
// name as it was given if it becomes too long.
func (n *Name) Append(dst []byte, style Style, flags Flags) []byte {
	if n.root == 0 {
		if n.kind == KindC && isCPlusPlus(n.raw) {
			return append(dst, n.raw...)
		}
		dst, _ = Append(dst, n.raw, style, flags)
		return dst
	}
	w := printer{p: n.p}
	if w.print(n.root, style, flags) {
		return append(dst, w.bytes()...)
	}
	return append(dst, n.raw...)
}

// part prints one piece of the name.
func (n *Name) part(flags Flags, piece func(*printer)) string {
	w := printer{p: n.p, flags: flags}
	piece(&w)
	w.trim()
	if w.full {
		return ""
	}
	return string(w.bytes())
}

// qualifiedName returns the node of the qualified name, 0 for none.
func (n *Name) qualifiedName() int32 {
	if n.root == 0 {
		return 0
	}
	switch s := n.p.at(n.root); s.kind {
	case kindString, kindHash, kindTypeName:
		return 0
	default:
		return s.a
	}
}

// Scope returns the namespaces, classes and functions around the name,
// outermost first, nil if there are none or none are known.
func (n *Name) Scope() []string {
	q := n.qualifiedName()
	if q == 0 {
		return nil
	}
	var scopes []string
	for c := n.p.at(q).b; c != 0; c = n.p.at(c).b {
		item := n.p.at(c).a
		scopes = append(scopes, n.part(nameOnlyFlags, func(w *printer) { w.component(item, 0) }))
	}
	return scopes
}

// Base returns the name without its scopes, with template arguments.
func (n *Name) Base() string {
	q := n.qualifiedName()
	if q == 0 {
		return string(n.Append(nil, StyleMicrosoft, nameOnlyFlags))
	}
	return n.part(nameOnlyFlags, func(w *printer) { w.component(w.p.at(q).a, w.p.at(q).c) })
}

// signature returns the function type of a function or thunk, else nil.
func (n *Name) signature() *node {
	if n.root == 0 || n.p.at(n.root).kind != kindFunction {
		return nil
	}
	return n.p.at(n.p.at(n.root).b)
}

// Result returns the type a function returns or that a variable has, "" if it
// has none, as constructors have, or none is known.
func (n *Name) Result() string {
	if s := n.signature(); s != nil {
		return n.part(0, func(w *printer) { w.typ(s.a) })
	}
	if n.kind == KindVariable {
		v := n.p.at(n.root)
		return n.part(0, func(w *printer) {
			w.preOuter(v.b, false)
			w.space()
			w.storage(v.flags)
			w.post(v.b)
		})
	}
	return ""
}

// Parameters returns the types of the parameters, the last "..." where the
// function takes more. ok is false if the name tells of none, not even void.
func (n *Name) Parameters() (types []string, ok bool) {
	s := n.signature()
	if s == nil {
		return nil, false
	}
	for c := s.b; c != 0; c = n.p.at(c).b {
		item := n.p.at(c).a
		types = append(types, n.part(0, func(w *printer) { w.typ(item) }))
	}
	if s.flags&qualVariadic != 0 {
		types = append(types, "...")
	}
	return types, true
}

// CallingConvention returns the word, "" for none.
func (n *Name) CallingConvention() string {
	if s := n.signature(); s != nil {
		return callingName(s.sub, false)
	}
	return ""
}

// Access returns the access of a member.
func (n *Name) Access() Access {
	if n.root == 0 {
		return AccessNone
	}
	switch s := n.p.at(n.root); {
	case s.kind == kindFunction:
		return Access(s.sub)
	case s.kind == kindVariable && s.sub <= 2:
		return Access(s.sub) + AccessPrivate
	}
	return AccessNone
}

// Static says that it is a static member.
func (n *Name) Static() bool {
	if n.kind == KindVariable {
		return n.p.at(n.root).sub <= 2
	}
	return n.signature() != nil && n.p.at(n.root).flags&fnStatic != 0
}

// Virtual says that it is a virtual member function or a thunk of one.
func (n *Name) Virtual() bool {
	return n.signature() != nil && n.p.at(n.root).flags&fnVirtual != 0
}

// Text returns the text of a string literal as far as its name has it; more
// says that the string is longer. ok is false for other names.
func (n *Name) Text() (text string, more, ok bool) {
	if n.kind != KindString {
		return "", false, false
	}
	s := n.p.at(n.root)
	var l literal
	l.decode(n.raw[s.a:s.b], int(s.c), s.sub == 1)
	return l.text(), l.truncated, true
}
