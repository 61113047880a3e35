// Package undname turns the names compilers and linkers use on Windows into
// the names people read.
//
// [NameOnly] gives what WinDbg shows in lists and stacks, [Full] the whole
// declaration as undname.exe and UnDecorateSymbolName spell it, and [Append]
// either of them, or what llvm-undname prints, into the caller's buffer.
// [Parse] gives the parts: scopes, name, kind, access, parameters.
//
// Names of C++ by MSVC, clang-cl and link are parsed: see GRAMMAR.md beside
// this package for the grammar and where each fact comes from, and
// DIFFERENCES.md for where and why the results are not those of dbghelp or
// llvm-undname. C names follow the rule measured from dbghelp. Names that
// begin with _Z, __Z or _R, of mingw and Rust, are left to
// github.com/ianlancetaylor/demangle.
//
// A name that cannot be read is returned as it is, with an error that tells
// the offset. Depth, length and work are limited, so no name costs more than
// time in proportion to its length.
//
// All functions are safe for concurrent use.
package undname

import (
	"errors"
	"fmt"
	"strings"
)

// A Style is a way of spelling a declaration.
type Style uint8

const (
	// Microsoft is how UnDecorateSymbolName and undname.exe write.
	StyleMicrosoft Style = iota
	// LLVM is how llvm-undname writes.
	StyleLLVM
)

// Flags leave parts of a declaration out. The values are those of dbghelp.h
// where it has them. With [StyleLLVM] only NoReturn, NoCallingConvention, NoAccess,
// NoMemberType and NoVariableType count, as llvm-undname has no others.
type Flags uint32

const (
	NoLeadingUnderscores Flags = 0x1     // cdecl for __cdecl
	NoMSKeywords         Flags = 0x2     // no __cdecl, __ptr64 and the like
	NoReturn             Flags = 0x4     // no return type
	NoCallingConvention  Flags = 0x10    // no __cdecl (UNDNAME_NO_ALLOCATION_LANGUAGE)
	NoMSThisType         Flags = 0x20    // no __ptr64 of this
	NoCVThisType         Flags = 0x40    // no const of this
	NoThisType           Flags = 0x60    // neither
	NoAccess             Flags = 0x80    // no public:
	NoThrow              Flags = 0x100   // no noexcept
	NoMemberType         Flags = 0x200   // no static, no virtual
	NameOnlyFlag         Flags = 0x1000  // the name and nothing else
	NoArguments          Flags = 0x2000  // no parameters
	NoClassKeywords      Flags = 0x8000  // no class, struct, union (not in dbghelp.h)
	NoPtr64              Flags = 0x20000 // no __ptr64 (not in dbghelp.h)

	// NoVariableType leaves out the type of a variable. It is not a flag of
	// dbghelp.
	NoVariableType Flags = 1 << 24
)

// nameOnlyFlags make dbghelp's names: those of SYMOPT_UNDNAME.
const nameOnlyFlags = NameOnlyFlag | NoClassKeywords

// Errors for [errors.Is]. Every error of this package is a [*SyntaxError] that
// wraps one of them.
var (
	// ErrSyntax means that the name is not one any compiler makes, or is cut.
	ErrSyntax = errors.New("malformed decorated name")
	// ErrLimit means that the name is too long, too deep, or would become too
	// long.
	ErrLimit = errors.New("decorated name exceeds a limit")
)

// A SyntaxError says why and where a name could not be read.
type SyntaxError struct {
	Offset  int    // of the byte where reading stopped
	Problem string // what was expected there, in plain words
	Err     error  // ErrSyntax or ErrLimit
}

// Error describes the problem on one line.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%v: offset %d: %s", e.Err, e.Offset, e.Problem)
}

// Unwrap returns [ErrSyntax] or [ErrLimit].
func (e *SyntaxError) Unwrap() error { return e.Err }

// NameOnly returns the name without type, parameters and decoration, as WinDbg
// shows it. What cannot be read is returned unchanged.
func NameOnly(raw string) string {
	if isForeign(raw) {
		if s, ok := foreign(raw, true); ok {
			return s
		}
	}
	if !isCPlusPlus(raw) {
		return nameOnlyC(raw)
	}
	s, err := render(raw, StyleMicrosoft, nameOnlyFlags)
	if err != nil && raw[0] == '.' { // it looked like the name of a type
		return nameOnlyC(raw)
	}
	return s // which is raw with an error
}

