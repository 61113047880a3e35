package undname

import "strings"

// MayGenerate reports whether text may stand in an undecorated name although the
// raw one does not have it: it is a word that this package writes for a code of
// the raw name, such as vftable, unsigned or coclass, or a part of one, or digits.
// Case does not count. Who looks for names by pieces of undecorated ones cannot
// look for such a piece in raw names.
func MayGenerate(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(words, text) || strings.Contains(foreignWords, text) || strings.TrimLeft(text, "0123456789") == ""
}

// words are those the renderers and tables of this package write, and @ILT, which
// package pdb does.
const words = " operator new delete co_await vftable vbtable vcall vbase typeof string local static thread guard " +
	"rtti type descriptor base class array hierarchy complete object locator at dynamic initializer atexit destructor for " +
	"constructor closure vector iterator copy default scalar deleting eh managed placement virtual displacement map " +
	"udt returning anonymous namespace omni callsig throw " +
	"signed unsigned char short int long float double void __int8 __int16 __int32 __int64 __int128 bool auto decltype " +
	"char8_t char16_t char32_t wchar_t nullptr_t struct union class enum coclass cointerface const volatile " +
	"__cdecl __pascal __thiscall __stdcall __fastcall __clrcall __eabi __vectorcall __swift_1 __swift_3 __attribute__ " +
	"__swiftcall__ __swiftasynccall__ swiftcall swiftasynccall __ptr64 __unaligned __restrict __w64 noexcept extern " +
	"private protected public adjustor vtordisp vtordispex flat this template parameter non " +
	"dtor ctor name catchabletype catchabletypearray throwinfo __declspec dllimport ilt "

// foreignWords are those of names of mingw and Rust. The abbreviations mingw has
// for std and a few of its classes (St, Sa, Ss) are left out: other names spell
// them, and there are far more of these.
const foreignWords = " vtable vtt typeinfo construction guard variable reference temporary thunk virtual covariant return " +
	"transaction clone tls wrapper function init lambda unnamed decltype half float16 float128 decimal32 decimal64 decimal128 " +
	"operator sizeof alignof typeid noexcept throw complex imaginary " +
	"closure shim isize usize u128 i128 unreachable str dyn mut unsafe extern "
