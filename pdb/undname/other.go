package undname

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// maxForeign is the longest name given to the other demangler, whose work is
// not counted here.
const maxForeign = 2048

// isForeign says that a name may be one of mingw (_Z; __Z on x86) or Rust (_R).
func isForeign[T string | []byte](raw T) bool {
	if len(raw) < 3 || raw[0] != '_' {
		return false
	}
	return raw[1] == 'Z' || raw[1] == 'R' || raw[1] == '_' && (raw[2] == 'Z' || raw[2] == 'R')
}

// foreign demangles a name of mingw or Rust.
func foreign(raw string, nameOnly bool) (string, bool) {
	if len(raw) > maxForeign {
		return "", false
	}
	if raw[1] == '_' {
		raw = raw[1:]
	}
	options := []demangle.Option{demangle.MaxLength(16)} // 2^16 bytes
	if nameOnly {
		options = append(options, demangle.NoParams)
	}
	s, err := demangle.ToString(raw, options...)
	return s, err == nil && s != "" && len(s) <= maxOutput
}

// other is [Undecorate] for what is no name of C++ by itself.
func other(raw string, style Style, flags Flags) (string, error) {
	if style == StyleLLVM {
		return raw, &SyntaxError{Problem: "no name of C++", Err: ErrSyntax}
	}
	if isForeign(raw) {
		if s, ok := foreign(raw, flags&NameOnlyFlag != 0); ok {
			return s, nil
		}
	}
	if flags&NameOnlyFlag == 0 {
		if s, ok, err := compound(raw, flags); ok {
			return s, err
		}
	}
	return nameOnlyC(raw), nil
}

// compound undecorates the names that hold one: import slots and the data of
// exceptions.
func compound(raw string, flags Flags) (s string, ok bool, err error) {
	if rest, ok := strings.CutPrefix(raw, "__imp_?"); ok {
		s, err := render(raw[len(raw)-len(rest)-1:], StyleMicrosoft, flags)
		return within(raw, "__declspec(dllimport) ", s, "", len(raw)-len(rest)-1, err)
	}
	for _, prefix := range [...]string{"_CTA", "_CT", "_TI"} {
		at := strings.Index(raw, prefix)
		if at == 0 || at == 1 && raw[0] == '_' { // x86 adds an underscore
			return exception(raw, prefix, at+len(prefix), flags)
		}
	}
	return "", false, nil
}

// exception undecorates a catchable type, the array of them, or the record of
// a throw; at is the offset behind the prefix.
func exception(raw, prefix string, at int, flags Flags) (string, bool, error) {
	if prefix == "_CT" {
		rest, ok := strings.CutPrefix(raw[at:], "??_R0")
		if !ok {
			return "", false, nil
		}
		at += len("??_R0")
		return typeOnly(raw, at, rest, " `CatchableType'", flags)
	}
	i := at
	for i < len(raw) && (raw[i] == 'C' || raw[i] == 'V' || raw[i] == 'U') {
		i++ // thrown as const, volatile, __unaligned
	}
	digits := i
	for i < len(raw) && isDigit(raw[i]) {
		i++
	}
	if i == digits || i == len(raw) {
		return "", false, nil
	}
	word := " `ThrowInfo'"
	if prefix == "_CTA" {
		word = " `CatchableTypeArray'"
	}
	return typeOnly(raw, i, raw[i:], word, flags)
}

// typeOnly undecorates the type at the head of rest.
func typeOnly(raw string, at int, rest, word string, flags Flags) (string, bool, error) {
	var w printer
	p := &w.p
	p.s = rest
	if len(rest) > maxInput {
		p.failLimit("name too long")
	}
	t := p.typ(modeResult)
	if p.problem != "" {
		return within(raw, "", "", "", at, p.err())
	}
	root := p.add(node{kind: kindTypeName, a: t})
	if !w.print(root, StyleMicrosoft, flags) {
		p.failLimit("result too long")
		return within(raw, "", "", "", at, p.err())
	}
	return within(raw, "", strings.TrimSuffix(string(w.bytes()), " "), word, at, nil)
}

// within puts words around a part of a name, or moves the offset of its error.
func within(raw, before, s, after string, at int, err error) (string, bool, error) {
	if e, ok := err.(*SyntaxError); ok {
		return raw, true, &SyntaxError{Offset: e.Offset + at, Problem: e.Problem, Err: e.Err}
	}
	return before + s + after, true, nil
}

// otherKind is the kind of what is no name of C++ by itself.
func otherKind(raw string) Kind {
	if isForeign(raw) {
		if _, ok := foreign(raw, true); ok {
			return KindForeign
		}
	}
	if _, ok, err := compound(raw, 0); ok && err == nil {
		if strings.HasPrefix(raw, "__imp_") {
			return KindImport
		}
		return KindException
	}
	return KindC
}
