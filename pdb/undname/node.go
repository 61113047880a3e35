package undname

// A kind says what a node of a parsed name is and what its fields mean.
type kind uint8

const (
	_ kind = iota

	// Lists and leaves.
	kindCell   // a: item, b: next cell
	kindText   // a, b: start and end in the input
	kindNumber // a, b: low and high half of the magnitude; sub 1: negative

	// Components of a qualified name.
	kindAnonymous // a, b: the text that tells it apart, sub 1: referred to
	kindTemplate  // a: name without arguments, b: list of arguments, c, flags, sub: start and size of its text
	kindOperator  // flags: class, sub: code
	kindCtor
	kindDtor
	kindConversion // a: target type, set when the return type is known
	kindLiteral    // a, b: text of the suffix
	kindBlock      // a, b: number of a scope inside a function
	kindEnclosing  // a: symbol around a local name
	kindInterface  // a: qualified name of the interface a method implements
	kindDynamic    // a: symbol, text or template, sub: 0 initializer, 1 destructor
	kindTypeDesc   // a: type
	kindBaseDesc   // a: list of four numbers
	kindUDTReturn  // a: component

	kindQualified // a: component, b: list of scopes, outermost first, c: innermost scope

	// Whole symbols; a is the qualified name.
	kindFunction  // b: function type, c: list of offsets, sub: access, flags: fn…
	kindVariable  // b: type, sub: storage class 0 to 4, flags: quals after the type
	kindTable     // b: list of targets, flags: quals
	kindData      // RTTI data without a type
	kindCFunction // function without a type
	kindGuard     // b: number or none
	kindVcall     // b: number, sub: calling convention
	kindMap       // b: qualified name; virtual displacement map
	kindString    // a, b: text, c: length in bytes, sub 1: wide, flags 1: followed by a scope at b
	kindHash      // a, b: text
	kindTypeName  // a: type

	// Types; flags hold the qualifiers.
	kindPrimitive // sub: code, c 1: after an underscore, 2: nullptr
	kindTag       // a: qualified name, sub: tag
	kindPointer   // a: pointee, b: class of a member pointer, sub: mark
	kindArray     // a: element, b: list of numbers
	kindSignature // a: return type, b: list of parameters, sub: calling convention
	kindNamedType // a: qualified name of a type without a tag

	// Template arguments that are no types.
	kindAddress   // a: symbol; &symbol
	kindSymbol    // a: symbol
	kindTuple     // a: list
	kindParameter // a: number, sub 1: non-type
	kindFloat     // a, b: bits, sub: 32 or 64
	kindAggregate // a: type, b: list
	kindMember    // a: symbol value, b: list of texts
	kindElement   // a: symbol value, b: list of numbers
	kindUnion     // a: type, b: text, c: value
	kindPack      // nothing to print
)

// Qualifiers of a type or of a member function.
const (
	qualConst uint16 = 1 << iota
	qualVolatile
	qualPtr64
	qualUnaligned
	qualRestrict
	qualLvalue
	qualRvalue
	qualHandle // ^
	qualPin
	qualTracking // %
	qualVariadic
	qualNoexcept
	qualW64
	qualThis // the first parameter is the object
)

// Properties of a function symbol.
const (
	fnStatic uint16 = 1 << iota
	fnVirtual
	fnAdjustor
	fnVtordisp
	fnVtordispex
	fnExternC
	fnEC // ARM64EC
)

// A node is one piece of a parsed name. What its fields hold depends on kind.
type node struct {
	kind    kind
	sub     uint8
	flags   uint16
	a, b, c int32
}

// size returns how many bytes a template was read from, 24 bits.
func (n *node) size() int32 { return int32(n.flags) | int32(n.sub)<<16 }

// inlineNodes is how many nodes a parse keeps without a heap allocation: 99 %
// of the names of the corpus need fewer.
const inlineNodes = 64

// An arena holds the nodes of one name. Index 0 is no node.
type arena struct {
	n     int32
	first [inlineNodes]node
	rest  []node
}

func (m *arena) at(i int32) *node {
	if i < inlineNodes {
		return &m.first[i]
	}
	return &m.rest[i-inlineNodes]
}

func (m *arena) add(n node) int32 {
	if m.n == 0 {
		m.n = 1
	}
	i := m.n
	m.n++
	if i < inlineNodes {
		m.first[i] = n
	} else {
		if m.rest == nil {
			m.rest = make([]node, 0, 4*inlineNodes)
		}
		m.rest = append(m.rest, n)
	}
	return i
}

// A list is a chain of cells under construction.
type list struct{ head, tail int32 }

func (m *arena) push(l *list, item int32) {
	c := m.add(node{kind: kindCell, a: item})
	if l.head == 0 {
		l.head = c
	} else {
		m.at(l.tail).b = c
	}
	l.tail = c
}

// What a pointer type is.
const (
	markPointer = iota
	markReference
	markRvalue
)