// AppendNameOnly appends what [NameOnly] returns for raw to dst. It allocates
// at most once besides making dst larger.
func AppendNameOnly(dst, raw []byte) []byte {
	if len(raw) == 0 || raw[0] != '?' && raw[0] != '.' && !isForeign(raw) {
		return appendNameOnlyC(dst, raw)
	}
	if raw[0] == '?' {
		dst, _ = Append(dst, string(raw), StyleMicrosoft, nameOnlyFlags)
		return dst
	}
	return append(dst, NameOnly(string(raw))...)
}

// Full returns the whole declaration in Microsoft's spelling, less what flags
// leave out. A C name has no declaration: it comes back as [NameOnly] has it.
// With an error the name comes back unchanged.
func Full(raw string, flags Flags) (string, error) {
	return Undecorate(raw, StyleMicrosoft, flags)
}

// Undecorate returns the declaration in a style, less what flags leave out.
// With an error, which is a [*SyntaxError], the name comes back unchanged.
func Undecorate(raw string, style Style, flags Flags) (string, error) {
	if isCPlusPlus(raw) {
		return render(raw, style, flags)
	}
	return other(raw, style, flags)
}

// Append appends what [Undecorate] returns to dst.
func Append(dst []byte, raw string, style Style, flags Flags) ([]byte, error) {
	if !isCPlusPlus(raw) {
		s, err := other(raw, style, flags)
		return append(dst, s...), err
	}
	var w printer
	root := w.p.parse(raw)
	if w.p.problem == "" {
		if w.print(root, style, flags) {
			return append(dst, w.bytes()...), nil
		}
		w.p.failLimit("result too long")
	}
	return append(dst, raw...), w.p.err()
}

// render is [Undecorate] for a name of C++.
func render(raw string, style Style, flags Flags) (string, error) {
	var w printer
	root := w.p.parse(raw)
	if w.p.problem == "" {
		if w.print(root, style, flags) {
			return string(w.bytes()), nil
		}
		w.p.failLimit("result too long")
	}
	return raw, w.p.err()
}

// isCPlusPlus says that this package's own grammar is for raw.
func isCPlusPlus(raw string) bool {
	return len(raw) > 1 && (raw[0] == '?' || raw[0] == '.' && isTypeDescriptor(raw))
}

// isTypeDescriptor tells ".?AVx@@" and ".H", names in type descriptors, from
// names of sections and of functions that merely begin with a dot.
func isTypeDescriptor(raw string) bool {
	return raw[1] == '?' || raw[1] == 'P' && raw[len(raw)-1] != '.' || len(raw) == 2 && primitiveName(raw[1]) != "" ||
		len(raw) == 3 && raw[1] == '_' && extendedName(raw[2]) != ""
}

// parse reads a whole name and returns the node of the symbol.
func (p *parser) parse(raw string) int32 {
	p.s = raw
	if len(raw) > maxInput {
		return p.failLimit("name too long")
	}
	root := int32(0)
	if p.eat('.') {
		root = p.add(node{kind: kindTypeName, a: p.typ(modeResult)})
	} else {
		p.want('?', "'?' expected")
		root = p.symbol()
	}
	if p.problem == "" && p.pos < len(p.s) && !p.suffix() {
		return p.fail("end of name expected")
	}
	return root
}

// suffix accepts what compilers put behind a whole name: the module that owns it,
// ".llvm.123" and the like and "$initializer$" of clang, "$exit_thunk" and
// "$entry_thunk" of ARM64EC.
func (p *parser) suffix() bool {
	rest := withoutModule(p.s[p.pos:])
	return rest == "" || rest[0] == '.' || rest == "$exit_thunk" || rest == "$entry_thunk" || rest == "$initializer$"
}

// withoutModule cuts off which C++20 module owns a name: "::<!math.core>"
// (MSVC's strong ownership). Nobody shows it.
func withoutModule(rest string) string {
	const head = "::<!"
	name, ok := strings.CutPrefix(rest, head)
	if end := strings.IndexByte(name, '>'); ok && end > 0 {
		return name[end+1:]
	}
	return rest
}

func (p *parser) err() error {
	e := &SyntaxError{Offset: p.at0, Problem: p.problem, Err: ErrSyntax}
	if p.limit {
		e.Err = ErrLimit
	}
	return e
}
