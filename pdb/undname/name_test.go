package undname_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/symres/symres/pdb/undname"
)

func TestParse(t *testing.T) {
	type parts struct {
		kind            undname.Kind
		scope           []string
		base, result    string
		params          []string
		calling         string
		access          undname.Access
		static, virtual bool
	}
	for raw, want := range map[string]parts{
		"?get@?$Owner@H@ns@@UEBAPEAVItem@2@AEBHZZ": {
			undname.KindFunction, []string{"ns", "Owner<int>"}, "get", "class ns::Item * __ptr64",
			[]string{"int const & __ptr64", "..."}, "__cdecl", undname.AccessPublic, false, true,
		},
		"?filt$0@0@seh@@":          {undname.KindFunction, []string{"`seh'"}, "filt$0", "", nil, "", undname.AccessNone, false, false},
		"?f@@YAXXZ":                {undname.KindFunction, nil, "f", "void", nil, "__cdecl", undname.AccessNone, false, false},
		"??1Owner@@IAE@XZ":         {undname.KindFunction, []string{"Owner"}, "~Owner", "", nil, "__thiscall", undname.AccessProtected, false, false},
		"?s@Owner@@CGHH@Z":         {undname.KindFunction, []string{"Owner"}, "s", "int", []string{"int"}, "__stdcall", undname.AccessPrivate, true, false},
		"?go@Leaf@@W3AEXXZ":        {undname.KindThunk, []string{"Leaf"}, "go", "void", nil, "__thiscall", undname.AccessPublic, false, true},
		"?n@Owner@@1PEBHEB":        {undname.KindVariable, []string{"Owner"}, "n", "int const * __ptr64 const __ptr64", nil, "", undname.AccessProtected, true, false},
		"?h@@3P6AXH@ZA":            {undname.KindVariable, nil, "h", "void (__cdecl* )(int)", nil, "", undname.AccessNone, false, false},
		"?x@?1??f@@YAHH@Z@4HA":     {undname.KindVariable, []string{"`f'", "`2'"}, "x", "int", nil, "", undname.AccessNone, false, false},
		"??_7Two@ns@@6BOne@@@":     {undname.KindTable, []string{"ns", "Two"}, "`vftable'", "", nil, "", undname.AccessNone, false, false},
		"??_R0?AVOne@@@8":          {undname.KindRTTI, nil, "One `RTTI Type Descriptor'", "", nil, "", undname.AccessNone, false, false},
		"??_9One@@$BA@AE":          {undname.KindThunk, []string{"One"}, "`vcall'", "", nil, "", undname.AccessNone, false, false},
		"??_B?1??f@@YAHXZ@51":      {undname.KindGuard, []string{"`f'", "`2'"}, "`local static guard'", "", nil, "", undname.AccessNone, false, false},
		"??_KOne@@$CTwo@@":         {undname.KindMap, []string{"One"}, "`virtual displacement map'", "", nil, "", undname.AccessNone, false, false},
		"??_C@_02A@ab?$AA@":        {undname.KindString, nil, "`string'", "", nil, "", undname.AccessNone, false, false},
		".?AVOne@ns@@":             {undname.KindType, nil, "ns::One", "", nil, "", undname.AccessNone, false, false},
		"_main":                    {undname.KindC, nil, "main", "", nil, "", undname.AccessNone, false, false},
		"__imp_?f@@YAXXZ":          {undname.KindImport, nil, "_imp_?fYAXXZ", "", nil, "", undname.AccessNone, false, false},
		"_TI2?AVbad@@":             {undname.KindException, nil, "TI2?AVbad", "", nil, "", undname.AccessNone, false, false},
		"_ZN2ns1fEi":               {undname.KindForeign, nil, "ns::f", "", nil, "", undname.AccessNone, false, false},
		".text":                    {undname.KindC, nil, "text", "", nil, "", undname.AccessNone, false, false},
		"??@" + md5 + "@":          {undname.KindHash, nil, "??@" + md5 + "@", "", nil, "", undname.AccessNone, false, false},
		"?f@C@@$$hQEBAHH@Z":        {undname.KindFunction, []string{"C"}, "f", "int", []string{"int"}, "__cdecl", undname.AccessPublic, false, false},
		"?x@?1??main@@9@4HA":       {undname.KindVariable, []string{"`main'", "`2'"}, "x", "int", nil, "", undname.AccessNone, false, false},
		"??BOwner@@QBE?BHXZ":       {undname.KindFunction, []string{"Owner"}, "operator int const", "int const", nil, "__thiscall", undname.AccessPublic, false, false},
		"?a@?A0x1b2c@@3V?$A@$S@@A": {undname.KindVariable, []string{"`anonymous namespace'"}, "a", "class A<>", nil, "", undname.AccessNone, false, false},
	} {
		n, err := undname.Parse(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		params, _ := n.Parameters()
		got := parts{n.Kind(), n.Scope(), n.Base(), n.Result(), params, n.CallingConvention(), n.Access(), n.Static(), n.Virtual()}
		if got.kind != want.kind || !slices.Equal(got.scope, want.scope) || got.base != want.base || got.result != want.result ||
			!slices.Equal(got.params, want.params) || got.calling != want.calling || got.access != want.access ||
			got.static != want.static || got.virtual != want.virtual {
			t.Errorf("%s\n got %+v\nwant %+v", raw, got, want)
		}
		full, _ := undname.Full(raw, 0)
		if n.String() != full || n.Raw() != raw {
			t.Errorf("%s: String is %q, Full %q", raw, n, full)
		}
		if app := string(n.Append(nil, undname.StyleMicrosoft, undname.NameOnlyFlag|undname.NoClassKeywords)); app != undname.NameOnly(raw) {
			t.Errorf("%s: %q, but NameOnly %q", raw, app, undname.NameOnly(raw))
		}
	}
}

const md5 = "0123456789abcdef0123456789abcdef"

func TestParse_malformed(t *testing.T) {
	n, err := undname.Parse("?f@@YAH")
	if !errors.Is(err, undname.ErrSyntax) {
		t.Errorf("error %v", err)
	}
	if n.Kind() != undname.KindC || n.String() != "?f@@YAH" || n.Base() != "?f@@YAH" || n.Scope() != nil || n.Result() != "" {
		t.Errorf("%v %q %q %q", n.Kind(), n, n.Base(), n.Scope())
	}
	if _, ok := n.Parameters(); ok {
		t.Error("parameters of a malformed name")
	}
}

func TestText(t *testing.T) {
	for raw, want := range map[string]string{
		"??_C@_05CJBACGMB@hello?$AA@":                   "hello",
		"??_C@_1M@A@?$AAh?$AAe?$AAl?$AAl?$AAo?$AA?$AA@": "hello",
		"??_C@_15A@N?$CNe?$IH?$AA?$AA@":                 "\u4e2d\u6587",
		"??_C@_0DA@A@hello@":                            "hello...",
		"??_C@_01A@?0?$AA@":                             ",",
		"??_C@_00A@?$AA@":                               "",
		"??_C@_15A@?$NI?$DN?$NO?$AA?$AA?$AA@":           "\U0001f600",
	} {
		n, err := undname.Parse(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		got, more, ok := n.Text()
		if more {
			got += "..."
		}
		if !ok || got != want {
			t.Errorf("%s: %q, %v; want %q", raw, got, ok, want)
		}
	}
	if n, _ := undname.Parse("?x@@3HA"); n != nil {
		if _, _, ok := n.Text(); ok {
			t.Error("text of a variable")
		}
	}
}
