package undname_test

import (
	"strings"
	"testing"

	"github.com/symres/symres/pdb/undname"
)

func TestFlags(t *testing.T) {
	const (
		method  = "?get@Owner@ns@@MEBAPEAVItem@2@AEBUKey@2@@Z"
		static  = "?make@Owner@@SGPAV1@H@Z"
		refqual = "?is@Owner@@QEGBA?AV1@XZ"
		noexc   = "?f@@YAXP6AXX_E@Z"
		field   = "?count@Owner@@1PEAHEA"
		thunk   = "?go@Leaf@@W3AEXH@Z"
		pointer = "?hook@@3P6AXH@ZEA"
		table   = "??_7Two@@6BOne@@@"
	)
	for _, c := range []struct {
		raw   string
		flags undname.Flags
		want  string
	}{
		{method, 0, "protected: virtual class ns::Item * __ptr64 __cdecl ns::Owner::get(struct ns::Key const & __ptr64)const __ptr64"},
		{method, undname.NoAccess, "virtual class ns::Item * __ptr64 __cdecl ns::Owner::get(struct ns::Key const & __ptr64)const __ptr64"},
		{method, undname.NoMemberType, "protected: class ns::Item * __ptr64 __cdecl ns::Owner::get(struct ns::Key const & __ptr64)const __ptr64"},
		{method, undname.NoCallingConvention, "protected: virtual class ns::Item * __ptr64 ns::Owner::get(struct ns::Key const & __ptr64)const __ptr64"},
		{method, undname.NoReturn, "protected: virtual __cdecl ns::Owner::get(struct ns::Key const & __ptr64)const __ptr64"},
		{method, undname.NoThisType, "protected: virtual class ns::Item * __ptr64 __cdecl ns::Owner::get(struct ns::Key const & __ptr64)"},
		{method, undname.NoMSThisType, "protected: virtual class ns::Item * __ptr64 __cdecl ns::Owner::get(struct ns::Key const & __ptr64)const "},
		{method, undname.NoCVThisType, "protected: virtual class ns::Item * __ptr64 __cdecl ns::Owner::get(struct ns::Key const & __ptr64) __ptr64"},
		{method, undname.NoPtr64, "protected: virtual class ns::Item * __cdecl ns::Owner::get(struct ns::Key const &)const "},
		{method, undname.NoClassKeywords, "protected: virtual ns::Item * __ptr64 __cdecl ns::Owner::get(ns::Key const & __ptr64)const __ptr64"},
		{method, undname.NoArguments, "protected: virtual class ns::Item * __ptr64 __cdecl ns::Owner::get"},
		{method, undname.NoMSKeywords, "protected: virtual class ns::Item * ns::Owner::get(struct ns::Key const &)const "},
		{method, undname.NoLeadingUnderscores, "protected: virtual class ns::Item * ptr64 cdecl ns::Owner::get(struct ns::Key const & ptr64)const ptr64"},
		{method, undname.NameOnlyFlag, "ns::Owner::get"},
		{static, undname.NoMemberType | undname.NoAccess, "class Owner * __stdcall Owner::make(int)"},
		{refqual, undname.NoMSKeywords, "public: class Owner Owner::is(void)const & "},
		{noexc, 0, "void __cdecl f(void (__cdecl*)(void) noexcept)"},
		{noexc, undname.NoThrow, "void __cdecl f(void (__cdecl*)(void))"},
		{field, 0, "protected: static int * __ptr64 __ptr64 Owner::count"},
		{field, undname.NoPtr64, "protected: static int * Owner::count"},
		{field, undname.NoVariableType, "Owner::count"},
		{thunk, 0, "[thunk]:public: virtual void __thiscall Leaf::go`adjustor{4}' (int)"},
		{thunk, undname.NameOnlyFlag, "Leaf::go"},
		{pointer, 0, "void (__cdecl* __ptr64 hook)(int)"},
		{pointer, undname.NoMSKeywords, "void (* hook)(int)"},
		{table, undname.NameOnlyFlag, "Two::`vftable'"},
	} {
		if got, err := undname.Full(c.raw, c.flags); got != c.want || err != nil {
			t.Errorf("Full(%s, %#x) = %q, %v; want %q", c.raw, c.flags, got, err, c.want)
		}
	}
}

// TestFlags_llvm compares with the options of llvm-undname.
func TestFlags_llvm(t *testing.T) {
	needTools(t)
	names := []string{
		"?get@Owner@ns@@MEBAPEAVItem@2@AEBUKey@2@@Z", "?make@Owner@@SGPAV1@H@Z", "?count@Owner@@1PEAHEA", "?x@@3HA",
		"?go@Leaf@@W3AEXH@Z", "?hook@@3P6AXH@ZEA", "?f@@YAP6AXH@ZXZ", "??0Owner@@QEAA@XZ", "??_7Two@@6BOne@@@",
		"??BOwner@@QEAAHXZ", "?f@@YAXP6AHH@Z@Z", "?priv@Owner@@0HA",
	}
	for option, flag := range map[string]undname.Flags{
		"--no-access-specifier":   undname.NoAccess,
		"--no-calling-convention": undname.NoCallingConvention,
		"--no-return-type":        undname.NoReturn,
		"--no-member-type":        undname.NoMemberType,
		"--no-variable-type":      undname.NoVariableType,
	} {
		want := llvmUndname(t, names, option)
		for _, raw := range names {
			if got, err := undname.Undecorate(raw, undname.StyleLLVM, flag); got != want[raw] || err != nil {
				t.Errorf("%s %s: got %q, %v; want %q", option, raw, got, err, want[raw])
			}
		}
	}
}

func TestAppend(t *testing.T) {
	buf := []byte("at ")
	buf, err := undname.Append(buf, "?f@ns@@YAHH@Z", undname.StyleMicrosoft, 0)
	if string(buf) != "at int __cdecl ns::f(int)" || err != nil {
		t.Errorf("%q, %v", buf, err)
	}
	buf, err = undname.Append(buf[:3], "?f@ns@@YAH", undname.StyleMicrosoft, 0)
	if string(buf) != "at ?f@ns@@YAH" || err == nil {
		t.Errorf("%q, %v", buf, err)
	}
	long := "?" + strings.Repeat("a", undname.MaxOutput) + "@@YAXXZ"
	if buf, err = undname.Append(buf[:3], long, undname.StyleLLVM, 0); string(buf) != "at "+long || err == nil {
		t.Errorf("%d bytes, %v", len(buf), err)
	}
}
