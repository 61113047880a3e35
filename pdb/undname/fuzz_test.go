package undname_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/pdb/undname"
)

// seeds adds one name of every construct, and names that are none.
func seeds(f *testing.F) {
	for _, s := range []string{
		"", "?", "??", "???", "?@", "??@", ".", ".?", "_", "_Z", "__Z", "_R", "__imp_", "__imp_?", "_CT", "_CTA", "_TI1", "_TI1?",
		"?f@@YAXXZ", "?f@ns@@YAPEAHAEBV?$A@H@1@0ZZ", "??0A@@QAE@XZ", "??BA@@QEBAP6AXH@ZXZ", "??$?BH@A@@QEAAHXZ",
		"??_7A@@6BB@@C@@@", "??_R0?AVA@@@8", "??_R1A@?0A@EA@A@@8", "??_9A@@$BA@AE", "??_KA@@$CB@@", "?f@A@@W3AEXXZ",
		"?f@A@@$R4CE@BA@PPPPPPPM@7AEXXZ", "??_B?1??f@@YAXXZ@51", "?x@?1??f@@9@4HA", "??__E?x@A@@2HA@@YAXXZ", "??__Fx@@YAXXZ",
		"??__K_a@@YAXXZ", "??_C@_13A@?$AAa?$AA?$AA@", "??_C@_04A@NULL@FNODOBFM@", "??@0123456789abcdef0123456789abcdef@",
		"?x@@3P8A@@EBAXXZEQ1@", "?x@@3PEQA@@HEQ1@", "?x@@3PAY112HA", "?x@@3V?$A@$$A8@@EGAAXXZ$$BY02H$$CBH$$T$$V$S@@A",
		"?x@@3V?$A@$0?0$1?y@@3HA$E?y@@3HA$F01$H?f@B@@QEAAXXZ3$MH00@@A", "?x@@3V?$A@$2UP@@PEBHE?gi@@3HA3H02@03@@MADPMAAAAA@@@@A",
		"?x@@3V?$A@$61?gs@@3US@@Aa@@$C1?garr@@3PAHA00@@@A", "?x@@3V?$A@$7TU@@f@ADPIAAAAA@@@@A", "?f@@$$FYMXP$AAVB@@@Z",
		"?f@@$$hYAXXZ$exit_thunk", "?x@?A0x1b2c@@3VA@1@A", "?f@?Qi@n@@c@@UEAAXXZ", "??m$initializer$@A@@0P6AXXZA@@3P6AXXZA",
		"?catch$1@?0?main@4HA", "?f@@YAX_VAAUA@@@Z", "?f@@YAXP6AXPAX0@Z01@Z", "__imp_?f@@YAXXZ", "_CT??_R0H@84", "_ZN2ns1fEv", "_RNvCs1234_7mycrate3foo",
		"_RC0", "? @@CACXZ", "??0@QAE@XZ", "@fast@8", "_std@4", "vec@@16", "\x7fntoskrnl_NULL_THUNK_DATA", growing(9),
	} {
		f.Add(s)
	}
}

// FuzzUndecorate checks what holds for any name in both spellings.
func FuzzUndecorate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw string) {
		for _, style := range []undname.Style{undname.StyleMicrosoft, undname.StyleLLVM} {
			got, err := undname.Undecorate(raw, style, 0)
			checkError(t, raw, got, err)
			if err == nil && len(got) > max(undname.MaxOutput+len(raw), len(raw)) {
				t.Fatalf("%d bytes of %d", len(got), len(raw))
			}
			app, err2 := undname.Append([]byte("x"), raw, style, 0)
			if string(app) != "x"+got || (err == nil) != (err2 == nil) {
				t.Fatalf("Undecorate(%q) = %q, Append %q", raw, got, app)
			}
			if nodes, steps := undname.Work(raw, style); nodes > 3*len(raw)+16 || steps > undname.MaxSteps+1 {
				t.Fatalf("%q: %d nodes, %d steps", raw, nodes, steps)
			}
		}
	})
}

// checkError checks that a name with an error comes back, with an offset in it.
func checkError(t *testing.T, raw, got string, err error) {
	if err == nil {
		return
	}
	var e *undname.SyntaxError
	if got != raw || !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(raw) || e.Problem == "" {
		t.Fatalf("%q gives %q, %#v", raw, got, err)
	}
	if errors.Is(err, undname.ErrSyntax) == errors.Is(err, undname.ErrLimit) {
		t.Fatalf("%q: %v is not one of the two", raw, err)
	}
}

// FuzzNameOnly checks that the name is part of the whole declaration, that
// flags only leave out, and that plain names stay as they are.
func FuzzNameOnly(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw string) {
		got := undname.NameOnly(raw)
		if app := undname.AppendNameOnly(nil, []byte(raw)); string(app) != got {
			t.Fatalf("NameOnly(%q) = %q, AppendNameOnly %q", raw, got, app)
		}
		if (got == "") != (raw == "") {
			t.Fatalf("NameOnly(%q) = %q", raw, got)
		}
		if isPlain(got) && undname.NameOnly(got) != got {
			t.Fatalf("%q gives %q, and that %q", raw, got, undname.NameOnly(got))
		}
		full, err := undname.Full(raw, 0)
		if err != nil {
			return
		}
		for _, leave := range []undname.Flags{undname.NoAccess, undname.NoReturn, undname.NoCallingConvention, undname.NoMSKeywords,
			undname.NoThisType, undname.NoArguments, undname.NoMemberType, undname.NoPtr64, undname.NoClassKeywords, undname.NoThrow} {
			if less, err := undname.Full(raw, leave); err != nil || len(less) > len(full) {
				t.Fatalf("%q: %q with flags %#x, %q without, %v", raw, less, leave, full, err)
			}
		}
	})
}

// isPlain says that a name is an identifier, perhaps with scopes, that is not
// decorated in any way.
func isPlain(name string) bool {
	return name != "" && !strings.ContainsAny(name, "?@.") && name[0] != '_' && name[0] != 0x7f
}

// FuzzParse checks the parts against each other.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw string) {
		n, err := undname.Parse(raw)
		if n.Raw() != raw {
			t.Fatalf("%q became %q", raw, n.Raw())
		}
		full, fullErr := undname.Full(raw, 0)
		if err == nil && n.String() != full && fullErr == nil {
			t.Fatalf("%q: String %q, Full %q", raw, n, full)
		}
		if err != nil {
			checkError(t, raw, n.String(), err)
		}
		base := n.Base()
		if scope := n.Scope(); scope != nil {
			name := strings.Join(append(scope, base), "::")
			only := undname.NameOnly(raw)
			if only != raw && !strings.Contains(strings.ReplaceAll(only, " ", ""), strings.ReplaceAll(name, " ", "")) && len(name) < undname.MaxOutput/4 {
				t.Fatalf("%q: %q is not in %q", raw, name, only)
			}
		}
		n.Result()
		n.Parameters()
		n.Text()
		if n.Kind() == undname.KindC && n.Access() != undname.AccessNone {
			t.Fatalf("%q: a C name with access", raw)
		}
	})
}
